//! Values that are loaded anew while they are given out, and what is given out for want of better.
//! Time is a clock that the test drives; executors and loaders are told when to go on.

#[path = "../common/mod.rs"]
mod common;

mod batches;
mod contended;
mod early;
mod grace;
mod unchanged;

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
    let looks: [(&str, Look); 13] = [
        ("get_with", |c| c.get_with(1, || 2) == 1),
        ("get_with_by_ref", |c| c.get_with_by_ref(&1, || 2) == 1),
        ("try_get_with", |c| c.try_get_with(1, || Err(())) == Ok(1)),
        ("try_get_with_by_ref", |c| c.try_get_with_by_ref(&1, || Err(())) == Ok(1)),
        ("optionally_get_with", |c| c.optionally_get_with(1, || None) == Some(1)),
        ("optionally_get_with_by_ref", |c| c.optionally_get_with_by_ref(&1, || None) == Some(1)),
        ("get_many_with", |c| c.get_many_with([1], |_| [(1, 2)]) == [Some(1)]),
        ("get_with_async", |c| futures::executor::block_on(c.get_with_async(1, async { 2 })) == 1),
        ("or_insert", |c| c.entry(1).or_insert(2).into_value() == 1),
        ("or_insert_with", |c| !c.entry(1).or_insert_with(|| 2).is_fresh()),
        ("or_try_insert_with", |c| c.entry(1).or_try_insert_with(|| Err(())).is_ok()),
        ("or_optionally_insert_with", |c| c.entry(1).or_optionally_insert_with(|| None).is_some()),
        ("or_insert_with_async", |c| {
            let insert = c.entry(1).or_insert_with_async(async { 2 });
            futures::executor::block_on(insert).into_value() == 1
        }),
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
    cache.insert_tagged(1, 1, ["news"]).unwrap();
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 1);
    let mut other = 2;
    while cache.contains_key(&1) {
        cache.insert(other, other);
        other += 1;
    }
    jobs.run();
    assert_eq!((cache.get(&1), cache.entry_count()), (Some(100), 1));
    cache.invalidate_tag("news");
    assert_eq!(cache.get(&1), None, "with the tags that the old value had");
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
