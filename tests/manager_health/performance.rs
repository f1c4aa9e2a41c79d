use crate::{MINUTE, SECOND, live, manual, wait_for};
use larder::{
    ManualClock,
    manager::{CacheKind, CacheManager, CacheSettings},
};
use std::{thread, time::Duration};

#[test]
fn each_window_has_what_happened_in_it() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    let urls = manager.view::<u32>(CacheKind::Url);
    urls.set("there", 1);
    // Of ten lookups in ten seconds one is a miss; in the last two minutes there are twice as many.
    let lookups = |times: u32| {
        (0..9 * times).for_each(|_| assert_eq!(urls.get("there"), Some(1)));
        (0..times).for_each(|_| assert_eq!(urls.get("not there"), None));
    };
    live(&manager, &clock, 18 * MINUTE, || lookups(1));
    live(&manager, &clock, 2 * MINUTE, || lookups(2));

    let url = manager.performance().cache("url").unwrap();
    for (window, minutes, lookups) in [
        (url.last_minute, 1, 120),
        (url.last_5_minutes, 5, 3 * 60 + 2 * 120),
        (url.last_15_minutes, 15, 13 * 60 + 2 * 120),
    ] {
        assert_eq!((window.length, window.over), (minutes * MINUTE, minutes * MINUTE));
        assert!(window.is_full());
        assert_eq!((window.lookups, window.operations), (lookups, lookups));
        assert_eq!(window.hit_ratio, Some(0.9));
        assert_eq!(window.operations_per_second, lookups as f64 / (60.0 * f64::from(minutes)));
    }
}

#[test]
fn what_has_just_happened_is_in_all_windows() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    live(&manager, &clock, 20 * MINUTE, || ());
    manager.view::<u32>(CacheKind::Url).set("new", 1);
    let windows = manager.performance().cache("url").unwrap();
    for window in [windows.last_minute, windows.last_5_minutes, windows.last_15_minutes] {
        assert_eq!((window.operations, window.hit_ratio), (1, None));
    }
}

#[test]
fn a_window_that_is_not_full_says_over_how_long_it_is() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    live(&manager, &clock, 4 * MINUTE, || ());
    manager.create("late", CacheSettings::new(100)).unwrap().view::<u32>().set("key", 1);
    clock.advance(20 * SECOND);

    let performance = manager.performance();
    let late = performance.cache("late").unwrap();
    assert_eq!((late.last_minute.over, late.last_minute.is_full()), (20 * SECOND, false));
    assert_eq!(late.last_minute.operations_per_second, 1.0 / 20.0);
    let overall = performance.overall;
    assert_eq!((overall.last_minute.over, overall.last_minute.is_full()), (MINUTE, true));
    assert_eq!(
        (overall.last_15_minutes.over, overall.last_15_minutes.is_full()),
        (260 * SECOND, false)
    );
    assert_eq!(performance.caches.len(), 6);
    assert_eq!(performance.cache("nobody"), None);
}

#[test]
fn loads_and_what_they_saved_are_those_of_the_window() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    let reports = manager.view::<u32>(CacheKind::Analytics);
    let cache = manager.cache(CacheKind::Analytics);
    reports.get_with(&0, || {
        thread::sleep(Duration::from_millis(20));
        0
    });
    live(&manager, &clock, 2 * MINUTE, || ());
    let before = cache.stats();
    for key in 1..=50 {
        reports.get_with(&key, || key);
        assert_eq!(reports.get(&key), Some(key));
    }
    let since = cache.stats() - before;

    let windows = manager.performance().cache("analytics").unwrap();
    let minute = windows.last_minute;
    assert_eq!((minute.loads, minute.load_failures, minute.loads_avoided), (50, 0, 50));
    let times = minute.load_times.unwrap();
    assert_eq!(Some(times.p50), since.load_times.quantile(0.5));
    assert_eq!(Some(times.p95), since.load_times.quantile(0.95));
    assert_eq!(Some(times.p99), since.load_times.quantile(0.99));
    assert_eq!(minute.time_saved, since.mean_load_time() * 50);
    // The slow one is in here.
    assert_eq!(windows.last_5_minutes.loads, 51);
    assert!(windows.last_5_minutes.time_saved >= Duration::from_millis(20) / 51 * 50);
}

#[test]
fn a_cache_that_only_hits_saves_as_much_as_its_loads_once_took() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    let reports = manager.view::<u32>(CacheKind::Analytics);
    reports.get_with("january", || 31);
    live(&manager, &clock, 2 * MINUTE, || _ = reports.get("january"));

    let minute = manager.performance().cache("analytics").unwrap().last_minute;
    assert_eq!((minute.loads, minute.load_times, minute.loads_avoided), (0, None, 6));
    assert_eq!(minute.time_saved, manager.cache(CacheKind::Analytics).stats().mean_load_time() * 6);
}

#[test]
fn samples_that_come_too_often_change_nothing() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    let urls = manager.view::<u32>(CacheKind::Url);
    for _ in 0..20 * 60 {
        urls.set("key", 1);
        clock.advance(SECOND);
        manager.sample();
    }
    let windows = manager.performance().overall;
    assert_eq!((windows.last_minute.over, windows.last_minute.operations), (MINUTE, 60));
    assert_eq!(
        (windows.last_15_minutes.over, windows.last_15_minutes.operations),
        (15 * MINUTE, 900)
    );
}

#[test]
fn the_maintenance_thread_samples_by_itself() {
    let clock = ManualClock::new();
    let manager = CacheManager::builder().clock(&clock).build();
    manager.view::<u32>(CacheKind::Url).set("old", 1);
    let operations = || manager.performance().overall.last_minute.operations;
    assert_eq!(operations(), 1);
    // Without a sample the window would begin with the cache for ever.
    wait_for("a sample", || {
        clock.advance(10 * SECOND);
        operations() == 0
    });
}

#[test]
fn a_manager_ends_with_its_last_handle_although_it_is_looked_at() {
    let dropped = std::sync::Arc::new(());
    let manager = CacheManager::new();
    manager.view::<std::sync::Arc<()>>(CacheKind::User).set("key", dropped.clone());
    let views: Vec<_> = manager.caches();
    drop((manager, views));
    // The thread may be looking at it just now.
    wait_for("the manager's end", || std::sync::Arc::strong_count(&dropped) == 1);
}
