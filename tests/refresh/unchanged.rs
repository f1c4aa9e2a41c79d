//! Refreshes that bring what there is already.

use super::*;

/// What a listener has heard.
type Told = Arc<Mutex<Vec<(u64, u64, RemovalCause)>>>;

fn telling(builder: CacheBuilder<u64, Arc<u64>>) -> (Cache<u64, Arc<u64>>, Told) {
    let told = Told::default();
    let note = told.clone();
    let listener = move |&key: &u64, value: &Arc<u64>, cause| {
        note.lock().unwrap().push((key, **value, cause));
    };
    (builder.eviction_listener(listener).build(), told)
}

fn timed_arcs(clock: &ManualClock) -> CacheBuilder<u64, Arc<u64>> {
    Cache::builder()
        .max_capacity(100)
        .clock(clock)
        .maintenance(Maintenance::Manual)
        .time_to_live(10 * SECOND)
}

#[test]
fn the_same_value_is_not_told_as_replaced() {
    let (clock, jobs) = (ManualClock::new(), Jobs::default());
    let [first, equal, other] = [1, 1, 2].map(Arc::new);
    let next = Arc::new(Mutex::new(VecDeque::from([first.clone(), equal, other.clone(), other])));
    for (same, expected) in [
        // One after the other: the same, an equal one, another, the same.
        (Some(Arc::ptr_eq as fn(&Arc<u64>, &Arc<u64>) -> bool), vec![1, 1]),
        (Some(PartialEq::eq), vec![1]),
        (None, vec![1, 1, 1, 2]),
    ] {
        let brings = Mutex::new(next.lock().unwrap().clone());
        let mut builder = timed_arcs(&clock)
            .refresh_after(SECOND, move |_| brings.lock().unwrap().pop_front())
            .refresh_executor(jobs.executor());
        if let Some(same) = same {
            builder = builder.refresh_unchanged_if(same);
        }
        let (cache, told) = telling(builder);
        cache.insert(1, first.clone());
        for _ in 0..4 {
            clock.advance(SECOND);
            cache.get_with(1, || unreachable!());
            jobs.run();
            assert_eq!(cache.ttl(&1), Some(10 * SECOND), "its time begins anew");
        }
        let expected: Vec<_> =
            expected.into_iter().map(|value| (1, value, RemovalCause::Replaced)).collect();
        assert_eq!(*told.lock().unwrap(), expected);
        let stats = cache.stats();
        assert_eq!((stats.refreshes, stats.updates, stats.inserts), (4, 4, 1));
        assert_eq!((cache.get(&1).as_deref(), cache.entry_count()), (Some(&2), 1));
        validate(&cache);
    }
}

#[test]
fn it_is_so_for_callers_that_refresh_early() {
    let value = Arc::new(1);
    let clock = ManualClock::new();
    let builder = timed_arcs(&clock).early_refresh(1e15).refresh_unchanged_if(Arc::ptr_eq);
    let (cache, told) = telling(builder);
    let load = || {
        clock.advance(SECOND);
        value.clone()
    };
    cache.get_with(1, load);
    cache.get_with(1, load);
    cache.get_many_with([1, 2], |_| [(2, Arc::new(2)), (1, load())]);
    assert_eq!((cache.stats().refreshes, told.lock().unwrap().len()), (2, 0));
    cache.get_with(1, || {
        clock.advance(SECOND);
        Arc::new(1)
    });
    assert_eq!(*told.lock().unwrap(), [(1, 1, RemovalCause::Replaced)]);
    validate(&cache);
}

#[test]
fn writes_are_told_whatever_they_bring() {
    let clock = ManualClock::new();
    let (cache, told) = telling(timed_arcs(&clock).refresh_unchanged_if(|_, _| true));
    let value = Arc::new(1);
    cache.insert(1, value.clone());
    cache.insert(1, value.clone());
    cache.entry(1).and_upsert_with(|_| value.clone());
    assert_eq!(cache.replace(&1, value).as_deref(), Some(&1));
    assert_eq!(*told.lock().unwrap(), [(1, 1, RemovalCause::Replaced); 3]);
    validate(&cache);
}

#[test]
fn what_has_expired_meanwhile_is_told_as_expired() {
    let (clock, jobs) = (ManualClock::new(), Jobs::default());
    let value = Arc::new(1);
    let brings = value.clone();
    let refreshing = timed_arcs(&clock)
        .refresh_after(SECOND, move |_| Some(brings.clone()))
        .refresh_executor(jobs.executor())
        .refresh_unchanged_if(Arc::ptr_eq);
    let (cache, told) = telling(refreshing);
    cache.insert(1, value);
    clock.advance(SECOND);
    cache.get_with(1, || unreachable!());
    clock.advance(10 * SECOND);
    jobs.run();
    assert_eq!(*told.lock().unwrap(), [(1, 1, RemovalCause::Expired)]);
    assert_eq!(cache.get(&1).as_deref(), Some(&1));
    validate(&cache);
}

#[test]
fn a_comparison_that_panics_leaves_the_old_value() {
    let (clock, jobs) = (ManualClock::new(), Jobs::default());
    let refreshing = timed_arcs(&clock)
        .refresh_after(SECOND, |_| Some(Arc::new(2)))
        .refresh_executor(jobs.executor())
        .refresh_unchanged_if(|_, _| panic!("no"));
    let (cache, told) = telling(refreshing);
    cache.insert(1, Arc::new(1));
    clock.advance(SECOND);
    cache.get_with(1, || unreachable!());
    assert!(panic_of(|| jobs.run()).is_some());
    assert_eq!((cache.get(&1).as_deref(), told.lock().unwrap().len()), (Some(&1), 0));
    validate(&cache);
}
