//! A cache that an application makes after its first write, in a process of its own: the manager is
//! one.

use larder::{
    cache_query,
    manager::{self, CacheSettings},
};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

static ROWS: AtomicU64 = AtomicU64::new(1);

#[cache_query(cache = named("late"), reads("rows"))]
fn rows() -> u64 {
    ROWS.load(SeqCst)
}

#[cache_query(writes("rows"))]
fn add_row() -> u64 {
    ROWS.fetch_add(1, SeqCst) + 1
}

#[test]
fn a_write_reaches_caches_that_are_younger_than_the_first_write() {
    assert_eq!(add_row(), 2);
    manager::global().create("late", CacheSettings::new(10)).unwrap();
    assert_eq!(rows(), 2);
    assert_eq!(add_row(), 3);
    assert_eq!(rows(), 3);
}
