//! Namespaces and their versions.

use crate::cache;
use larder::manager::{CacheSettings, Namespace};

#[test]
fn namespaces_keep_keys_apart_within_one_budget() {
    let (cache, _) = cache(CacheSettings::new(10));
    let (all, pages) = (cache.view(), cache.view().with_namespace("pages"));
    all.set(&1, "all");
    pages.set(&1, "pages");
    assert_eq!((all.get(&1), pages.get(&1)), (Some("all"), Some("pages")));
    (0..100).for_each(|key| pages.set(&key, "pages"));
    assert!(cache.entry_count() <= 10);
}

#[test]
fn handles_of_one_name_are_one_namespace() {
    let (cache, _) = cache(CacheSettings::new(10));
    let view = cache.view().with_namespace("pages");
    view.set("/", 1);
    assert_eq!(cache.namespace("pages").version(), Namespace::FIRST);
    assert_eq!(cache.namespace("pages").incr_version(), Namespace::FIRST + 1);
    assert_eq!(view.get("/"), None);
    assert_eq!(view.version(), 2);
    assert_eq!(cache.namespace("").version(), Namespace::FIRST);
    assert_eq!(cache.namespace("pages").name(), "pages");
}

// Django: docs/topics/cache, cache versioning
#[test]
fn a_version_sees_only_what_was_set_in_it() {
    let view = cache(CacheSettings::new(10)).0.view();
    let second = view.clone().with_version(2);
    second.set("my_key", "hello world!");
    assert_eq!((view.get("my_key"), second.get("my_key")), (None, Some("hello world!")));
}

// Django: docs/topics/cache, cache versioning (incr_version, decr_version of a key)
#[test]
fn a_key_goes_to_the_next_version_and_back_and_the_others_stay() {
    let view = cache(CacheSettings::new(10)).0.view();
    view.set("my_key", "hello world!");
    view.set("other", "stays");
    assert_eq!(view.incr_version("my_key"), Some(2));
    assert_eq!((view.get("my_key"), view.get("other")), (None, Some("stays")));
    let second = view.clone().with_version(2);
    assert_eq!((second.get("my_key"), second.get("other")), (Some("hello world!"), None));
    assert_eq!(second.decr_version("my_key"), Some(1));
    assert_eq!(view.get("my_key"), Some("hello world!"));
    assert_eq!(view.decr_version("my_key"), None, "there is nothing before the first");
    assert_eq!(view.get("my_key"), Some("hello world!"));
    assert_eq!(view.incr_version("missing"), None);
}

#[test]
fn before_the_first_version_and_after_the_last_there_is_none() {
    let view = cache(CacheSettings::new(10)).0.view();
    let zeroth = view.clone().with_version(0);
    zeroth.set("key", 0);
    assert_eq!((zeroth.decr_version("key"), zeroth.get("key")), (None, Some(0)));
    assert_eq!((zeroth.incr_version("key"), view.get("key")), (Some(1), Some(0)));
    let last = view.clone().with_version(u64::MAX);
    assert_eq!(last.version(), (1 << 40) - 1);
    last.set("key", 9);
    assert_eq!((last.incr_version("key"), last.get("key")), (None, Some(9)));
}

#[test]
fn a_namespace_that_goes_back_finds_what_it_had() {
    let (cache, _) = cache(CacheSettings::new(10));
    let (view, namespace) = (cache.view().with_namespace("pages"), cache.namespace("pages"));
    view.set("/", 1);
    view.clear();
    view.set("/", 2);
    assert_eq!((namespace.decr_version(), view.get("/")), (1, Some(1)));
    assert_eq!(namespace.decr_version(), 1, "the first stays the first");
    assert_eq!((namespace.incr_version(), view.get("/")), (2, Some(2)));
}

#[test]
fn what_is_stale_makes_room_for_what_is_not() {
    let (cache, _) = cache(CacheSettings::new(1_000));
    let view = cache.view();
    (0..900).for_each(|key| view.set(&key, 1));
    // One or two may have found their buckets full before the cache was.
    let present = (0..900).filter(|key| view.get(key) == Some(1)).count();
    assert!(present >= 891, "{present} of 900, in a cache for 1,000");
    view.clear();
    for round in 0..3 {
        (0..500).for_each(|key| _ = view.get_with(&key, || round));
    }
    let found = view.get_many(&(0..500).collect::<Vec<i32>>());
    let kept = found.iter().flatten().count();
    assert!(kept >= 450, "{kept} of 500 that are in use, beside 900 that are stale");
}
