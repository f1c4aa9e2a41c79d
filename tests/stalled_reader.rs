//! A reader that stops while it looks at a value: it stops nobody, and it costs bounded memory.

mod common;

use common::{Census, Counted, PATIENCE, alone, settle, validate};
use larder::Cache;
use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

const CAPACITY: u64 = 1_000;

/// The values that a cache of one shard keeps at most, stalled readers or not: those of one and a
/// half times its entries, and of 8,192 nodes (496 per core, if those are more), or as many fewer
/// as make 1 MiB, yet at least 256. (Each inserting thread may hold one more in its hands.)
fn bound<V>(capacity: u64) -> u64 {
    let node = size_of::<(u64, V)>() as u64;
    let cores = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    capacity * 3 / 2 + 8_192.max(496 * cores).min((1 << 20) / node).max(256)
}

/// A thread that looks at key 0 until it is released.
struct Stalled {
    release: mpsc::Sender<()>,
    reader: JoinHandle<Option<u64>>,
}

impl Stalled {
    fn new<V: Send + Sync + 'static>(cache: &Cache<u64, V>, id: fn(&V) -> u64, pin: bool) -> Self {
        let (reached, reaches) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let cache = cache.clone();
        let look = move |value: &V| {
            reached.send(()).expect("the test waits");
            released.recv_timeout(PATIENCE).expect("the test goes on");
            id(value)
        };
        let reader = thread::spawn(move || {
            if pin {
                let pinned = cache.pin();
                pinned.get(&0).map(look)
            } else {
                cache.get_ref(&0, look)
            }
        });
        reaches.recv_timeout(PATIENCE).expect("the reader found its value");
        Self { release, reader }
    }

    /// Lets it go on, and returns what it sees then.
    fn release(self) -> Option<u64> {
        self.release.send(()).expect("it waits");
        self.reader.join().expect("no panic")
    }
}

fn cache_with_key_zero(census: &Census) -> Cache<u64, Counted> {
    let cache = Cache::builder().max_capacity(CAPACITY).shards(1).build();
    cache.insert(0, census.value(77));
    cache
}

/// Inserts until the storage is used up.
fn exhaust(cache: &Cache<u64, Counted>, census: &Census) {
    let most = bound::<Counted>(CAPACITY) + 1;
    let rejected = (1..=most).any(|key| {
        cache.insert(key, census.value(key));
        cache.stats().rejections > 0
    });
    assert!(rejected, "{most} inserts were accepted while nothing could be recycled");
}

#[test]
fn it_stops_nobody_and_memory_stays_under_the_bound() {
    const THREADS: u64 = 2;
    // Four times what there is room for. Beyond that an insert yields, which may take long on a
    // busy machine.
    const EACH: u64 = 20_000;
    let _alone = alone();
    for pin in [false, true] {
        let census = Census::default();
        let cache = cache_with_key_zero(&census);
        let stalled = Stalled::new(&cache, Counted::id, pin);
        let (finished, finishes) = mpsc::channel();
        let write = |thread: u64| {
            let (cache, census, finished) = (cache.clone(), census.clone(), finished.clone());
            thread::spawn(move || {
                let mut most = 0;
                for i in 0..EACH {
                    let key = 1 + (i * THREADS + thread) % (2 * CAPACITY);
                    cache.insert(key, census.value(key));
                    cache.get_ref(&(i % CAPACITY), Counted::id);
                    if i % 16 == 0 {
                        most = most.max(census.alive());
                    }
                }
                finished.send(most).expect("the test waits");
            })
        };
        let writers: Vec<_> = (0..THREADS).map(write).collect();
        for _ in &writers {
            let most = finishes.recv_timeout(PATIENCE).expect("nobody waits for the reader");
            let bound = bound::<Counted>(CAPACITY) + THREADS;
            assert!(most <= bound, "{most} values lived at a time, not {bound}");
            assert!(most > bound / 2, "memory was not used up: this tests nothing");
        }
        // A thread that ends is pinned once more, and what is pinned keeps nodes back.
        writers.into_iter().for_each(|writer| writer.join().expect("it has finished"));
        let stats = cache.stats();
        assert!(stats.rejections > 0);
        let done = stats.inserts + stats.updates + stats.rejections;
        assert_eq!(done, THREADS * EACH + 1, "each insert is counted once: {stats:?}");
        assert_eq!(stats.inserts - stats.departures(), stats.entries);
        assert!(stats.entries <= CAPACITY);

        assert_eq!(stalled.release(), Some(77), "its value was there all the time");
        recovers(&cache, &census);
    }
}

/// Once nobody is stalled, everything is freed and inserts are accepted.
fn recovers(cache: &Cache<u64, Counted>, census: &Census) {
    settle(cache, census);
    let before = cache.stats();
    for key in 0..5 * bound::<Counted>(CAPACITY) {
        cache.insert(key, census.value(key));
        assert_eq!(cache.get_ref(&key, Counted::id), Some(key));
    }
    assert_eq!((cache.stats() - before).rejections, 0);
    assert_eq!(cache.entry_count(), CAPACITY);
    settle(cache, census);
}

#[test]
fn large_values_get_less_spare_storage() {
    struct Large(Counted, #[allow(dead_code, reason = "only its size matters")] [u8; 10_000]);

    let _alone = alone();
    let census = Census::default();
    let cache = Cache::builder().max_capacity(100).shards(1).build();
    cache.insert(0, Large(census.value(0), [0; 10_000]));
    let stalled = Stalled::new(&cache, |large: &Large| large.0.id(), false);
    let mut most = 0;
    for key in 1..2_000 {
        cache.insert(key, Large(census.value(key), [0; 10_000]));
        most = most.max(census.alive());
    }
    assert_eq!(bound::<Large>(100), 150 + 256);
    assert_eq!(most, bound::<Large>(100));
    assert_eq!(stalled.release(), Some(0));
    validate(&cache);
}

#[test]
fn a_rejected_insert_removes_the_old_value() {
    let _alone = alone();
    let census = Census::default();
    let cache = cache_with_key_zero(&census);
    let stalled = Stalled::new(&cache, Counted::id, false);
    exhaust(&cache, &census);
    let present: Vec<u64> = cache.iter().map(|(key, _)| key).filter(|key| *key > 0).collect();
    let before = cache.stats();
    let (replaced, kept) = present.split_at(present.len() / 2);
    assert!(!replaced.is_empty());
    for key in replaced {
        cache.insert(*key, census.value(1_000_000));
        assert_eq!(cache.get_ref(key, Counted::id), None, "key {key}");
    }
    for key in kept {
        assert!(!cache.add(*key, census.value(1_000_000)));
        assert_eq!(cache.get_ref(key, Counted::id), Some(*key), "add replaces nothing");
    }
    assert!(!cache.add(replaced[0], census.value(1)), "no room: not stored");
    assert_eq!(cache.get_ref(&replaced[0], Counted::id), None);
    let since = cache.stats() - before;
    let rejected = replaced.len() as u64;
    assert_eq!((since.rejections, since.removals), (rejected + 1, rejected));
    assert_eq!((since.inserts, since.updates, since.evictions), (0, 0, 0));
    assert_eq!(since.entries, before.entries - rejected);

    assert_eq!(stalled.release(), Some(77));
    recovers(&cache, &census);
}

#[test]
fn removals_and_lookups_need_no_storage() {
    let _alone = alone();
    let census = Census::default();
    let cache = cache_with_key_zero(&census);
    let stalled = Stalled::new(&cache, Counted::id, true);
    exhaust(&cache, &census);
    let present: Vec<u64> = cache.iter().map(|(key, _)| key).collect();
    for key in &present {
        let id = if *key == 0 { 77 } else { *key };
        assert_eq!(cache.get_ref(key, Counted::id), Some(id));
        assert!(cache.invalidate(key) && !cache.contains_key(key));
    }
    assert_eq!(cache.entry_count(), 0);
    cache.invalidate_all();
    cache.run_pending_tasks();
    assert_eq!(stalled.release(), Some(77), "removed long ago, and still readable");
    recovers(&cache, &census);
}

#[test]
fn a_stalled_reader_of_one_cache_does_not_break_another() {
    let _alone = alone();
    let census = Census::default();
    let other = cache_with_key_zero(&census);
    let stalled = Stalled::new(&other, Counted::id, true);
    let mine = Census::default();
    let cache = Cache::builder().max_capacity(CAPACITY).shards(1).build();
    let handle: Arc<Cache<u64, Counted>> = Arc::new(cache);
    let mut most = 0;
    for key in 0..30_000 {
        handle.insert(key, mine.value(key));
        most = most.max(mine.alive());
    }
    assert!(most <= bound::<Counted>(CAPACITY) + 1);
    assert_eq!(stalled.release(), Some(77));
    recovers(&handle, &mine);
}
