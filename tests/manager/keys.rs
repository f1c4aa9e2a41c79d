//! Keys and values of any type in one cache.

use crate::cache;
use larder::manager::{CacheSettings, Key};
use std::{
    hash::{Hash, Hasher},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

#[test]
fn a_key_under_another_type_of_value_is_another_key() {
    let (cache, _) = cache(CacheSettings::new(100));
    let (words, numbers) = (cache.view::<String>(), cache.view::<u64>());
    words.set("a", "one".to_owned());
    assert_eq!(numbers.get("a"), None);
    numbers.set("a", 1);
    assert_eq!((words.get("a").as_deref(), numbers.get("a")), (Some("one"), Some(1)));
    assert_eq!(cache.entry_count(), 2);
    assert!(numbers.delete("a"));
    assert!(words.has_key("a"));
}

#[test]
fn a_key_of_another_type_is_another_key_though_it_hashes_alike() {
    let view = cache(CacheSettings::new(100)).0.view();
    // A newtype hashes as what is in it.
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct User(u64);
    view.set(&7_u64, "number");
    assert_eq!(view.get(&User(7)), None);
    view.set(&User(7), "user");
    view.set(&7_i64, "signed");
    assert_eq!(view.get(&7_u64), Some("number"));
    assert_eq!(view.get(&User(7)), Some("user"));
    assert_eq!(view.get(&7_i64), Some("signed"));
    assert_eq!(view.get(&7_u32), None);
}

#[test]
fn borrowed_forms_find_what_is_stored_owned() {
    let (cache, _) = cache(CacheSettings::new(100));
    let view = cache.view::<u32>();
    view.set("str", 1);
    assert_eq!((view.get("str"), view.get(&"str".to_owned())), (Some(1), Some(1)));
    view.set(&"string".to_owned(), 2);
    assert_eq!(view.get("string"), Some(2));
    view.set(&[1_u8, 2, 3][..], 3);
    assert_eq!(view.get(&vec![1_u8, 2, 3]), Some(3));
    view.set(std::path::Path::new("/a"), 4);
    assert_eq!(view.get(std::path::Path::new("/a")), Some(4));
    assert_eq!(view.get(std::path::Path::new("/b")), None);
}

#[test]
fn tuples_and_types_of_ones_own_are_keys() {
    let view = cache(CacheSettings::new(100)).0.view();
    view.set(&("page".to_owned(), 2_u32), 1);
    assert_eq!(view.get(&("page".to_owned(), 2_u32)), Some(1));
    assert_eq!(view.get(&("page".to_owned(), 3_u32)), None);
    let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
    view.set(&(localhost, Some(80_u16)), 2);
    assert_eq!(view.get(&(localhost, Some(80_u16))), Some(2));
    view.set(&(), 3);
    assert_eq!(view.get(&()), Some(3));
}

/// All hash alike.
#[derive(Clone, PartialEq, Eq)]
struct Colliding(u32);

impl Hash for Colliding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(0);
    }
}

#[test]
fn keys_are_told_apart_by_equality_and_not_by_their_hash() {
    let view = cache(CacheSettings::new(1_000)).0.view();
    (0..10).for_each(|key| view.set(&Colliding(key), key));
    for key in 0..10 {
        assert_eq!(view.get(&Colliding(key)), Some(key));
    }
    assert_eq!(view.get(&Colliding(10)), None);
}

/// A key of two parts, neither of them owned.
struct Named<'a>(&'a str, &'a str);

impl Hash for Named<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0, self.1).hash(state);
    }
}

impl Key for Named<'_> {
    type Stored = (String, String);

    fn matches(&self, stored: &(String, String)) -> bool {
        (self.0, self.1) == (&*stored.0, &*stored.1)
    }

    fn to_stored(&self) -> (String, String) {
        (self.0.to_owned(), self.1.to_owned())
    }
}

#[test]
fn a_borrowed_key_of_several_parts_loads_sets_finds_and_removes() {
    let view = cache(CacheSettings::new(100)).0.view();
    assert_eq!(view.get_with(&Named("Ada", "Lovelace"), || 1), 1);
    assert_eq!(view.get(&("Ada".to_owned(), "Lovelace".to_owned())), Some(1));
    assert_eq!(view.get(&Named("AdaL", "ovelace")), None);
    view.set(&Named("Ada", "Lovelace"), 2);
    assert_eq!(view.cache().entry_count(), 1, "the same key");
    assert!(view.delete(&Named("Ada", "Lovelace")));
    assert_eq!(view.cache().entry_count(), 0);
}

#[test]
fn values_and_keys_are_dropped_with_their_entries() {
    let (cache, _) = cache(CacheSettings::new(100));
    let value = Arc::new(());
    let view = cache.view();
    // Threads of other tests may be looking at their caches, which keeps what is removed here, too.
    let has_come_to = |count: usize| {
        let end = Instant::now() + Duration::from_secs(30);
        while Arc::strong_count(&value) != count {
            assert!(Instant::now() < end, "{} handles and not {count}", Arc::strong_count(&value));
            cache.run_pending_tasks();
            thread::yield_now();
        }
    };
    (0..50).for_each(|key| view.set(&key, value.clone()));
    assert_eq!(Arc::strong_count(&value), 51);
    view.delete_many(&(0..25).collect::<Vec<i32>>());
    has_come_to(26);
    cache.clear();
    has_come_to(1);
}
