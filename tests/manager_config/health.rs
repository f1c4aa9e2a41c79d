//! From when on something is not well: for all caches, and for one.

use super::{mistake, mistakes, mistakes_of};
use larder::manager::{
    CacheKind, CacheManager, CacheSettings, HealthStatus, HealthThresholds, Levels,
    config::ManagerConfig,
};
use std::time::Duration;

fn config(text: &str) -> ManagerConfig {
    ManagerConfig::from_toml_str(text).unwrap()
}

#[test]
fn every_threshold_in_file_and_environment() {
    let config = ManagerConfig::builder()
        .toml(
            "t",
            "[health]\nwindow = '10m'\nhit_ratio = { degraded = 0.9, critical = 0.7 }\n\
             turnover.critical = 20\nmemory = 'none'\n",
        )
        .variables([
            ("LARDER_HEALTH__MIN_LOOKUPS", "50"),
            ("LARDER_HEALTH__TURNOVER__DEGRADED", "2.5"),
            ("LARDER_HEALTH__LATENESS__CRITICAL", "10s"),
        ])
        .build()
        .unwrap();
    let expected = HealthThresholds {
        window: Duration::from_secs(600),
        min_lookups: 50,
        hit_ratio: Some(Levels::new(0.9, 0.7)),
        turnover: Some(Levels::new(2.5, 20.0)),
        memory: None,
        lateness: Some(Levels::new(Duration::from_secs(5), Duration::from_secs(10))),
    };
    assert_eq!(*config.health(), expected);
    assert_eq!(CacheManager::from_config(&config).unwrap().health_thresholds(), expected);
}

#[test]
fn what_a_cache_does_not_say_is_as_for_all() {
    // Whichever is said first.
    let config = ManagerConfig::builder()
        .toml("t", "[url.health]\nhit_ratio.degraded = 0.9\n[caches.jobs.health]\nwindow = '1m'")
        .toml("u", "[health]\nmin_lookups = 7\nhit_ratio = 'none'")
        .variables([("LARDER_ANALYTICS__HEALTH__TURNOVER", "none")])
        .build()
        .unwrap();
    let common = *config.health();
    assert_eq!((common.min_lookups, common.hit_ratio), (7, None));
    let own = |cache: &str| *config.health_of(cache).unwrap();
    // One of two levels brings the other one along.
    let levels = Some(Levels::new(0.9, 0.1));
    assert_eq!(own("url"), HealthThresholds { hit_ratio: levels, ..common });
    let minute = Duration::from_secs(60);
    assert_eq!(own("jobs"), HealthThresholds { window: minute, ..common });
    assert_eq!(own("analytics"), HealthThresholds { turnover: None, ..common });
    assert_eq!(config.health_of("user"), None);
    assert!(config.cache("jobs").is_some());
}

#[test]
fn what_the_program_says_of_a_cache_comes_before_files() {
    let lenient =
        HealthThresholds { hit_ratio: None, min_lookups: 3, ..HealthThresholds::default() };
    let config = ManagerConfig::builder()
        .toml("t", "[url.health]\nmin_lookups = 4\n[health]\nwindow = '1m'")
        .health(HealthThresholds { turnover: None, ..lenient })
        .health_of("url", lenient)
        .build()
        .unwrap();
    let window = Duration::from_secs(60);
    assert_eq!(*config.health(), HealthThresholds { window, turnover: None, ..lenient });
    assert_eq!(config.health_of("url"), Some(&HealthThresholds { min_lookups: 4, ..lenient }));
}

#[test]
fn mistakes_are_told_with_their_places() {
    assert_eq!(
        mistake("[health]\nhit_ratio.critical = 1.5"),
        "larder.toml:2:22: health.hit_ratio.critical: 1.5 is out of range; allowed are 0.0 to 1.0"
    );
    assert_eq!(
        mistake("[health]\nwindow = '5s'"),
        "larder.toml:2:10: health.window: '5s' is out of range; allowed are 10 s to 15 min"
    );
    assert_eq!(
        mistake("[health]\nhit_ratio = 0.5"),
        "larder.toml:2:13: health.hit_ratio: 0.5 is a number with a point; allowed is a section with \
         degraded and critical, or \"none\""
    );
    assert_eq!(
        mistake("[url.health]\nhit_ration = 'none'"),
        "larder.toml:2:1: url.health.hit_ration: there is no such setting; did you mean hit_ratio? \
         Allowed are window, min_lookups, hit_ratio, turnover"
    );
    assert_eq!(
        mistake("[health.lateness]\ndegarded = '1s'"),
        "larder.toml:2:1: health.lateness.degarded: there is no such setting; did you mean degraded? \
         Allowed are degraded, critical"
    );
    assert!(mistake("[health]\nturnover.degraded = -1").contains("allowed are 0.0 and more"));
    assert!(mistake("[health]\nmemory.degraded = nan").contains("nan is out of range"));
    assert!(mistake("[health]\nlateness.degraded = 5").contains("allowed is a duration"));
    assert!(mistake("[health]\nlateness.degraded.x = 5").contains("is a table; allowed is a dur"));
    assert!(mistake("[health]\nwindow.degraded = '1m'").contains("is a table; allowed is a dur"));
    assert!(mistake("health = 'none'").contains("allowed is a section with settings of its own"));
    // Memory is the process's.
    assert!(mistake("[caches.a.health]\nmemory = 'none'").contains("there is no such setting"));
    assert_eq!(
        mistakes_of(&[
            ("LARDER_HEALTH__MEMORY__CRITICAL", "95 %"),
            ("LARDER_HEALTH_WINDOW", "1m"),
            ("LARDER_URL__HEALTH__HIT_RATIO__DEGRADED", "2"),
        ]),
        [
            "environment variable LARDER_HEALTH_WINDOW: health_window: there is no such setting; did \
             you mean LARDER_HEALTH__WINDOW? Allowed are two underscores between section and setting",
            "environment variable LARDER_HEALTH__MEMORY__CRITICAL: health.memory.critical: \"95 %\" \
             does not fit: it is not a number; allowed is a number from 0.0 to 1.0",
            "environment variable LARDER_URL__HEALTH__HIT_RATIO__DEGRADED: \
             url.health.hit_ratio.degraded: \"2\" is out of range; allowed are 0.0 to 1.0",
        ]
    );
}

#[test]
fn levels_that_do_not_go_together() {
    assert_eq!(
        mistakes(
            "[health]\nhit_ratio.degraded = 0.05\nlateness = { critical = '1s', degraded = '2s' }\n\
             [url.health]\nturnover.degraded = 30"
        ),
        [
            "larder.toml:2:22: health.hit_ratio.critical: 0.1 is out of range; allowed are 0.0 to \
             hit_ratio.degraded, which is 0.05",
            "larder.toml:3:25: health.lateness.critical: 1s is out of range; allowed are \
             lateness.degraded, which is 2s, and more",
            "larder.toml:5:21: url.health.turnover.critical: 10 is out of range; allowed are \
             turnover.degraded, which is 30, and more",
        ]
    );
    // By what is said for all.
    assert_eq!(
        mistake("[health]\nturnover.critical = 30\n[caches.a.health]\nturnover.degraded = 40"),
        "larder.toml:4:21: caches.a.health.turnover.critical: 30 is out of range; allowed are \
         turnover.degraded, which is 40, and more"
    );
    let wrong =
        HealthThresholds { memory: Some(Levels::new(0.9, 0.8)), ..HealthThresholds::default() };
    let error = ManagerConfig::builder().health(wrong).build().unwrap_err();
    assert!(error.to_string().starts_with("the program: health.memory.critical: 0.8 is out of"));
}

#[test]
fn thresholds_are_reloaded() {
    let manager = CacheManager::builder()
        .named("mine", CacheSettings::new(10))
        .health_thresholds_of("mine", HealthThresholds { min_lookups: 1, ..Default::default() })
        .build();
    let urls = manager.view::<u32>(CacheKind::Url);
    (0..100_u32).for_each(|key| assert_eq!(urls.get(&key), None));
    assert_eq!(manager.health().status, HealthStatus::Ok);

    let strict = config("[url.health]\nmin_lookups = 100");
    let done = manager.reload(&strict).unwrap();
    assert!(done.health_changed && !done.memory_changed && done.changed.is_empty());
    assert_eq!(manager.health().cache("url").unwrap().status, HealthStatus::Critical);
    assert!(!manager.reload(&strict).unwrap().health_changed);

    // Not mentioned any more: as for all. But what the configuration does not know is left alone.
    assert!(manager.reload(&config("[health]\nwindow = '1m'")).unwrap().health_changed);
    assert_eq!(manager.health().status, HealthStatus::Ok);
    let window = |cache: &str| manager.health_thresholds_of(cache).unwrap().window;
    assert_eq!(
        (window("url"), window("mine")),
        (Duration::from_secs(60), Duration::from_secs(300))
    );

    // A reload that is refused changes nothing of it.
    let refused = config("[url]\nshards = 3\n[health]\nwindow = '2m'");
    assert!(manager.reload(&refused).is_err());
    assert_eq!(window("url"), Duration::from_secs(60));
}
