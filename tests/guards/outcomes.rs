//! What comes of a load: for those who wait, and in the cache.

use super::*;
use common::{Census, PATIENCE, panic_of, settle, validate};
use futures::executor::block_on;
use larder::{RemovalCause, TooManyTags};
use std::{
    sync::{Mutex, mpsc::channel},
    thread,
};

#[test]
fn what_is_inserted_is_stored_and_given_to_all_that_wait() {
    let cache = cache();
    let leader = guard(&cache);
    assert_eq!((*leader.key(), leader.old_value()), (KEY, None));
    let (mine, other) = (waiting(&cache), waiting(&cache));
    let loader = Task::new(cache.get_with_async(KEY, async { unreachable!("it is loaded") }));
    let loader = loader.waiting();
    stored(leader, 7);
    assert_eq!((mine.end().unwrap(), other.end().unwrap(), loader.end()), (7, 7, 7));
    assert_eq!((cache.get(&KEY), cache.get_or_guard(KEY).unwrap()), (Some(7), 7));
    assert_eq!(block_on(cache.get_or_guard_async(KEY)).unwrap(), 7);
    assert_eq!(cache.stats().loads, 1);
    validate(&cache);
}

#[test]
fn a_guard_waits_for_loaders_and_gets_what_they_bring() {
    let cache = cache();
    let (value, load) = futures::channel::oneshot::channel();
    let loader = Task::new(cache.get_with_async(KEY, async { load.await.unwrap() })).waiting();
    let mine = waiting(&cache);
    value.send(7).unwrap();
    assert_eq!((loader.end(), mine.end().unwrap()), (7, 7));
    validate(&cache);
}

#[test]
fn a_loader_that_fails_or_has_nothing_leaves_a_guard_to_who_waits() {
    let cache = cache();
    let (fail, failed) = futures::channel::oneshot::channel::<()>();
    let load = async { failed.await.map(|()| 1) };
    let loader = Task::new(cache.try_get_with_async(KEY, load)).waiting();
    let mine = waiting(&cache);
    drop(fail);
    assert!(loader.end().is_err());
    let leader = mine.end().unwrap_err();
    let nothing = Task::new(cache.optionally_get_with_async(KEY, async { None })).waiting();
    let mine = waiting(&cache);
    drop(leader);
    assert_eq!(nothing.end(), None);
    stored(mine.end().unwrap_err(), 7);
    assert_eq!(cache.get(&KEY), Some(7));
    validate(&cache);
}

#[test]
fn a_guard_may_end_in_another_thread() {
    let cache = cache();
    let leader = guard(&cache);
    let (asks, asked) = channel();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (cache, asks) = (cache.clone(), asks.clone());
            thread::spawn(move || {
                asks.send(()).unwrap();
                cache.get_or_guard(KEY).map_err(drop)
            })
        })
        .collect();
    (0..3).for_each(|_| asked.recv_timeout(PATIENCE).unwrap());
    thread::spawn(move || stored(leader, 7)).join().unwrap();
    let found = threads.into_iter().map(|thread| thread.join().unwrap());
    assert!(found.into_iter().all(|found| found == Ok(7)));
    validate(&cache);
}

#[test]
fn a_guard_counts_as_a_load_with_its_time_when_it_inserts() {
    let cache = cache();
    drop(guard(&cache));
    assert_eq!((cache.stats().misses, cache.stats().loads), (1, 0));
    let leader = guard(&cache);
    let held = std::time::Instant::now();
    thread::sleep(Duration::from_millis(5));
    let least = held.elapsed();
    stored(leader, 7);
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.loads, stats.load_failures), (2, 1, 0));
    assert!(stats.load_time >= least, "{:?} {least:?}", stats.load_time);
    assert_eq!(stats.inserts, 1);
}

#[test]
fn an_entry_has_the_time_and_the_tags_that_it_is_given() {
    let (cache, clock) = timed();
    stored(guard(&cache), 7);
    assert_eq!(cache.ttl(&KEY), Some(10 * SECOND));
    cache.invalidate(&KEY);
    assert_eq!(guard(&cache).insert_with_ttl(7, SECOND), LoadOutcome::Stored);
    assert_eq!(cache.ttl(&KEY), Some(SECOND));
    clock.advance(SECOND);
    let outcome = guard(&cache).insert_tagged(8, ["a", "b"]);
    assert_eq!((outcome, cache.ttl(&KEY)), (Ok(LoadOutcome::Stored), Some(10 * SECOND)));
    cache.invalidate_tag("b");
    let outcome = guard(&cache).insert_tagged_with_ttl(9, ["c"], SECOND);
    assert_eq!((outcome, cache.ttl(&KEY)), (Ok(LoadOutcome::Stored), Some(SECOND)));
    cache.invalidate_tag("a");
    assert_eq!(cache.get(&KEY), Some(9));
    cache.invalidate_tag("c");
    assert_eq!(cache.get(&KEY), None);
    validate(&cache);
}

#[test]
fn what_has_no_time_to_live_is_given_to_those_who_wait_only() {
    let (cache, _clock) = timed();
    let leader = guard(&cache);
    let mine = waiting(&cache);
    leader.insert_with_ttl(7, Duration::ZERO);
    assert_eq!((mine.end().unwrap(), cache.get(&KEY)), (7, None));
    cache.insert(KEY, 1);
    let leader = cache.get_or_guard_if(KEY, |_| false).unwrap_err();
    leader.insert_with_ttl(7, Duration::ZERO);
    assert_eq!(cache.get(&KEY), None);
    validate(&cache);
}

#[test]
fn too_many_tags_abandon_the_load() {
    let cache = cache();
    let leader = guard(&cache);
    let mine = waiting(&cache);
    assert!(matches!(leader.insert_tagged(7, 0..9), Err(TooManyTags { tags: 9, .. })));
    stored(mine.end().unwrap_err(), 8);
    assert_eq!(cache.get(&KEY), Some(8));
}

#[test]
fn what_there_is_no_room_for_is_given_to_those_who_wait() {
    let cache: Numbers =
        Cache::builder().max_capacity(10).weigher(|_: &u32, value: &u32| *value).build();
    let leader = guard(&cache);
    let mine = waiting(&cache);
    assert_eq!(leader.insert(11), LoadOutcome::Rejected);
    assert_eq!((mine.end().unwrap(), cache.get(&KEY)), (11, None));
    validate(&cache);
}

#[test]
fn a_guard_outlives_its_cache() {
    let census = Census::default();
    let cache = Cache::new(10);
    let (first, second) = (cache.get_or_guard(1).unwrap_err(), cache.get_or_guard(2).unwrap_err());
    cache.insert(3, census.value(3));
    let third = cache.get_or_guard_if(3, |_| false).unwrap_err();
    drop(cache);
    assert_eq!(first.insert(census.value(1)), LoadOutcome::Rejected);
    assert!(!second.is_superseded() && format!("{second:?}").contains("LoadGuard"));
    drop(second);
    assert_eq!(third.old_value().map(common::Counted::id), Some(3));
    drop(third);
    let cache: Cache<u32, common::Counted> = Cache::new(10);
    settle(&cache, &census);
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_guard_of_an_expired_entry_replaces_nothing() {
    let (cache, clock) = timed();
    cache.insert(KEY, 1);
    clock.advance(10 * SECOND);
    let leader = guard(&cache);
    assert_eq!(leader.old_value(), None);
    stored(leader, 2);
    assert_eq!(cache.get(&KEY), Some(2));
    validate(&cache);
}

#[test]
fn a_loader_that_asks_for_a_guard_of_its_own_key_panics() {
    let cache = cache();
    let panic = panic_of(|| cache.get_with(KEY, || cache.get_or_guard(KEY).unwrap_or(0)));
    assert!(panic.unwrap().contains("recursive load"));
    let init = async { cache.get_or_guard_async(KEY).await.unwrap_or(0) };
    let panic = panic_of(|| block_on(cache.get_with_async(KEY, init)));
    assert!(panic.unwrap().contains("recursive load"));
    stored(guard(&cache), 7);
    validate(&cache);
}

#[test]
fn listeners_are_told_when_the_load_has_landed() {
    let (told, tell) = channel();
    let (answered, answers) = channel();
    let answers = Mutex::new(answers);
    let cache: Numbers = Cache::builder()
        .max_capacity(10)
        .eviction_listener(move |_: &u32, value: &u32, cause| {
            // Until the waiter has its answer, which it would not get if this came first.
            answers
                .lock()
                .unwrap()
                .recv_timeout(PATIENCE)
                .expect("the waiter waits for the listener");
            told.send((*value, cause)).unwrap();
        })
        .build();
    cache.insert(KEY, 1);
    let leader = cache.get_or_guard_if(KEY, |_| false).unwrap_err();
    let handle = cache.clone();
    let (asks, asked) = channel();
    let waiter = thread::spawn(move || {
        let mut task = Task::new(handle.get_or_guard_if_async(KEY, |_| false)).waiting();
        asks.send(()).unwrap();
        let found = loop {
            match task.poll() {
                Some(found) => break found,
                None => thread::yield_now(),
            }
        };
        answered.send(()).unwrap();
        found.map_err(drop)
    });
    asked.recv_timeout(PATIENCE).unwrap();
    stored(leader, 2);
    assert_eq!(waiter.join().unwrap(), Ok(2));
    assert_eq!(tell.try_recv(), Ok((1, RemovalCause::Replaced)));
}

#[test]
fn a_value_whose_clone_panics_is_not_stored_and_passes_the_load_on() {
    struct Fragile(bool);

    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert!(self.0, "fragile");
            Self(self.0)
        }
    }

    let cache = Cache::new(10);
    let leader = cache.get_or_guard(KEY).map_err(Some).err().flatten().unwrap();
    let mut mine = Task::new(cache.get_or_guard_async(KEY));
    assert!(mine.poll().is_none());
    assert_eq!(panic_of(|| leader.insert(Fragile(false))).unwrap(), "fragile");
    assert_eq!(mine.woken(), 1);
    let leader = mine.poll().and_then(Result::err).expect("its turn");
    assert_eq!(leader.insert(Fragile(true)), LoadOutcome::Stored);
    validate(&cache);
}
