//! Settings that change while a cache is in use.

use crate::{MINUTE, SECOND, cache};
use larder::manager::{ApplyError, CacheSettings, ExpiryMode};
use std::{thread, time::Duration};

#[test]
fn a_smaller_capacity_evicts_and_a_larger_one_has_room_again() {
    let (cache, _) = cache(CacheSettings::new(1_000));
    let view = cache.view();
    (0..1_000).for_each(|key| view.set(&key, key));
    cache.apply(&CacheSettings::new(100)).unwrap();
    assert_eq!((cache.entry_count(), cache.settings().max_entries), (100, 100));
    cache.apply(&CacheSettings::new(600)).unwrap();
    (0..1_000).for_each(|key| view.set(&key, key));
    assert_eq!(cache.entry_count(), 600);
}

#[test]
fn a_capacity_without_room_changes_nothing() {
    let (cache, _) = cache(CacheSettings::new(100).time_to_live(MINUTE));
    let wanted = CacheSettings::new(1 << 32).time_to_live(SECOND);
    let refused = cache.apply(&wanted).unwrap_err();
    assert!(matches!(refused, ApplyError::Settings(_) | ApplyError::Resize(_)), "{refused}");
    assert_eq!(cache.settings(), CacheSettings::new(100).time_to_live(MINUTE));
    cache.view().set("a", 1);
    assert_eq!(cache.view::<i32>().ttl("a"), Some(MINUTE));
}

#[test]
fn a_shorter_time_holds_for_what_is_there_counted_from_its_writing() {
    let (cache, clock) = cache(CacheSettings::new(100).time_to_live(10 * MINUTE));
    let view = cache.view();
    view.set("old", 1);
    clock.advance(4 * MINUTE);
    view.set("young", 2);
    view.set_with_ttl("short", 3, MINUTE);
    cache.apply(&cache.settings().time_to_live(5 * MINUTE)).unwrap();
    let ttls = ["old", "young", "short"].map(|key| view.ttl(key));
    assert_eq!(ttls, [Some(MINUTE), Some(5 * MINUTE), Some(MINUTE)]);
    clock.advance(MINUTE);
    assert_eq!(view.get_many(["old", "young", "short"]), [None, Some(2), None]);
    clock.advance(4 * MINUTE);
    assert_eq!(view.get("young"), None);
    cache.run_pending_tasks();
    assert_eq!((cache.entry_count(), cache.stats().expirations), (0, 3));
}

#[test]
fn a_longer_time_holds_for_what_is_new_and_shortens_nothing() {
    let (cache, clock) = cache(CacheSettings::new(100).time_to_live(MINUTE));
    let view = cache.view();
    view.set("old", 1);
    cache.apply(&cache.settings().time_to_live(10 * MINUTE)).unwrap();
    view.set("new", 2);
    assert_eq!((view.ttl("old"), view.ttl("new")), (Some(MINUTE), Some(10 * MINUTE)));
    clock.advance(MINUTE);
    assert_eq!((view.get("old"), view.get("new")), (None, Some(2)));
}

#[test]
fn what_has_a_time_of_its_own_keeps_it() {
    let (cache, _) = cache(CacheSettings::new(100).time_to_live(10 * MINUTE));
    let view = cache.view();
    view.set_with_ttl("own", 1, 20 * MINUTE);
    view.clone().with_ttl(20 * MINUTE).get_with("loaded", || 1);
    cache.apply(&cache.settings().time_to_live(MINUTE)).unwrap();
    assert_eq!((view.ttl("own"), view.ttl("loaded")), (Some(20 * MINUTE), Some(20 * MINUTE)));
}

#[test]
fn a_cache_without_times_learns_of_them_and_forgets_them() {
    let (cache, clock) = cache(CacheSettings::new(100));
    let view = cache.view();
    view.set("a", 1);
    clock.advance(MINUTE);
    cache.apply(&CacheSettings::new(100).time_to_live(10 * MINUTE)).unwrap();
    assert_eq!(view.ttl("a"), Some(9 * MINUTE));
    cache.apply(&CacheSettings::new(100)).unwrap();
    view.set("b", 2);
    assert_eq!((view.ttl("a"), view.ttl("b")), (Some(9 * MINUTE), Some(Duration::MAX)));
}

#[test]
fn what_is_in_use_stays_when_a_cache_turns_idle() {
    let (cache, clock) = cache(CacheSettings::new(100));
    let view = cache.view();
    view.set_many([("used", 1), ("unused", 2)]);
    cache
        .apply(&CacheSettings::new(100).time_to_live(MINUTE).expiry(ExpiryMode::AfterAccess))
        .unwrap();
    for _ in 0..5 {
        clock.advance(50 * SECOND);
        assert_eq!(view.get("used"), Some(1));
    }
    assert_eq!(view.get("unused"), None);
    cache.apply(&cache.settings().time_to_live(10 * SECOND)).unwrap();
    clock.advance(9 * SECOND);
    assert_eq!(view.get("used"), Some(1), "a new idle time counts from now");
    clock.advance(11 * SECOND);
    assert_eq!(view.get("used"), None);
}

#[test]
fn a_touch_in_an_idle_cache_is_a_use_and_no_end() {
    let settings = CacheSettings::new(100).time_to_live(MINUTE).expiry(ExpiryMode::AfterAccess);
    let (cache, clock) = cache(settings);
    let view = cache.view();
    view.set("a", 1);
    clock.advance(50 * SECOND);
    assert!(view.touch("a"));
    for _ in 0..5 {
        clock.advance(50 * SECOND);
        assert_eq!(view.get("a"), Some(1));
    }
}

#[test]
fn jitter_holds_for_what_is_new() {
    let (cache, _) = cache(CacheSettings::new(1_000).time_to_live(100 * SECOND));
    let view = cache.view();
    (0..100).for_each(|key| view.set(&key, key));
    cache.apply(&cache.settings().jitter(0.5)).unwrap();
    (100..200).for_each(|key| view.set(&key, key));
    let ttls = |keys: std::ops::Range<i32>| keys.map(|key| view.ttl(&key).unwrap());
    assert!(ttls(0..100).all(|ttl| ttl == 100 * SECOND));
    let (least, most) = (ttls(100..200).min().unwrap(), ttls(100..200).max().unwrap());
    assert!(least >= 50 * SECOND && most <= 100 * SECOND && most - least > 10 * SECOND);
}

#[test]
fn what_is_for_life_is_named() {
    let (cache, _) = cache(CacheSettings::new(100));
    let refused = |settings: CacheSettings| match cache.apply(&settings).unwrap_err() {
        ApplyError::Fixed { field, value, current } => (field, value, current),
        other => panic!("{other}"),
    };
    let text = |field, value: &str, current: &str| (field, value.to_owned(), current.to_owned());
    let settings = CacheSettings::new(100);
    assert_eq!(refused(settings.clone().shards(2)), text("shards", "2", "unset"));
    assert_eq!(refused(settings.clone().new_key_share(0.5)), text("new_key_share", "0.5", "unset"));
    assert_eq!(refused(settings.clone().max_bytes(5)), text("max_bytes", "5", "unset"));
    let lru = settings.eviction_policy(larder::EvictionPolicy::Lru);
    assert_eq!(refused(lru), text("eviction_policy", "Lru", "SegmentedLru"));
}

#[test]
fn bytes_bound_a_cache_and_change_in_use() {
    let (cache, _) = cache(CacheSettings::new(1_000).max_bytes(100_000));
    let view = cache.view::<Vec<u8>>().with_heap_size(Vec::len);
    (0..1_000).for_each(|key| view.set(&key, vec![0; 900]));
    let memory = cache.memory().values;
    assert!((90_000..=100_000).contains(&memory) && cache.entry_count() >= 90, "{memory}");
    cache.apply(&CacheSettings::new(1_000).max_bytes(10_000)).unwrap();
    assert!(cache.memory().values <= 10_000 && cache.entry_count() >= 9);
}

#[test]
fn a_value_that_says_it_is_larger_than_anything_is_not_kept() {
    let (cache, _) = cache(CacheSettings::new(10).max_bytes(1_000));
    let view = cache.view::<u32>().with_heap_size(|_| usize::MAX);
    view.set("key", 1);
    assert_eq!((view.get("key"), cache.entry_count()), (None, 0));
}

#[test]
fn bytes_are_known_without_a_bound_too() {
    let (cache, _) = cache(CacheSettings::new(100_000));
    let view = cache.view::<Vec<u8>>().with_heap_size(Vec::len);
    (0..10).for_each(|key| view.set(&key, vec![0; 1_000]));
    let few = cache.memory();
    assert!((10_000..11_500).contains(&few.values), "{few:?}");
    (0..50_000).for_each(|key| view.set(&key, vec![0; 100]));
    let many = cache.memory();
    assert!((6_000_000..10_000_000).contains(&many.values), "{many:?}");
    assert!(few.structures > 0 && many.total() == many.structures + many.values);
}

#[test]
fn threads_that_read_and_write_meanwhile_find_their_own() {
    let (cache, _) = cache(CacheSettings::new(1_000).time_to_live(10 * MINUTE));
    let view = cache.view();
    thread::scope(|scope| {
        for thread in 0..3_u32 {
            let view = &view;
            scope.spawn(move || {
                for round in 0..2_000_u32 {
                    let key = (thread, round % 50);
                    view.set(&key, round);
                    if let Some(found) = view.get(&key) {
                        assert_eq!(found, round);
                    }
                }
            });
        }
        for round in 0..50 {
            let (entries, minutes) = (200 + round % 7 * 100, 1 + round as u32 % 5);
            cache.apply(&CacheSettings::new(entries).time_to_live(minutes * MINUTE)).unwrap();
        }
    });
    let settings = cache.settings();
    let limit = settings.time_to_live.unwrap();
    let within = |key: (u32, u32)| view.ttl(&key).is_none_or(|ttl| ttl <= 5 * MINUTE);
    assert!((0..3).flat_map(|a| (0..50).map(move |b| (a, b))).all(within), "{limit:?}");
    assert!(cache.entry_count() <= settings.max_entries);
}

#[test]
fn a_cache_grows_beyond_what_it_was_built_for_and_its_times_hold_there_too() {
    let (cache, clock) = cache(CacheSettings::new(100).time_to_live(10 * MINUTE));
    let view = cache.view();
    (0..100).for_each(|key| view.set(&key, key));
    cache.apply(&cache.settings().max_entries(20_000)).unwrap();
    (0..5_000).for_each(|key| view.set(&key, key));
    assert_eq!(cache.entry_count(), 5_000);
    assert!((0..5_000).all(|key| view.ttl(&key) == Some(10 * MINUTE)));
    clock.advance(MINUTE);
    cache.apply(&cache.settings().time_to_live(2 * MINUTE)).unwrap();
    assert!((0..5_000).all(|key| view.ttl(&key) == Some(MINUTE)));
    let memory = cache.memory().values;
    assert!((5_000 * 40..5_000 * 80).contains(&memory), "{memory}");
    clock.advance(MINUTE);
    assert!((0..5_000).all(|key| view.get(&key).is_none()));
    cache.run_pending_tasks();
    assert_eq!(cache.entry_count(), 0);
}
