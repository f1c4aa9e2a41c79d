//! Entries that were given a time of their own, and values that change without their entry's time.

mod common;

use common::validate;
use larder::{Cache, CacheBuilder, Expiry, Maintenance, ManualClock};
use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Set = fn(CacheBuilder<u64, u64>) -> CacheBuilder<u64, u64>;

fn timed(set: Set) -> (Cache<u64, u64>, ManualClock) {
    let clock = ManualClock::new();
    let builder = Cache::builder().max_capacity(1_000).clock(&clock);
    (set(builder).maintenance(Maintenance::Manual).build(), clock)
}

/// A second from each creation, update and read.
struct ASecond;

impl Expiry<u64, u64> for ASecond {
    fn expire_after_create(&self, _: &u64, _: &u64, _: Instant) -> Option<Duration> {
        Some(SECOND)
    }

    fn expire_after_update(
        &self,
        _: &u64,
        _: &u64,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(SECOND)
    }

    fn expire_after_read(
        &self,
        _: &u64,
        _: &u64,
        _: Instant,
        _: Option<Duration>,
        _: Instant,
    ) -> Option<Duration> {
        Some(SECOND)
    }
}

const RULES: [(&str, Set); 6] = [
    ("no rule", |b| b),
    ("time to live", |b| b.time_to_live(5 * SECOND)),
    ("time to idle", |b| b.time_to_idle(5 * SECOND)),
    ("both", |b| b.time_to_live(8 * SECOND).time_to_idle(5 * SECOND)),
    ("an expiry", |b| b.expire_after(ASecond)),
    ("all", |b| b.time_to_live(8 * SECOND).time_to_idle(5 * SECOND).expire_after(ASecond)),
];

type Give = fn(&Cache<u64, u64>, Duration);

const GIVERS: [(&str, Give); 3] = [
    ("insert_with_ttl", |c, time| c.insert_with_ttl(1, 10, time)),
    ("insert_tagged_with_ttl", |c, time| {
        c.insert_tagged_with_ttl(1, 10, ["tag"], time).unwrap();
    }),
    ("set_ttl", |c, time| {
        c.insert(1, 10);
        assert!(c.set_ttl(&1, time));
    }),
];

#[test]
fn a_time_of_its_own_stands_in_place_of_every_rule() {
    for (rule, set) in RULES {
        for (giver, give) in GIVERS {
            // Nobody reads it.
            let (cache, clock) = timed(set);
            give(&cache, DAY);
            assert_eq!(cache.ttl(&1), Some(DAY), "{rule}, {giver}");
            clock.advance(DAY - SECOND);
            cache.run_pending_tasks();
            assert_eq!(cache.get(&1), Some(10), "{rule}, {giver}, unread");
            clock.advance(SECOND);
            assert_eq!(cache.get(&1), None, "{rule}, {giver}, unread");
            cache.run_pending_tasks();
            assert_eq!(cache.entry_count(), 0, "{rule}, {giver}, unread");
            validate(&cache);
        }
    }
}

#[test]
fn no_read_makes_a_time_of_its_own_shorter_or_longer() {
    for (rule, set) in RULES {
        for (giver, give) in GIVERS {
            let (cache, clock) = timed(set);
            give(&cache, MINUTE);
            for second in 0..60 {
                assert_eq!(cache.ttl(&1), Some(MINUTE - second * SECOND), "{rule}, {giver}");
                assert_eq!(cache.get(&1), Some(10), "{rule}, {giver}, second {second}");
                assert_eq!(cache.pin().get(&1), Some(&10), "{rule}, {giver}, second {second}");
                cache.run_pending_tasks();
                clock.advance(SECOND);
            }
            assert_eq!(cache.get(&1), None, "{rule}, {giver}: as long as was said");
            validate(&cache);
        }
    }
}

#[test]
fn a_short_time_of_its_own_is_as_long_as_was_said() {
    for (rule, set) in RULES {
        for (giver, give) in GIVERS {
            let (cache, clock) = timed(set);
            give(&cache, SECOND / 2);
            assert_eq!(cache.get(&1), Some(10), "{rule}, {giver}");
            clock.advance(SECOND / 2);
            assert_eq!(cache.get(&1), None, "{rule}, {giver}: reads put nothing off");
        }
    }
}

#[test]
fn an_entry_without_an_end_has_none() {
    for (rule, set) in RULES {
        for (giver, give) in GIVERS {
            let (cache, clock) = timed(set);
            give(&cache, Duration::MAX);
            for _ in 0..10 {
                clock.advance(400 * DAY);
                assert_eq!(cache.ttl(&1), Some(Duration::MAX), "{rule}, {giver}");
                assert_eq!(cache.get(&1), Some(10), "{rule}, {giver}");
            }
        }
    }
}

#[test]
fn what_is_written_next_lives_by_the_rules_again() {
    for (rule, set) in RULES {
        let (by_rule, _) = timed(set);
        by_rule.insert(1, 10);
        let (cache, clock) = timed(set);
        cache.insert_with_ttl(1, 10, DAY);
        cache.insert(1, 11);
        assert_eq!(cache.ttl(&1), by_rule.ttl(&1), "{rule}");
        clock.advance(SECOND);
        assert_eq!(cache.get(&1).is_some(), !["an expiry", "all"].contains(&rule), "{rule}");
    }
}

#[test]
fn an_expiry_is_told_how_long_the_replaced_value_had() {
    struct Asks;
    static LEFT: AtomicUsize = AtomicUsize::new(0);
    impl Expiry<u64, u64> for Asks {
        fn expire_after_update(
            &self,
            _: &u64,
            _: &u64,
            _: Instant,
            remaining: Option<Duration>,
        ) -> Option<Duration> {
            LEFT.store(remaining.map_or(0, |time| time.as_secs() as usize), Ordering::Relaxed);
            remaining
        }
    }
    let (cache, clock) = timed(|b| b.expire_after(Asks));
    cache.insert_with_ttl(1, 10, MINUTE);
    clock.advance(20 * SECOND);
    cache.insert(1, 11);
    assert_eq!((LEFT.load(Ordering::Relaxed), cache.ttl(&1)), (40, Some(40 * SECOND)));
}

type Count = fn(&Cache<u64, u64>) -> Option<u64>;

const COUNTS: [(&str, Count); 4] = [
    ("incr", |c| c.incr(&1, 1)),
    ("decr", |c| c.decr(&1, 1)),
    ("incr by nothing", |c| c.incr(&1, 0)),
    ("incr_or_insert", |c| Some(c.incr_or_insert(1, 1, 100))),
];

#[test]
fn a_window_that_is_counted_in_ends_when_it_was_to_end() {
    for (name, count) in COUNTS {
        let (cache, clock) = timed(|b| b.time_to_live(10 * SECOND));
        cache.insert(1, 50);
        for second in 1..10 {
            clock.advance(SECOND);
            assert!(count(&cache).is_some(), "{name}");
            assert_eq!(cache.ttl(&1), Some((10 - second) * SECOND), "{name}");
        }
        clock.advance(SECOND);
        cache.run_pending_tasks();
        assert_eq!(cache.entry_count(), 0, "{name}");
        assert_eq!(cache.incr(&1, 1), None, "{name}");
        assert_eq!(cache.incr_or_insert(1, 1, 7), 7, "{name}: the next window");
        assert_eq!(cache.ttl(&1), Some(10 * SECOND), "{name}");
        validate(&cache);
    }
}

#[test]
fn counting_keeps_a_time_of_its_own_beside_every_rule() {
    for (rule, set) in RULES {
        for (giver, give) in GIVERS {
            for (name, count) in COUNTS {
                let (cache, clock) = timed(set);
                give(&cache, MINUTE);
                for second in 1..=6 {
                    clock.advance(9 * SECOND);
                    assert!(count(&cache).is_some(), "{rule}, {giver}, {name}");
                    let left = MINUTE - second * 9 * SECOND;
                    assert_eq!(cache.ttl(&1), Some(left), "{rule}, {giver}, {name}");
                }
                clock.advance(6 * SECOND);
                assert_eq!(cache.get(&1), None, "{rule}, {giver}, {name}");
            }
        }
    }
}

#[test]
fn counting_is_a_use_where_entries_idle() {
    let (cache, clock) = timed(|b| b.time_to_idle(5 * SECOND).time_to_live(20 * SECOND));
    cache.insert(1, 50);
    for _ in 0..4 {
        clock.advance(4 * SECOND);
        assert!(cache.incr(&1, 1).is_some());
    }
    clock.advance(4 * SECOND);
    assert_eq!(cache.incr(&1, 1), None, "its time to live was not put off");
    cache.insert(1, 50);
    assert!(cache.incr(&1, 1).is_some());
    clock.advance(5 * SECOND + SECOND / 100);
    assert_eq!(cache.incr(&1, 1), None, "idle");
}

#[test]
fn counting_keeps_tags() {
    let (cache, _) = timed(|b| b);
    cache.insert_tagged(1, 50, ["tag"]).unwrap();
    assert_eq!(cache.incr(&1, 1), Some(51));
    cache.invalidate_tag("tag");
    assert_eq!(cache.get(&1), None);
}

#[test]
fn counting_keeps_that_there_is_no_end() {
    let (cache, clock) = timed(|b| b);
    cache.insert(1, 50);
    assert_eq!(cache.incr(&1, 1), Some(51));
    // The cache learns of times by another entry.
    cache.insert_with_ttl(2, 0, SECOND);
    assert_eq!(cache.incr(&1, 1), Some(52));
    clock.advance(DAY);
    assert_eq!((cache.get(&1), cache.ttl(&1)), (Some(52), Some(Duration::MAX)));
}

/// A `set_ttl` and a step of a counter at once: whichever comes first, the entry has both.
#[test]
fn no_time_that_was_set_is_lost_beside_a_count() {
    for (rule, set) in RULES {
        let (cache, _clock) = timed(set);
        let barrier = Barrier::new(2);
        for round in 0..3_000_u64 {
            cache.insert(round % 50, 0);
            thread::scope(|scope| {
                let (cache, barrier) = (&cache, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    assert!(cache.set_ttl(&(round % 50), DAY));
                });
                barrier.wait();
                assert_eq!(cache.incr(&(round % 50), 1), Some(1));
            });
            assert_eq!(cache.ttl(&(round % 50)), Some(DAY), "{rule}, round {round}");
            assert_eq!(cache.get(&(round % 50)), Some(1), "{rule}, round {round}");
        }
        validate(&cache);
    }
}

/// Threads that count, read and touch, all at once; the time that was given last stays.
#[test]
fn a_time_of_its_own_outlasts_threads_that_read_and_count() {
    for (rule, set) in RULES {
        let (cache, clock) = timed(set);
        cache.insert_with_ttl(1, 0, DAY);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..5_000).for_each(|_| assert!(cache.incr(&1, 1).is_some())));
            }
            scope.spawn(|| (0..5_000).for_each(|_| assert!(cache.get(&1).is_some())));
        });
        assert_eq!((cache.get(&1), cache.ttl(&1)), (Some(10_000), Some(DAY)), "{rule}");
        clock.advance(DAY - SECOND);
        assert_eq!(cache.get(&1), Some(10_000), "{rule}");
        clock.advance(SECOND);
        assert_eq!(cache.get(&1), None, "{rule}");
        validate(&cache);
    }
}
