use super::*;
use crate::{CacheStats, manager::memory::MemoryReading};

const MINUTE: Duration = Duration::from_secs(60);

fn window(stats: CacheStats) -> Delta {
    Delta { over: 5 * MINUTE, stats }
}

fn lookups(hits: u64, misses: u64) -> Delta {
    window(CacheStats { hits, misses, ..CacheStats::default() })
}

fn evicted(evictions: u64, entries: u64) -> Delta {
    window(CacheStats { evictions, entries, ..CacheStats::default() })
}

fn judged(window: Delta) -> CacheHealth {
    of_cache("url", 100, &window, &HealthThresholds::default())
}

#[test]
fn a_hit_ratio_is_judged_by_its_floors() {
    for (hits, misses, status) in [
        (500, 500, HealthStatus::Ok),
        (499, 501, HealthStatus::Degraded),
        (100, 900, HealthStatus::Degraded),
        (99, 901, HealthStatus::Critical),
        (0, 1_000, HealthStatus::Critical),
    ] {
        assert_eq!(judged(lookups(hits, misses)).status, status, "{hits} hits");
    }
    let found = judged(lookups(400, 600)).findings;
    let reason =
        HealthReason::HitRatio { ratio: 0.4, floor: 0.5, lookups: 1_000, over: 5 * MINUTE };
    assert_eq!(found, [Finding { status: HealthStatus::Degraded, reason }]);
}

#[test]
fn a_hit_ratio_of_few_lookups_is_not_judged() {
    assert_eq!(judged(lookups(0, 999)).status, HealthStatus::Ok);
    let keen = HealthThresholds { min_lookups: 0, ..HealthThresholds::default() };
    assert_eq!(of_cache("url", 100, &lookups(0, 1), &keen).status, HealthStatus::Critical);
    assert_eq!(of_cache("url", 100, &lookups(0, 0), &keen).status, HealthStatus::Ok);
}

#[test]
fn evictions_are_judged_by_how_often_the_cache_is_turned_over() {
    for (evictions, entries, status) in [
        (5_000, 1_000, HealthStatus::Ok),
        (5_001, 1_000, HealthStatus::Degraded),
        (5_001, 10_000, HealthStatus::Ok),
        (50_001, 1_000, HealthStatus::Critical),
    ] {
        assert_eq!(judged(evicted(evictions, entries)).status, status, "{evictions} of {entries}");
    }
    assert_eq!(judged(evicted(0, 0)).status, HealthStatus::Ok);
}

#[test]
fn expired_entries_are_no_evictions() {
    let expirations = CacheStats { expirations: 1 << 40, entries: 1, ..CacheStats::default() };
    assert_eq!(judged(window(expirations)).status, HealthStatus::Ok);
}

#[test]
fn the_first_moment_of_a_cache_is_no_rate() {
    let stats = CacheStats { evictions: 900, entries: 1_000, ..CacheStats::default() };
    let moment = Delta { over: Duration::from_millis(1), stats };
    assert_eq!(judged(moment).status, HealthStatus::Ok);
}

fn container(used: u64, limit: u64) -> Option<Utilization> {
    MemoryReading::default().with_container(limit, Some(used)).utilization(None)
}

#[test]
fn memory_and_lateness_are_of_the_process() {
    let thresholds = HealthThresholds::default();
    let status = |memory, late| worst(&of_process(memory, late, &thresholds));
    let memory = |used| container(used, 1_000);
    assert_eq!(status(None, None), HealthStatus::Ok);
    assert_eq!(status(memory(850), Some(Duration::from_secs(5))), HealthStatus::Ok);
    assert_eq!(status(memory(851), None), HealthStatus::Degraded);
    assert_eq!(status(memory(951), None), HealthStatus::Critical);
    assert_eq!(status(None, Some(Duration::from_millis(5_001))), HealthStatus::Degraded);
    assert_eq!(status(None, Some(Duration::from_secs(61))), HealthStatus::Critical);
}

#[test]
fn what_is_not_looked_at_is_not_found() {
    let none = HealthThresholds {
        hit_ratio: None,
        turnover: None,
        memory: None,
        lateness: None,
        ..HealthThresholds::default()
    };
    let bad =
        CacheStats { misses: 1 << 30, evictions: 1 << 30, entries: 1, ..CacheStats::default() };
    assert_eq!(of_cache("url", 100, &window(bad), &none).findings, []);
    assert_eq!(of_process(container(9, 9), Some(MINUTE * 9), &none), []);
}

#[test]
fn reasons_come_in_words() {
    let bad = CacheStats {
        hits: 123,
        misses: 877,
        evictions: 60_000,
        entries: 1_000,
        ..CacheStats::default()
    };
    let caches = vec![judged(window(bad))];
    let memory = container(900 << 20, 1_000 << 20);
    let late = Some(Duration::from_millis(61_500));
    let health = Health::new(of_process(memory, late, &HealthThresholds::default()), caches);
    assert_eq!(
        health.to_string(),
        "critical\n  \
         degraded: memory: the container uses 900 MiB of 1000 MiB (90.0 %), more than 85.0 %\n  \
         critical: maintenance thread 61.5 s late, more than 60.0 s\n  \
         url: degraded: hit ratio 12.3 % of 1000 lookups in the last 300 s, less than 50.0 %\n  \
         url: critical: 60000 evictions of unexpired entries in the last 300 s, 12.0 times the \
         entries each minute, more than 10.0"
    );
}

#[test]
fn a_manager_is_as_well_as_its_worst_cache() {
    let (well, ill) = (judged(lookups(1_000, 0)), judged(lookups(0, 1_000)));
    assert_eq!(Health::new(Vec::new(), vec![well.clone()]).status, HealthStatus::Ok);
    let health =
        Health::new(Vec::new(), vec![well, CacheHealth { name: "user".to_owned(), ..ill }]);
    assert_eq!(health.status, HealthStatus::Critical);
    assert_eq!(health.cache("user").unwrap().status, HealthStatus::Critical);
    assert_eq!(health.cache("nobody"), None);
}

#[test]
fn thresholds_that_make_no_sense_are_named_with_what_is_allowed() {
    let default = HealthThresholds::default();
    let refused: [(HealthThresholds, &str); 8] = [
        (
            HealthThresholds { window: MINUTE * 16, ..default },
            "window: 960s is out of range; allowed are 10 s to 15 min",
        ),
        (
            HealthThresholds { hit_ratio: Some(Levels::new(1.5, 0.1)), ..default },
            "hit_ratio.degraded: 1.5 is out of range; allowed are 0.0 to 1.0",
        ),
        (
            HealthThresholds { hit_ratio: Some(Levels::new(f64::NAN, 0.1)), ..default },
            "hit_ratio.degraded: NaN is out of range; allowed are 0.0 to 1.0",
        ),
        (
            HealthThresholds { turnover: Some(Levels::new(-1.0, 1.0)), ..default },
            "turnover.degraded: -1 is out of range; allowed are 0.0 and more",
        ),
        (
            HealthThresholds { turnover: Some(Levels::new(2.0, 1.0)), ..default },
            "turnover.critical: 1 is out of range; allowed are turnover.degraded, which is 2, and more",
        ),
        (
            HealthThresholds { memory: Some(Levels::new(0.8, 1.1)), ..default },
            "memory.critical: 1.1 is out of range; allowed are memory.degraded, which is 0.8, to 1.0",
        ),
        (
            HealthThresholds { memory: Some(Levels::new(80.0, 90.0)), ..default },
            "memory.degraded: 80 is out of range; allowed are 0.0 to 1.0",
        ),
        (
            HealthThresholds { lateness: Some(Levels::new(MINUTE, MINUTE / 2)), ..default },
            "lateness.critical: 30s is out of range; allowed are lateness.degraded, which is 60s, \
             and more",
        ),
    ];
    assert_eq!(default.validate(), Ok(()));
    for (thresholds, text) in refused {
        assert_eq!(thresholds.validate().unwrap_err().to_string(), text);
    }
}
