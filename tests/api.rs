//! Every public operation, seen by one thread.

mod common;

use common::validate;
use equivalent::Equivalent;
use larder::{BuildError, Cache, CacheStats};
use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
};

/// A cache with `1 -> "one"` and `2 -> "two"`.
fn one_two() -> Cache<u32, &'static str> {
    let cache = Cache::new(100);
    cache.insert(1, "one");
    cache.insert(2, "two");
    cache
}

fn sorted<K: Ord + Clone, V: Clone, S>(cache: &Cache<K, V, S>) -> BTreeMap<K, V> {
    let all: Vec<_> = cache.iter().collect();
    let map: BTreeMap<_, _> = all.iter().cloned().collect();
    assert_eq!(map.len(), all.len(), "a key came up twice");
    map
}

/// What happened to `cache` while `f` ran.
fn effect<K, V, S>(cache: &Cache<K, V, S>, f: impl FnOnce()) -> CacheStats {
    let before = cache.stats();
    f();
    cache.stats() - before
}

#[test]
fn an_empty_cache_finds_nothing() {
    let cache: Cache<u32, u32> = Cache::new(10);
    assert_eq!((cache.get(&1), cache.peek(&1), cache.remove(&1)), (None, None, None));
    assert!(!cache.contains_key(&1) && !cache.invalidate(&1));
    assert_eq!(cache.get_ref(&1, |_| panic!("there is no value to look at")), None::<()>);
    assert_eq!((cache.entry_count(), cache.iter().count()), (0, 0));
    cache.invalidate_all();
    cache.run_pending_tasks();
}

#[test]
fn what_is_inserted_is_found_by_every_kind_of_lookup() {
    let cache = one_two();
    assert_eq!((cache.get(&1), cache.get(&2), cache.get(&3)), (Some("one"), Some("two"), None));
    assert_eq!(cache.get_ref(&2, |two| two.len()), Some(3));
    assert_eq!((cache.peek(&2), cache.peek(&3)), (Some("two"), None));
    assert!(cache.contains_key(&1) && !cache.contains_key(&3));
    let pinned = cache.pin();
    assert_eq!((pinned.get(&1), pinned.get(&3)), (Some(&"one"), None));
    assert_eq!(pinned.cache().entry_count(), 2);
}

#[test]
fn insert_replaces() {
    let cache = one_two();
    cache.insert(1, "uno");
    assert_eq!((cache.get(&1), cache.get(&2)), (Some("uno"), Some("two")));
    assert_eq!(cache.entry_count(), 2);
    validate(&cache);
}

#[test]
fn add_does_not_replace() {
    let cache = one_two();
    assert!(!cache.add(1, "uno"));
    assert!(cache.add(3, "tre"));
    assert_eq!((cache.get(&1), cache.get(&3)), (Some("one"), Some("tre")));
    validate(&cache);
}

#[test]
fn what_is_removed_is_gone_until_it_is_inserted_again() {
    let cache = one_two();
    assert_eq!((cache.remove(&1), cache.remove(&1), cache.get(&1)), (Some("one"), None, None));
    assert_eq!((cache.invalidate(&2), cache.invalidate(&2), cache.get(&2)), (true, false, None));
    assert_eq!(cache.entry_count(), 0);
    assert!(cache.add(1, "uno"));
    cache.insert(2, "due");
    assert_eq!((cache.get(&1), cache.get(&2)), (Some("uno"), Some("due")));
    validate(&cache);
}

#[test]
fn invalidate_all_removes_everything() {
    let cache = Cache::builder().max_capacity(10_000).shards(4).build();
    cache.insert_many((0..5_000).map(|key| (key, key)));
    assert_eq!(effect(&cache, || cache.invalidate_all()).invalidations, 5_000);
    assert_eq!((cache.entry_count(), cache.iter().next()), (0, None));
    assert!((0..5_000).all(|key| !cache.contains_key(&key)));
    cache.insert(1, 1);
    assert_eq!(cache.get(&1), Some(1));
    validate(&cache);
}

#[test]
fn a_pinned_value_stays_readable_after_its_removal() {
    let cache = Cache::new(10);
    cache.insert(1, String::from("one"));
    let pinned = cache.pin();
    let one = pinned.get(&1).expect("inserted");
    cache.insert(1, String::from("uno"));
    cache.remove(&1);
    cache.run_pending_tasks();
    assert_eq!(one, "one");
    assert_eq!(pinned.get(&1), None);
    validate(&cache);
}

#[test]
fn many_at_once_are_as_many_one_by_one() {
    // Around the number of keys that share a pin.
    for n in [0, 1, 63, 64, 65, 128, 1_000] {
        let cache = Cache::new(2_000);
        cache.insert_many((0..n).map(|key| (key, key * 10)));
        let keys: Vec<u64> = (0..n + 5).rev().collect();
        let expected: Vec<_> = keys.iter().map(|key| (*key < n).then_some(key * 10)).collect();
        let stats = effect(&cache, || assert_eq!(cache.get_many(&keys), expected));
        assert_eq!((stats.hits, stats.misses), (n, 5));
        validate(&cache);
    }
}

#[test]
fn the_last_of_equal_keys_in_insert_many_wins() {
    let cache = Cache::new(10);
    cache.insert_many([(1, 'a'), (2, 'b'), (1, 'c')]);
    assert_eq!(cache.get_many(&[1, 1, 2]), [Some('c'), Some('c'), Some('b')]);
    assert_eq!(cache.entry_count(), 2);
    validate(&cache);
}

#[test]
fn the_iterators_given_to_many_may_use_the_cache() {
    let cache = Cache::new(10);
    cache.insert_many((0..3).map(|key| {
        cache.insert(key + 3, key);
        (key, key)
    }));
    let keys = [0, 3, 9];
    let found = cache.get_many(keys.iter().inspect(|key| cache.insert(9, **key)));
    assert_eq!(found, [Some(0), Some(0), Some(9)]);
    validate(&cache);
}

#[test]
fn iteration_yields_each_entry_once() {
    let cache = Cache::builder().max_capacity(3_000).shards(4).build();
    let expected: BTreeMap<u64, u64> = (0..2_000).map(|key| (key, key * key)).collect();
    cache.insert_many(expected.clone());
    assert_eq!(sorted(&cache), expected);
    let mut iter = cache.iter();
    assert_eq!(iter.by_ref().count(), 2_000);
    assert_eq!((iter.next(), iter.next()), (None, None), "the end stays the end");
}

#[test]
fn iteration_goes_on_while_the_cache_is_changed() {
    let cache = Cache::new(1_000);
    cache.insert_many((0..500).map(|key| (key, key)));
    let mut seen = BTreeMap::new();
    for (key, value) in &mut cache.iter() {
        assert_eq!(seen.insert(key, value), None, "a key came up twice");
        if key % 2 == 1 {
            cache.remove(&key);
        }
    }
    assert!((0..500).step_by(2).all(|key| seen.contains_key(&key)), "those that stayed came up");
    assert_eq!(cache.entry_count(), 250);
    validate(&cache);
}

#[test]
fn lookups_take_borrowed_forms_of_the_key() {
    let cache: Cache<String, u32> = Cache::new(10);
    cache.insert("one".to_owned(), 1);
    assert_eq!((cache.get("one"), cache.get(&"one".to_owned())), (Some(1), Some(1)));
    assert_eq!(cache.get_many(["one", "two"]), [Some(1), None]);
    assert!(cache.contains_key("one") && cache.pin().get("one").is_some());
    assert_eq!((cache.peek("one"), cache.get_ref("one", |one| one + 1)), (Some(1), Some(2)));
    assert!(cache.invalidate("one"));
    cache.insert("one".to_owned(), 1);
    assert_eq!(cache.remove("one"), Some(1));

    let bytes: Cache<Vec<u8>, u32> = Cache::new(10);
    bytes.insert(vec![1, 2], 12);
    assert_eq!((bytes.get(&[1, 2][..]), bytes.get(&[2][..])), (Some(12), None));
    validate(&cache);
}

#[test]
fn lookups_take_any_type_that_is_equivalent_to_the_key() {
    #[derive(PartialEq, Eq, Hash)]
    struct Route {
        host: String,
        path: String,
    }

    /// Hashes as the derived `Route`: field by field.
    #[derive(Hash)]
    struct Parts<'a>(&'a str, &'a str);

    impl Equivalent<Route> for Parts<'_> {
        fn equivalent(&self, route: &Route) -> bool {
            self.0 == route.host && self.1 == route.path
        }
    }

    let cache = Cache::new(10);
    cache.insert(Route { host: "a.org".into(), path: "/x".into() }, 1);
    assert_eq!(cache.get(&Parts("a.org", "/x")), Some(1));
    assert_eq!(cache.get(&Parts("a.org", "/y")), None);
    assert_eq!(cache.remove(&Parts("a.org", "/x")), Some(1));
    validate(&cache);
}

#[test]
fn zero_sized_and_large_entries_are_stored_as_any_other() {
    let unit: Cache<(), ()> = Cache::new(10);
    unit.insert((), ());
    assert_eq!((unit.get(&()), unit.entry_count()), (Some(()), 1));

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[repr(align(128))]
    struct Page([u8; 4096]);
    let pages = Cache::new(100);
    for i in 0..200_u8 {
        pages.insert(i, Page([i; 4096]));
        assert_eq!(
            pages.get_ref(&i, |page| (page.0[4095], std::ptr::from_ref(page).align_offset(128))),
            Some((i, 0))
        );
    }
    assert_eq!(pages.entry_count(), 100);
    validate(&unit);
    validate(&pages);
}

#[test]
fn clones_are_the_same_cache_which_lives_until_the_last_is_dropped() {
    let cache = one_two();
    let other = cache.clone();
    other.insert(3, "three");
    assert_eq!(cache.get(&3), Some("three"));
    drop(cache);
    assert_eq!(other.get(&1), Some("one"));
    let thread = std::thread::spawn(move || other.get(&2));
    assert_eq!(thread.join().expect("no panic"), Some("two"));
}

#[test]
fn each_event_is_counted_where_it_belongs() {
    type Act = fn(&Cache<u32, &'static str>);
    type Expect = fn(&mut CacheStats);
    let table: [(&str, Act, Expect); 16] = [
        ("a hit", |c| _ = c.get(&1), |s| s.hits = 1),
        ("a miss", |c| _ = c.get(&9), |s| s.misses = 1),
        ("a hit in place", |c| _ = c.get_ref(&1, |_| ()), |s| s.hits = 1),
        ("a pinned hit", |c| _ = c.pin().get(&1), |s| s.hits = 1),
        ("a pinned miss", |c| _ = c.pin().get(&9), |s| s.misses = 1),
        ("an insert", |c| c.insert(3, "three"), |s| (s.inserts, s.entries) = (1, 3)),
        ("an update", |c| c.insert(1, "uno"), |s| s.updates = 1),
        ("an add", |c| _ = c.add(3, "three"), |s| (s.inserts, s.entries) = (1, 3)),
        ("an add in vain", |c| _ = c.add(1, "uno"), |_| ()),
        ("a peek", |c| _ = c.peek(&1), |_| ()),
        ("a question", |c| _ = c.contains_key(&9), |_| ()),
        ("a walk", |c| _ = c.iter().count(), |_| ()),
        ("a removal", |c| _ = c.remove(&1), |s| (s.removals, s.entries) = (1, 1)),
        ("a removal in vain", |c| _ = c.invalidate(&9), |_| ()),
        ("maintenance", |c| c.run_pending_tasks(), |_| ()),
        ("both removed", |c| c.invalidate_all(), |s| (s.invalidations, s.entries) = (2, 0)),
    ];
    for (what, act, expect) in table {
        let cache = one_two();
        let mut expected = effect(&cache, || ());
        expect(&mut expected);
        assert_eq!(effect(&cache, || act(&cache)), expected, "{what}");
        validate(&cache);
    }
}

#[test]
fn ratios_and_differences_of_statistics() {
    assert_eq!(CacheStats::default().hit_ratio(), 0.0);
    let cache = one_two();
    let before = cache.stats();
    cache.get_many(&[1, 2, 3, 1]);
    let after = cache.stats();
    let since = after - before;
    assert_eq!((since.lookups(), since.hit_ratio(), since.inserts), (4, 0.75, 0));
    assert_eq!((before - after).hits, 0, "never below zero");
    assert_eq!(since.entries, 2, "of the later one");
}

#[test]
fn statistics_of_threads_that_ended_remain() {
    let cache = one_two();
    for _ in 0..50 {
        let cache = cache.clone();
        std::thread::spawn(move || cache.get(&1)).join().expect("no panic");
    }
    assert_eq!(cache.stats().hits, 50);
}

#[test]
fn debug_and_name_tell_of_the_cache_and_not_of_its_entries() {
    let named: Cache<String, String> = Cache::builder().name("users").max_capacity(7).build();
    named.insert("secret key".into(), "secret value".into());
    assert_eq!(named.name(), Some("users"));
    let text = format!("{named:?} {:?} {:?}", named.iter(), named.pin());
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(
        format!("{named:?}"),
        r#"Cache { name: Some("users"), max_capacity: 7, entries: 1, .. }"#
    );
    assert_eq!(one_two().name(), None);
    assert_eq!(
        format!("{:?}", Cache::<u8, u8>::builder().name("b").max_capacity(7).shards(2)),
        r#"CacheBuilder { name: Some("b"), max_capacity: Some(7), shards: Some(2), .. }"#
    );
}

#[test]
fn the_policy_says_what_was_asked_for() {
    for (asked, got) in [(1, 1), (2, 2), (3, 4), (5, 8), (65_536, 65_536)] {
        let cache: Cache<u8, ()> = Cache::builder().max_capacity(100).shards(asked).build();
        assert_eq!((cache.limits().max_capacity(), cache.limits().shards()), (100, got));
    }
    let cache: Cache<u8, u8> = Cache::new(500);
    assert_eq!((cache.limits().max_capacity(), cache.limits().shards()), (500, 1));
    assert!(cache.memory_usage() > 500 * size_of::<(u8, u8)>());
}

#[test]
fn a_weak_hash_of_the_same_sort_finds_the_same_keys() {
    // Hashing must go through the given hasher for keys and lookups alike.
    #[derive(PartialEq, Eq)]
    struct CaseBlind(&'static str);
    impl Hash for CaseBlind {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.to_ascii_lowercase().hash(state);
        }
    }
    let cache = Cache::new(10);
    cache.insert(CaseBlind("A"), 1);
    cache.insert(CaseBlind("a"), 2);
    assert_eq!((cache.get(&CaseBlind("A")), cache.get(&CaseBlind("a"))), (Some(1), Some(2)));
    validate(&cache);
}

#[test]
fn nonsense_is_refused_with_a_text_that_helps() {
    let refused = |capacity: Option<u64>, shards: Option<usize>| {
        let mut builder = Cache::<u64, u64>::builder();
        if let Some(capacity) = capacity {
            builder = builder.max_capacity(capacity);
        }
        if let Some(shards) = shards {
            builder = builder.shards(shards);
        }
        builder.try_build().expect_err("nonsense")
    };
    let table = [
        (
            refused(None, None),
            BuildError::NoCapacity,
            "max_capacity is not set: say how many entries the cache may hold (0 stores nothing)",
        ),
        (
            refused(Some(10), Some(0)),
            BuildError::Shards { shards: 0, max: 65_536 },
            "shards: 0 is out of range; allowed are 1 to 65536, or leave it unset",
        ),
        (
            refused(Some(10), Some(65_537)),
            BuildError::Shards { shards: 65_537, max: 65_536 },
            "shards: 65537 is out of range; allowed are 1 to 65536, or leave it unset",
        ),
    ];
    for (error, expected, text) in table {
        assert_eq!(error, expected);
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn too_few_shards_are_refused_with_the_number_that_would_do() {
    let try_build = |shards: usize| {
        Cache::<u64, u64>::builder().max_capacity(10_000_000).shards(shards).try_build()
    };
    let error = try_build(1).expect_err("one shard cannot be that large");
    let BuildError::TooFewShards { shards: 1, max_capacity: 10_000_000, at_least } = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        error.to_string(),
        format!(
            "shards: 1 is too few for max_capacity 10000000; at least {at_least} are needed, \
             or leave it unset"
        )
    );
    assert!(try_build(at_least).is_ok());
    assert!(try_build(at_least / 2).is_err(), "fewer would have done");
}

#[test]
fn build_panics_with_the_text_of_the_error() {
    let panic = std::panic::catch_unwind(|| Cache::<u8, u8>::builder().build())
        .expect_err("no capacity was given");
    let text = panic.downcast_ref::<String>().expect("formatted");
    assert!(text.starts_with("cannot build the cache: max_capacity is not set"), "{text}");
}
