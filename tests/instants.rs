//! A clock that a test drives is exact: what expires does so at the very instant, and is swept and
//! told then.

mod common;

use common::{PATIENCE, validate};
use larder::{Cache, CacheBuilder, Expiry, Maintenance, ManualClock, RemovalCause};
use std::{
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

const NANO: Duration = Duration::from_nanos(1);
const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// How long entries live: shorter and longer than any unit that a clock or a wheel may count in.
fn lives() -> impl Iterator<Item = Duration> {
    [
        NANO,
        7 * NANO,
        999 * NANO,
        1_000 * NANO,
        1_001 * NANO,
        MILLI - NANO,
        MILLI,
        MILLI + NANO,
        3 * MILLI,
        4 * MILLI,
        5 * MILLI + 7 * NANO,
        255 * MILLI,
        SECOND / 3,
        SECOND,
        17 * SECOND,
        DAY / 24,
        DAY + NANO,
        400 * DAY,
    ]
    .into_iter()
}

/// What the clock says when an entry is inserted.
fn starts() -> impl Iterator<Item = Duration> {
    [Duration::ZERO, NANO, 900_000 * NANO, 3 * MILLI + 999_999 * NANO, 77 * DAY + 3 * NANO]
        .into_iter()
}

type Told = Arc<Mutex<Vec<(u64, RemovalCause)>>>;

/// A cache without a thread, whose clock says `start`, and what its listener was told.
fn timed(
    start: Duration,
    set: impl FnOnce(CacheBuilder<u64, u64>) -> CacheBuilder<u64, u64>,
) -> (Cache<u64, u64>, ManualClock, Told) {
    let (clock, told) = (ManualClock::new(), Told::default());
    clock.advance(start);
    let note = Arc::clone(&told);
    let builder = Cache::builder()
        .max_capacity(1_000)
        .clock(&clock)
        .maintenance(Maintenance::Manual)
        .eviction_listener(move |&key, _, cause| note.lock().unwrap().push((key, cause)));
    (set(builder).build(), clock, told)
}

/// Key 1 is there until `life` is over, and not a nanosecond longer.
#[track_caller]
fn ends_after(life: Duration, cache: &Cache<u64, u64>, clock: &ManualClock, told: &Told) {
    assert_eq!(cache.ttl(&1), Some(life));
    clock.advance(life - NANO);
    cache.run_pending_tasks();
    assert_eq!((told.lock().unwrap().len(), cache.peek(&1)), (0, Some(10)), "before {life:?}");
    assert_eq!(cache.ttl(&1), Some(NANO));
    clock.advance(NANO);
    // No lookup has taken notice of it before.
    cache.run_pending_tasks();
    assert_eq!(*told.lock().unwrap(), [(1, RemovalCause::Expired)], "after {life:?}");
    assert_eq!((cache.entry_count(), cache.stats().expirations), (0, 1));
    assert_eq!(cache.get(&1), None);
    validate(cache);
}

struct For(Duration);

impl Expiry<u64, u64> for For {
    fn expire_after_create(&self, _: &u64, _: &u64, _: Instant) -> Option<Duration> {
        Some(self.0)
    }
}

#[test]
fn an_entry_ends_at_the_instant_that_its_time_is_over() {
    type Begin = fn(Duration, Duration) -> (Cache<u64, u64>, ManualClock, Told);
    let begins: [(&str, Begin); 6] = [
        ("to live", |start, life| {
            let all = timed(start, |builder| builder.time_to_live(life));
            all.0.insert(1, 10);
            all
        }),
        ("to idle", |start, life| {
            let all = timed(start, |builder| builder.time_to_idle(life));
            all.0.insert(1, 10);
            all
        }),
        ("of its own", |start, life| {
            let all = timed(start, |builder| builder);
            all.0.insert_with_ttl(1, 10, life);
            all
        }),
        ("of its own, not the cache's", |start, life| {
            let all = timed(start, |builder| builder.time_to_live(1_000 * DAY));
            all.0.insert_with_ttl(1, 10, life);
            all
        }),
        ("touched", |start, life| {
            let all = timed(start, |builder| builder.time_to_live(SECOND));
            all.0.insert(1, 10);
            all.1.advance(SECOND / 7);
            assert!(all.0.set_ttl(&1, life));
            all
        }),
        ("by a rule", |start, life| {
            let all = timed(start, |builder| builder.expire_after(For(life)));
            all.0.insert(1, 10);
            all
        }),
    ];
    for (name, begin) in begins {
        for (start, life) in starts().flat_map(|start| lives().map(move |life| (start, life))) {
            println!("{name}: {life:?} from {start:?}");
            let (cache, clock, told) = begin(start, life);
            ends_after(life, &cache, &clock, &told);
        }
    }
}

#[test]
fn a_read_puts_off_the_end_to_that_instant() {
    for life in lives().filter(|life| *life > NANO) {
        let (cache, clock, told) = timed(SECOND / 3, |builder| builder.time_to_idle(life));
        cache.insert(1, 10);
        for _ in 0..3 {
            clock.advance(life - NANO);
            assert_eq!(cache.get(&1), Some(10), "{life:?}");
        }
        ends_after(life, &cache, &clock, &told);
    }
}

#[test]
fn the_way_there_may_have_any_number_of_steps() {
    for step in [NANO, 999 * NANO, 333_333 * NANO, MILLI, 4 * MILLI - NANO, SECOND - NANO] {
        let life = 1_000 * step;
        let (cache, clock, told) = timed(5 * MILLI / 3, |builder| builder.time_to_live(life));
        cache.insert(1, 10);
        for _ in 0..999 {
            clock.advance(step);
            cache.run_pending_tasks();
        }
        ends_after_one(step, &cache, &clock, &told);
    }
}

#[track_caller]
fn ends_after_one(step: Duration, cache: &Cache<u64, u64>, clock: &ManualClock, told: &Told) {
    ends_after(step, cache, clock, told);
}

#[test]
fn of_many_entries_each_ends_at_its_instant() {
    let (cache, clock, told) = timed(MILLI / 2, |builder| builder);
    // Whose ends are a nanosecond apart, and a day.
    let life = |key: u64| if key < 250 { NANO * key as u32 } else { DAY * key as u32 };
    for key in 1..=500 {
        cache.insert_with_ttl(key, key, life(key));
    }
    let mut ends: Vec<_> = (1..=500).map(|key| (life(key), key)).collect();
    ends.sort();
    let mut passed = Duration::ZERO;
    for (end, key) in ends {
        clock.advance(end - passed);
        passed = end;
        cache.run_pending_tasks();
        assert_eq!(told.lock().unwrap().pop(), Some((key, RemovalCause::Expired)), "at {end:?}");
        assert!(told.lock().unwrap().is_empty(), "at {end:?}");
    }
    assert_eq!(cache.entry_count(), 0);
    validate(&cache);
}

#[test]
fn what_is_over_when_it_is_said_is_swept_without_waiting_for_time_to_go_on() {
    let (cache, clock, told) = timed(SECOND, |builder| builder.time_to_live(DAY));
    cache.insert(1, 10);
    clock.advance(SECOND);
    cache.run_pending_tasks();
    assert!(cache.set_ttl(&1, Duration::ZERO));
    cache.run_pending_tasks();
    assert_eq!(*told.lock().unwrap(), [(1, RemovalCause::Expired)]);
    assert_eq!(cache.entry_count(), 0);
    validate(&cache);
}

#[test]
fn what_is_kept_for_want_of_better_is_swept_at_the_end_of_that() {
    let grace = 5 * MILLI + NANO;
    let (cache, clock, told) =
        timed(NANO, |builder| builder.time_to_live(SECOND).stale_if_error(grace));
    cache.insert(1, 10);
    clock.advance(SECOND);
    assert_eq!(cache.get(&1), None);
    clock.advance(grace - NANO);
    cache.run_pending_tasks();
    assert!(told.lock().unwrap().is_empty());
    assert_eq!(cache.try_get_with(1, || Err("down")), Ok(10));
    clock.advance(NANO);
    cache.run_pending_tasks();
    assert_eq!(*told.lock().unwrap(), [(1, RemovalCause::Expired)]);
    assert!(cache.try_get_with(1, || Err("down")).is_err());
    validate(&cache);
}

#[test]
fn jitter_takes_nothing_off_what_is_left_to_the_rule() {
    let (cache, clock, told) = timed(NANO, |builder| builder.time_to_live(SECOND).jitter(0.5));
    cache.insert(1, 10);
    let life = cache.ttl(&1).unwrap();
    assert!((SECOND / 2..=SECOND).contains(&life), "{life:?}");
    ends_after(life, &cache, &clock, &told);
}

#[test]
fn the_thread_tells_at_the_instant_too() {
    for life in lives() {
        let clock = ManualClock::new();
        clock.advance(MILLI / 3);
        let (sender, told) = mpsc::channel();
        let cache = Cache::builder()
            .max_capacity(10)
            .time_to_live(life)
            .clock(&clock)
            .eviction_listener(move |&key: &u64, _: &u64, cause| _ = sender.send((key, cause)))
            .build();
        cache.insert(1, 10);
        clock.advance(life - NANO);
        assert_eq!(cache.get(&1), Some(10));
        clock.advance(NANO);
        assert_eq!(told.recv_timeout(PATIENCE), Ok((1, RemovalCause::Expired)), "{life:?}");
    }
}
