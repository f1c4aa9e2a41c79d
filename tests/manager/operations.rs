//! Django's low-level operations, as its documentation describes them.

use crate::{MINUTE, SECOND, cache};
use larder::manager::{CacheSettings, ExpiryMode, View};
use std::{sync::Barrier, thread, time::Duration};

fn words() -> View<&'static str> {
    cache(CacheSettings::new(1_000)).0.view()
}

// Django: docs/topics/cache, basic usage
#[test]
fn what_was_set_is_there_for_as_long_as_was_said() {
    let (cache, clock) = cache(CacheSettings::new(100));
    let view = cache.view();
    view.set_with_ttl("my_key", "hello, world!", 30 * SECOND);
    assert_eq!(view.get("my_key"), Some("hello, world!"));
    clock.advance(30 * SECOND);
    assert_eq!(view.get("my_key"), None);
}

// Django: docs/topics/cache, basic usage (timeout defaults to that of the cache's settings)
#[test]
fn who_says_nothing_of_time_gets_that_of_the_cache() {
    let (cache, clock) = cache(CacheSettings::new(100).time_to_live(MINUTE));
    let view = cache.view();
    view.set("default", 1);
    view.set_with_ttl("longer", 2, 3 * MINUTE);
    view.set_with_ttl("forever", 3, Duration::MAX);
    clock.advance(MINUTE);
    assert_eq!(view.get_many(["default", "longer", "forever"]), [None, Some(2), Some(3)]);
    clock.advance(2 * MINUTE);
    assert_eq!(view.get_many(["longer", "forever"]), [None, Some(3)]);
    clock.advance(60 * 24 * 365 * MINUTE);
    assert_eq!(view.get("forever"), Some(3));
    assert_eq!(view.ttl("forever"), Some(Duration::MAX));
}

// Django: docs/topics/cache, basic usage (a timeout of 0 won't cache the value)
#[test]
fn a_time_of_zero_does_not_store_and_removes_what_is_there() {
    let view = words();
    view.set_with_ttl("a", "new", Duration::ZERO);
    assert!(!view.has_key("a"));
    view.set("a", "old");
    view.set_with_ttl("a", "new", Duration::ZERO);
    assert_eq!(view.get("a"), None);
    let at_once = view.clone().with_ttl(Duration::ZERO);
    at_once.set("b", "new");
    at_once.add("c", "new");
    assert_eq!(at_once.get_with("d", || "loaded"), "loaded");
    assert_eq!(view.get_many(["b", "c", "d"]), [None; 3]);
}

// Django: docs/topics/cache, basic usage (default argument; a stored None is not a missing key)
#[test]
fn a_default_stands_in_for_what_is_absent_only() {
    let view = cache(CacheSettings::new(100)).0.view::<Option<u32>>();
    assert_eq!(view.get_or("my_key", Some(7)), Some(7));
    view.set("my_key", None);
    assert_eq!(view.get("my_key"), Some(None), "None is a value like any other");
    assert_eq!(view.get_or("my_key", Some(7)), None);
    assert!(view.has_key("my_key"));
}

// Django: docs/topics/cache, basic usage (add)
#[test]
fn add_sets_only_what_is_absent() {
    let view = words();
    view.set("add_key", "initial value");
    assert!(!view.add("add_key", "new value"));
    assert_eq!(view.get("add_key"), Some("initial value"));
    assert!(view.add("other", "new value"));
}

#[test]
fn add_sets_what_has_expired() {
    let (cache, clock) = cache(CacheSettings::new(100).time_to_live(MINUTE));
    let view = cache.view();
    assert!(view.add("leader", 1));
    clock.advance(MINUTE);
    assert!(view.add("leader", 2));
    assert_eq!(view.get("leader"), Some(2));
}

#[test]
fn of_threads_that_add_at_once_one_succeeds() {
    let (view, barrier) = (cache(CacheSettings::new(100)).0.view(), Barrier::new(4));
    for round in 0..200 {
        let added: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let (view, barrier) = (&view, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        usize::from(view.add(&round, thread))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(added, 1);
    }
}

// Django: docs/topics/cache, basic usage (get_or_set, with a value or a callable)
#[test]
fn get_or_set_keeps_what_is_there_and_stores_what_is_not() {
    let view = words();
    assert_eq!(view.get_or_set("my_new_key", "my new value"), "my new value");
    assert_eq!(view.get_or_set("my_new_key", "another"), "my new value");
    assert_eq!(view.get_with("timestamp", || "now"), "now");
    assert_eq!(view.get_with("timestamp", || unreachable!()), "now");
}

// Django: docs/topics/cache, basic usage (get_many, set_many)
#[test]
fn many_are_set_and_got_at_once_and_the_absent_are_told_apart() {
    let (cache, clock) = cache(CacheSettings::new(1_000));
    let view = cache.view();
    view.set_many([("a", 1), ("b", 2), ("c", 3)]);
    view.set_with_ttl("b", 2, SECOND);
    clock.advance(SECOND);
    assert_eq!(view.get_many(["a", "b", "c", "d"]), [Some(1), None, Some(3), None]);
    let keys: Vec<u32> = (0..500).collect();
    let numbers = cache.view::<u32>();
    numbers.set_many(keys.iter().map(|key| (key, key * 2)));
    let doubled: Vec<_> = keys.iter().map(|key| Some(key * 2)).collect();
    assert_eq!(numbers.get_many(&keys), doubled, "more than share a pin");
}

// Django: docs/topics/cache, basic usage (delete says whether it did; delete_many)
#[test]
fn delete_says_whether_there_was_anything() {
    let view = words();
    view.set_many([("a", "1"), ("b", "2"), ("c", "3")]);
    assert!(view.delete("a"));
    assert!(!view.delete("a"));
    assert_eq!(view.delete_many(["a", "b", "c", "d"]), 2);
    assert_eq!(view.cache().entry_count(), 0);
}

#[test]
fn the_names_of_django_are_aliases_of_those_of_cache() {
    let (cache, _) = cache(CacheSettings::new(100).time_to_live(MINUTE));
    let view = cache.view::<u32>();
    view.set("a", 1);
    view.set_with_ttl("b", 2, SECOND);
    view.set_many([("c", 3), ("d", 4)]);
    assert_eq!(view.get_many(["a", "b", "c", "d"]), [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!((view.ttl("a"), view.ttl("b")), (Some(MINUTE), Some(SECOND)));
    assert!(view.has_key("a") && view.contains_key("a") && !view.has_key("e"));
    assert_eq!((view.delete("a"), view.delete("a"), view.invalidate("b")), (true, false, true));
    view.clear();
    assert_eq!(view.get("c"), None);

    view.insert("a", 1);
    view.insert_with_ttl("b", 2, SECOND);
    view.insert_many([("c", 3), ("d", 4)]);
    assert_eq!(view.get_many(["a", "b", "c", "d"]), [Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!((view.ttl("a"), view.ttl("b")), (Some(MINUTE), Some(SECOND)));
    assert_eq!((view.remove("a"), view.remove("a")), (Some(1), None));
    view.invalidate_all();
    assert_eq!((view.get("b"), view.namespace().version()), (None, 3));
}

// Django: docs/topics/cache, basic usage (touch)
#[test]
fn touch_begins_the_time_anew_or_sets_another() {
    let (cache, clock) = cache(CacheSettings::new(100).time_to_live(10 * SECOND));
    let view = cache.view();
    view.set("a", 1);
    clock.advance(9 * SECOND);
    assert!(view.touch("a"));
    clock.advance(9 * SECOND);
    assert!(view.has_key("a"));
    assert!(view.set_ttl("a", 60 * SECOND));
    clock.advance(59 * SECOND);
    assert!(view.has_key("a"));
    clock.advance(SECOND);
    assert!(!view.touch("a"), "what has expired is absent");
    view.set("b", 2);
    assert!(view.clone().with_ttl(MINUTE).touch("b"));
    assert_eq!(view.ttl("b"), Some(MINUTE));
    view.set_ttl("b", Duration::ZERO);
    assert!(!view.has_key("b"));
}

// Django: docs/topics/cache, basic usage (incr, decr: of a missing key an error)
#[test]
fn counting_takes_a_key_that_is_there_and_stops_at_the_ends_of_the_type() {
    let view = cache(CacheSettings::new(100)).0.view::<u8>();
    assert_eq!((view.incr("num", 1), view.decr("num", 1)), (None, None));
    assert!(!view.has_key("num"));
    view.set("num", 1);
    assert_eq!((view.incr("num", 1), view.incr("num", 10)), (Some(2), Some(12)));
    assert_eq!((view.decr("num", 1), view.decr("num", 5)), (Some(11), Some(6)));
    assert_eq!((view.incr("num", 255), view.decr("num", 255)), (Some(255), Some(0)));
}

#[test]
fn threads_that_count_lose_no_step() {
    // More nodes than writes: none is rejected because a thread was interrupted while pinned.
    let view = cache(CacheSettings::new(100_000)).0.view::<u64>();
    view.set("clicks", 0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|_| assert!(view.incr("clicks", 1).is_some())));
        }
    });
    assert_eq!(view.get("clicks"), Some(40_000));
}

#[test]
fn a_count_keeps_the_time_that_its_entry_began_with() {
    type Set = fn(&View<u32>);
    let times: [(&str, Duration, Set); 4] = [
        ("settings", MINUTE, |view| view.set("tries", 1)),
        ("view", 10 * SECOND, |view| view.clone().with_ttl(10 * SECOND).set("tries", 1)),
        ("call", 20 * SECOND, |view| view.set_with_ttl("tries", 1, 20 * SECOND)),
        ("touch", 30 * SECOND, |view| {
            view.set("tries", 1);
            assert!(view.set_ttl("tries", 30 * SECOND));
        }),
    ];
    for expiry in [ExpiryMode::AfterWrite, ExpiryMode::AfterAccess] {
        for (name, time, set) in times {
            let settings = CacheSettings::new(100).time_to_live(MINUTE).expiry(expiry);
            let (cache, clock) = cache(settings);
            let view = cache.view::<u32>();
            set(&view);
            // Of a view with another time, which is for what it writes anew.
            let counter = view.clone().with_ttl(3 * MINUTE);
            for (step, count) in (1..10).zip([2, 3, 2, 3, 4, 5, 4, 5, 6]) {
                clock.advance(time / 10);
                let counted =
                    if step % 4 == 3 { counter.decr("tries", 1) } else { counter.incr("tries", 1) };
                assert_eq!(counted, Some(count), "{name}, {expiry:?}, step {step}");
            }
            let is_idle = expiry == ExpiryMode::AfterAccess && name == "settings";
            let left = if is_idle { MINUTE } else { time / 10 };
            assert_eq!(view.ttl("tries"), Some(left), "{name}, {expiry:?}");
            clock.advance(left + SECOND / 100);
            assert_eq!((view.incr("tries", 1), view.get("tries")), (None, None));
        }
    }
}

#[test]
fn a_count_keeps_its_tags_and_what_its_cache_sets_later() {
    let (cache, _) = cache(CacheSettings::new(100).time_to_live(10 * MINUTE));
    let view = cache.view::<u32>();
    view.clone().with_tags(["tag"]).unwrap().set("a", 1);
    view.set("b", 1);
    view.set_with_ttl("c", 1, 20 * MINUTE);
    for key in ["a", "b", "c"] {
        assert_eq!(view.incr(key, 1), Some(2));
    }
    cache.apply(&cache.settings().time_to_live(MINUTE)).unwrap();
    let ttls = ["a", "b", "c"].map(|key| view.ttl(key));
    assert_eq!(ttls, [Some(MINUTE), Some(MINUTE), Some(20 * MINUTE)]);
    cache.invalidate_tag("tag");
    assert_eq!(view.get_many(["a", "b"]), [None, Some(2)]);
}

/// What the caller says of one entry is not for the cache's idle time to end.
#[test]
fn a_time_of_its_own_outlasts_an_idle_time() {
    let day = 24 * 60 * MINUTE;
    type Stay = fn(&View<u32>, Duration);
    let stay: [(&str, Stay); 4] = [
        ("set_with_ttl", |view, time| view.set_with_ttl("a", 1, time)),
        ("with_ttl", |view, time| assert!(view.clone().with_ttl(time).add("a", 1))),
        ("a load", |view, time| {
            assert_eq!(view.clone().with_ttl(time).get_with("a", || 1), 1);
        }),
        ("set_ttl", |view, time| {
            view.set("a", 1);
            assert!(view.set_ttl("a", time));
        }),
    ];
    let settings = CacheSettings::new(100).time_to_live(5 * MINUTE).expiry(ExpiryMode::AfterAccess);
    for (name, stay) in stay {
        let (cache, clock) = cache(settings.clone());
        let view = cache.view::<u32>();
        stay(&view, 30 * day);
        clock.advance(29 * day);
        cache.run_pending_tasks();
        assert_eq!(view.get("a"), Some(1), "{name}");
        // Neither reads nor other settings change it.
        cache.apply(&settings.clone().time_to_live(MINUTE)).unwrap();
        cache.apply(&settings.clone().expiry(ExpiryMode::AfterWrite)).unwrap();
        cache.apply(&settings).unwrap();
        assert_eq!((view.get("a"), view.ttl("a")), (Some(1), Some(day)), "{name}");
        clock.advance(day - SECOND);
        assert_eq!(view.get("a"), Some(1), "{name}");
        clock.advance(SECOND);
        assert_eq!(view.get("a"), None, "{name}");
        // Without an end there is none, and a touch by rule makes it one of many again.
        stay(&view, Duration::MAX);
        clock.advance(400 * day);
        assert_eq!(view.get("a"), Some(1), "{name}");
        assert!(view.touch("a"));
        clock.advance(5 * MINUTE + SECOND / 100);
        assert_eq!(view.get("a"), None, "{name}");
    }
}

// Django: docs/topics/cache, basic usage (clear removes everything)
#[test]
fn to_clear_a_cache_takes_every_view_along() {
    let (cache, _) = cache(CacheSettings::new(100));
    let (numbers, words) = (cache.view::<u32>(), cache.view::<&str>().with_namespace("words"));
    numbers.set(&1, 1);
    words.set(&1, "one");
    cache.clear();
    assert_eq!((numbers.get(&1), words.get(&1), cache.entry_count()), (None, None, 0));
}

#[test]
fn to_look_without_using_counts_nothing() {
    let view = words();
    view.set("a", "1");
    assert_eq!((view.peek("a"), view.peek("b")), (Some("1"), None));
    assert!(view.has_key("a") && view.ttl("a").is_some());
    let stats = view.cache().stats();
    assert_eq!((stats.hits, stats.misses), (0, 0));
    assert_eq!((view.get("a"), view.get("b")), (Some("1"), None));
    let stats = view.cache().stats();
    assert_eq!((stats.hits, stats.misses), (1, 1));
}
