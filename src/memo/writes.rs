//! What writes to tables make stale.

use super::{function::all, shape::Success};
use crate::manager::{ManagedCache, global};
use std::{collections::BTreeSet, sync::OnceLock};

/// A table, or a part of one: a tag that no other tag is equal to.
#[derive(Hash)]
pub(super) struct Table<'a>(u64, &'a str);

impl<'a> Table<'a> {
    pub(super) fn new(name: &'a str) -> Self {
        Self(1, name)
    }
}

/// Makes stale what any [`cache_query`](crate::cache_query) has read of a table, in every cache where such a
/// function keeps its results, as a `writes(..)` function does. For writes that no function of this program
/// makes. O(caches).
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
///
/// static ROWS: AtomicU32 = AtomicU32::new(1);
///
/// #[larder::cache_query(reads("urls"))]
/// fn count_urls() -> u32 {
///     ROWS.load(Relaxed)
/// }
///
/// assert_eq!(count_urls(), 1);
/// ROWS.store(2, Relaxed);
/// assert_eq!(count_urls(), 1);
/// larder::manager::invalidate_table("urls");
/// assert_eq!(count_urls(), 2);
/// ```
pub fn invalidate_table(table: &str) {
    for cache in caches_of_queries() {
        cache.entries().invalidate_tag(&Table::new(table));
    }
}

/// The caches where functions keep what they have read. A named one may be made at any time; as long as it is not
/// there, no function has kept anything in it.
fn caches_of_queries() -> impl Iterator<Item = ManagedCache> {
    static NAMES: OnceLock<BTreeSet<&'static str>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let declared = all().map(|function| function.declared());
        declared.filter(|declared| declared.reads).map(|declared| declared.cache).collect()
    });
    names.iter().filter_map(|name| global().get_cache(name).ok())
}

/// A write that is under way. If it is left early, by a panic or because its future is dropped, nobody knows
/// whether it has happened: then that counts as if it had.
#[derive(Debug)]
pub struct Write(Vec<String>);

impl Write {
    /// One that begins.
    #[must_use]
    pub fn new(tables: Vec<String>) -> Self {
        Self(tables)
    }

    /// It has come to its end with `output`; what of that says whether it has succeeded is its shape.
    pub fn end<T>(mut self, shape: impl Success<T>, output: T) -> T {
        if !shape.succeeded(&output) {
            self.0.clear();
        }
        output
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        for table in &self.0 {
            invalidate_table(table);
        }
    }
}
