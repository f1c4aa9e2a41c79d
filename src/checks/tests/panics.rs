//! User code that panics: at every call that an operation makes, one after the other.
//!
//! Afterwards the cache is valid inside, its counters add up, it takes and finds new entries, and
//! every key and value that was ever made is dropped exactly once.

use super::fuse::{Call, FuseCache, Hashing, Id, Population, with_fuse};
use crate::{Cache, compute::ops::compute::Op};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    thread,
    time::{Duration, Instant},
};

use Call::{CloneKey, CloneValue, DropKey, DropValue, Eq, Hash};

/// An operation in a situation.
struct Scene {
    name: &'static str,
    /// Keys `0..entries` are inserted before.
    entries: u64,
    act: fn(&FuseCache, &Population),
    /// The calls that it is known to make: fewer, and the test would no longer test them.
    calls: &'static [Call],
}

const CAPACITY: u64 = 10;
/// An entry count at which insertions have evicted, and dead entries wait.
const FULL: u64 = 40;
/// The last key of those, which is still there.
const LAST: Id = Id(FULL - 1);

const SCENES: &[Scene] = &[
    Scene {
        name: "insert, absent",
        entries: 5,
        act: |cache, population| cache.insert(population.key(500), population.value(500)),
        calls: &[Hash, Eq],
    },
    Scene {
        name: "insert, present",
        entries: 5,
        act: |cache, population| cache.insert(population.key(3), population.value(3)),
        calls: &[Hash, Eq],
    },
    Scene {
        name: "insert, full",
        entries: FULL,
        act: |cache, population| {
            for id in 500..530 {
                cache.insert(population.key(id), population.value(id));
            }
        },
        calls: &[Hash, Eq, DropKey, DropValue],
    },
    Scene {
        name: "insert, many times",
        entries: 5,
        act: |cache, population| {
            for _ in 0..30 {
                cache.insert(population.key(3), population.value(3));
            }
        },
        calls: &[Hash, Eq, DropKey, DropValue],
    },
    Scene {
        name: "add, absent",
        entries: 5,
        act: |cache, population| _ = cache.add(population.key(500), population.value(500)),
        calls: &[Hash, Eq],
    },
    Scene {
        name: "add, present",
        entries: 5,
        act: |cache, population| _ = cache.add(population.key(3), population.value(3)),
        calls: &[Hash, Eq, DropKey, DropValue],
    },
    Scene {
        name: "get",
        entries: 5,
        act: |cache, _| assert_eq!(cache.get(&Id(3)).map(|value| value.id()), Some(3)),
        calls: &[Hash, Eq, CloneValue],
    },
    Scene {
        name: "get, absent",
        entries: 5,
        act: |cache, _| assert!(cache.get(&Id(500)).is_none()),
        calls: &[Hash, Eq],
    },
    Scene {
        name: "get_ref",
        entries: 5,
        act: |cache, _| _ = cache.get_ref(&Id(3), |value| value.clone()),
        calls: &[Hash, Eq, CloneValue],
    },
    Scene {
        name: "peek, contains_key",
        entries: 5,
        act: |cache, _| assert!(cache.peek(&Id(3)).is_some() && cache.contains_key(&Id(4))),
        calls: &[Hash, Eq, CloneValue],
    },
    Scene {
        name: "pin",
        entries: 5,
        act: |cache, _| {
            let pinned = cache.pin();
            let found = pinned.get(&Id(3)).expect("inserted");
            cache.remove(&Id(3));
            assert_eq!(found.id(), 3);
        },
        calls: &[Hash, Eq, CloneValue],
    },
    Scene {
        name: "remove",
        entries: FULL,
        act: |cache, _| assert_eq!(cache.remove(&LAST).map(|value| value.id()), Some(LAST.0)),
        calls: &[Hash, Eq, CloneValue],
    },
    Scene {
        name: "invalidate, many",
        entries: FULL,
        act: |cache, population| {
            for id in 0..30 {
                cache.insert(population.key(600), population.value(id));
                assert!(cache.invalidate(&Id(600)));
            }
        },
        calls: &[Hash, Eq, DropKey, DropValue],
    },
    Scene {
        name: "get_many",
        entries: 10,
        act: |cache, _| _ = cache.get_many(&[Id(1), Id(2), Id(700), Id(1), Id(9)]),
        calls: &[Hash, Eq, CloneValue],
    },
    Scene {
        name: "insert_many",
        entries: FULL,
        act: |cache, population| cache.insert_many((20..60).map(|id| population.entry(id))),
        calls: &[Hash, Eq, DropKey, DropValue],
    },
    Scene {
        name: "iter",
        entries: 10,
        act: |cache, _| assert_eq!(cache.iter().count(), 10),
        calls: &[CloneKey, CloneValue, DropKey, DropValue],
    },
    Scene {
        name: "or_insert",
        entries: 5,
        act: |cache, population| {
            assert_eq!(
                cache.entry(population.key(3)).or_insert(population.value(3)).value().id(),
                3
            );
            assert!(cache.entry(population.key(500)).or_insert(population.value(500)).is_fresh());
        },
        calls: &[Hash, Eq, CloneKey, CloneValue, DropKey, DropValue],
    },
    Scene {
        name: "and_compute_with, absent",
        entries: 5,
        act: |cache, population| {
            let entry = cache.entry(population.key(500)).and_upsert_with(|old| {
                assert!(old.is_none());
                population.value(500)
            });
            assert_eq!(entry.value().id(), 500);
        },
        calls: &[Hash, Eq, CloneKey, CloneValue, DropKey, DropValue],
    },
    Scene {
        name: "and_compute_with, present",
        entries: 5,
        act: |cache, population| {
            let put = |old| {
                // Not behind the result, which would be leaked.
                drop(old);
                Op::Put(population.value(3))
            };
            assert!(cache.entry(population.key(3)).and_compute_with(put).into_entry().is_some());
            let remove = |_| Op::Remove;
            assert!(cache.entry(population.key(4)).and_compute_with(remove).into_entry().is_some());
        },
        calls: &[Hash, Eq, CloneKey, CloneValue, DropKey, DropValue],
    },
    Scene {
        name: "replace, many times",
        entries: 5,
        act: |cache, population| {
            for _ in 0..30 {
                assert!(cache.replace(&Id(3), population.value(3)).is_some());
            }
        },
        calls: &[Hash, Eq, CloneKey, CloneValue, DropKey, DropValue],
    },
    Scene {
        name: "compare_and_swap",
        entries: 5,
        act: |cache, population| {
            let (_, version) = cache.get_versioned(&Id(3)).expect("there");
            cache.compare_and_swap(&Id(3), version, population.value(3)).expect("unchanged");
        },
        calls: &[Hash, Eq, CloneKey, CloneValue],
    },
    Scene {
        name: "invalidate_all",
        entries: FULL,
        act: |cache, _| {
            cache.invalidate_all();
            cache.run_pending_tasks();
        },
        calls: &[DropKey, DropValue],
    },
    Scene {
        name: "get_with, present",
        entries: 5,
        act: |cache, population| {
            let found = cache.get_with(population.key(3), || unreachable!("it is there"));
            assert_eq!(found.id(), 3);
        },
        calls: &[Hash, Eq, CloneValue, DropKey],
    },
    Scene {
        name: "get_with, absent",
        entries: 5,
        act: |cache, population| {
            let loaded = cache.get_with(population.key(500), || population.value(500));
            assert_eq!(loaded.id(), 500);
        },
        calls: &[Hash, Eq, CloneKey, CloneValue, DropKey, DropValue],
    },
    Scene {
        name: "get_with, superseded",
        entries: 5,
        act: |cache, population| {
            let loaded = cache.get_with(population.key(500), || {
                cache.insert(population.key(500), population.value(500));
                population.value(500)
            });
            assert_eq!(loaded.id(), 500);
        },
        calls: &[Hash, Eq, CloneKey, DropKey, DropValue],
    },
    Scene {
        name: "try_get_with, failing",
        entries: 5,
        act: |cache, population| {
            assert!(cache.try_get_with(population.key(500), || Err(())).is_err());
        },
        calls: &[Hash, Eq, CloneKey, DropKey],
    },
    Scene {
        name: "run_pending_tasks",
        entries: FULL,
        act: |cache, _| cache.run_pending_tasks(),
        calls: &[DropKey, DropValue],
    },
];

fn build(hashing: Hashing, shards: usize, entries: u64, population: &Population) -> FuseCache {
    let cache = Cache::builder().max_capacity(CAPACITY).shards(shards).hasher(hashing).build();
    for id in 0..entries {
        cache.insert(population.key(id), population.value(id));
    }
    cache
}

/// Everything that must hold of a cache that has been through a panic, and of all values at its
/// end.
fn check(cache: FuseCache, population: &Population) {
    cache.validate();
    let mut entries = 0;
    for (key, value) in cache.iter() {
        assert!(key.id() == value.id() || key.id() == 600, "{key:?} has {value:?}");
        entries += 1;
    }
    assert_eq!(entries, cache.entry_count());
    for id in 1_000..1_040 {
        cache.insert(population.key(id), population.value(id));
        assert_eq!(cache.get(&Id(id)).map(|value| value.id()), Some(id), "not usable");
        assert!(id % 3 > 0 || cache.remove(&Id(id)).is_some());
    }
    assert_eq!(cache.stats().rejections, 0);
    cache.validate();
    // Other tests of this process may hold the collector up for a while.
    for _ in 0..10_000 {
        cache.run_pending_tasks();
        if population.alive() == 2 * cache.entry_count() {
            break;
        }
        std::thread::yield_now();
    }
    assert_eq!(
        population.alive(),
        2 * cache.entry_count(),
        "removed entries that are never dropped"
    );
    cache.validate();
    drop(cache);
    assert_eq!(population.alive(), 0, "leaked");
}

#[test]
fn a_panic_in_any_call_leaves_the_cache_usable_and_leaks_nothing() {
    for scene in SCENES {
        let mut blown = Vec::new();
        for (hashing, shards) in
            [(Hashing::Colliding, 1), (Hashing::Spread, 1), (Hashing::Spread, 4)]
        {
            for call in Call::ALL {
                for spared in 0.. {
                    let population = Population::default();
                    let cache = build(hashing, shards, scene.entries, &population);
                    let blew = with_fuse(call, spared, || (scene.act)(&cache, &population));
                    check(cache, &population);
                    if !blew {
                        break;
                    }
                    blown.push(call);
                }
            }
        }
        blown.sort();
        blown.dedup();
        let mut missing: Vec<_> = scene.calls.iter().filter(|call| !blown.contains(call)).collect();
        missing.retain(|call| !comes_late(scene, **call));
        assert!(missing.is_empty(), "{}: never called {missing:?}", scene.name);
    }
}

/// Whether a scene makes a call if it is repeated on the same cache. What was replaced or evicted
/// is dropped when nobody can see it any more; other tests of this process may have been pinned all
/// the time that a single scene took.
fn comes_late(scene: &Scene, call: Call) -> bool {
    if !matches!(call, DropKey | DropValue) {
        return false;
    }
    let population = Population::default();
    let cache = build(Hashing::Spread, 1, scene.entries, &population);
    let begun = Instant::now();
    let blew = with_fuse(call, 0, || {
        while begun.elapsed() < Duration::from_secs(60) {
            (scene.act)(&cache, &population);
            // Slow enough for the collector: the cache is not to run out of nodes.
            thread::sleep(Duration::from_millis(5));
        }
    });
    check(cache, &population);
    blew
}

#[test]
fn a_panic_while_the_cache_is_dropped_leaks_nothing() {
    for (shards, entries) in [(1, 5), (1, FULL), (4, 5), (4, FULL)] {
        for call in [DropKey, DropValue] {
            let mut times = 0;
            for spared in 0.. {
                let population = Population::default();
                let cache = build(Hashing::Spread, shards, entries, &population);
                if !with_fuse(call, spared, || drop(cache)) {
                    break;
                }
                times += 1;
                assert_eq!(
                    population.alive(),
                    0,
                    "{shards} shards, {call:?} after {spared}: leaked"
                );
            }
            assert!(times >= entries.min(CAPACITY), "the table drops more than {times}");
        }
    }
}

#[test]
fn a_panic_in_what_the_caller_hands_in_leaves_the_cache_usable() {
    fn bang() -> ! {
        resume_unwind(Box::new("bang"))
    }
    type Act = fn(&FuseCache, &Population);
    let table: [(&str, Act); 5] = [
        ("the loader of get_with", |cache, population| {
            _ = cache.get_with(population.key(9), || bang())
        }),
        ("the closure of get_ref", |cache, _| _ = cache.get_ref(&Id(3), |_| bang())),
        ("the keys of get_many", |cache, _| {
            let keys: Vec<_> = (0..100).map(Id).collect();
            cache.get_many(keys.iter().inspect(|id| {
                if id.0 == 70 {
                    bang()
                }
            }));
        }),
        ("the entries of insert_many", |cache, population| {
            let entries = (0..100).map(|id| population.entry(id));
            cache.insert_many(entries.inspect(|(key, _)| {
                if key.id() == 70 {
                    bang()
                }
            }));
        }),
        ("a thread with a pin", |cache, _| {
            let pinned = cache.pin();
            assert!(pinned.get(&Id(3)).is_some());
            bang();
        }),
    ];
    for (what, act) in table {
        let population = Population::default();
        let cache = build(Hashing::Spread, 1, 5, &population);
        let outcome = catch_unwind(AssertUnwindSafe(|| act(&cache, &population)));
        assert!(outcome.is_err(), "{what} did not panic");
        check(cache, &population);
    }
}
