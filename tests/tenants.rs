//! Many small caches, one for each tenant of a service, say. Alone in its file: the count is the
//! process's.

use larder::Cache;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

/// Counts the bytes that are in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(start, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CACHES: usize = 200;
const ENTRIES: u64 = 100;
const MOST: usize = 12 * 1024;
/// With what waits for the end of its grace period, of a cache that is written as fast as one
/// thread can.
const MOST_IN_USE: usize = 24 * 1024;

fn tenant(ttl: Duration) -> Cache<u64, u64> {
    let cache = Cache::builder().max_capacity(ENTRIES).time_to_live(ttl).build();
    (0..ENTRIES).for_each(|key| cache.insert(key, key));
    cache
}

fn bytes_per_cache(caches: &[Cache<u64, u64>], before: usize) -> usize {
    (IN_USE.load(Relaxed) - before) / caches.len()
}

#[test]
fn a_small_cache_with_times_takes_twelve_kilobytes_at_most() {
    // What there is once for the process.
    drop(tenant(Duration::from_secs(60)));
    let before = IN_USE.load(Relaxed);
    let caches: Vec<_> = (0..CACHES).map(|_| tenant(Duration::from_secs(600))).collect();
    let filled = bytes_per_cache(&caches, before);
    println!("{filled} bytes for a cache of {ENTRIES} entries");
    assert!(filled <= MOST, "{filled} bytes for a cache of {ENTRIES} entries");
    // The same when it has been in use for a while: new keys, updates, removals.
    for cache in &caches {
        (0..5 * ENTRIES).for_each(|key| cache.insert(key, key));
        (0..ENTRIES).for_each(|key| cache.insert(key % 7, key));
        (0..ENTRIES).for_each(|key| _ = cache.invalidate(&key));
        (0..ENTRIES).for_each(|key| cache.insert(key, key));
    }
    let used = bytes_per_cache(&caches, before);
    println!("{used} bytes for one that is in use");
    assert!(used <= MOST_IN_USE, "{used} bytes for one that is in use");
}
