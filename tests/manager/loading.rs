//! Loads through views.

use crate::{MINUTE, SECOND, cache};
use futures::executor::block_on;
use larder::manager::CacheSettings;
use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

#[test]
fn of_threads_that_ask_at_once_one_loads() {
    let view = cache(CacheSettings::new(100)).0.view();
    let (loads, barrier) = (AtomicUsize::new(0), Barrier::new(4));
    for round in 0..100_usize {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    let load = || loads.fetch_add(1, SeqCst);
                    assert_eq!(view.get_with(&round, load), round);
                });
            }
        });
        assert_eq!(loads.load(SeqCst), round + 1);
    }
}

#[test]
fn futures_and_threads_share_what_is_there() {
    let view = cache(CacheSettings::new(100)).0.view::<u32>();
    assert_eq!(block_on(view.get_with_async("a", async { 1 })), 1);
    assert_eq!(view.get_with("a", || unreachable!()), 1);
    assert_eq!(block_on(view.try_get_with_async("b", async { "2".parse() })), Ok(2));
    assert_eq!(view.try_get_with("b", || "x".parse::<u32>()), Ok(2));
    assert_eq!(block_on(view.optionally_get_with_async("c", async { Some(3) })), Some(3));
    assert_eq!(view.optionally_get_with("c", || None), Some(3));
    assert_eq!(view.cache().stats().loads, 3);
}

#[test]
fn errors_and_nothing_are_not_stored() {
    let view = cache(CacheSettings::new(100)).0.view::<u32>();
    assert!(view.try_get_with("a", || "x".parse()).is_err());
    assert_eq!(view.optionally_get_with("a", || None), None);
    assert!(block_on(view.try_get_with_async("a", async { "x".parse() })).is_err());
    assert_eq!(block_on(view.optionally_get_with_async("a", async { None })), None);
    assert_eq!((view.cache().entry_count(), view.get_with("a", || 1)), (0, 1));
}

/// Loads a key, and does something while the load is under way.
fn while_loading(view: &larder::manager::View<u32>, act: impl FnOnce()) -> u32 {
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    thread::scope(|scope| {
        let load = scope.spawn(move || {
            view.get_with("key", || {
                begun.send(()).unwrap();
                may_go_on.recv().unwrap();
                1
            })
        });
        has_begun.recv().unwrap();
        act();
        go_on.send(()).unwrap();
        load.join().unwrap()
    })
}

#[test]
fn what_is_loaded_while_its_namespace_goes_on_is_not_found() {
    let view = cache(CacheSettings::new(100)).0.view::<u32>().with_namespace("rows");
    assert_eq!(while_loading(&view, || view.clear()), 1);
    assert_eq!(view.get("key"), None);
}

#[test]
fn what_is_loaded_while_it_is_written_or_removed_is_not_stored() {
    let view = cache(CacheSettings::new(100)).0.view::<u32>();
    assert_eq!(while_loading(&view, || view.set("key", 2)), 1);
    assert_eq!(view.get("key"), Some(2));
    view.delete("key");
    assert_eq!(while_loading(&view, || assert!(!view.delete("key"))), 1);
    assert_eq!(view.get("key"), None);
    while_loading(&view, || view.cache().clear());
    assert_eq!(view.get("key"), None);
}

#[test]
fn what_is_loaded_while_its_tag_is_invalidated_is_not_stored() {
    let view = cache(CacheSettings::new(100)).0.view::<u32>();
    let tagged = view.clone().with_tags(["rows"]).unwrap();
    assert_eq!(while_loading(&tagged, || view.invalidate_tag("rows")), 1);
    assert_eq!(view.get("key"), None);
    assert_eq!(while_loading(&tagged, || ()), 1);
    assert_eq!(view.get("key"), Some(1));
    view.invalidate_tag("rows");
    assert_eq!(view.get("key"), None);
}

#[test]
fn tags_are_of_the_cache_whatever_namespace_and_type() {
    let (cache, _) = cache(CacheSettings::new(100));
    let numbers = cache.view::<u32>().with_tags(["urls", "clicks"]).unwrap();
    let words = cache.view::<&str>().with_namespace("words").with_tags(["urls"]).unwrap();
    let others = cache.view::<u32>().with_tags(["users"]).unwrap();
    let set = || {
        numbers.set("a", 1);
        words.set("a", "one");
        others.set("b", 2);
    };
    set();
    cache.invalidate_tag("clicks");
    assert_eq!((numbers.get("a"), words.get("a"), others.get("b")), (None, Some("one"), Some(2)));
    set();
    cache.invalidate_tag(&"urls".to_owned());
    assert_eq!((numbers.get("a"), words.get("a"), others.get("b")), (None, None, Some(2)));
    assert!(cache.view::<u32>().with_tags(0..9).is_err());
}

#[test]
fn what_is_loaded_lives_as_long_as_its_view_says() {
    let (cache, clock) = cache(CacheSettings::new(100).time_to_live(MINUTE));
    let (long, short) = (cache.view::<u32>(), cache.view::<u32>().with_ttl(SECOND));
    long.get_with("long", || 1);
    short.get_with("short", || 1);
    block_on(short.get_with_async("future", async { 1 }));
    assert_eq!((long.ttl("long"), long.ttl("short")), (Some(MINUTE), Some(SECOND)));
    clock.advance(SECOND);
    assert_eq!(long.get_many(["long", "short", "future"]), [Some(1), None, None]);
}

#[test]
fn a_loader_that_panics_leaves_the_key_to_the_next() {
    let view = cache(CacheSettings::new(100)).0.view::<u32>();
    let panicked = std::panic::catch_unwind(|| view.get_with("a", || panic!("no rows")));
    assert!(panicked.is_err());
    assert_eq!(view.get_with("a", || 1), 1);
}

#[test]
fn futures_are_not_much_larger_than_their_loaders() {
    const LARGE: usize = 8 << 10;
    async fn large<T>(value: T) -> T {
        let state = [1_u8; LARGE];
        std::future::ready(()).await;
        assert_eq!(state[LARGE - 1], 1);
        value
    }
    let view = cache(CacheSettings::new(100)).0.view::<u32>();
    let sizes = [
        ("get_with", size_of_val(&view.get_with_async("a", large(1)))),
        ("try_get_with", size_of_val(&view.try_get_with_async("a", large(Ok::<_, ()>(1))))),
        ("optionally", size_of_val(&view.optionally_get_with_async("a", large(Some(1))))),
    ];
    for (name, size) in sizes {
        // Its place as an argument, and that where it is pinned.
        assert!(size < 2 * LARGE + 1_024, "{name}: {size} bytes");
    }
}
