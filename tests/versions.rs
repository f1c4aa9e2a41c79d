//! Versions: each write of a key has its own.

mod common;

use common::{alone, validate};
use larder::{Cache, CasError, Version};
use std::{
    collections::{HashMap, HashSet},
    thread,
};

#[test]
fn a_version_holds_until_the_next_write() {
    type Write = fn(&Cache<u64, u64>);
    let writes: [(&str, Write, CasError); 7] = [
        ("insert of the same value", |cache| cache.insert(1, 10), CasError::Changed),
        ("replace", |cache| _ = cache.replace(&1, 10), CasError::Changed),
        ("incr by nothing", |cache| _ = cache.incr(&1, 0), CasError::Changed),
        (
            "swap",
            |cache| {
                let (_, version) = cache.get_versioned(&1).unwrap();
                cache.compare_and_swap(&1, version, 10).unwrap();
            },
            CasError::Changed,
        ),
        ("insert_many", |cache| cache.insert_many([(1, 11), (1, 10)]), CasError::Changed),
        ("remove", |cache| assert!(cache.invalidate(&1)), CasError::Absent),
        (
            "remove and add",
            |cache| assert!(cache.invalidate(&1) && cache.add(1, 10)),
            CasError::Changed,
        ),
    ];
    for (name, write, error) in writes {
        let cache = Cache::new(10);
        cache.insert(1, 10);
        let (value, version) = cache.get_versioned(&1).expect("there");
        // Neither uses nor writes of other keys change it.
        cache.get(&1);
        cache.insert(2, 20);
        assert_eq!(cache.get_versioned(&1), Some((value, version)), "{name}");
        write(&cache);
        assert_eq!(cache.compare_and_swap(&1, version, 12), Err(error), "{name}");
        let after = cache.get_versioned(&1);
        assert!(after.is_none_or(|(value, new)| value == 10 && new != version), "{name}");
        validate(&cache);
    }
}

#[test]
fn a_swap_says_the_next_version() {
    let cache = Cache::new(10);
    assert_eq!(cache.get_versioned(&1), None);
    cache.insert(1, 0);
    let (_, mut version) = cache.get_versioned(&1).unwrap();
    for value in 1..1_000 {
        version = cache.compare_and_swap(&1, version, value).unwrap();
        assert_eq!(cache.get_versioned(&1), Some((value, version)));
    }
    let stats = cache.stats();
    assert_eq!((stats.updates, stats.hits, stats.misses), (999, 1_000, 1));
    validate(&cache);
}

/// With one shard, a small cache and many writes every node comes back many times.
#[test]
fn no_version_comes_back_with_its_node() {
    const WRITES: u64 = if cfg!(miri) { 2_000 } else { 200_000 };
    let _alone = alone();
    let cache = Cache::builder().max_capacity(4).shards(1).build();
    cache.insert(0, 0);
    let (_, first) = cache.get_versioned(&0).unwrap();
    let mut seen = HashSet::from([first]);
    for i in 1..WRITES {
        // The value goes to and fro.
        cache.insert(0, i % 2);
        let (_, version) = cache.get_versioned(&0).unwrap();
        assert!(seen.insert(version), "{version:?} is that of two writes");
        if i % 1_000 == 0 {
            assert_eq!(cache.compare_and_swap(&0, first, 7), Err(CasError::Changed));
        }
    }
    let nodes: HashSet<_> = seen.iter().map(node).collect();
    assert!(cfg!(miri) || nodes.len() < seen.len() / 2, "nodes have not come back");
    validate(&cache);
}

/// The part of a version that is the node, as its debug output shows it.
fn node(version: &Version) -> String {
    format!("{version:?}").split('.').nth(1).expect("shard, node and generation").to_owned()
}

/// Threads that write begin before anybody has asked for a version.
#[test]
fn versions_are_told_apart_from_the_moment_they_appear() {
    const ROUNDS: u64 = if cfg!(miri) { 3 } else { 300 };
    let _alone = alone();
    for _ in 0..ROUNDS {
        let cache = Cache::builder().max_capacity(4).shards(1).build();
        cache.insert(0, 0);
        let read = thread::scope(|scope| {
            for t in 1..3_u64 {
                let cache = &cache;
                scope.spawn(move || {
                    for i in 0..400 {
                        cache.insert(0, t << 32 | i);
                    }
                });
            }
            let reader = scope.spawn(|| {
                let mut versions: Vec<(Version, u64)> = Vec::new();
                for _ in 0..400 {
                    let (value, version) = cache.get_versioned(&0).expect("nothing is evicted");
                    versions.push((version, value));
                }
                versions
            });
            reader.join().unwrap()
        });
        let mut values = HashMap::new();
        for (version, value) in read {
            let other = *values.entry(version).or_insert(value);
            assert_eq!(other, value, "two values of {version:?}");
        }
        validate(&cache);
    }
}

#[test]
fn no_swap_is_lost() {
    const THREADS: u64 = 4;
    const EACH: u64 = if cfg!(miri) { 20 } else { 20_000 };
    let _alone = alone();
    // With more nodes than there are writes, so that none is rejected.
    let cache = Cache::builder().max_capacity(100_000).shards(1).build();
    cache.insert("sum", 0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    loop {
                        let (value, version) = cache.get_versioned("sum").expect("not evicted");
                        match cache.compare_and_swap("sum", version, value + 1) {
                            Ok(_) => break,
                            Err(error) => assert_eq!(error, CasError::Changed),
                        }
                    }
                }
            });
        }
    });
    assert_eq!(cache.get("sum"), Some(THREADS * EACH));
    validate(&cache);
}

#[test]
fn versions_of_different_keys_differ() {
    let cache = Cache::builder().max_capacity(1_000).shards(16).build();
    cache.insert_many((0..500).map(|key| (key, ())));
    let versions: HashSet<_> =
        (0..500).map(|key| cache.get_versioned(&key).expect("there is room").1).collect();
    assert_eq!(versions.len(), 500);
    let (_, of_one) = cache.get_versioned(&1).unwrap();
    assert_eq!(cache.compare_and_swap(&2, of_one, ()), Err(CasError::Changed));
    assert!(CasError::Absent.to_string().contains("absent"));
}
