//! What `memory_usage` says, beside what the allocator was asked for.

use larder::{Cache, CacheBuilder, Maintenance};
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

/// One test, since the count is the process's.
#[test]
fn memory_usage_is_within_a_tenth_of_what_was_allocated() {
    type Build = fn(CacheBuilder<u64, u64>) -> CacheBuilder<u64, u64>;
    type Use = fn(&Cache<u64, u64>);
    let fill: Use = |cache| (0..60_000).for_each(|key| cache.insert(key, key));
    let cases: [(&str, Build, Use); 7] = [
        ("plain", |b| b, fill),
        ("empty", |b| b, |_| ()),
        ("timed", |b| b.time_to_live(Duration::from_secs(60)), fill),
        (
            "timed late",
            |b| b,
            |cache| {
                (0..60_000)
                    .for_each(|key| cache.insert_with_ttl(key, key, Duration::from_secs(60)));
            },
        ),
        ("weighed", |b| b.weigher(|_, _| 1).estimated_entries(50_000), fill),
        (
            "tagged",
            |b| b,
            |cache| {
                (0..60_000).for_each(|key| cache.insert_tagged(key, key, [key % 100]).unwrap());
            },
        ),
        (
            "versioned, loaded",
            |b| b,
            |cache| {
                let _ = cache.get_versioned(&1);
                (0..60_000).for_each(|key| _ = cache.get_with(key, || key));
            },
        ),
    ];
    // What the process keeps for good: this thread's participant, clocks.
    fill(&Cache::new(100));
    for (name, build, using) in cases {
        let before = IN_USE.load(Relaxed);
        let builder = build(Cache::builder().max_capacity(50_000).shards(4));
        let cache = builder.maintenance(Maintenance::Manual).build();
        using(&cache);
        cache.run_pending_tasks();
        let (allocated, told) = (IN_USE.load(Relaxed) - before, cache.memory_usage());
        let ratio = told as f64 / allocated as f64;
        assert!((0.9..=1.1).contains(&ratio), "{name}: {told} told, {allocated} allocated");
        drop(cache);
    }
}
