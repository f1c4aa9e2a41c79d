//! Computing values from values: nothing is lost, nothing half done.

mod common;

use common::{alone, panic_of, validate};
use larder::{
    Cache, Integer, Maintenance, ManualClock, RemovalCause,
    ops::compute::{CompResult, Op},
};
use std::{
    cell::Cell,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

type Told = Arc<Mutex<Vec<(u64, u64, RemovalCause)>>>;

/// How key 1 may be found. If it is there, or was, its value is 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Absent,
    Present,
    Expired,
}

struct Scene {
    cache: Cache<u64, u64>,
    clock: ManualClock,
    told: Told,
}

fn scene(found: Found) -> Scene {
    let (clock, told) = (ManualClock::new(), Told::default());
    let note = told.clone();
    let cache = Cache::builder()
        .max_capacity(100)
        .clock(&clock)
        .time_to_live(SECOND)
        .maintenance(Maintenance::Manual)
        .eviction_listener(move |&key, &value, cause| {
            note.lock().unwrap().push((key, value, cause));
        })
        .build();
    if found != Found::Absent {
        cache.insert(1, 10);
    }
    if found == Found::Expired {
        clock.advance(SECOND);
    }
    Scene { cache, clock, told }
}

/// What an operation makes of key 1: what it answers and which value there is afterwards.
struct Case {
    name: &'static str,
    act: fn(&Cache<u64, u64>) -> Option<u64>,
    /// Found absent or expired.
    absent: (Option<u64>, Option<u64>),
    present: (Option<u64>, Option<u64>),
    /// Why 10 leaves, if it is present.
    cause: Option<RemovalCause>,
}

fn compute(cache: &Cache<u64, u64>, op: fn(Option<u64>) -> Op<u64>) -> Option<u64> {
    let before = Cell::new(None);
    let result = cache.entry(1).and_compute_with(|entry| {
        if let Some(entry) = &entry {
            assert_eq!((entry.key(), entry.is_fresh()), (&1, false));
            assert!(!entry.is_old_value_replaced());
        }
        before.set(entry.map(|entry| entry.into_value()));
        op(before.get())
    });
    match (&result, before.get(), op(before.get())) {
        (CompResult::Inserted(entry), None, Op::Put(new)) => {
            assert!(entry.is_fresh() && !entry.is_old_value_replaced() && *entry.value() == new);
        }
        (CompResult::ReplacedWith(entry), Some(_), Op::Put(new)) => {
            assert!(entry.is_fresh() && entry.is_old_value_replaced() && *entry.value() == new);
        }
        (CompResult::Removed(entry), Some(old), Op::Remove)
        | (CompResult::Unchanged(entry), Some(old), Op::Nop) => {
            assert!(!entry.is_fresh() && !entry.is_old_value_replaced() && *entry.value() == old);
        }
        (CompResult::StillNone(1), None, Op::Remove | Op::Nop) => {}
        other => panic!("{other:?}"),
    }
    result.into_entry().map(|entry| entry.into_value())
}

const CASES: &[Case] = &[
    Case {
        name: "or_insert",
        act: |cache| Some(cache.entry(1).or_insert(7).into_value()),
        absent: (Some(7), Some(7)),
        present: (Some(10), Some(10)),
        cause: None,
    },
    Case {
        name: "or_insert_with",
        act: |cache| {
            let there = cache.contains_key(&1);
            let entry = cache.entry_by_ref(&1).or_insert_with(|| 7);
            assert_eq!((entry.key(), entry.is_fresh()), (&1, !there));
            Some(entry.into_value())
        },
        absent: (Some(7), Some(7)),
        present: (Some(10), Some(10)),
        cause: None,
    },
    Case {
        name: "or_default",
        act: |cache| Some(cache.entry(1).or_default().into_value()),
        absent: (Some(0), Some(0)),
        present: (Some(10), Some(10)),
        cause: None,
    },
    Case {
        name: "or_try_insert_with, Ok",
        act: |cache| {
            let entry = cache.entry(1).or_try_insert_with(|| Ok::<_, Infallible>(7));
            Some(entry.unwrap().into_value())
        },
        absent: (Some(7), Some(7)),
        present: (Some(10), Some(10)),
        cause: None,
    },
    Case {
        name: "or_try_insert_with, Err",
        act: |cache| {
            let entry = cache.entry(1).or_try_insert_with(|| Err("no"));
            entry.map_err(|error| assert_eq!(*error, "no")).ok().map(|entry| entry.into_value())
        },
        absent: (None, None),
        present: (Some(10), Some(10)),
        cause: None,
    },
    Case {
        name: "or_optionally_insert_with, Some",
        act: |cache| {
            cache.entry(1).or_optionally_insert_with(|| Some(7)).map(|entry| entry.into_value())
        },
        absent: (Some(7), Some(7)),
        present: (Some(10), Some(10)),
        cause: None,
    },
    Case {
        name: "or_optionally_insert_with, None",
        act: |cache| {
            cache.entry(1).or_optionally_insert_with(|| None).map(|entry| entry.into_value())
        },
        absent: (None, None),
        present: (Some(10), Some(10)),
        cause: None,
    },
    Case {
        name: "and_upsert_with",
        act: |cache| {
            let there = cache.contains_key(&1);
            let entry = cache.entry(1).and_upsert_with(|old| old.map_or(1, |old| old.value() + 1));
            assert_eq!((entry.is_fresh(), entry.is_old_value_replaced()), (true, there));
            Some(entry.into_value())
        },
        absent: (Some(1), Some(1)),
        present: (Some(11), Some(11)),
        cause: Some(RemovalCause::Replaced),
    },
    Case {
        name: "and_compute_with, Put",
        act: |cache| compute(cache, |old| Op::Put(old.unwrap_or(0) + 5)),
        absent: (Some(5), Some(5)),
        present: (Some(15), Some(15)),
        cause: Some(RemovalCause::Replaced),
    },
    Case {
        name: "and_compute_with, Nop",
        act: |cache| compute(cache, |_| Op::Nop),
        absent: (None, None),
        present: (Some(10), Some(10)),
        cause: None,
    },
    Case {
        name: "and_compute_with, Remove",
        act: |cache| compute(cache, |_| Op::Remove),
        absent: (None, None),
        present: (Some(10), None),
        cause: Some(RemovalCause::Explicit),
    },
    Case {
        name: "and_try_compute_with, Err",
        act: |cache| {
            let result =
                cache.entry(1).and_try_compute_with(|old| Err(old.map(|old| *old.value())));
            result.unwrap_err()
        },
        absent: (None, None),
        present: (Some(10), Some(10)),
        cause: None,
    },
    Case {
        name: "and_try_compute_with, Ok",
        act: |cache| {
            let put = |_| Ok::<_, Infallible>(Op::Put(8));
            cache
                .entry_by_ref(&1)
                .and_try_compute_with(put)
                .unwrap()
                .into_entry()
                .map(|e| *e.value())
        },
        absent: (Some(8), Some(8)),
        present: (Some(8), Some(8)),
        cause: Some(RemovalCause::Replaced),
    },
    Case {
        name: "replace",
        act: |cache| cache.replace(&1, 7),
        absent: (None, None),
        present: (Some(10), Some(7)),
        cause: Some(RemovalCause::Replaced),
    },
    Case {
        name: "incr",
        act: |cache| cache.incr(&1, 3),
        absent: (None, None),
        present: (Some(13), Some(13)),
        cause: Some(RemovalCause::Replaced),
    },
    Case {
        name: "decr",
        act: |cache| cache.decr(&1, 3),
        absent: (None, None),
        present: (Some(7), Some(7)),
        cause: Some(RemovalCause::Replaced),
    },
    Case {
        name: "incr_or_insert",
        act: |cache| Some(cache.incr_or_insert(1, 3, 100)),
        absent: (Some(100), Some(100)),
        present: (Some(13), Some(13)),
        cause: Some(RemovalCause::Replaced),
    },
    Case {
        name: "compare_and_swap",
        act: |cache| {
            let (old, version) = cache.get_versioned(&1)?;
            let new = cache.compare_and_swap(&1, version, 7).unwrap();
            assert_eq!(cache.get_versioned(&1), Some((7, new)));
            Some(old)
        },
        absent: (None, None),
        present: (Some(10), Some(7)),
        cause: Some(RemovalCause::Replaced),
    },
];

#[test]
fn each_operation_finds_what_is_there_and_leaves_what_it_says() {
    for &Case { name, act, absent, present, cause } in CASES {
        for found in [Found::Absent, Found::Present, Found::Expired] {
            let Scene { cache, clock, told } = scene(found);
            let (answer, after) = if found == Found::Present { present } else { absent };
            assert_eq!(act(&cache), answer, "{name}, {found:?}");
            assert_eq!(cache.peek(&1), after, "{name}, {found:?}");
            cache.run_pending_tasks();
            let told = std::mem::take(&mut *told.lock().unwrap());
            let expected: Vec<_> = match found {
                Found::Absent => None,
                Found::Present => cause,
                Found::Expired => Some(RemovalCause::Expired),
            }
            .map(|cause| (1, 10, cause))
            .into_iter()
            .collect();
            assert_eq!(told, expected, "{name}, {found:?}");
            assert_eq!(cache.entry_count(), u64::from(after.is_some()), "{name}, {found:?}");
            validate(&cache);
            // A new value has a time of its own, and an old one its old.
            clock.advance(SECOND);
            assert_eq!(cache.peek(&1), None, "{name}, {found:?}");
        }
    }
}

#[test]
fn what_is_computed_begins_its_time_anew() {
    let Scene { cache, clock, .. } = scene(Found::Present);
    clock.advance(SECOND * 3 / 4);
    assert_eq!(compute(&cache, |_| Op::Put(11)), Some(11));
    clock.advance(SECOND * 3 / 4);
    assert_eq!(compute(&cache, |_| Op::Nop), Some(11));
    clock.advance(SECOND / 4);
    assert_eq!(compute(&cache, |_| Op::Nop), None, "looking does not prolong it");
    validate(&cache);
}

#[test]
fn computations_are_no_hits_and_no_misses() {
    let cache = Cache::new(10);
    cache.incr_or_insert(1, 1_u64, 1);
    cache.incr(&1, 1);
    cache.incr(&2, 1);
    cache.replace(&1, 5);
    compute(&cache, |_| Op::Nop);
    compute(&cache, |_| Op::Remove);
    let stats = cache.stats();
    assert_eq!((stats.lookups(), stats.inserts, stats.updates, stats.removals), (0, 1, 2, 1));
    validate(&cache);
}

fn ends<V: Integer + PartialEq + std::fmt::Debug>(one: V, near: [V; 2], [min, max]: [V; 2]) {
    let cache = Cache::new(10);
    cache.insert(0, near[0]);
    cache.insert(1, near[1]);
    for _ in 0..3 {
        cache.decr(&0, one);
        cache.incr(&1, one);
    }
    assert_eq!((cache.decr(&0, one), cache.incr(&1, one)), (Some(min), Some(max)));
}

#[test]
fn counting_stops_at_the_ends_of_the_type() {
    macro_rules! all {
        ($($integer:ident),*) => { $( {
            let (min, max) = ($integer::MIN, $integer::MAX);
            ends(1, [min + 2, max - 2], [min, max]);
        } )* };
    }
    all!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);
    let cache = Cache::new(10);
    cache.insert((), 5_i8);
    assert_eq!((cache.incr(&(), -7), cache.decr(&(), -128)), (Some(-2), Some(126)));
}

#[test]
fn a_closure_that_panics_changes_nothing() {
    // It is pinned while the panic is printed, which takes long.
    let _alone = alone();
    for found in [Found::Absent, Found::Present, Found::Expired] {
        let Scene { cache, told, .. } = scene(found);
        let before = (cache.peek(&1), cache.stats().updates, cache.stats().inserts);
        let bang = || {
            cache.entry(1).and_compute_with(|_| panic!("bang"));
        };
        assert_eq!(panic_of(bang).as_deref(), Some("bang"));
        let bang = || _ = cache.entry(1).or_insert_with(|| panic!("bang"));
        assert_eq!(panic_of(bang).is_some(), found != Found::Present);
        assert_eq!((cache.peek(&1), cache.stats().updates, cache.stats().inserts), before);
        validate(&cache);
        assert_eq!(cache.incr_or_insert(1, 1, 5), if found == Found::Present { 11 } else { 5 });
        assert_eq!(told.lock().unwrap().len(), usize::from(found != Found::Absent));
        validate(&cache);
    }
}

#[test]
fn what_expires_while_the_closure_runs_is_absent() {
    let Scene { cache, clock, told } = scene(Found::Present);
    let mut seen = Vec::new();
    cache.entry(1).and_upsert_with(|entry| {
        seen.push(entry.map(|entry| entry.into_value()));
        clock.advance(SECOND);
        7
    });
    assert_eq!(seen, [Some(10), None]);
    assert_eq!(*told.lock().unwrap(), [(1, 10, RemovalCause::Expired)]);
    validate(&cache);
}

#[test]
fn a_computation_wins_over_a_load_and_a_look_does_not_disturb_it() {
    type Act = fn(&Cache<u64, u64>);
    let table: [(&str, Act, Option<u64>); 5] = [
        ("put", |cache| _ = compute(cache, |_| Op::Put(5)), Some(5)),
        ("count", |cache| _ = cache.incr_or_insert(1, 1, 6), Some(6)),
        ("look", |cache| _ = compute(cache, |_| Op::Nop), Some(99)),
        ("replace nothing", |cache| _ = cache.replace(&1, 5), Some(99)),
        (
            "put and remove",
            |cache| {
                compute(cache, |_| Op::Put(5));
                compute(cache, |_| Op::Remove);
            },
            None,
        ),
    ];
    for (name, act, after) in table {
        let cache = Cache::new(10);
        let loaded = cache.entry(1).or_insert_with(|| {
            act(&cache);
            99
        });
        assert_eq!((loaded.into_value(), cache.get(&1)), (99, after), "{name}");
        validate(&cache);
    }
}

#[test]
fn what_finds_no_room_is_evicted_at_once() {
    let told = Told::default();
    let note = told.clone();
    let cache = Cache::builder()
        .max_capacity(0)
        .eviction_listener(move |&key, &value, cause| {
            note.lock().unwrap().push((key, value, cause));
        })
        .build();
    assert_eq!(cache.incr_or_insert(1, 1, 5), 5);
    assert_eq!((cache.get(&1), cache.stats().rejections), (None, 1));
    assert_eq!(*told.lock().unwrap(), [(1, 5, RemovalCause::Rejected)]);
    validate(&cache);
}

/// A pinned thread keeps every node back. When there is none left the new value cannot be stored,
/// and the old one is gone all the same.
#[test]
fn without_memory_neither_the_old_value_nor_the_new_one_stays() {
    let _alone = alone();
    let told = Arc::new(AtomicU64::new(0));
    let count = told.clone();
    let cache = Cache::builder()
        .max_capacity(16)
        .shards(1)
        .eviction_listener(move |_: &u64, _: &u64, cause| {
            if cause == RemovalCause::Rejected {
                count.fetch_add(1, Relaxed);
            }
        })
        .build();
    cache.insert(1, 0);
    let pinned = cache.pin();
    let mut value = 0;
    while cache.stats().rejections == 0 {
        value += 1;
        assert_eq!(cache.incr(&1, 1), Some(value));
        assert!(value < 1_000_000, "there is no bound");
    }
    assert_eq!((cache.peek(&1), told.load(Relaxed)), (None, 1));
    assert_eq!(cache.incr_or_insert(1, 1, 7), 7);
    assert_eq!((cache.peek(&1), told.load(Relaxed)), (None, 2));
    validate(&cache);
    drop(pinned);
    // Other tests' threads are pinned now and then.
    let stored = (0..10_000).any(|_| {
        cache.run_pending_tasks();
        thread::yield_now();
        cache.add(1, 7)
    });
    assert!(stored, "nodes do not come back");
    assert_eq!(cache.incr(&1, 1), Some(8));
    validate(&cache);
}
