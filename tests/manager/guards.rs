//! Loads by hand through views.

use crate::{MINUTE, SECOND, cache};
use futures::executor::block_on;
use larder::{
    LoadOutcome,
    manager::{CacheSettings, Freshness, View, ViewGuard},
};
use static_assertions::assert_impl_all;
use std::{
    fmt::Debug,
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    thread,
};

assert_impl_all!(ViewGuard<String>: Send, Sync, Unpin, Debug);

fn view() -> View<u32> {
    cache(CacheSettings::new(100)).0.view()
}

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Whether it can be sent is checked by the compiler.
fn sent<F: Future + Send>(future: F) -> F {
    future
}

#[test]
fn what_is_inserted_is_stored_and_given_to_all_that_wait() {
    let view = view();
    let guard = view.get_or_guard("a").unwrap_err();
    let mut mine = pin!(sent(view.get_or_guard_async("a")));
    let mut loader = pin!(view.get_with_async("a", async { unreachable!("it is loaded") }));
    assert!(poll(mine.as_mut()).is_none() && poll(loader.as_mut()).is_none());
    assert!(view.get_or_guard("b").is_err(), "another key");
    let text = view.cache().view::<String>();
    assert!(text.get_or_guard("a").is_err(), "a value of another type");
    assert_eq!(thread::spawn(move || guard.insert(7)).join().unwrap(), LoadOutcome::Stored);
    assert_eq!((block_on(mine).unwrap(), block_on(loader)), (7, 7));
    assert_eq!((view.get("a"), view.get_or_guard("a").unwrap()), (Some(7), 7));
    assert_eq!(view.cache().stats().loads, 1);
}

#[test]
fn a_guard_that_is_dropped_passes_the_load_on() {
    let view = view();
    let guard = view.get_or_guard("a").unwrap_err();
    let mut mine = pin!(view.get_or_guard_async("a"));
    assert!(poll(mine.as_mut()).is_none());
    drop(guard);
    let guard = poll(mine.as_mut()).expect("its turn").unwrap_err();
    assert_eq!(guard.insert(7), LoadOutcome::Stored);
    assert_eq!(view.get("a"), Some(7));
}

#[test]
fn what_is_not_accepted_is_replaced() {
    let view = view();
    view.set("a", 1);
    assert_eq!(view.get_or_guard_if("a", |value| *value == 1).unwrap(), 1);
    let accept = |value: &u32| *value > 1;
    let guard = block_on(sent(view.get_or_guard_if_async("a", accept))).unwrap_err();
    assert_eq!((guard.old_value(), view.get("a")), (Some(&1), Some(1)));
    let mut mine = pin!(view.get_or_guard_if_async("a", accept));
    assert!(poll(mine.as_mut()).is_none());
    assert_eq!(view.get_or_guard("a").unwrap(), 1);
    drop(guard);
    assert_eq!(view.get("a"), Some(1));
    let guard = poll(mine.as_mut()).expect("its turn").unwrap_err();
    assert_eq!(guard.insert(2), LoadOutcome::Stored);
    assert_eq!(view.get_or_guard_if("a", accept).unwrap(), 2);
}

#[test]
fn whatever_writes_the_key_wins() {
    type Write = fn(&View<u32>);
    let writes: [(&str, Write, Option<u32>); 6] = [
        ("set", |view| view.set("a", 2), Some(2)),
        ("add", |view| assert!(view.add("a", 2)), Some(2)),
        ("delete", |view| assert!(!view.delete("a")), None),
        ("invalidate_tag", |view| view.invalidate_tag("of nothing"), None),
        ("clear, of the cache", |view| view.cache().clear(), None),
        ("clear, of the namespace", View::clear, None),
    ];
    for (name, write, left) in writes {
        let view = view();
        let guard = view.get_or_guard("a").unwrap_err();
        let mut mine = pin!(view.get_or_guard_async("a"));
        assert!(poll(mine.as_mut()).is_none());
        write(&view);
        let mut after = pin!(view.get_or_guard_async("a"));
        let after = poll(after.as_mut()).expect("it does not wait for what is superseded");
        assert_eq!(after.as_ref().ok().copied(), left, "{name}");
        // What belongs to a version that is over is stored, and found by nobody.
        let of_namespace = name == "clear, of the namespace";
        assert_eq!(guard.is_superseded(), !of_namespace, "{name}");
        let expected = if of_namespace { LoadOutcome::Stored } else { LoadOutcome::Superseded };
        assert_eq!(guard.insert(1), expected, "{name}");
        assert_eq!((view.get("a"), block_on(mine).unwrap()), (left, 1), "{name}");
    }
}

#[test]
fn an_entry_has_the_tags_and_times_of_the_view() {
    let (cache, clock) = cache(CacheSettings::new(100).time_to_live(10 * MINUTE));
    let all = cache.view::<u32>();
    let view = all.clone().with_ttl(MINUTE).with_tags(["a"]).unwrap().with_soft_ttl(10 * SECOND);
    assert_eq!(view.get_or_guard(&1).unwrap_err().insert(1), LoadOutcome::Stored);
    assert_eq!(view.ttl(&1), Some(MINUTE));
    assert_eq!(view.get_aged(&1), Some((1, Freshness::Fresh)));
    clock.advance(10 * SECOND);
    assert_eq!(view.get_aged(&1), Some((1, Freshness::Stale)));
    assert_eq!(view.get_or_guard(&2).unwrap_err().insert_with_ttl(2, SECOND), LoadOutcome::Stored);
    assert_eq!(all.get_or_guard(&3).unwrap_err().insert(3), LoadOutcome::Stored);
    let own = view.get_or_guard(&4).unwrap_err().insert_tagged(4, ["b"]);
    assert_eq!((own, view.ttl(&4)), (Ok(LoadOutcome::Stored), Some(MINUTE)));
    let own = view.get_or_guard(&5).unwrap_err().insert_tagged_with_ttl(5, ["b"], 2 * SECOND);
    assert_eq!((own, view.ttl(&5)), (Ok(LoadOutcome::Stored), Some(2 * SECOND)));
    assert_eq!((view.ttl(&2), view.ttl(&3)), (Some(SECOND), Some(10 * MINUTE)));
    let keys = [1, 2, 3, 4, 5];
    view.invalidate_tag("a");
    assert_eq!(view.get_many(&keys), [None, None, Some(3), Some(4), Some(5)]);
    view.invalidate_tag("b");
    assert_eq!(view.get_many(&keys), [None, None, Some(3), None, None]);
    assert!(view.get_or_guard(&6).unwrap_err().insert_tagged(6, 0..9).is_err());
    assert!(view.get_or_guard(&6).is_err(), "abandoned");
}

/// What the manager knows of a value's size holds for one that was inserted by hand.
#[test]
fn an_entry_weighs_what_it_weighs_if_it_is_set() {
    let weighs = |insert: fn(&View<Vec<u8>>)| {
        let (cache, _clock) = cache(CacheSettings::new(100).max_bytes(1 << 20));
        insert(&cache.view::<Vec<u8>>().with_heap_size(Vec::capacity));
        cache.memory().values
    };
    let set = weighs(|view| view.set("key", vec![0; 1_000]));
    let inserted = weighs(|view| _ = view.get_or_guard("key").unwrap_err().insert(vec![0; 1_000]));
    assert!(set > 1_000, "{set}");
    assert_eq!(inserted, set);
}

#[test]
fn a_keyed_view_has_guards_too() {
    let view = view().keyed::<u64>();
    assert_eq!(view.get_or_guard(&7).unwrap_err().insert(1), LoadOutcome::Stored);
    assert_eq!(view.get_or_guard(&7).unwrap(), 1);
    assert!(format!("{:?}", view.get_or_guard(&8).unwrap_err()).contains("ViewGuard"));
}

#[test]
fn results_are_small() {
    let view = view();
    assert!(size_of::<Result<u32, ViewGuard<u32>>>() <= 2 * size_of::<usize>());
    let size = size_of_val(&view.get_or_guard_async("a"));
    assert!(size <= 200, "{size}");
}
