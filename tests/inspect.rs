//! Looking at what is in a cache, and taking it out.

mod common;

use common::validate;
use larder::{Cache, CacheBuilder, Maintenance, ManualClock, RemovalCause};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

fn builder(capacity: u64) -> CacheBuilder<u64, u64> {
    Cache::builder().max_capacity(capacity).maintenance(Maintenance::Manual)
}

fn full(entries: u64) -> Cache<u64, u64> {
    let cache = builder(10_000).shards(4).build();
    cache.insert_many((0..entries).map(|key| (key, 10 * key)));
    cache
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().collect();
    items.sort();
    items
}

#[test]
fn keys_and_loops_see_every_entry_once() {
    let cache = full(1_000);
    assert!(sorted(cache.keys()).into_iter().eq(0..1_000));
    let mut seen = Vec::new();
    for (key, value) in &cache {
        assert_eq!(value, 10 * key);
        seen.push(key);
    }
    assert!(sorted(seen).into_iter().eq(0..1_000));
    assert_eq!(cache.stats().lookups(), 0);
}

#[test]
fn keys_need_no_values_that_can_be_cloned() {
    struct Unclonable;
    let cache = Cache::new(10);
    cache.insert(1, Unclonable);
    let mut keys = cache.keys();
    assert_eq!((keys.next(), keys.next(), keys.next()), (Some(1), None, None));
}

#[test]
fn what_is_gone_is_not_seen() {
    let clock = ManualClock::new();
    let cache = builder(1_000).clock(&clock).build();
    cache.insert_with_ttl(1, 10, SECOND);
    cache.insert_tagged(2, 20, ["a"]).unwrap();
    cache.insert(3, 30);
    clock.advance(SECOND);
    cache.invalidate_tag("a");
    assert_eq!(cache.keys().collect::<Vec<_>>(), [3]);
    assert_eq!((cache.hottest(5), cache.coldest(5)), (vec![(3, 30)], vec![(3, 30)]));
    assert_eq!((cache.metadata(&1), cache.metadata(&2)), (None, None));
    assert_eq!(cache.drain().collect::<Vec<_>>(), [(3, 30)]);
    validate(&cache);
}

#[test]
fn a_drain_removes_what_it_yields_and_no_more() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = told.clone();
    let cache = builder(1_000)
        .eviction_listener(move |&key, &value, cause| {
            notes.lock().unwrap().push((key, value, cause));
        })
        .build();
    cache.insert_many((0..100).map(|key| (key, key)));
    let some: Vec<_> = cache.drain().take(37).collect();
    assert_eq!((some.len(), cache.entry_count()), (37, 63));
    assert!(some.iter().all(|(key, _)| !cache.contains_key(key)));
    let explicit: Vec<_> =
        some.iter().map(|&(key, value)| (key, value, RemovalCause::Explicit)).collect();
    assert_eq!(*told.lock().unwrap(), explicit);
    let mut drain = cache.drain();
    assert_eq!((drain.by_ref().count(), drain.next(), cache.entry_count()), (63, None, 0));
    assert_eq!(cache.stats().removals, 100);
    validate(&cache);
}

#[test]
fn a_drain_may_meet_inserts() {
    let cache = builder(1_000).build();
    cache.insert_many((0..500).map(|key| (key, 0)));
    let mut drained = HashSet::new();
    for (key, value) in cache.drain() {
        assert!(drained.insert((key, value)), "{key} twice");
        // Behind the drain or before it: it ends in any case.
        cache.insert(key, value + 1);
    }
    // Inserts may evict.
    let missed = (0..500).filter(|&key| !drained.contains(&(key, 0))).count() as u64;
    assert!(missed <= cache.stats().evictions, "{missed} entries were passed over");
    validate(&cache);
}

#[test]
fn several_drains_share_the_entries_out() {
    let cache = full(5_000);
    let drained: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| cache.drain().collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(sorted(drained).into_iter().eq((0..5_000).map(|key| (key, 10 * key))));
    assert_eq!((cache.entry_count(), cache.stats().removals), (0, 5_000));
    validate(&cache);
}

#[test]
fn what_is_being_loaded_during_a_drain_is_not_stored() {
    let cache = builder(1_000).build();
    let loaded = cache.get_with(1, || {
        assert_eq!(cache.drain().count(), 0);
        10
    });
    assert_eq!((loaded, cache.get(&1)), (10, None));
}

#[test]
fn the_hottest_are_those_in_use_and_the_coldest_those_that_are_not() {
    let cache = builder(1_000).build();
    cache.insert_many((0..1_000).map(|key| (key, key)));
    // Uses of keys below 100 bring them to protected when the policy comes by; the new keys make
    // it.
    for round in 0..10 {
        (0..100).for_each(|key| (0..3).for_each(|_| _ = cache.get(&key)));
        cache.insert_many((0..200).map(|key| (10_000 + 1_000 * round + key, 0)));
    }
    (0..100).for_each(|key| (0..3).for_each(|_| _ = cache.get(&key)));
    let lookups = cache.stats().lookups();
    // The first few keys stayed in probation, which comes after protected.
    let hottest = cache.hottest(70);
    assert_eq!(hottest.len(), 70);
    assert!(hottest.iter().all(|&(key, value)| key < 100 && value == key), "{hottest:?}");
    let all = cache.hottest(usize::MAX);
    assert_eq!(all.len() as u64, cache.entry_count());
    let coldest = cache.coldest(500);
    assert_eq!(coldest.len(), 500);
    assert!(coldest.iter().filter(|(key, _)| *key < 100).count() <= 30, "{coldest:?}");
    let (hot, cold) = (&all[..500], &all[all.len() - 200..]);
    let hot: HashSet<_> = hot.iter().collect();
    assert!(cold.iter().all(|entry| !hot.contains(entry)));
    assert_eq!((cache.hottest(0), cache.coldest(0)), (vec![], vec![]));
    assert_eq!(cache.stats().lookups(), lookups, "no use");
}

#[test]
fn metadata_says_what_is_known() {
    let clock = ManualClock::new();
    let cache = builder(1_000).clock(&clock).build();
    cache.insert(1, 10);
    cache.insert_tagged(2, 20, ["a", "b", "c"]).unwrap();
    let plain = cache.metadata(&1).unwrap();
    assert_eq!((plain.uses, plain.age, plain.ttl, plain.weight, plain.tags), (0, None, None, 1, 0));
    assert_eq!(cache.metadata(&2).unwrap().tags, 3);
    clock.advance(SECOND);
    cache.insert_with_ttl(3, 30, 5 * SECOND);
    cache.insert(4, 40);
    clock.advance(2 * SECOND);
    let ages = [1, 2, 3, 4].map(|key| cache.metadata(&key).unwrap().age);
    let since = Some(2 * SECOND);
    assert_eq!(ages, [None, None, since, since], "those from before there were times have none");
    let ttls = [1, 2, 3, 4].map(|key| cache.metadata(&key).unwrap().ttl);
    assert_eq!(ttls, [None, None, Some(3 * SECOND), None]);
    cache.insert(3, 31);
    let replaced = cache.metadata(&3).unwrap();
    assert_eq!((replaced.age, replaced.ttl), (Some(Duration::ZERO), None));
    for uses in [1, 2, 3, 3] {
        cache.get(&1);
        assert_eq!(cache.metadata(&1).unwrap().uses, uses);
    }
    assert_eq!((cache.metadata(&5), cache.stats().misses), (None, 0));
}
