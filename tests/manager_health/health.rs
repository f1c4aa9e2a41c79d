use crate::{Container, MINUTE, SECOND, live, manual, wait_for};
use larder::{
    Cache, ManualClock,
    manager::{
        CacheKind, CacheManager, CacheSettings, HealthReason, HealthStatus, HealthThresholds,
        Levels, View,
    },
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::channel,
    },
    time::Duration,
};

fn look_up(urls: &View<u32>, hits: u32, misses: u32) {
    urls.set("there", 1);
    (0..hits).for_each(|_| assert_eq!(urls.get("there"), Some(1)));
    (0..misses).for_each(|_| assert_eq!(urls.get("not there"), None));
}

#[test]
fn a_hit_ratio_under_its_floor_is_found_and_forgotten_with_the_window() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    let urls = manager.view::<u32>(CacheKind::Url);
    live(&manager, &clock, 6 * MINUTE, || look_up(&urls, 40, 10));
    assert_eq!(manager.health().status, HealthStatus::Ok);

    live(&manager, &clock, 5 * MINUTE, || look_up(&urls, 10, 40));
    let health = manager.health();
    assert_eq!(health.status, HealthStatus::Degraded);
    assert_eq!(
        health.to_string(),
        "degraded\n  url: degraded: hit ratio 20.0 % of 1500 lookups in the last 300 s, less than 50.0 %"
    );
    let url = health.cache("url").unwrap();
    assert_eq!(url.findings.len(), 1);
    assert!(matches!(
        url.findings[0].reason,
        HealthReason::HitRatio { ratio: 0.2, floor: 0.5, lookups: 1_500, .. }
    ));
    assert_eq!(health.cache("user").unwrap().status, HealthStatus::Ok);

    live(&manager, &clock, 5 * MINUTE, || look_up(&urls, 40, 10));
    assert_eq!(manager.health().to_string(), "ok");
}

#[test]
fn few_lookups_say_nothing() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    look_up(&manager.view(CacheKind::Url), 0, 999);
    assert_eq!(manager.health().status, HealthStatus::Ok);
    look_up(&manager.view(CacheKind::Url), 0, 1);
    assert_eq!(manager.health().status, HealthStatus::Critical);
}

#[test]
fn evictions_of_unexpired_entries_are_found_and_expirations_are_not() {
    let clock = ManualClock::new();
    let short = CacheSettings::new(100).time_to_live(SECOND);
    let manager =
        manual(&clock).named("small", CacheSettings::new(100)).named("short", short).build();
    let (small, short) = (manager.get_cache("small").unwrap(), manager.get_cache("short").unwrap());
    let mut key = 0_u32;
    live(&manager, &clock, 5 * MINUTE, || {
        for _ in 0..50 {
            key += 1;
            small.view().set(&key, key);
            short.view().set(&key, key);
        }
        // Nothing of it is ever evicted.
        clock.advance(SECOND);
        short.run_pending_tasks();
    });
    let health = manager.health();
    assert_eq!(short.stats().expirations, 1_500);
    assert_eq!(health.cache("short").unwrap().status, HealthStatus::Ok);
    let finding = health.cache("small").unwrap().findings[0];
    assert_eq!(finding.status, HealthStatus::Degraded);
    let HealthReason::Evictions { evictions, turnover, ceiling, over } = finding.reason else {
        panic!("{finding}");
    };
    assert!(evictions > 1_300 && evictions <= 1_400, "{finding}");
    assert_eq!(ceiling, 1.0);
    let rate = evictions as f64 / small.entry_count() as f64 / (over.as_secs_f64() / 60.0);
    assert!((turnover - rate).abs() < 1e-9, "{finding}");
    assert_eq!(health.status, HealthStatus::Degraded);
}

#[test]
fn what_leaves_a_cache_that_is_to_be_smaller_is_not_found() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    let urls = manager.cache(CacheKind::Url);
    let fill = |keys: u32| (0..keys).for_each(|key| urls.view().set(&key, key));
    fill(4_000);
    urls.apply(&urls.settings().max_entries(10)).unwrap();
    assert!(urls.stats().evictions >= 3_990);
    assert_eq!(manager.health().to_string(), "ok");
    fill(1_000);
    assert_eq!(manager.health().status, HealthStatus::Critical, "{}", manager.health());
}

#[test]
fn each_cache_may_have_thresholds_of_its_own() {
    let clock = ManualClock::new();
    let strict = HealthThresholds {
        hit_ratio: Some(Levels::new(0.99, 0.9)),
        min_lookups: 10,
        ..HealthThresholds::default()
    };
    let manager = manual(&clock).health_thresholds_of("url", strict).build();
    for kind in [CacheKind::Url, CacheKind::User] {
        look_up(&manager.view(kind), 950, 50);
    }
    let status = |cache| manager.health().cache(cache).unwrap().status;
    assert_eq!((status("url"), status("user")), (HealthStatus::Degraded, HealthStatus::Ok));

    manager.set_health_thresholds(strict).unwrap();
    assert_eq!((status("url"), status("user")), (HealthStatus::Degraded, HealthStatus::Degraded));
    let none = HealthThresholds { hit_ratio: None, ..strict };
    manager.set_health_thresholds_of("url", none).unwrap();
    assert_eq!((status("url"), status("user")), (HealthStatus::Ok, HealthStatus::Degraded));
}

#[test]
fn thresholds_that_make_no_sense_are_refused_with_the_name_of_the_cache() {
    let wrong =
        HealthThresholds { hit_ratio: Some(Levels::new(0.1, 0.5)), ..HealthThresholds::default() };
    let range = "hit_ratio.critical: 0.5 is out of range; allowed are 0.0 to hit_ratio.degraded, \
                 which is 0.1";
    let refused = |builder: larder::manager::CacheManagerBuilder| {
        builder.try_build().unwrap_err().to_string()
    };
    assert_eq!(
        refused(CacheManager::builder().health_thresholds(wrong)),
        format!("health thresholds: {range}")
    );
    assert_eq!(
        refused(CacheManager::builder().health_thresholds_of("url", wrong)),
        format!("health thresholds of cache \"url\": {range}")
    );
    assert_eq!(
        refused(CacheManager::builder().sample_every(Duration::from_millis(10))),
        "sample_every: 10ms is out of range; allowed are 1 s to 60 s"
    );
    let manager = manual(&ManualClock::new()).build();
    assert!(manager.set_health_thresholds(wrong).is_err());
    assert!(manager.set_health_thresholds_of("url", wrong).is_err());
    assert_eq!(
        manager
            .set_health_thresholds_of("urls", HealthThresholds::default())
            .unwrap_err()
            .to_string(),
        "there is no cache called \"urls\"; there are url, user, analytics, session, general"
    );
}

#[test]
fn memory_is_judged_by_what_was_last_seen_of_it() {
    let used = Arc::new(AtomicU64::new(90));
    let manager = manual(&ManualClock::new()).memory_probe(Container(Arc::clone(&used))).build();
    assert_eq!(manager.health().status, HealthStatus::Ok);
    manager.sample_memory();
    let health = manager.health();
    assert_eq!(health.status, HealthStatus::Degraded);
    assert_eq!(
        health.findings[0].to_string(),
        "degraded: memory: the container uses 90 B of 100 B (90.0 %), more than 85.0 %"
    );
    for (bytes, status) in [(96, HealthStatus::Critical), (80, HealthStatus::Ok)] {
        used.store(bytes, Relaxed);
        manager.sample_memory();
        assert_eq!(manager.health().status, status, "{bytes} of 100");
    }
}

#[test]
fn a_maintenance_thread_that_is_kept_from_its_work_is_late() {
    let clock = ManualClock::new();
    let manager = CacheManager::builder().clock(&clock).build();
    let (begun, begins) = channel();
    let (end, ends) = channel::<()>();
    let (begun, ends) = (Mutex::new(begun), Mutex::new(ends));
    // A listener that takes its time, on the thread of all caches.
    let slow = Cache::builder()
        .max_capacity(10)
        .time_to_live(SECOND)
        .clock(&clock)
        .eviction_listener(move |_: &u32, _: &u32, _| {
            begun.lock().unwrap().send(()).unwrap();
            ends.lock().unwrap().recv().unwrap();
        })
        .build();
    slow.insert(1, 1);
    clock.advance(2 * SECOND);
    begins.recv_timeout(crate::PATIENCE).unwrap();

    // The manager's next pass is due in ten seconds at the latest.
    clock.advance(8 * SECOND);
    assert_eq!(manager.health().status, HealthStatus::Ok);
    clock.advance(20 * SECOND);
    assert_eq!(manager.health().status, HealthStatus::Degraded);
    clock.advance(MINUTE);
    let health = manager.health();
    assert_eq!(health.status, HealthStatus::Critical);
    assert_eq!(health.findings.len(), 1);
    assert!(
        matches!(health.findings[0].reason, HealthReason::MaintenanceLate { late, .. } if late > MINUTE)
    );
    assert!(health.caches.iter().all(|cache| cache.status == HealthStatus::Ok));

    end.send(()).unwrap();
    wait_for("the pass", || manager.health().status == HealthStatus::Ok);
}

#[test]
fn without_a_thread_nobody_is_late() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    clock.advance(60 * MINUTE);
    assert_eq!(manager.health().status, HealthStatus::Ok);
}
