//! Computing values from values while their keys change, by the closure itself or in other threads:
//! nothing is lost, nothing comes twice.

mod common;

use common::{alone, validate};
use larder::{
    Cache, Entry, Maintenance,
    ops::compute::{CompResult, Op},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

/// A cache with more nodes than a test makes writes. Where there are more threads than cores, one
/// that was interrupted while pinned keeps others' nodes back for milliseconds; with fewer nodes
/// some writes would be rejected then, and their keys with them.
fn roomy() -> Cache<u64, u64> {
    Cache::builder().max_capacity(200_000).shards(1).build()
}

#[test]
fn a_closure_whose_key_changes_meanwhile_runs_again() {
    let cache = Cache::new(10);
    cache.insert(1, 10);
    let mut seen = Vec::new();
    let result = cache.entry(1).and_compute_with(|entry| {
        seen.push(entry.as_ref().map(|entry| *entry.value()));
        match seen.len() {
            1 => cache.insert(1, 20),
            2 => assert!(cache.invalidate(&1)),
            3 => assert!(cache.add(1, 30)),
            // Neither is a change of this key.
            _ => assert!(cache.get(&1) == Some(30) && cache.add(2, 0)),
        }
        Op::Put(seen.len() as u64)
    });
    assert!(matches!(result, CompResult::ReplacedWith(entry) if *entry.value() == 4));
    assert_eq!(seen, [Some(10), Some(20), None, Some(30)]);
    assert_eq!(cache.get(&1), Some(4));
    validate(&cache);
}

/// What was invalidated while the closure ran is absent: nothing is made of it.
#[test]
fn what_was_invalidated_meanwhile_is_not_brought_back() {
    type Way = (&'static str, fn(&Cache<u32, u32>));
    let ways: [Way; 4] = [
        ("all", |cache| cache.invalidate_all()),
        ("its tag", |cache| cache.invalidate_tag("tag")),
        ("by predicate", |cache| _ = cache.invalidate_entries_if(|_, _| true)),
        ("drained", |cache| _ = cache.drain().count()),
    ];
    for (name, invalidate) in ways {
        let cache = Cache::builder().max_capacity(10).maintenance(Maintenance::Manual).build();
        if name == "its tag" {
            cache.insert_tagged(1, 10, ["tag"]).unwrap();
            // Until it is known that nothing there can be invalid.
            (0..1_000).for_each(|_| cache.run_pending_tasks());
        } else {
            cache.insert(1, 10);
        }
        let mut seen = Vec::new();
        let result = cache.entry(1).and_compute_with(|entry| {
            let old = entry.map(|entry| entry.into_value());
            if seen.is_empty() {
                invalidate(&cache);
            }
            seen.push(old);
            old.map_or(Op::Nop, |old| Op::Put(old + 1))
        });
        assert_eq!((result, seen), (CompResult::StillNone(1), vec![Some(10), None]), "{name}");
        assert_eq!(cache.get(&1), None, "{name}");
        validate(&cache);
    }
}

#[test]
fn no_increment_is_lost() {
    const THREADS: u64 = 4;
    const EACH: u64 = if cfg!(miri) { 50 } else { 50_000 };
    const KEYS: u64 = 3;
    let _alone = alone();
    let cache = roomy();
    thread::scope(|scope| {
        for t in 0..THREADS {
            let cache = &cache;
            scope.spawn(move || {
                for i in 0..EACH {
                    let key = (i + t) % KEYS;
                    match i % 3 {
                        0 => _ = cache.incr_or_insert(key, 1, 1),
                        1 if cache.incr(&key, 1).is_some() => {}
                        _ => {
                            let more =
                                |old: Option<Entry<u64, u64>>| old.map_or(1, |old| old.value() + 1);
                            cache.entry(key).and_upsert_with(more);
                        }
                    }
                }
            });
        }
    });
    let sum: u64 = (0..KEYS).filter_map(|key| cache.get(&key)).sum();
    assert_eq!((sum, cache.stats().rejections), (THREADS * EACH, 0));
    validate(&cache);
}

/// A key, what was found there, and what was left.
type Step = (u64, Option<u64>, Option<u64>);

/// Every value of a key is made once. What one operation leaves behind another finds: so the steps
/// of a key, each a pair of what was found and what was left, make one chain, from nothing to the
/// value that is there in the end.
#[test]
fn the_steps_of_a_key_make_a_chain() {
    const THREADS: u64 = 4;
    const EACH: u64 = if cfg!(miri) { 50 } else { 30_000 };
    const KEYS: u64 = 4;
    let _alone = alone();
    let (cache, values) = (roomy(), AtomicU64::new(1));
    let steps: Vec<Vec<Step>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|t| {
                let (cache, values) = (&cache, &values);
                scope.spawn(move || {
                    let mut steps = Vec::new();
                    for i in 0..EACH {
                        let (key, new) = (i * 7 / 3 % KEYS, values.fetch_add(1, Relaxed));
                        let step = match (i + t) % 5 {
                            0 => cache.add(key, new).then_some((None, Some(new))),
                            1 => cache.remove(&key).map(|old| (Some(old), None)),
                            2 => cache.replace(&key, new).map(|old| (Some(old), Some(new))),
                            3 => {
                                let mut old = None;
                                cache.entry(key).and_upsert_with(|entry| {
                                    old = entry.map(|entry| entry.into_value());
                                    new
                                });
                                Some((old, Some(new)))
                            }
                            _ => {
                                let removed = cache.entry(key).and_compute_with(|entry| {
                                    let even = |entry: Entry<_, u64>| entry.value() % 2 == 0;
                                    if entry.is_some_and(even) { Op::Remove } else { Op::Nop }
                                });
                                match removed {
                                    CompResult::Removed(old) => Some((Some(*old.value()), None)),
                                    _ => None,
                                }
                            }
                        };
                        steps.extend(step.map(|(old, new)| (key, old, new)));
                    }
                    steps
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for key in 0..KEYS {
        // Nothing is found and left several times, so that is no link: the rest is a path from each
        // insert to a removal, and one to the last value.
        let (mut found, mut left) = (HashMap::new(), HashMap::new());
        let (mut begun, mut ended) = (0, 0);
        for &(_, old, new) in steps.iter().flatten().filter(|step| step.0 == key) {
            match old {
                Some(old) => assert_eq!(found.insert(old, new), None, "{old} was found twice"),
                None => begun += 1,
            }
            match new {
                Some(new) => assert_eq!(left.insert(new, old), None, "{new} was left twice"),
                None => ended += 1,
            }
        }
        let last = cache.get(&key);
        assert!(found.keys().all(|old| left.contains_key(old)), "found what nobody left");
        let unfound: Vec<_> = left.keys().filter(|new| !found.contains_key(new)).collect();
        assert_eq!(unfound, last.iter().collect::<Vec<_>>(), "lost");
        assert_eq!(begun, ended + u64::from(last.is_some()));
        assert!(begun > 1 || cfg!(miri), "the threads did not meet");
    }
    validate(&cache);
}

/// The listener hears of each value once, whichever of the threads has put another in its place.
#[test]
fn each_computed_value_is_told_once() {
    const EACH: u64 = if cfg!(miri) { 50 } else { 20_000 };
    let _alone = alone();
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = told.clone();
    let cache = Cache::builder()
        .max_capacity(50)
        .eviction_listener(move |_, &value, _| note.lock().unwrap().push(value))
        .build();
    let values = AtomicU64::new(0);
    let stored: Vec<u64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (cache, values) = (&cache, &values);
                scope.spawn(move || {
                    let store = |i| {
                        // More keys than there is room for, two of them much in use.
                        let key = if i % 2 == 0 { i / 2 % 2 } else { i % 100 };
                        let new = || values.fetch_add(1, Relaxed);
                        let entry = cache.entry(key).and_upsert_with(|_| new());
                        if i % 7 == 0 {
                            cache.entry(key).and_compute_with(|_| Op::Remove);
                        }
                        entry.into_value()
                    };
                    (0..EACH).map(store).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut heard = std::mem::take(&mut *told.lock().unwrap());
    heard.extend(cache.iter().map(|(_, value)| value));
    heard.sort();
    let mut stored = stored;
    stored.sort();
    assert!(heard == stored, "{} told or there, of {}", heard.len(), stored.len());
    validate(&cache);
}
