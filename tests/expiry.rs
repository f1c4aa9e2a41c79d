//! What expires when. Time is a clock that the test drives, except where it says otherwise.

mod common;

use common::validate;
use larder::{Cache, CacheBuilder, Expiry, Maintenance, ManualClock, RandomState, RemovalCause};
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

/// A cache that nobody tends to, and its clock.
fn timed(
    set: impl FnOnce(CacheBuilder<u64, u64>) -> CacheBuilder<u64, u64>,
) -> (Cache<u64, u64>, ManualClock) {
    let clock = ManualClock::new();
    let builder = Cache::builder().max_capacity(1_000).clock(&clock);
    (set(builder).maintenance(Maintenance::Manual).build(), clock)
}

#[test]
fn every_lookup_takes_what_is_expired_for_absent() {
    type Look = fn(&Cache<u64, u64>) -> bool;
    let looks: [(&str, Look); 9] = [
        ("get", |c| c.get(&1).is_some()),
        ("get_ref", |c| c.get_ref(&1, |_| ()).is_some()),
        ("get_many", |c| c.get_many(&[1]) == [Some(10)]),
        ("pin", |c| c.pin().get(&1).is_some()),
        ("peek", |c| c.peek(&1).is_some()),
        ("contains_key", |c| c.contains_key(&1)),
        ("iter", |c| c.iter().count() == 1),
        ("ttl", |c| c.ttl(&1).is_some()),
        ("remove", |c| c.remove(&1).is_some()),
    ];
    for (name, look) in looks {
        let (cache, clock) = timed(|builder| builder.time_to_live(SECOND));
        cache.insert(1, 10);
        clock.advance(SECOND - MILLI);
        assert!(look(&cache), "{name}, in time");
        let (cache, clock) = timed(|builder| builder.time_to_live(SECOND));
        cache.insert(1, 10);
        clock.advance(SECOND);
        assert!(!look(&cache), "{name}, too late");
        validate(&cache);
    }
}

#[test]
fn what_a_thread_knows_of_the_systems_clock_says_nothing_of_another_clock() {
    let system = Cache::builder().max_capacity(10).time_to_live(3_600 * SECOND).build();
    system.insert(1, 10);
    let (cache, clock) = timed(|builder| builder.time_to_live(SECOND));
    // Many times, since what the thread knows is out of date within a millisecond.
    for _ in 0..100 {
        cache.insert(1, 10);
        clock.advance(SECOND);
        assert_eq!(system.get(&1), Some(10));
        assert_eq!(cache.get(&1), None);
    }
}

#[test]
fn writes_take_what_is_expired_for_absent() {
    let (cache, clock) = timed(|builder| builder.time_to_live(SECOND));
    assert!(cache.add(1, 10));
    assert!(!cache.add(1, 11));
    clock.advance(SECOND);
    assert!(!cache.invalidate(&1));
    assert!(cache.add(1, 12));
    assert_eq!(cache.get(&1), Some(12));
    clock.advance(SECOND);
    assert!(cache.add(1, 13), "over an expired entry");
    cache.insert(1, 14);
    let stats = cache.stats();
    assert_eq!((stats.inserts, stats.updates, stats.expirations, stats.removals), (3, 1, 2, 0));
    validate(&cache);
}

#[test]
fn an_add_over_an_expired_entry_does_not_replace_what_comes_first() {
    static CACHE: Mutex<Option<Cache<u64, u64>>> = Mutex::new(None);
    /// Called by `add` when it has found the key expired: somebody else is faster.
    struct Interferes;
    impl Expiry<u64, u64> for Interferes {
        fn expire_after_create(&self, _: &u64, value: &u64, _: Instant) -> Option<Duration> {
            if *value == 12 {
                let cache = CACHE.lock().unwrap().take();
                cache.expect("set below").insert(1, 11);
            }
            None
        }
    }
    let (cache, clock) = timed(|b| b.shards(1).time_to_live(SECOND).expire_after(Interferes));
    *CACHE.lock().unwrap() = Some(cache.clone());
    // More than a write takes out that comes upon what is expired.
    (2..500).for_each(|key| cache.insert(key, 10));
    cache.insert(1, 10);
    clock.advance(SECOND);
    assert!(!cache.add(1, 12));
    assert_eq!(cache.get(&1), Some(11));
    validate(&cache);
}

#[test]
fn what_is_expired_is_freed_by_pending_tasks_and_told_once() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = told.clone();
    let (cache, clock) = timed(|builder| {
        builder.time_to_live(SECOND).eviction_listener(move |&key, _, cause| {
            note.lock().unwrap().push((key, cause));
        })
    });
    for key in 0..500 {
        cache.insert(key, key);
        clock.advance(MILLI);
    }
    cache.insert(0, 1);
    assert_eq!(std::mem::take(&mut *told.lock().unwrap()), [(0, RemovalCause::Replaced)]);
    clock.advance(SECOND - 250 * MILLI);
    cache.run_pending_tasks();
    let mut expired = std::mem::take(&mut *told.lock().unwrap());
    expired.sort_by_key(|&(key, _)| key);
    assert_eq!(expired.len(), 250);
    assert!(expired.iter().zip(1..).all(|(told, key)| *told == (key, RemovalCause::Expired)));
    assert_eq!(cache.entry_count(), 500 - expired.len() as u64);
    clock.advance(10 * SECOND);
    cache.run_pending_tasks();
    assert_eq!((cache.entry_count(), told.lock().unwrap().len() + expired.len()), (0, 500));
    validate(&cache);
}

#[test]
fn replacing_a_value_starts_its_time_anew() {
    let (cache, clock) = timed(|builder| builder.time_to_live(SECOND));
    cache.insert(1, 10);
    clock.advance(SECOND / 2);
    cache.insert(1, 11);
    clock.advance(SECOND - MILLI);
    cache.run_pending_tasks();
    assert_eq!(cache.get(&1), Some(11));
    clock.advance(10 * MILLI);
    cache.run_pending_tasks();
    assert_eq!((cache.get(&1), cache.entry_count()), (None, 0));
    validate(&cache);
}

#[test]
fn uses_keep_an_entry_from_idling_and_looks_do_not() {
    let (cache, clock) = timed(|builder| builder.time_to_idle(SECOND));
    for key in 0..4 {
        cache.insert(key, key);
    }
    for _ in 0..30 {
        clock.advance(SECOND / 10);
        assert_eq!(cache.get(&0), Some(0));
        assert_eq!(cache.pin().get(&1), Some(&1));
        let (_, _) = (cache.peek(&2), cache.contains_key(&3));
        cache.run_pending_tasks();
    }
    assert_eq!((cache.peek(&2), cache.peek(&3), cache.entry_count()), (None, None, 2));
    clock.advance(SECOND - MILLI);
    assert!(cache.contains_key(&0) && cache.contains_key(&1));
    clock.advance(MILLI);
    assert!(!cache.contains_key(&0) && !cache.contains_key(&1));
    validate(&cache);
}

#[test]
fn the_earlier_of_idling_and_living_counts() {
    let (cache, clock) = timed(|b| b.time_to_idle(2 * SECOND).time_to_live(5 * SECOND));
    cache.insert(1, 10);
    cache.insert(2, 20);
    for _ in 0..4 {
        clock.advance(SECOND);
        assert_eq!(cache.get(&1), Some(10));
    }
    assert_eq!(cache.get(&2), None, "idle");
    clock.advance(SECOND);
    assert_eq!(cache.get(&1), None, "old");
}

struct ByKey;

/// Key 1: two seconds from each write. Key 2: one second from each read. Key 3: no limit.
impl Expiry<u64, u64> for ByKey {
    fn expire_after_create(&self, key: &u64, _: &u64, _: Instant) -> Option<Duration> {
        match key {
            1 => Some(2 * SECOND),
            2 => Some(SECOND),
            _ => None,
        }
    }

    fn expire_after_update(
        &self,
        key: &u64,
        _: &u64,
        _: Instant,
        remaining: Option<Duration>,
    ) -> Option<Duration> {
        if *key == 1 { Some(2 * SECOND) } else { remaining }
    }

    fn expire_after_read(
        &self,
        key: &u64,
        _: &u64,
        read_at: Instant,
        remaining: Option<Duration>,
        last_modified_at: Instant,
    ) -> Option<Duration> {
        assert!(read_at >= last_modified_at);
        if *key == 2 { Some(SECOND) } else { remaining }
    }
}

#[test]
fn each_entry_may_have_a_time_of_its_own() {
    let (cache, clock) = timed(|builder| builder.expire_after(ByKey));
    (1..=3).for_each(|key| cache.insert(key, key));
    assert_eq!(cache.ttl(&3), Some(Duration::MAX));
    for _ in 0..6 {
        clock.advance(SECOND / 2);
        assert_eq!(cache.get(&2), Some(2), "read in time");
    }
    assert_eq!((cache.get(&1), cache.get(&3)), (None, Some(3)));
    cache.insert(1, 10);
    clock.advance(SECOND);
    cache.insert(1, 11);
    cache.insert(2, 22);
    clock.advance(SECOND);
    assert_eq!((cache.get(&1), cache.get(&2), cache.get(&3)), (Some(11), None, Some(3)));
    clock.advance(1_100 * SECOND);
    cache.run_pending_tasks();
    assert_eq!((cache.entry_count(), cache.get(&3)), (1, Some(3)));
    validate(&cache);
}

#[test]
fn the_time_of_an_update_counts_from_what_was_left() {
    struct Keeps;
    impl Expiry<u64, u64> for Keeps {
        fn expire_after_create(&self, _: &u64, _: &u64, _: Instant) -> Option<Duration> {
            Some(3 * SECOND)
        }
    }
    let (cache, clock) = timed(|builder| builder.expire_after(Keeps));
    cache.insert(1, 10);
    clock.advance(2 * SECOND);
    cache.insert(1, 11);
    assert_eq!(cache.ttl(&1), Some(SECOND));
    clock.advance(SECOND);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn whoever_inserts_may_say_how_long_it_lives() {
    // In a cache with a rule, and in one that did not know of time before.
    for (cache, clock) in [timed(|b| b.time_to_live(5 * SECOND)), timed(|b| b)] {
        cache.insert(1, 10);
        cache.insert_with_ttl(2, 20, SECOND);
        cache.insert_with_ttl(3, 30, 60 * SECOND);
        assert_eq!(cache.ttl(&2), Some(SECOND));
        clock.advance(SECOND);
        cache.run_pending_tasks();
        assert_eq!((cache.get(&1), cache.get(&2), cache.get(&3)), (Some(10), None, Some(30)));
        assert_eq!(cache.entry_count(), 2);
        cache.insert(3, 31);
        clock.advance(100 * SECOND);
        cache.run_pending_tasks();
        let lives_on = cache.ttl(&1).is_some();
        assert_eq!(cache.get(&3), lives_on.then_some(31), "by the rule again");
        validate(&cache);
    }
}

#[test]
fn touch_restarts_the_time_that_the_rules_give() {
    type Builder = fn(CacheBuilder<u64, u64>) -> CacheBuilder<u64, u64>;
    let times: [(&str, Builder, u64); 3] = [
        ("to live", |builder| builder.time_to_live(60 * SECOND), 60),
        ("to idle", |builder| builder.time_to_idle(40 * SECOND), 40),
        ("both", |builder| builder.time_to_live(60 * SECOND).time_to_idle(40 * SECOND), 40),
    ];
    for (name, build, seconds) in times {
        let clock = ManualClock::new();
        let cache = build(Cache::builder().max_capacity(10).clock(&clock)).build();
        let whole = u32::try_from(seconds).unwrap() * SECOND;
        cache.insert(1, 1);
        cache.insert_with_ttl(2, 2, 1_000 * SECOND);
        clock.advance(whole / 2);
        assert_eq!(cache.ttl(&1), Some(whole / 2), "{name}");
        assert!(cache.touch(&1) && cache.touch(&2) && !cache.touch(&3));
        // The time that the second was given by its caller is no longer of account.
        assert_eq!((cache.ttl(&1), cache.ttl(&2)), (Some(whole), Some(whole)), "{name}");
        clock.advance(whole - MILLI);
        assert_eq!((cache.peek(&1), cache.peek(&2)), (Some(1), Some(2)), "{name}");
        clock.advance(MILLI);
        assert_eq!((cache.peek(&1), cache.peek(&2)), (None, None), "{name}");
        assert!(!cache.touch(&1), "what has expired is absent");
        assert_eq!(cache.stats().lookups(), 0, "{name}");
    }
}

#[test]
fn set_ttl_sets_the_time_that_is_left() {
    for (cache, clock) in [timed(|b| b.time_to_live(5 * SECOND)), timed(|b| b)] {
        (1..=3).for_each(|key| cache.insert(key, key));
        assert!(cache.set_ttl(&1, 20 * SECOND) && cache.set_ttl(&2, SECOND));
        assert!(!cache.set_ttl(&4, SECOND));
        clock.advance(SECOND);
        assert!(!cache.set_ttl(&2, SECOND), "too late");
        cache.run_pending_tasks();
        assert_eq!((cache.contains_key(&2), cache.entry_count()), (false, 2));
        clock.advance(19 * SECOND - MILLI);
        assert!(cache.contains_key(&1));
        clock.advance(9 * MILLI);
        cache.run_pending_tasks();
        assert!(!cache.contains_key(&1));
        validate(&cache);
    }
}

#[test]
fn no_time_at_all_and_more_than_there_is() {
    let (cache, clock) = timed(|b| b);
    cache.insert(1, 10);
    cache.insert_with_ttl(1, 11, Duration::ZERO);
    assert_eq!(cache.get(&1), None);
    cache.insert_with_ttl(2, 20, Duration::MAX);
    assert_eq!(cache.ttl(&2), Some(Duration::MAX));
    assert!(!cache.set_ttl(&1, SECOND));
    assert!(cache.set_ttl(&2, Duration::MAX));
    clock.advance(Duration::from_secs(400 * 365 * 24 * 60 * 60));
    cache.run_pending_tasks();
    assert_eq!((cache.get(&2), cache.entry_count()), (Some(20), 1));
    assert!(cache.set_ttl(&2, Duration::ZERO));
    assert_eq!(cache.get(&2), None);

    let (nothing, _) = timed(|b| b.time_to_live(Duration::ZERO));
    nothing.insert(1, 10);
    assert_eq!(nothing.get(&1), None);
    let (endless, _) = timed(|b| b.time_to_live(Duration::MAX).time_to_idle(Duration::MAX));
    endless.insert(1, 10);
    assert_eq!((endless.get(&1), endless.ttl(&1)), (Some(10), Some(Duration::MAX)));
    validate(&nothing);
    validate(&endless);
}

#[test]
fn jitter_spreads_deadlines_over_its_share_and_no_further() {
    let (cache, _) = timed(|builder| builder.time_to_live(1_000 * SECOND).jitter(0.25));
    let ttls: HashSet<_> = (0..500)
        .map(|key| {
            cache.insert(key, key);
            cache.ttl(&key).expect("just inserted")
        })
        .collect();
    assert!(ttls.len() > 490, "{} different ones", ttls.len());
    let (min, max) = (*ttls.iter().min().unwrap(), *ttls.iter().max().unwrap());
    assert!(min >= 750 * SECOND && max <= 1_001 * SECOND, "{min:?}..{max:?}");
    assert!(max - min > 240 * SECOND, "{min:?}..{max:?}");

    let refused = Cache::<u64, u64>::builder().max_capacity(1).jitter(1.5).try_build();
    assert_eq!(
        refused.unwrap_err().to_string(),
        "jitter: 1.5 is out of range; allowed are 0.0 to 1.0"
    );
}

#[test]
fn a_touch_leaves_to_chance_what_an_insert_does() {
    let (cache, clock) = timed(|builder| builder.time_to_live(1_000 * SECOND).jitter(0.25));
    (0..500).for_each(|key| cache.insert(key, key));
    clock.advance(100 * SECOND);
    let touched = |key| {
        assert!(cache.touch(&key));
        cache.ttl(&key).expect("just touched")
    };
    let ttls: HashSet<_> = (0..500).map(touched).collect();
    assert!(ttls.len() > 490, "{} different ones", ttls.len());
    assert!(ttls.iter().all(|ttl| (750 * SECOND..=1_001 * SECOND).contains(ttl)));
    // A time that a caller gives is exact.
    assert!(cache.set_ttl(&1, 50 * SECOND));
    assert_eq!(cache.ttl(&1), Some(50 * SECOND));
}

#[test]
fn an_entry_evicted_after_its_time_counts_as_expired() {
    // The same hashes in each run: a key for which both sets are full evicts what lives.
    let hasher = RandomState::with_seeds(1, 2, 3, 4);
    let (cache, clock) = timed(|builder| builder.hasher(hasher).time_to_live(SECOND));
    (0..900).for_each(|key| cache.insert(key, key));
    clock.advance(SECOND);
    (1_000..1_900).for_each(|key| cache.insert(key, key));
    let stats = cache.stats();
    assert_eq!((stats.expirations, stats.evictions), (900, 0));
    validate(&cache);
}

#[test]
fn nothing_goes_before_its_time() {
    // The system's clock: what is late shows in the bench, what is early is wrong.
    let cache = Cache::builder().max_capacity(1_000).time_to_live(15 * MILLI).build();
    for key in 0..30_u64 {
        let before = Instant::now();
        cache.insert(key, key);
        while cache.get(&key).is_some() {
            std::hint::spin_loop();
        }
        let lived = before.elapsed();
        assert!(lived >= 15 * MILLI, "{lived:?}");
    }
}

#[test]
fn an_entry_that_got_more_time_is_not_dropped_however_threads_race() {
    // Entries get more time while another thread expires: what got it must be there.
    let (cache, clock) = timed(|builder| builder.time_to_live(SECOND));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                clock.advance(MILLI);
                cache.run_pending_tasks();
            }
        });
        for round in 0..3_000 {
            let key = round % 64;
            cache.insert(key, round);
            for _ in 0..10 {
                if cache.set_ttl(&key, 3_600 * SECOND) {
                    assert_eq!(cache.get(&key), Some(round));
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    validate(&cache);
}
