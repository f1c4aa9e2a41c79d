//! Who has the last word.

use larder::{
    EvictionPolicy,
    manager::{CacheKind, CacheManager, CacheSettings, ExpiryMode, config::ManagerConfig},
};
use std::{ffi::OsString, fs, path::PathBuf, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

fn file(name: &str, text: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("config");
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn the_program_then_files_then_the_environment() {
    let first = file("first.toml", "[url]\nttl = '2m'\nmax_entries = 20\njitter = 0.2");
    let second = file("second.toml", "[url]\nttl = '3m'\nmax_entries = 30");
    // In whatever order they are named.
    let config = ManagerConfig::builder()
        .variables([("LARDER_URL__TTL", "4m")])
        .file(first)
        .optional_file(second)
        .kind(CacheKind::Url, CacheSettings::new(10).time_to_live(MINUTE).jitter(0.1).priority(9))
        .build()
        .unwrap();
    let url = config.kind(CacheKind::Url);
    assert_eq!(url.time_to_live, Some(4 * MINUTE));
    assert_eq!(url.max_entries, 30);
    assert_eq!(url.jitter, 0.2);
    assert_eq!(url.priority, 9);
}

#[test]
fn nothing_said_is_as_built_in() {
    let missing = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("config/no-such-file.toml");
    let config = ManagerConfig::builder().optional_file(missing).toml("empty", "").build().unwrap();
    assert_eq!(config, ManagerConfig::default());
    for kind in CacheKind::ALL {
        assert_eq!(*config.kind(kind), kind.settings());
    }
    assert_eq!(config.named().count(), 0);
}

#[test]
fn every_setting_of_a_cache_in_a_file() {
    let config = ManagerConfig::from_toml_str(
        r#"
        [caches.everything]
        max_entries = 0x10
        max_bytes = "1.5 MiB"
        ttl = "1h 30m"
        expiry = "after_access"
        jitter = 0.5
        shards = 4
        new_key_share = 0.1
        eviction_policy = "size-aware"
        priority = 7

        [caches."with.dot"]
        max_bytes = 1000
        ttl = "none"
        "#,
    )
    .unwrap();
    let expected = CacheSettings::new(16)
        .max_bytes(3 << 19)
        .time_to_live(90 * MINUTE)
        .expiry(ExpiryMode::AfterAccess)
        .jitter(0.5)
        .shards(4)
        .new_key_share(0.1)
        .eviction_policy(EvictionPolicy::SizeAware)
        .priority(7);
    assert_eq!(config.cache("everything"), Some(&expected));
    let dotted = config.cache("with.dot").unwrap();
    assert_eq!((dotted.max_bytes, dotted.time_to_live), (Some(1000), None));
    // What is not said is as for the general cache.
    assert_eq!(dotted.max_entries, CacheKind::General.settings().max_entries);
}

#[test]
fn every_setting_of_a_cache_in_the_environment() {
    let setting = |name: &str, value: &str| {
        (OsString::from(format!("LARDER_CACHES__EVERYTHING__{name}")), OsString::from(value))
    };
    let config = ManagerConfig::builder()
        .variables([
            setting("MAX_ENTRIES", "1_000"),
            setting("MAX_BYTES", "64 MiB"),
            setting("TTL", "30m"),
            setting("EXPIRY", "after_access"),
            setting("JITTER", "0.25"),
            setting("SHARDS", "2"),
            setting("NEW_KEY_SHARE", "0.3"),
            setting("EVICTION_POLICY", "lru"),
            setting("PRIORITY", "200"),
        ])
        .build()
        .unwrap();
    let expected = CacheSettings::new(1000)
        .max_bytes(64 << 20)
        .time_to_live(30 * MINUTE)
        .expiry(ExpiryMode::AfterAccess)
        .jitter(0.25)
        .shards(2)
        .new_key_share(0.3)
        .eviction_policy(EvictionPolicy::Lru)
        .priority(200);
    assert_eq!(config.cache("everything"), Some(&expected));
}

#[test]
fn memory_in_file_and_environment() {
    let config = ManagerConfig::builder()
        .toml("t", "[memory]\nenabled = true\nlimit = '1 GiB'\npressure.high = 0.9\n")
        .variables([
            ("LARDER_MEMORY__SAMPLE_EVERY", "500ms"),
            ("LARDER_MEMORY__PRESSURE__LOW", "0.5"),
            ("LARDER_MEMORY__PRESSURE__ENABLED", "false"),
        ])
        .build()
        .unwrap();
    let memory = config.memory();
    assert!(memory.enabled && !memory.pressure.enabled);
    assert_eq!(memory.limit, Some(1 << 30));
    assert_eq!(memory.sample_every, Duration::from_millis(500));
    assert_eq!((memory.pressure.high, memory.pressure.low), (0.9, 0.5));
}

#[test]
fn settings_can_be_taken_back() {
    let config = ManagerConfig::builder()
        .toml("t", "[url]\nmax_bytes = '1 MiB'\nshards = 8\nnew_key_share = 0.5")
        .variables([
            ("LARDER_URL__MAX_BYTES", "none"),
            ("LARDER_URL__SHARDS", "auto"),
            ("LARDER_URL__NEW_KEY_SHARE", "auto"),
            ("LARDER_URL__TTL", "none"),
        ])
        .build()
        .unwrap();
    let mut url = CacheKind::Url.settings();
    url.time_to_live = None;
    assert_eq!(*config.kind(CacheKind::Url), url);
}

#[test]
fn variables_reach_names_that_they_cannot_spell() {
    let config = ManagerConfig::builder()
        .toml("t", "[caches.daily-reports]\n[caches.'v1.jobs']")
        .variables([
            ("LARDER_CACHES__DAILY_REPORTS__MAX_ENTRIES", "7"),
            ("LARDER_CACHES__V1_JOBS__MAX_ENTRIES", "8"),
            ("LARDER_CACHES__OF_ITS_OWN__MAX_ENTRIES", "9"),
        ])
        .build()
        .unwrap();
    let entries: Vec<_> = config.named().map(|(name, cache)| (name, cache.max_entries)).collect();
    assert_eq!(entries, [("daily-reports", 7), ("of_its_own", 9), ("v1.jobs", 8)]);
}

#[test]
fn other_peoples_variables_are_left_alone() {
    let config = ManagerConfig::builder()
        .variables([
            ("LARDER_LOG", "debug"),
            ("LARDER", "x"),
            ("PATH__TTL", "x"),
            ("MY_LARDER_URL__TTL", "x"),
            ("LARDER_URLS_TTL", "x"),
        ])
        .build()
        .unwrap();
    assert_eq!(config, ManagerConfig::default());
}

#[test]
fn of_the_same_variable_the_last_counts() {
    let config = ManagerConfig::builder()
        .variables([("LARDER_URL__TTL", "9m")])
        .variables([("LARDER_URL__TTL", "8m")])
        .build()
        .unwrap();
    assert_eq!(config.kind(CacheKind::Url).time_to_live, Some(8 * MINUTE));
}

#[test]
fn a_managers_builder_takes_all_of_it_over() {
    let config = ManagerConfig::builder()
        .toml("t", "[user]\nmax_entries = 77\n[caches.a]\n[caches.b]\n[memory]\nlimit = '2 GiB'")
        .build()
        .unwrap();
    let manager = CacheManager::builder()
        .named("a", CacheSettings::new(1))
        .named("c", CacheSettings::new(3))
        .config(&config)
        .build();
    assert_eq!(manager.cache(CacheKind::User).capacity(), 77);
    let capacity = |name: &str| manager.get_cache(name).unwrap().capacity();
    assert_eq!((capacity("a"), capacity("b"), capacity("c")), (1_000, 1_000, 3));
    assert_eq!(manager.memory_settings(), *config.memory());
}
