//! Every value is dropped once: soon after it was removed, and never by a reader.

mod common;

use common::{Census, Counted, PATIENCE, alone, join, settle, validate};
use larder::{Cache, Maintenance, ManualClock, Pending, WeakCache};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Writes to a shard (inserts of any kind and removals that remove something) after which a value
/// that was removed before is dropped, if no thread stays pinned: 64 make a batch of retired nodes,
/// every further batch moves the collector one epoch on, and it takes three before the first is
/// handed back; then four of them are dropped by each write. Twice that, to allow for pins of other
/// threads that hold an epoch up for a moment.
const WRITES_UNTIL_DROPPED: u64 = 512;

fn churn(cache: &Cache<u64, Counted>, census: &Census, seed: u64, operations: u64) {
    let mut rng = SmallRng::seed_from_u64(seed);
    for id in 0..operations {
        let key = rng.random_range(0..200);
        match rng.random_range(0..8) {
            0..3 => cache.insert(key, census.value(id)),
            3 => _ = cache.add(key, census.value(id)),
            4 => _ = cache.remove(&key),
            5 => _ = cache.invalidate(&key),
            _ => _ = cache.get(&key),
        }
        match id % 1_000 {
            7 => cache.invalidate_all(),
            500 => cache.insert_many((0..20).map(|key| (key, census.value(key)))),
            _ => {}
        }
    }
}

#[test]
fn every_value_is_dropped_once_whatever_four_threads_do() {
    let _alone = alone();
    for (capacity, shards) in [(1, 1), (20, 1), (100, 4), (1_000, 2)] {
        let census = Census::default();
        let cache = Cache::builder().max_capacity(capacity).shards(shards).build();
        thread::scope(|scope| {
            let threads = [0, 1, 2, 3].map(|seed| {
                let (cache, census) = (&cache, &census);
                scope.spawn(move || churn(cache, census, seed, 10_000))
            });
            join(threads);
        });
        settle(&cache, &census);
        drop(cache);
        assert_eq!(census.alive(), 0, "capacity {capacity}");
    }
}

#[test]
fn the_last_handle_drops_everything_that_waits_too() {
    let _alone = alone();
    let census = Census::default();
    let cache = Cache::new(50);
    churn(&cache, &census, 1, 5_000);
    assert!(census.alive() > cache.entry_count(), "nothing waits: this tests nothing");
    validate(&cache);
    let other = cache.clone();
    drop(cache);
    assert!(census.alive() > 0);
    drop(other);
    assert_eq!(census.alive(), 0);
}

/// A value whose destructor puts another in its place, a limited number of times.
struct PutsBack {
    cache: WeakCache<u64, PutsBack>,
    left: Arc<AtomicU64>,
}

impl Drop for PutsBack {
    fn drop(&mut self) {
        let one_less = |left: u64| left.checked_sub(1);
        let Ok(left) = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
        else {
            return;
        };
        if let Some(cache) = self.cache.upgrade() {
            let value = PutsBack { cache: self.cache.clone(), left: Arc::clone(&self.left) };
            cache.insert(left % 8, value);
        }
    }
}

#[test]
fn destructors_that_write_use_up_no_stack() {
    let left = Arc::new(AtomicU64::new(50_000));
    let cache = Cache::new(4);
    let insert = |key| {
        cache.insert(key, PutsBack { cache: cache.downgrade(), left: Arc::clone(&left) });
    };
    // What other tests pin holds the collector up, so there is no saying how many writes it takes.
    let mut key = 0;
    while left.load(Ordering::Relaxed) > 0 {
        insert(key % 8);
        key += 1;
        if key % 128 == 0 {
            cache.run_pending_tasks();
        }
    }
}

#[test]
fn a_cache_is_dropped_whole_while_threads_are_inside_another() {
    let _alone = alone();
    let (other_census, census) = (Census::default(), Census::default());
    let other = Cache::new(10);
    other.insert(1, other_census.value(1));
    thread::scope(|scope| {
        let (reached, reaches) = mpsc::channel();
        let mut releases = Vec::new();
        let threads = ["pin", "get_ref"].map(|how| {
            let (release, released) = mpsc::channel::<()>();
            releases.push(release);
            let (other, reached) = (&other, reached.clone());
            let wait = move || {
                reached.send(()).expect("the test waits");
                // An error: the test has ended, and let go.
                let _ = released.recv_timeout(PATIENCE);
            };
            scope.spawn(move || match how {
                "pin" => {
                    let pinned = other.pin();
                    let one = pinned.get(&1).expect("inserted");
                    wait();
                    assert_eq!(one.id(), 1);
                }
                _ => assert_eq!(other.get_ref(&1, |one| (wait(), one.id()).1), Some(1)),
            })
        });
        for _ in &releases {
            reaches.recv_timeout(PATIENCE).expect("inside the other cache");
        }
        // Nothing that this cache removes can be recycled now; it is dropped with the cache.
        for _ in 0..3 {
            let cache = Cache::new(50);
            churn(&cache, &census, 2, 2_000);
            cache.run_pending_tasks();
            validate(&cache);
            drop(cache);
            assert_eq!(census.alive(), 0);
        }
        other.remove(&1);
        assert_eq!(other_census.alive(), 1, "they still look at it");
        drop(releases);
        join(threads);
    });
    settle(&other, &other_census);
    assert_eq!(other_census.alive(), 0);
}

#[test]
fn a_removed_value_is_dropped_within_a_bounded_number_of_writes() {
    let _alone = alone();
    type Remove = fn(&Cache<u64, Counted>, &Census);
    let ways: [(&str, Remove); 3] = [
        ("removed", |cache, _| _ = cache.invalidate(&0)),
        ("replaced", |cache, census| cache.insert(0, census.value(0))),
        ("all removed", |cache, _| cache.invalidate_all()),
    ];
    type Write = fn(&Cache<u64, Counted>, &Census, u64);
    let writes: [(&str, Write); 3] = [
        ("updates", |cache, census, i| cache.insert(1, census.value(i))),
        ("inserts of new keys", |cache, census, i| cache.insert(100_000 + i, census.value(i))),
        ("inserts and removals", |cache, census, i| {
            if i % 2 == 0 { cache.insert(2, census.value(i)) } else { _ = cache.invalidate(&2) }
        }),
    ];
    for capacity in [2, 100, 1_000] {
        for (removed, remove) in ways {
            for (written, write) in writes {
                let census = Census::default();
                let cache = Cache::builder().max_capacity(capacity).shards(1).build();
                // Full, so that each insert retires a node.
                cache.insert_many((1..2 * capacity).map(|key| (key, census.value(key))));
                settle(&cache, &census);
                let marked = census.value(0);
                let serial = marked.serial();
                cache.insert(0, marked);
                remove(&cache, &census);
                let refill = if cache.entry_count() == 0 { capacity } else { 0 };
                let most = refill + WRITES_UNTIL_DROPPED;
                let needed = (0..=most).find(|&i| {
                    let dropped = !census.is_alive(serial);
                    write(&cache, &census, i);
                    dropped
                });
                assert!(needed.is_some(), "{removed}, then {most} {written}: still there");
                validate(&cache);
            }
        }
    }
}

#[test]
fn what_waits_to_be_dropped_does_not_pile_up() {
    let _alone = alone();
    for capacity in [1, 100, 3_000] {
        let census = Census::default();
        let cache = Cache::builder().max_capacity(capacity).shards(1).build();
        let mut most = 0;
        for i in 0..8_000 {
            cache.insert(i % (2 * capacity), census.value(i));
            most = most.max(census.alive() - cache.entry_count());
        }
        assert!(most <= WRITES_UNTIL_DROPPED, "capacity {capacity}: {most} values waited");
        assert!(most > 0);
        validate(&cache);
    }
}

#[test]
fn steps_of_maintenance_drop_the_last_batch_as_well() {
    let _alone = alone();
    let census = Census::default();
    let cache = Cache::builder().max_capacity(100).maintenance(Maintenance::Manual).build();
    for id in 0..10 {
        cache.insert(id, census.value(id));
        cache.invalidate(&id);
    }
    while cache.run_pending_tasks_for(PATIENCE) == Pending::More {}
    assert_eq!(census.alive(), 0);
}

#[test]
fn one_pass_of_maintenance_drops_what_waits() {
    let _alone = alone();
    let census = Census::default();
    let cache = Cache::builder().max_capacity(1_000).shards(4).build();
    churn(&cache, &census, 3, 10_000);
    assert!(census.alive() > cache.entry_count(), "nothing waits: this tests nothing");
    cache.run_pending_tasks();
    assert_eq!(census.alive(), cache.entry_count());
    cache.invalidate_all();
    cache.run_pending_tasks();
    assert_eq!(census.alive(), 0);
    validate(&cache);
}

#[test]
fn a_reader_drops_nobody_elses_values() {
    let _alone = alone();
    let census = Census::default();
    let cache = Cache::builder().max_capacity(50).shards(1).build();
    let done = AtomicBool::new(false);
    let start = Barrier::new(4);
    let reader = thread::scope(|scope| {
        for seed in 0..2 {
            let (cache, census, start) = (&cache, &census, &start);
            scope.spawn(move || {
                start.wait();
                churn(cache, census, seed, 10_000);
            });
        }
        let reader = scope.spawn(|| {
            start.wait();
            let keys: Vec<u64> = (0..200).collect();
            let mut reads = 0_u64;
            while !done.load(Ordering::Relaxed) || reads < 100 {
                for key in &keys {
                    cache.get(key);
                    cache.get_ref(key, Counted::id);
                    cache.peek(key);
                    cache.contains_key(key);
                }
                cache.get_many(&keys);
                cache.iter().count();
                let pinned = cache.pin();
                reads += keys.iter().filter(|key| pinned.get(*key).is_some()).count() as u64 + 1;
            }
            thread::current().id()
        });
        let writer = scope.spawn(|| {
            start.wait();
            churn(&cache, &census, 9, 10_000);
        });
        writer.join().expect("no panic");
        done.store(true, Ordering::Relaxed);
        reader.join().expect("no panic")
    });
    validate(&cache);
    let droppers = census.droppers();
    assert!(droppers.len() >= 2, "the writers dropped nothing: this tests nothing");
    assert!(!droppers.contains(&reader), "a lookup dropped a value");
}

#[test]
fn one_cache_with_much_to_drop_does_not_keep_the_thread_from_others() {
    const ENTRIES: u64 = 50_000;
    static DROPPED: AtomicU64 = AtomicU64::new(0);
    /// The tenth that is dropped has the other cache's entry expire.
    struct Moves(ManualClock);
    impl Drop for Moves {
        fn drop(&mut self) {
            if DROPPED.fetch_add(1, Ordering::Relaxed) == 9 {
                self.0.advance(Duration::from_secs(1));
            }
        }
    }
    let _alone = alone();
    let (clock, others) = (ManualClock::new(), ManualClock::new());
    let second = Duration::from_secs(1);
    let (sender, told) = mpsc::channel();
    let listener = move |_: &u64, _: &u64, _| sender.send(DROPPED.load(Ordering::Relaxed)).unwrap();
    let other = Cache::builder()
        .max_capacity(10)
        .time_to_live(second)
        .clock(&others)
        .eviction_listener(listener)
        .build();
    other.insert(1, 1);
    let cache = Cache::builder().max_capacity(ENTRIES).time_to_live(second).clock(&clock).build();
    cache.insert_many((0..ENTRIES).map(|key| (key, Moves(others.clone()))));
    clock.advance(second);
    // Its time goes on, in case that some thread was pinned.
    let dropped = (0..1_000).find_map(|_| {
        clock.advance(second);
        told.recv_timeout(PATIENCE / 1_000).ok()
    });
    let dropped = dropped.expect("it has expired");
    assert!(dropped < ENTRIES / 2, "{dropped} before the other cache's turn");
}

#[test]
fn an_expired_value_is_dropped_without_traffic_whoever_hands_it_back() {
    struct Tells(mpsc::Sender<()>);
    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let _alone = alone();
    let second = Duration::from_secs(1);
    let (clock, others) = (ManualClock::new(), ManualClock::new());
    let (sender, told) = mpsc::channel();
    let listener = move |_: &u64, _: &u64, _| sender.send(()).unwrap();
    let other = Cache::builder().max_capacity(10).time_to_live(second).clock(&others);
    let other = other.eviction_listener(listener).build();
    other.insert(1, 1);
    let cache = Cache::builder().max_capacity(10).time_to_live(second).clock(&clock).build();
    let (sender, dropped) = mpsc::channel();
    cache.insert(1, Tells(sender));

    let pinned = other.pin();
    clock.advance(second);
    while cache.stats().expirations == 0 {
        thread::yield_now();
    }
    // The thread's next pass is for the other cache: by then it has tried to free the value, in
    // vain.
    others.advance(second);
    told.recv_timeout(PATIENCE).unwrap();
    drop(pinned);
    // This has the collector hand back what is anybody's.
    let garbage = Cache::new(10);
    garbage.insert(1, "value".to_owned());
    garbage.invalidate(&1);
    garbage.run_pending_tasks();
    clock.advance(second);
    dropped.recv_timeout(PATIENCE).expect("the thread has looked again");
}
