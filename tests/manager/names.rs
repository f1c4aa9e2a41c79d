//! Which caches there are, and how they are found.

use crate::{MINUTE, SECOND, manager};
use larder::{
    ManualClock,
    manager::{self, CacheKind, CacheManager, CacheSettings, ExpiryMode, ManagerError},
};

#[test]
fn each_kind_has_its_cache_as_the_table_says() {
    let manager = CacheManager::new();
    let found = CacheKind::ALL.map(|kind| {
        let cache = manager.cache(kind);
        assert_eq!((cache.name(), cache.kind()), (kind.name(), Some(kind)));
        assert_eq!(cache.settings(), kind.settings());
        (kind.name(), cache.settings().max_entries, cache.settings().time_to_live.unwrap())
    });
    assert_eq!(
        found,
        [
            ("url", 5_000, 60 * MINUTE),
            ("user", 1_000, 30 * MINUTE),
            ("analytics", 500, 15 * MINUTE),
            ("session", 2_000, 5 * MINUTE),
            ("general", 1_000, 10 * MINUTE),
        ]
    );
}

#[test]
fn settings_of_kinds_hold_and_sessions_in_use_stay() {
    let clock = ManualClock::new();
    let manager = manager(&clock);
    assert_eq!(CacheKind::Session.settings().expiry, ExpiryMode::AfterAccess);
    let sessions = manager.view::<u32>(CacheKind::Session);
    let users = manager.view::<u32>(CacheKind::User);
    sessions.set(&1, 1);
    users.set(&1, 1);
    for _ in 0..10 {
        clock.advance(4 * MINUTE);
        assert_eq!(sessions.get(&1), Some(1));
    }
    assert_eq!(users.get(&1), None);
    clock.advance(5 * MINUTE + SECOND);
    assert_eq!(sessions.get(&1), None);
}

#[test]
fn caches_of_ones_own_are_found_by_name() {
    let manager = CacheManager::builder()
        .named("thumbnails", CacheSettings::new(10))
        .kind(CacheKind::Url, CacheSettings::new(7))
        .build();
    let cache = manager.create("feature-flags", CacheSettings::new(20)).unwrap();
    assert_eq!((cache.name(), cache.kind()), ("feature-flags", None));
    cache.view().set("dark", true);
    assert_eq!(manager.get_cache("feature-flags").unwrap().view().get("dark"), Some(true));
    assert_eq!(manager.get_cache("url").unwrap().settings().max_entries, 7);
    let unknown = manager.get_cache("thumbs").unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "there is no cache called \"thumbs\"; there are url, user, analytics, session, general, \
         feature-flags, thumbnails"
    );
}

#[test]
fn names_are_checked() {
    let manager = CacheManager::new();
    let create = |name: &str| manager.create(name, CacheSettings::new(10)).map(drop);
    for name in ["", "Url", "9lives", "a b", "ä", "-a", &"x".repeat(65)] {
        assert_eq!(create(name), Err(ManagerError::Name { name: name.to_owned() }));
    }
    for name in ["a", "a.b_c-9", &"x".repeat(64)] {
        assert_eq!(create(name), Ok(()));
        assert_eq!(create(name), Err(ManagerError::Exists { name: name.to_owned() }));
    }
    assert_eq!(create("url"), Err(ManagerError::Exists { name: "url".to_owned() }));
    let twice = CacheManager::builder()
        .named("a", CacheSettings::new(1))
        .named("a", CacheSettings::new(1))
        .try_build();
    assert_eq!(twice.unwrap_err().to_string(), "there is a cache called \"a\" already");
}

#[test]
fn settings_out_of_range_name_cache_field_value_and_what_is_allowed() {
    let refused = |settings: CacheSettings| {
        CacheManager::builder().kind(CacheKind::User, settings).try_build().unwrap_err().to_string()
    };
    let base = || CacheSettings::new(10);
    assert_eq!(
        refused(base().max_entries(1 << 32)),
        "cache \"user\": max_entries: 4294967296 is out of range; allowed are 0 to 4294967295"
    );
    assert_eq!(
        refused(base().time_to_live(SECOND / 2_000)),
        "cache \"user\": time_to_live: 500µs is out of range; allowed are 1 ms to 3650 days, or none"
    );
    assert!(refused(base().jitter(1.5)).contains("jitter: 1.5 is out of range"));
    assert!(refused(base().jitter(f64::NAN)).contains("jitter: NaN is out of range"));
    assert!(refused(base().shards(0)).contains("shards: 0 is out of range"));
    assert!(refused(base().new_key_share(0.7)).contains("new_key_share: 0.7 is out of range"));
    assert!(refused(base().max_bytes(0)).contains("max_bytes: 0 is out of range"));
}

#[test]
fn the_process_has_one_manager_which_is_set_once() {
    let mine = CacheManager::builder().named("mine", CacheSettings::new(10)).build();
    mine.cache(CacheKind::Url).view().set("a", 1);
    assert_eq!(manager::set_global(mine), Ok(()));
    assert!(manager::set_global(CacheManager::new()).is_err());
    assert_eq!(manager::global().view::<i32>(CacheKind::Url).get("a"), Some(1));
    assert_eq!(manager::get_cache("mine").unwrap().name(), "mine");
    assert!(manager::get_cache("yours").is_err());
}

#[test]
fn all_caches_are_cleared_at_once() {
    let manager = CacheManager::builder().named("mine", CacheSettings::new(10)).build();
    manager.caches().iter().for_each(|cache| cache.view().set(&1, 1));
    assert_eq!(manager.caches().len(), 6);
    manager.clear_all();
    assert!(manager.caches().iter().all(|cache| cache.entry_count() == 0));
}
