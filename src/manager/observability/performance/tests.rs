use super::*;
use crate::Cache;

const MINUTE: Duration = Duration::from_secs(60);

/// Returns the same delta for all three windows.
fn windowed(over: Duration, stats: CacheStats, total: CacheStats) -> Windowed {
    Windowed::new(total, |_| Delta { over, stats })
}

fn minute(caches: &[Windowed]) -> Window {
    Windows::together(caches).last_minute
}

/// Returns the statistics of a cache with these hits and loads.
fn stats(hits: u64, loads: u64, load_time: Duration) -> CacheStats {
    CacheStats { hits, misses: loads, loads, load_time, inserts: loads, ..CacheStats::default() }
}

#[test]
fn what_was_saved_is_the_hits_times_the_mean_load() {
    let some = stats(90, 10, Duration::from_millis(200));
    let window = windowed(MINUTE, some, some).window(0);
    assert_eq!((window.hit_ratio, window.loads_avoided), (Some(0.9), 90));
    assert_eq!(window.time_saved, Duration::from_millis(20) * 90);
    // 100 lookups and 10 inserts.
    assert_eq!((window.operations, window.operations_per_second), (110, 110.0 / 60.0));
}

#[test]
fn a_window_without_a_load_goes_by_the_loads_before() {
    let total = stats(500, 10, Duration::from_millis(200));
    let window = windowed(MINUTE, stats(400, 0, Duration::ZERO), total).window(0);
    assert_eq!((window.loads, window.load_times), (0, None));
    assert_eq!(window.time_saved, Duration::from_millis(20) * 400);
}

#[test]
fn a_cache_that_loads_nothing_saves_nothing() {
    let some = stats(400, 0, Duration::ZERO);
    let window = windowed(MINUTE, some, some).window(0);
    assert_eq!((window.loads_avoided, window.time_saved), (0, Duration::ZERO));
}

#[test]
fn nothing_that_happened_is_no_ratio_and_no_rate() {
    let none = CacheStats::default();
    let window = windowed(Duration::ZERO, none, none).window(0);
    assert_eq!((window.hit_ratio, window.operations_per_second), (None, 0.0));
    assert!(!window.is_full());
    assert_eq!(minute(&[]).over, Duration::ZERO);
}

#[test]
fn hits_of_one_cache_spare_no_loads_of_another() {
    let slow = stats(10, 10, Duration::from_secs(10));
    let fast = stats(1_000_000, 10, Duration::from_millis(10));
    let both = minute(&[windowed(MINUTE, slow, slow), windowed(MINUTE, fast, fast)]);
    assert_eq!(both.time_saved, Duration::from_secs(10) + Duration::from_secs(1_000));
    assert_eq!((both.loads_avoided, both.loads), (1_000_010, 20));
    assert_eq!(both.lookups, 1_000_030);
}

#[test]
fn together_the_oldest_cache_says_how_long_it_was() {
    let (old, new) = (stats(60, 0, Duration::ZERO), stats(30, 0, Duration::ZERO));
    let both = minute(&[windowed(MINUTE, old, old), windowed(MINUTE / 2, new, new)]);
    assert_eq!((both.over, both.operations_per_second), (MINUTE, 1.5));
    assert!(both.is_full());
}

#[test]
fn percentiles_are_those_of_the_loads_in_the_window() {
    let cache = Cache::new(100);
    cache.get_with(0, || std::thread::sleep(Duration::from_millis(5)));
    let before = cache.stats();
    for key in 1..=20 {
        cache.get_with(key, || ());
    }
    let since = cache.stats() - before;
    let times = windowed(MINUTE, since, cache.stats()).window(0).load_times.unwrap();
    assert!(times.p50 <= times.p95 && times.p95 <= times.p99);
    assert_eq!(times.p99, since.load_times.quantile(0.99).unwrap());
    assert_eq!(since.loads, 20);
}

#[test]
fn more_than_there_is_time_saves_584_years() {
    let most = stats(u64::MAX / 2, 1, Duration::from_secs(1_000_000));
    assert_eq!(windowed(MINUTE, most, most).window(0).time_saved, Duration::from_nanos(u64::MAX));
}
