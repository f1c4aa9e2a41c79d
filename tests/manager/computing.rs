//! Keys of one type, and what is computed from what is there.

use crate::{MINUTE, SECOND, cache};
use larder::{
    CasError, Entry,
    manager::{CacheSettings, ExpiryMode, KeyedView, View},
    ops::compute::{CompResult, Op},
};
use std::{
    collections::HashMap,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

fn carts() -> KeyedView<u64, Vec<u32>> {
    // More nodes than writes: none is rejected because a thread was interrupted while pinned.
    cache(CacheSettings::new(100_000)).0.view().keyed()
}

#[test]
fn a_literal_is_a_key_of_the_views_type() {
    let view = cache(CacheSettings::new(100)).0.view::<&str>();
    let users = view.keyed::<u64>();
    let id = 7_u64;
    users.set(&id, "Ada");
    assert_eq!((users.get(&7), users.get_or(&8, "?"), users.has_key(&7)), (Some("Ada"), "?", true));
    assert_eq!(users.get_with(&7, || unreachable!()), "Ada");
    assert_eq!(users.get_many(&[7, 8]), [Some("Ada"), None]);
    assert!(users.delete(&7) && !users.has_key(&id));
    users.set_many([(&7, "Ada"), (&8, "Grace")]);
    assert_eq!((users.remove(&7), users.delete_many(&[7, 8])), (Some("Ada"), 1));
    // The same entries as the untyped view's, which has to be asked with the very type.
    users.insert(&7, "Ada");
    assert_eq!((view.get(&7_u64), view.get(&7_i32)), (Some("Ada"), None));
    let names = view.keyed::<String>();
    names.insert("a", "1");
    names.insert(&"b".to_owned(), "2");
    assert_eq!(names.get_many(["a", "b"]), [Some("1"), Some("2")]);
    let pairs = view.keyed::<(u32, i8)>();
    pairs.insert(&(1, -1), "pair");
    assert_eq!(pairs.remove(&(1, -1)), Some("pair"));
    let bytes = view.keyed::<Vec<u8>>();
    bytes.insert(&[1_u8, 2][..], "slice");
    assert_eq!(bytes.get(&vec![1_u8, 2]), Some("slice"));
    let shared = view.keyed::<Arc<str>>();
    shared.insert(&Arc::from("a"), "shared");
    assert_eq!(shared.get(&Arc::from("a")), Some("shared"));
}

#[test]
fn a_keyed_view_is_the_view_that_it_was_made_of() {
    let (cache, clock) = cache(CacheSettings::new(100));
    let view = cache.view::<u32>().with_namespace("n").with_ttl(MINUTE);
    let keyed = view.keyed::<u64>().with_tags(["tag"]).unwrap();
    keyed.insert(&1, 1);
    keyed.insert(&2, 2);
    assert_eq!(keyed.ttl(&1), Some(MINUTE));
    assert_eq!((keyed.incr(&1, 5), keyed.decr(&2, 1)), (Some(6), Some(1)));
    assert_eq!((cache.view::<u32>().get(&1_u64), view.get(&1_u64)), (None, Some(6)));
    assert_eq!((keyed.incr_version(&1), keyed.version()), (Some(2), 1));
    cache.invalidate_tag("tag");
    assert_eq!(keyed.get(&2), None);
    keyed.insert_with_ttl(&3, 3, SECOND);
    clock.advance(SECOND);
    assert_eq!(keyed.get(&3), None);
    assert!(format!("{:?}", keyed.clone()).contains("\"n\""));
}

#[test]
fn names_of_the_cache_mean_the_same_in_a_view() {
    let view = cache(CacheSettings::new(100)).0.view::<u32>();
    view.insert("a", 1);
    assert!(view.contains_key("a") && view.has_key("a"));
    assert_eq!(view.replace("a", 2), Some(1));
    assert_eq!(view.replace("b", 2), None);
    assert!(view.invalidate("a") && !view.invalidate("a"));
    view.insert_with_ttl("a", 1, Duration::ZERO);
    assert_eq!((view.get("a"), view.remove("a")), (None, None));
}

#[test]
fn a_token_is_given_to_one_who_removes_it() {
    let tokens = cache(CacheSettings::new(100_000)).0.view::<u64>().keyed::<u64>();
    for round in 0..500 {
        tokens.insert(&round, round * 10);
        let barrier = Barrier::new(4);
        let got: Vec<_> = thread::scope(|scope| {
            let remove = || {
                barrier.wait();
                tokens.remove(&round)
            };
            let threads = [(); 4].map(|()| scope.spawn(remove));
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(got, [round * 10]);
    }
}

/// Four threads add 250 items each to one cart.
fn no_item_is_lost(add: impl Fn(&KeyedView<u64, Vec<u32>>, u32) + Sync) {
    let carts = carts();
    carts.insert(&7, Vec::new());
    thread::scope(|scope| {
        for number in 0..4 {
            let (carts, add) = (&carts, &add);
            scope.spawn(move || (0..250).for_each(|item| add(carts, number * 250 + item)));
        }
    });
    let mut cart = carts.remove(&7).unwrap();
    cart.sort_unstable();
    assert_eq!(cart, (0..1_000).collect::<Vec<_>>());
}

fn with(cart: Option<Entry<u64, Vec<u32>>>, item: u32) -> Vec<u32> {
    let mut cart = cart.map(Entry::into_value).unwrap_or_default();
    cart.push(item);
    cart
}

#[test]
fn threads_that_compute_lose_no_item() {
    no_item_is_lost(|carts, item| {
        carts.entry(&7).and_upsert_with(|cart| with(cart, item));
    });
    no_item_is_lost(|carts, item| {
        carts.entry(&7).and_compute_with(|cart| Op::Put(with(cart, item)));
    });
    no_item_is_lost(|carts, item| {
        let put = |cart| Ok::<_, ()>(Op::Put(with(cart, item)));
        carts.entry(&7).and_try_compute_with(put).unwrap();
    });
}

#[test]
fn threads_that_compute_in_futures_lose_no_item() {
    no_item_is_lost(|carts, item| {
        let upsert = carts.entry(&7).and_upsert_with_async(async |cart| with(cart, item));
        futures::executor::block_on(upsert);
    });
    no_item_is_lost(|carts, item| {
        let compute = async |cart| Op::Put(with(cart, item));
        futures::executor::block_on(carts.entry(&7).and_compute_with_async(compute));
    });
}

#[test]
fn threads_that_compare_and_swap_lose_no_item() {
    no_item_is_lost(|carts, item| {
        loop {
            let (mut cart, version) = carts.get_versioned(&7).unwrap();
            cart.push(item);
            match carts.compare_and_swap(&7, version, cart) {
                Ok(_) => break,
                Err(error) => assert_eq!(error, CasError::Changed),
            }
        }
    });
}

#[test]
fn a_version_is_of_one_write() {
    let view = cache(CacheSettings::new(100)).0.view::<&str>();
    assert_eq!(view.get_versioned("a"), None);
    view.insert("a", "first");
    let (_, version) = view.get_versioned("a").unwrap();
    let next = view.compare_and_swap("a", version, "second").unwrap();
    assert_eq!(view.compare_and_swap("a", version, "late"), Err(CasError::Changed));
    assert_eq!(view.get_versioned("a"), Some(("second", next)));
    view.delete("a");
    assert_eq!(view.compare_and_swap("a", next, "late"), Err(CasError::Absent));
}

#[test]
fn what_is_absent_is_inserted_once_and_what_is_there_is_found() {
    let view = cache(CacheSettings::new(100)).0.view::<u32>();
    let entry = view.entry("a").or_insert(1);
    assert_eq!((entry.key(), entry.value(), entry.is_fresh()), (&"a".to_owned(), &1, true));
    assert!(!view.entry("a").or_insert_with(|| unreachable!()).is_fresh());
    assert_eq!(view.entry("b").or_default().into_value(), 0);
    assert_eq!(view.entry("c").or_try_insert_with(|| "x".parse::<u32>()).ok(), None);
    let parsed = view.entry("c").or_try_insert_with(|| "3".parse::<u32>()).unwrap();
    assert_eq!((parsed.is_fresh(), parsed.into_value()), (true, 3));
    assert!(view.entry("d").or_optionally_insert_with(|| None).is_none());
    assert_eq!(view.entry("d").or_optionally_insert_with(|| Some(4)).unwrap().into_value(), 4);
    futures::executor::block_on(async {
        assert!(view.entry("e").or_insert_with_async(async { 5 }).await.is_fresh());
        assert!(!view.entry("e").or_insert_with_async(async { unreachable!() }).await.is_fresh());
        let failed = view.entry("f").or_try_insert_with_async(async { Err::<u32, _>("no") }).await;
        assert_eq!(failed.map_err(|error| *error).unwrap_err(), "no");
        let nothing = view.entry("f").or_optionally_insert_with_async(async { None }).await;
        assert!(nothing.is_none() && !view.has_key("f"));
    });
}

#[test]
fn an_operation_does_what_it_says() {
    let view = cache(CacheSettings::new(100)).0.view::<u32>();
    let compute = |op: Op<u32>| view.entry("a").and_compute_with(move |_| op);
    assert!(matches!(compute(Op::Nop), CompResult::StillNone(key) if key == "a"));
    assert!(matches!(compute(Op::Remove), CompResult::StillNone(_)));
    assert!(matches!(compute(Op::Put(1)), CompResult::Inserted(entry) if *entry.value() == 1));
    assert!(matches!(compute(Op::Nop), CompResult::Unchanged(entry) if *entry.value() == 1));
    assert!(
        matches!(compute(Op::Put(2)), CompResult::ReplacedWith(entry) if entry.is_old_value_replaced())
    );
    let failed = view.entry("a").and_try_compute_with(|old| Err::<Op<u32>, _>(old.unwrap()));
    assert_eq!(failed.unwrap_err().into_value(), 2);
    assert!(matches!(compute(Op::Remove), CompResult::Removed(entry) if *entry.value() == 2));
    assert!(!view.has_key("a"));
    // Another type's value of the same key is another entry.
    view.cache().view::<&str>().insert("a", "text");
    assert!(matches!(compute(Op::Nop), CompResult::StillNone(_)));
}

#[test]
fn what_is_computed_has_the_times_and_tags_of_its_view() {
    let settings = CacheSettings::new(100).time_to_live(5 * MINUTE).expiry(ExpiryMode::AfterAccess);
    type Write = fn(&View<u32>);
    let writes: [(&str, Write); 5] = [
        ("upsert", |view| _ = view.entry("a").and_upsert_with(|_| 2)),
        ("compute", |view| _ = view.entry("a").and_compute_with(|_| Op::Put(2))),
        ("async", |view| {
            futures::executor::block_on(view.entry("a").and_upsert_with_async(async |_| 2));
        }),
        ("replace", |view| _ = view.replace("a", 2).unwrap()),
        ("swap", |view| {
            let (_, version) = view.get_versioned("a").unwrap();
            view.compare_and_swap("a", version, 2).unwrap();
        }),
    ];
    for (name, write) in writes {
        let (cache, clock) = cache(settings.clone());
        let view = cache.view::<u32>();
        view.insert_with_ttl("a", 1, MINUTE);
        write(&view);
        assert_eq!(view.ttl("a"), Some(5 * MINUTE), "{name}: by the settings");
        write(&view.clone().with_ttl(60 * MINUTE).with_tags(["tag"]).unwrap());
        clock.advance(59 * MINUTE);
        assert_eq!((view.get("a"), view.ttl("a")), (Some(2), Some(MINUTE)), "{name}: the view's");
        cache.invalidate_tag("tag");
        assert_eq!(view.get("a"), None, "{name}: has the view's tag");
    }
}

/// A map of what each user has, changed by many at once through one view.
#[test]
fn computations_of_many_keys_keep_to_themselves() {
    let counts = cache(CacheSettings::new(100_000)).0.view::<u64>().keyed::<String>();
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let counts = &counts;
            scope.spawn(move || {
                for step in 0..1_000 {
                    let key = format!("key {}", (step + thread) % 8);
                    let more =
                        |old: Option<Entry<String, u64>>| old.map_or(1, |old| old.value() + 1);
                    counts.entry(&*key).and_upsert_with(more);
                }
            });
        }
    });
    let all: HashMap<_, _> =
        (0..8).map(|key| (key, counts.get(&*format!("key {key}")).unwrap())).collect();
    assert!(all.values().all(|count| *count == 500), "{all:?}");
}
