//! Values that are about to expire, and those that have, for want of better.

use super::*;

/// A loader that takes a second by the clock.
fn slowly<T>(clock: &ManualClock, value: T) -> T {
    clock.advance(SECOND);
    value
}

#[test]
fn early_refreshes_come_as_often_as_they_should() {
    const KEYS: u64 = 1_000;
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
            cache.set_ttl(&key, left * SECOND);
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
pub(crate) fn nearly_expired() -> (Cache<u64, u64>, ManualClock) {
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
fn an_entry_is_fresh_only_if_its_value_is() {
    let (cache, clock) = nearly_expired();
    let failed = cache.entry(1).or_try_insert_with(|| Err("no")).unwrap();
    assert_eq!((failed.is_fresh(), failed.into_value()), (false, 1));
    clock.advance(SECOND);
    let failed = cache.entry(1).or_optionally_insert_with_async(async { None });
    assert!(!futures::executor::block_on(failed).unwrap().is_fresh());
    clock.advance(SECOND);
    let loaded = cache.entry(1).or_insert_with(|| 5);
    assert_eq!((loaded.is_fresh(), loaded.into_value(), refreshes(&cache)), (true, 5, (3, 2)));

    let (cache, clock) = forgiving(&Arc::default());
    cache.insert(1, 1);
    clock.advance(2 * SECOND);
    let past = cache.entry(1).or_try_insert_with(|| Err("no")).unwrap();
    assert_eq!((past.is_fresh(), past.into_value()), (false, 1));
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
fn it_is_so_for_who_waits_for_an_early_load_that_fails() {
    let clock = ManualClock::new();
    let builder = timed(&clock).time_to_live(10 * SECOND).early_refresh(1e15);
    let cache = builder.stale_if_error(2 * SECOND).build();
    cache.get_with(1, || slowly(&clock, 1));
    let (fail, fails) = futures::channel::oneshot::channel();
    let mut early = Box::pin(cache.try_get_with_async(1, async { Err(fails.await.unwrap()) }));
    let poll = |future: Pin<&mut dyn Future<Output = _>>| {
        future.poll(&mut Context::from_waker(Waker::noop()))
    };
    assert!(poll(early.as_mut()).is_pending());
    clock.advance(10 * SECOND);
    let mut waiter = Box::pin(cache.try_get_with_async(1, async { unreachable!() }));
    assert!(poll(waiter.as_mut()).is_pending(), "it has expired");
    fail.send("no").unwrap();
    assert_eq!(poll(early.as_mut()), Poll::Ready(Ok(1)));
    assert_eq!(poll(waiter.as_mut()), Poll::Ready(Ok(1)));
    assert_eq!(refreshes(&cache), (1, 1));
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
