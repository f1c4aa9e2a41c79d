//! Values that are loaded anew while they are given out, and what is given out for want of better.
//! Time is a clock that the test drives; executors and loaders are told when to go on.

mod common;

use common::{PATIENCE, panic_of, validate};
use larder::{BuildError, Cache, CacheBuilder, Maintenance, ManualClock, RemovalCause};
use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
        mpsc::channel,
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

type Job = Box<dyn FnOnce() + Send>;

/// An executor that runs jobs when the test says so.
#[derive(Clone, Default)]
struct Jobs(Arc<Mutex<VecDeque<Job>>>);

impl Jobs {
    fn executor(&self) -> impl Fn(Job) + Send + Sync + 'static {
        let jobs = self.clone();
        move |job| jobs.0.lock().unwrap().push_back(job)
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn take(&self) -> Job {
        self.0.lock().unwrap().pop_front().expect("there is a job")
    }

    /// Runs the one job that there is.
    fn run(&self) {
        let job = self.take();
        assert_eq!(self.count(), 0);
        job();
    }
}

fn timed(clock: &ManualClock) -> CacheBuilder<u64, u64> {
    Cache::builder().max_capacity(1_000).clock(clock).maintenance(Maintenance::Manual)
}

/// A cache whose values are old after a second. Refreshes bring 100 and more, in their order.
fn refreshing() -> (Cache<u64, u64>, ManualClock, Jobs) {
    let (clock, jobs, next) = (ManualClock::new(), Jobs::default(), AtomicU64::new(100));
    let cache = timed(&clock)
        .time_to_live(10 * SECOND)
        .refresh_after(SECOND, move |_| Some(next.fetch_add(1, Relaxed)))
        .refresh_executor(jobs.executor())
        .build();
    (cache, clock, jobs)
}

fn refreshes(cache: &Cache<u64, u64>) -> (u64, u64) {
    let stats = cache.stats();
    (stats.refreshes, stats.refresh_failures)
}

#[test]
fn an_old_value_is_given_out_and_refreshed_once() {
    let (cache, clock, jobs) = refreshing();
    assert_eq!(cache.get_with(1, || 1), 1);
    clock.advance(SECOND - MILLI);
    assert_eq!((cache.get_with(1, || unreachable!()), jobs.count()), (1, 0));
    clock.advance(MILLI);
    let (get, peek) = (cache.get(&1), cache.peek(&1));
    assert_eq!((get, peek, jobs.count()), (Some(1), Some(1), 0), "these load nothing");
    for _ in 0..3 {
        assert_eq!((cache.get_with(1, || unreachable!()), jobs.count()), (1, 1));
    }
    jobs.run();
    assert_eq!(cache.get_with(1, || unreachable!()), 100);
    assert_eq!((jobs.count(), refreshes(&cache)), (0, (1, 0)));
    assert_eq!((cache.stats().loads, cache.stats().updates, cache.entry_count()), (2, 1, 1));
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 100);
    jobs.run();
    assert_eq!((cache.get(&1), cache.ttl(&1)), (Some(101), Some(10 * SECOND)));
    validate(&cache);
}

#[test]
fn every_loading_lookup_refreshes() {
    type Look = fn(&Cache<u64, u64>) -> bool;
    let looks: [(&str, Look); 8] = [
        ("get_with", |c| c.get_with(1, || 2) == 1),
        ("get_with_by_ref", |c| c.get_with_by_ref(&1, || 2) == 1),
        ("try_get_with", |c| c.try_get_with(1, || Err(())) == Ok(1)),
        ("try_get_with_by_ref", |c| c.try_get_with_by_ref(&1, || Err(())) == Ok(1)),
        ("optionally_get_with", |c| c.optionally_get_with(1, || None) == Some(1)),
        ("optionally_get_with_by_ref", |c| c.optionally_get_with_by_ref(&1, || None) == Some(1)),
        ("get_many_with", |c| c.get_many_with([1], |_| [(1, 2)]) == [Some(1)]),
        ("get_with_async", |c| futures::executor::block_on(c.get_with_async(1, async { 2 })) == 1),
    ];
    for (name, look) in looks {
        let (cache, clock, jobs) = refreshing();
        cache.insert(1, 1);
        clock.advance(SECOND);
        assert!(look(&cache), "{name}");
        jobs.run();
        assert_eq!(cache.get(&1), Some(100), "{name}");
    }
}

#[test]
fn a_write_during_a_refresh_wins() {
    type Write = fn(&Cache<u64, u64>);
    let writes: [(Write, Option<u64>); 5] = [
        (|cache| cache.insert(1, 2), Some(2)),
        (|cache| assert_eq!(cache.remove(&1), Some(1)), None),
        (|cache| cache.invalidate_all(), None),
        (|cache| cache.insert_many([(1, 2)]), Some(2)),
        (|cache| cache.insert_with_ttl(1, 2, SECOND), Some(2)),
    ];
    for (write, left) in writes {
        let clock = ManualClock::new();
        let (jobs, during) = (Jobs::default(), Arc::new(Mutex::new(None::<Cache<u64, u64>>)));
        let own = during.clone();
        let cache = timed(&clock)
            .refresh_after(SECOND, move |_| {
                write(own.lock().unwrap().as_ref().unwrap());
                Some(100)
            })
            .refresh_executor(jobs.executor())
            .build();
        *during.lock().unwrap() = Some(cache.clone());
        cache.insert(1, 1);
        clock.advance(SECOND);
        assert_eq!(cache.get_with(1, || unreachable!()), 1);
        jobs.run();
        assert_eq!(cache.get(&1), left);
        *during.lock().unwrap() = None;
        validate(&cache);
    }
}

#[test]
fn a_write_before_a_refresh_begins_wins() {
    let (cache, clock, jobs) = refreshing();
    cache.insert(1, 1);
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 1);
    cache.insert(1, 2);
    jobs.run();
    assert_eq!(cache.get(&1), Some(2));
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 2);
    jobs.run();
    assert_eq!(cache.get(&1), Some(101));
}

#[test]
fn a_refresh_that_fails_leaves_the_old_value_and_is_tried_again_later() {
    let (clock, jobs) = (ManualClock::new(), Jobs::default());
    let answers = Mutex::new(VecDeque::from([None, Some(Err("broken")), Some(Ok(5))]));
    let cache = timed(&clock)
        .time_to_live(20 * SECOND)
        .refresh_after(5 * SECOND, move |_| {
            let answer = answers.lock().unwrap().pop_front().unwrap();
            answer.map(|answer| answer.unwrap())
        })
        .refresh_executor(jobs.executor())
        .build();
    cache.insert(1, 1);
    clock.advance(5 * SECOND);
    let look = || cache.get_with(1, || unreachable!());
    for failures in 1..=2 {
        assert_eq!(look(), 1);
        jobs.run();
        assert_eq!((look(), refreshes(&cache)), (1, (failures, failures)));
        clock.advance(SECOND - MILLI);
        assert_eq!((look(), jobs.count()), (1, 0), "it rests");
        clock.advance(MILLI);
    }
    assert_eq!(look(), 1);
    jobs.run();
    assert_eq!((look(), refreshes(&cache)), (5, (3, 2)));
    assert_eq!((cache.stats().loads, cache.stats().load_failures), (3, 2));
}

#[test]
fn a_job_that_is_dropped_is_a_failure_and_keeps_nobody_up() {
    let (cache, clock, jobs) = refreshing();
    cache.insert(1, 1);
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 1);
    drop(jobs.take());
    assert_eq!((cache.get(&1), refreshes(&cache)), (Some(1), (1, 1)));
    cache.invalidate(&1);
    assert_eq!(cache.get_with(1, || 2), 2);
}

#[test]
fn an_executor_that_panics_does_not_disturb_the_lookup() {
    let clock = ManualClock::new();
    let cache = timed(&clock)
        .refresh_after(SECOND, |_| Some(100))
        .refresh_executor(|_| panic!("no more of that"))
        .build();
    cache.insert(1, 1);
    clock.advance(SECOND);
    assert_eq!((cache.get_with(1, || unreachable!()), refreshes(&cache)), (1, (1, 1)));
}

#[test]
fn who_finds_it_expired_does_not_wait_for_a_refresh_that_has_not_begun() {
    let (cache, clock, jobs) = refreshing();
    cache.insert(1, 1);
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 1);
    clock.advance(10 * SECOND);
    assert_eq!(cache.get_with(1, || 2), 2);
    jobs.run();
    assert_eq!((cache.get(&1), refreshes(&cache)), (Some(2), (0, 0)));
    validate(&cache);
}

#[test]
fn who_finds_it_expired_waits_for_a_refresh_that_has_begun() {
    let (clock, jobs) = (ManualClock::new(), Jobs::default());
    let (begun, begins) = channel();
    let (finish, finishes) = channel();
    let finishes = Mutex::new(finishes);
    let cache = timed(&clock)
        .time_to_live(2 * SECOND)
        .refresh_after(SECOND, move |_| {
            begun.send(()).unwrap();
            finishes.lock().unwrap().recv_timeout(PATIENCE).ok()
        })
        .refresh_executor(jobs.executor())
        .build();
    cache.insert(1, 1);
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 1);
    thread::scope(|scope| {
        scope.spawn(|| jobs.run());
        begins.recv_timeout(PATIENCE).unwrap();
        clock.advance(SECOND);
        // Polled once, so it waits.
        let mut late = Box::pin(cache.get_with_async(1, async { unreachable!() }));
        let polled = late.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        finish.send(7).unwrap();
        assert_eq!(futures::executor::block_on(late), 7);
    });
    // It is stored and counted before it lands.
    assert_eq!((cache.get(&1), refreshes(&cache)), (Some(7), (1, 0)));
    assert_eq!((cache.stats().expirations, cache.stats().inserts), (1, 2));
    validate(&cache);
}

#[test]
fn a_load_in_the_place_of_a_refresh_may_bring_nothing() {
    let (cache, clock, jobs) = refreshing();
    cache.insert(1, 1);
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 1);
    clock.advance(10 * SECOND);
    assert_eq!(cache.optionally_get_with(1, || None), None);
    jobs.run();
    assert_eq!((cache.get(&1), refreshes(&cache)), (None, (0, 0)), "that load was as good");
}

#[test]
fn an_evicted_value_that_is_refreshed_comes_back() {
    let (clock, jobs) = (ManualClock::new(), Jobs::default());
    let cache: Cache<u64, u64> = Cache::builder()
        .max_capacity(1)
        .clock(&clock)
        .refresh_after(SECOND, |_| Some(100))
        .refresh_executor(jobs.executor())
        .build();
    cache.insert(1, 1);
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 1);
    let mut other = 2;
    while cache.contains_key(&1) {
        cache.insert(other, other);
        other += 1;
    }
    jobs.run();
    assert_eq!((cache.get(&1), cache.entry_count()), (Some(100), 1));
    validate(&cache);
}

#[test]
fn the_listener_is_told_of_what_a_refresh_replaces() {
    let (clock, jobs, told) = (ManualClock::new(), Jobs::default(), Arc::new(Mutex::new(vec![])));
    let note = told.clone();
    let cache = timed(&clock)
        .refresh_after(SECOND, |_| Some(100))
        .refresh_executor(jobs.executor())
        .eviction_listener(move |&key, &value, cause| {
            note.lock().unwrap().push((key, value, cause))
        })
        .build();
    cache.insert(1, 1);
    clock.advance(SECOND);
    cache.get_with(1, || unreachable!());
    jobs.run();
    assert_eq!(*told.lock().unwrap(), [(1, 1, RemovalCause::Replaced)]);
}

#[test]
fn a_loader_may_look_its_own_key_up() {
    let (clock, jobs) = (ManualClock::new(), Jobs::default());
    let own = Arc::new(Mutex::new(None::<Cache<u64, u64>>));
    let cache = timed(&clock)
        .refresh_after(SECOND, {
            let own = own.clone();
            move |&key| {
                let old = own.lock().unwrap().as_ref().unwrap().get_with(key, || unreachable!());
                Some(old + 1)
            }
        })
        .refresh_executor(jobs.executor())
        .build();
    *own.lock().unwrap() = Some(cache.clone());
    cache.insert(1, 1);
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 1);
    jobs.run();
    assert_eq!((cache.get(&1), refreshes(&cache)), (Some(2), (1, 0)));
    *own.lock().unwrap() = None;
}

#[test]
fn a_refresh_keeps_no_cache_alive() {
    let census = common::Census::default();
    let (clock, jobs) = (ManualClock::new(), Jobs::default());
    let loads = Arc::new(AtomicU64::new(0));
    let (of_loader, count) = (census.clone(), loads.clone());
    let cache: Cache<u64, common::Counted> = Cache::builder()
        .max_capacity(10)
        .clock(&clock)
        .maintenance(Maintenance::Manual)
        .refresh_after(SECOND, move |&key| {
            count.fetch_add(1, Relaxed);
            Some(of_loader.value(key))
        })
        .refresh_executor(jobs.executor())
        .build();
    cache.insert(1, census.value(1));
    clock.advance(SECOND);
    drop(cache.get_with(1, || unreachable!()));
    drop(cache);
    assert_eq!(census.alive(), 0);
    jobs.run();
    assert_eq!((loads.load(Relaxed), census.alive()), (0, 0));
}

#[test]
fn without_an_executor_a_thread_refreshes() {
    let clock = ManualClock::new();
    let (named, names) = channel();
    let cache = timed(&clock)
        .refresh_after(SECOND, move |&key| {
            named.send(thread::current().name().map(str::to_owned)).unwrap();
            Some(key + 1)
        })
        .build();
    cache.insert(1, 1);
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 1);
    let name = names.recv_timeout(PATIENCE).unwrap();
    assert_eq!(name.as_deref(), Some("larder-refresh"));
    while refreshes(&cache).0 == 0 {
        thread::yield_now();
    }
    assert_eq!(cache.get(&1), Some(2));
}

/// Futures that the test polls.
type Spawned = Pin<Box<dyn Future<Output = ()> + Send>>;

#[test]
fn a_future_refreshes_and_one_that_is_dropped_has_failed() {
    let clock = ManualClock::new();
    let spawned = Arc::new(Mutex::new(Vec::<Spawned>::new()));
    let (spawn, tries) = (spawned.clone(), AtomicU64::new(0));
    let cache = timed(&clock)
        .refresh_after_async(
            SECOND,
            move |&key| {
                let turn = tries.fetch_add(1, Relaxed);
                let mut polls = 0;
                std::future::poll_fn(move |_| {
                    polls += 1;
                    assert!(turn > 0 || polls == 1, "the first is broken");
                    if polls < 3 { Poll::Pending } else { Poll::Ready(Some(key + 10)) }
                })
            },
            move |refresh| spawn.lock().unwrap().push(refresh),
        )
        .build();
    cache.insert(1, 1);
    let poll = |refresh: &mut Spawned| {
        refresh.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    };
    let look = || {
        clock.advance(SECOND);
        assert_eq!(cache.get_with(1, || unreachable!()), 1);
        let refresh = spawned.lock().unwrap().pop().expect("it was spawned");
        assert!(spawned.lock().unwrap().is_empty());
        refresh
    };
    let mut panics = look();
    assert!(!poll(&mut panics));
    assert!(poll(&mut panics));
    assert_eq!(refreshes(&cache), (1, 1));
    let mut dropped = look();
    assert!(!poll(&mut dropped));
    drop(dropped);
    assert_eq!(refreshes(&cache), (2, 2));
    drop(look());
    assert_eq!(refreshes(&cache), (3, 3));
    let mut succeeds = look();
    assert!(!poll(&mut succeeds) && !poll(&mut succeeds) && poll(&mut succeeds));
    assert_eq!((cache.get(&1), refreshes(&cache)), (Some(11), (4, 3)));
    validate(&cache);
}

/// A loader that takes a second by the clock.
fn slowly<T>(clock: &ManualClock, value: T) -> T {
    clock.advance(SECOND);
    value
}

#[test]
fn early_refreshes_come_as_often_as_they_should() {
    const KEYS: u64 = 4_000;
    let clock = ManualClock::new();
    let cache = Cache::builder()
        .max_capacity(100_000)
        .clock(&clock)
        .maintenance(Maintenance::Manual)
        .early_refresh(2.0)
        .time_to_live(1_000_000 * SECOND)
        .build();
    let mut early = Vec::new();
    // What took a second and has that long to live, by a factor of 2.
    for (left, expected) in [(1, (-0.5_f64).exp()), (4, (-2.0_f64).exp()), (80, 0.0)] {
        for key in 0..KEYS {
            cache.invalidate(&key);
            cache.get_with(key, || slowly(&clock, 1));
            cache.touch(&key, left * SECOND);
            let before = cache.stats().refreshes;
            cache.get_with(key, || 2);
            early.push(cache.stats().refreshes - before);
        }
        let share = early.drain(..).sum::<u64>() as f64 / KEYS as f64;
        // Five standard errors, at most.
        assert!((share - expected).abs() < 5.0 * 0.5 / (KEYS as f64).sqrt(), "{share} {expected}");
        assert!(expected > 0.0 || share == 0.0, "beyond the reach of chance");
    }
}

/// A cache with one value, that took a second to load and is as good as certain to be refreshed.
fn nearly_expired() -> (Cache<u64, u64>, ManualClock) {
    let clock = ManualClock::new();
    let cache = timed(&clock).time_to_live(10 * SECOND).early_refresh(1e15).build();
    cache.insert(2, 2);
    assert_eq!(cache.get_with(1, || slowly(&clock, 1)), 1);
    (cache, clock)
}

#[test]
fn an_early_caller_loads_while_others_get_the_old_value() {
    let (cache, _clock) = nearly_expired();
    let loaded = cache.get_with(1, || {
        assert_eq!(cache.get_with(1, || unreachable!()), 1, "even within its load");
        thread::scope(|scope| {
            let other =
                scope.spawn(|| cache.try_get_with(1, || -> Result<_, ()> { unreachable!() }));
            assert_eq!(other.join().unwrap(), Ok(1));
        });
        5
    });
    assert_eq!((loaded, cache.peek(&1), refreshes(&cache)), (5, Some(5), (1, 0)));
    let inserted = cache.get_with(2, || unreachable!());
    assert_eq!(inserted, 2, "nobody knows what it takes to load");
    validate(&cache);
}

#[test]
fn an_early_load_that_fails_leaves_the_old_value() {
    let (cache, clock) = nearly_expired();
    assert_eq!(cache.try_get_with(1, || Err("no")), Ok(1));
    assert_eq!(cache.try_get_with(1, || -> Result<_, ()> { unreachable!("it rests") }), Ok(1));
    clock.advance(SECOND);
    assert_eq!(cache.optionally_get_with(1, || None), Some(1));
    clock.advance(SECOND);
    let panics = || cache.get_with(1, || panic!("no"));
    assert_eq!(panic_of(panics).as_deref(), Some("no"));
    assert_eq!((cache.get_with(1, || unreachable!()), refreshes(&cache)), (1, (3, 3)));
    clock.advance(SECOND);
    let load = cache.get_with_async(1, async { 7 });
    assert_eq!(futures::executor::block_on(load), 7);
    assert_eq!((cache.peek(&1), refreshes(&cache)), (Some(7), (4, 3)));
    validate(&cache);
}

#[test]
fn a_write_during_an_early_load_wins() {
    let (cache, _clock) = nearly_expired();
    let loaded = cache.get_with(1, || {
        cache.invalidate(&1);
        5
    });
    assert_eq!((loaded, cache.get(&1)), (5, None));
}

#[test]
fn early_refreshes_are_left_to_the_background_if_there_is_one() {
    let (clock, jobs) = (ManualClock::new(), Jobs::default());
    let cache = timed(&clock)
        .time_to_live(10 * SECOND)
        .early_refresh(1e15)
        .refresh_after(5 * SECOND, |_| Some(100))
        .refresh_executor(jobs.executor())
        .build();
    assert_eq!(cache.get_with(1, || slowly(&clock, 1)), 1);
    assert_eq!((cache.get_with(1, || unreachable!()), jobs.count()), (1, 1));
    jobs.run();
    assert_eq!(cache.get(&1), Some(100));
}

#[test]
fn a_factor_that_is_none_is_refused() {
    for beta in [-1.0, f64::NAN, f64::INFINITY] {
        let refused = Cache::<u64, u64>::builder().max_capacity(1).early_refresh(beta).try_build();
        assert_eq!(refused.err(), Some(BuildError::EarlyRefresh { beta: beta.to_string() }));
    }
}

/// A cache whose values live for a second, and two more for want of better.
fn forgiving(told: &Arc<AtomicU64>) -> (Cache<u64, u64>, ManualClock) {
    let (clock, told) = (ManualClock::new(), told.clone());
    let cache = timed(&clock)
        .time_to_live(SECOND)
        .stale_if_error(2 * SECOND)
        .eviction_listener(move |_, _, cause| {
            assert_eq!(cause, RemovalCause::Expired);
            told.fetch_add(1, Relaxed);
        })
        .build();
    (cache, clock)
}

#[test]
fn what_has_expired_is_better_than_an_error() {
    let told = Arc::default();
    let (cache, clock) = forgiving(&told);
    cache.insert(1, 1);
    clock.advance(3 * SECOND - MILLI);
    cache.run_pending_tasks();
    assert_eq!((cache.get(&1), cache.contains_key(&1), cache.entry_count()), (None, false, 1));
    assert_eq!(cache.try_get_with(1, || Err("no")), Ok(1));
    let by_ref = cache.try_get_with_by_ref_async(&1, async { Err("no") });
    assert_eq!(futures::executor::block_on(by_ref), Ok(1));
    assert_eq!((cache.get(&1), cache.stats().load_failures), (None, 2), "it is still expired");
    assert_eq!(cache.optionally_get_with(1, || None), None, "that is no error");
    clock.advance(MILLI);
    assert_eq!(cache.try_get_with(1, || Err("no")), Err(Arc::new("no")));
    clock.advance(10 * MILLI);
    cache.run_pending_tasks();
    assert_eq!((cache.entry_count(), told.load(Relaxed), cache.stats().expirations), (0, 1, 1));
    validate(&cache);
}

#[test]
fn a_load_that_succeeds_replaces_what_has_expired() {
    let told = Arc::default();
    let (cache, clock) = forgiving(&told);
    cache.insert(1, 1);
    clock.advance(2 * SECOND);
    assert_eq!(cache.try_get_with(1, || Ok::<_, ()>(2)), Ok(2));
    assert_eq!((cache.get(&1), told.load(Relaxed)), (Some(2), 1));
    clock.advance(2 * SECOND);
    assert!(!cache.invalidate(&1), "absent, but gone now");
    assert_eq!(cache.try_get_with(1, || Err("no")), Err(Arc::new("no")));
    assert_eq!((cache.entry_count(), told.load(Relaxed)), (0, 2));
    validate(&cache);
}

#[test]
fn without_grace_an_error_is_an_error() {
    let clock = ManualClock::new();
    let cache = timed(&clock).time_to_live(SECOND).build();
    cache.insert(1, 1);
    clock.advance(SECOND);
    assert_eq!(cache.try_get_with(1, || Err("no")), Err(Arc::new("no")));
}

#[test]
fn a_batch_loads_what_is_absent_in_one_call() {
    let cache: Cache<u64, u64> = Cache::new(100);
    cache.insert(3, 30);
    let calls = Cell::new(0);
    let found = cache.get_many_with([5, 3, 1, 5, 9, 1, 3], |absent| {
        calls.set(calls.get() + 1);
        assert_eq!(absent, [5, 1, 9]);
        HashMap::from([(1, 10), (5, 50), (77, 770)])
    });
    let expected = [Some(50), Some(30), Some(10), Some(50), None, Some(10), Some(30)];
    assert_eq!((found.as_slice(), calls.get()), (&expected[..], 1));
    assert_eq!((cache.get(&77), cache.get(&9), cache.entry_count()), (None, None, 3));
    assert_eq!(cache.get_many_with([5, 1], |_| -> Vec<_> { unreachable!() }), [Some(50), Some(10)]);
    assert_eq!((cache.stats().loads, cache.stats().inserts), (1, 3));
    assert!(cache.get_many_with([], |_| -> Vec<_> { unreachable!() }).is_empty());
    validate(&cache);
}

#[test]
fn overlapping_batches_do_not_wait_for_each_other() {
    let cache: Cache<u64, u64> = Cache::new(100);
    let both = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        // Each leads one key when the other comes for it.
        let threads: Vec<_> = [[1, 2, 3], [3, 2, 4]]
            .into_iter()
            .map(|keys| {
                let (cache, both) = (&cache, &both);
                scope.spawn(move || {
                    let mut first = true;
                    cache.get_many_with(keys, |absent| {
                        if std::mem::take(&mut first) {
                            both.wait();
                        }
                        absent.iter().map(|key| (*key, key * 10)).collect::<Vec<_>>()
                    })
                })
            })
            .collect();
        let found: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(found[0], [Some(10), Some(20), Some(30)]);
        assert_eq!(found[1], [Some(30), Some(20), Some(40)]);
    });
    assert_eq!((cache.stats().inserts, cache.stats().loads), (4, 2));
    validate(&cache);
}

#[test]
fn a_batch_shares_the_loads_of_others_and_takes_them_over() {
    let cache: Cache<u64, u64> = Cache::new(100);
    let pending = || Box::pin(cache.get_with_async(1, std::future::pending()));
    let mut leader = pending();
    assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let calls = Cell::new(0);
    let mut batch = Box::pin(cache.get_many_with_async([1, 2], async |absent: &[u64]| {
        calls.set(calls.get() + 1);
        absent.iter().map(|key| (*key, key * 10)).collect::<Vec<_>>()
    }));
    let mut poll = || batch.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    assert_eq!((calls.get(), cache.get(&2)), (1, Some(20)), "its own have landed");
    drop(leader);
    assert_eq!((poll(), calls.get()), (Poll::Ready(vec![Some(10), Some(20)]), 2));
    assert_eq!(cache.get(&1), Some(10));
    validate(&cache);
}

#[test]
fn a_batch_refreshes_what_is_old_along_with_what_is_absent() {
    let (cache, clock) = nearly_expired();
    let found = cache.get_many_with([3, 1], |keys| {
        let mut keys = keys.to_vec();
        keys.sort();
        assert_eq!(keys, [1, 3]);
        [(3, 30)]
    });
    assert_eq!((found, refreshes(&cache)), (vec![Some(30), Some(1)], (1, 1)));
    clock.advance(SECOND);
    let found = cache.get_many_with([1, 1], |keys| {
        assert_eq!(keys, [1]);
        [(1, 10)]
    });
    assert_eq!((found, refreshes(&cache)), (vec![Some(10), Some(1)], (2, 1)));
    assert_eq!((cache.peek(&1), cache.peek(&3)), (Some(10), Some(30)));
    validate(&cache);
}

#[test]
fn the_future_of_a_batch_may_be_sent() {
    let cache: Cache<u64, u64> = Cache::new(100);
    let batch = async move { cache.get_many_with_async([1], async |_: &[u64]| [(1, 10)]).await };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    assert_eq!(runtime.block_on(runtime.spawn(batch)).unwrap(), [Some(10)]);
}

#[test]
fn a_batch_whose_loader_panics_leaves_nothing_behind() {
    let cache: Cache<u64, u64> = Cache::new(100);
    let panics = |_: &[u64]| -> Vec<(u64, u64)> { panic!("no") };
    assert_eq!(panic_of(|| cache.get_many_with([1, 2, 3], panics)).as_deref(), Some("no"));
    let recursive = |_: &[u64]| [(1, cache.get_with(2, || 2))];
    assert!(panic_of(|| cache.get_many_with([1, 2], recursive)).unwrap().contains("recursive"));
    assert_eq!((cache.entry_count(), cache.stats().load_failures), (0, 2));
    assert_eq!(cache.get_with(1, || 1), 1);
    validate(&cache);
}

#[test]
fn a_write_during_a_batch_wins_for_its_key() {
    let cache: Cache<u64, u64> = Cache::new(100);
    let found = cache.get_many_with([1, 2], |_| {
        cache.insert(2, 22);
        [(1, 10), (2, 20)]
    });
    assert_eq!(found, [Some(10), Some(20)]);
    assert_eq!((cache.get(&1), cache.get(&2)), (Some(10), Some(22)));
}

/// Threads that change the source of values, invalidate, load alone and in batches, while others run
/// the refreshes: whoever has invalidated sees no value from before, and nothing is leaked.
#[test]
fn no_refresh_brings_back_what_was_invalidated() {
    const KEYS: u64 = 8;
    const ROUNDS: u64 = 4_000;
    let _alone = common::alone();
    let (clock, jobs, census) = (ManualClock::new(), Jobs::default(), common::Census::default());
    let versions: Arc<[AtomicU64; KEYS as usize]> = Arc::default();
    let load = {
        let (versions, census) = (versions.clone(), census.clone());
        move |key: u64| census.value(versions[key as usize].load(SeqCst))
    };
    let refresh = load.clone();
    let cache: Cache<u64, common::Counted> = Cache::builder()
        .max_capacity(100)
        .clock(&clock)
        .maintenance(Maintenance::Manual)
        .refresh_after(MILLI, move |&key: &u64| key.is_multiple_of(3).then(|| refresh(key)))
        .refresh_executor(jobs.executor())
        .build();
    let working = AtomicU64::new(3);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for _ in 0..2 {
            threads.push(scope.spawn(|| {
                while working.load(SeqCst) > 0 {
                    let job = jobs.0.lock().unwrap().pop_front();
                    job.map_or_else(thread::yield_now, |job| job());
                }
            }));
        }
        for thread in 0..3 {
            let (cache, clock, versions, load, working) =
                (&cache, &clock, &versions, &load, &working);
            threads.push(scope.spawn(move || {
                for round in 0..ROUNDS {
                    let key = (round * 5 + thread) % KEYS;
                    clock.advance(MILLI);
                    if round % 3 == 0 {
                        let version = versions[key as usize].fetch_add(1, SeqCst) + 1;
                        cache.invalidate(&key);
                        assert!(cache.get_with(key, || load(key)).id() >= version);
                    } else if round % 3 == 1 {
                        let keys = [key, (key + 1) % KEYS, (key + 3) % KEYS];
                        let load_all = |keys: &[u64]| {
                            keys.iter().map(|&key| (key, load(key))).collect::<Vec<_>>()
                        };
                        assert!(cache.get_many_with(keys, load_all).iter().all(Option::is_some));
                    } else {
                        drop(cache.get_with(key, || load(key)));
                    }
                }
                working.fetch_sub(1, SeqCst);
            }));
        }
        common::join(threads);
    });
    while jobs.count() > 0 {
        jobs.take()();
    }
    let stats = cache.stats();
    assert!(stats.refreshes > stats.refresh_failures && stats.refresh_failures > 0, "{stats:?}");
    common::settle(&cache, &census);
}
