//! Threads that stop inside an operation, at every step of every protocol: the others go on.
//!
//! `cargo xtask test --only progress` runs this, or
//! `RUSTFLAGS="--cfg larder_hooks" cargo test -p larder --test progress`.
//!
//! One thread is stopped (in a stop point of the engine, or in a method of a key or value). While
//! it stands there, other threads complete forty thousand operations on the same shard; a lock, or
//! a loop that waits for the stopped one, would end in a time-out. The bound holds meanwhile,
//! counted entry by entry. Then the thread is released and finishes, and the cache is consistent.
#![cfg(larder_hooks)]

#[path = "../common/mod.rs"]
mod common;
mod expiry;
#[cfg(unix)]
mod forking;
mod lost_races;
mod stopping;

use larder::{Cache, hooks::Step, ops::compute::Op};
use std::{collections::HashSet, sync::mpsc, thread};
use stopping::{At, Key, PATIENCE, Value, Victim};

type TestCache = Cache<Key, Value>;

const CAPACITY: u64 = 64;
const OTHERS: u64 = 2;
/// Twice as many nodes as there are, at least, or what is not recycled would not be missed.
const OPERATIONS_EACH: u64 = 20_000;
/// The others use keys below this one; one of them is the victim's.
const KEYS: u64 = 100;
const VICTIM_KEY: u64 = 7;
/// A victim does its operation this often, to reach also what happens only now and then.
const ATTEMPTS: u64 = 2_000;
/// A victim that did not come to a step tries it with another cache: one whose random hashes spread
/// the keys evenly never has a full set, so no insert takes the slot of a member of its home.
const CACHES: u64 = 5;

fn build(entries: u64, grows: bool) -> TestCache {
    let mut builder = Cache::builder().max_capacity(CAPACITY).shards(1);
    if grows {
        builder = builder.weigher(|_, _| 1).estimated_entries(1);
    }
    let cache = builder.build();
    for key in 0..entries {
        cache.insert(Key(key), Value::new(key, 0));
    }
    cache
}

/// What a victim does.
struct Operation {
    name: &'static str,
    /// Keys that are inserted before.
    entries: u64,
    /// Whether the cache is built for a single entry, and comes to hold more.
    grows: bool,
    act: fn(&TestCache, u64),
    /// Steps that it is known to come past: if it does not, a stop point was lost.
    steps: &'static [Step],
}

const OPERATIONS: [Operation; 9] = [
    Operation {
        name: "insert, absent",
        entries: 0,
        grows: false,
        act: |cache, i| {
            cache.insert(Key(VICTIM_KEY + 1_000 * i), Value::new(VICTIM_KEY + 1_000 * i, 9));
        },
        steps: &[
            Step::Pinned,
            Step::NodeFilled,
            Step::CreditTaken,
            Step::SlotClaimed,
            Step::Decided,
            Step::Published,
        ],
    },
    Operation {
        name: "insert, present",
        entries: 50,
        grows: false,
        act: |cache, _| cache.insert(Key(VICTIM_KEY), Value::new(VICTIM_KEY, 9)),
        steps: &[Step::Pinned, Step::NodeFilled, Step::Replaced, Step::Retired, Step::BatchTaken],
    },
    Operation {
        name: "insert, full",
        entries: 2 * KEYS,
        grows: false,
        act: |cache, i| {
            cache.insert(Key(VICTIM_KEY + KEYS * i), Value::new(VICTIM_KEY + KEYS * i, 9))
        },
        steps: &[
            Step::Pinned,
            Step::NodeFilled,
            Step::SlotClaimed,
            Step::Decided,
            Step::Published,
            Step::Ousted,
            Step::Unlinked,
            Step::Retired,
            Step::BatchTaken,
        ],
    },
    Operation {
        name: "add",
        entries: 2 * KEYS,
        grows: false,
        act: |cache, i| _ = cache.add(Key(KEYS * i), Value::new(KEYS * i, 9)),
        steps: &[Step::Pinned, Step::NodeFilled, Step::Decided, Step::Published, Step::Unlinked],
    },
    Operation {
        name: "remove",
        entries: 60,
        grows: false,
        act: |cache, i| _ = cache.remove(&Key(i % 60)),
        steps: &[Step::Pinned, Step::Unlinked, Step::Retired],
    },
    Operation {
        name: "compute",
        entries: 60,
        grows: false,
        act: |cache, i| {
            let key = i % 80;
            cache.entry(Key(key)).and_compute_with(|entry| match entry {
                Some(_) if i % 3 == 0 => Op::Remove,
                _ => Op::Put(Value::new(key, 9)),
            });
        },
        steps: &[
            Step::Pinned,
            Step::NodeFilled,
            Step::Replaced,
            Step::Decided,
            Step::Published,
            Step::Unlinked,
            Step::Retired,
        ],
    },
    Operation {
        name: "remove and insert",
        entries: 60,
        grows: false,
        act: |cache, i| {
            cache.invalidate(&Key(i % 60));
            cache.insert(Key(i % 60), Value::new(i % 60, 9));
        },
        steps: &[Step::Unlinked, Step::BatchTaken, Step::SlotClaimed, Step::Published],
    },
    Operation {
        name: "load, and remove meanwhile",
        entries: 60,
        grows: false,
        act: |cache, i| {
            let key = VICTIM_KEY + KEYS * (i % 2);
            cache.invalidate(&Key(key));
            cache.get_with(Key(key), || {
                if i % 4 < 2 {
                    cache.invalidate(&Key(key));
                }
                Value::new(key, 9)
            });
        },
        steps: &[
            Step::LoadPosted,
            Step::LoadSuperseded,
            Step::Bumped,
            Step::LoadOver,
            Step::SlotClaimed,
            Step::Decided,
            Step::Published,
        ],
    },
    Operation {
        name: "insert, growing",
        entries: 0,
        grows: true,
        act: |cache, i| {
            let key = VICTIM_KEY + i;
            cache.insert(Key(key), Value::new(key, 9));
        },
        steps: &[Step::TierAdded, Step::Sealed, Step::SlotClaimed, Step::Decided, Step::Published],
    },
];

/// The steps that do not need the time to go on.
fn untimed() -> impl Iterator<Item = Step> {
    Step::ALL.into_iter().filter(|step| !expiry::STEPS.contains(step))
}

/// Many threads' work on all keys, each hit being checked.
fn work(cache: &TestCache, writer: u64) {
    for i in 0..OPERATIONS_EACH {
        // A step that is coprime to the number of keys, so that threads meet on all of them.
        let key = i * 37 % KEYS;
        match (i / KEYS + writer) % 8 {
            0..3 => {
                if let Some(value) = cache.get(&Key(key)) {
                    assert_eq!(value.key(), key, "another key's value");
                }
            }
            3..5 => cache.insert(Key(key), Value::new(key, writer)),
            5 => _ = cache.add(Key(key), Value::new(key, writer)),
            6 => {
                if let Some(value) = cache.remove(&Key(key)) {
                    assert_eq!(value.key(), key, "another key's value");
                }
            }
            _ => _ = cache.invalidate(&Key(key)),
        }
    }
}

/// So many threads do their work, and end.
fn work_in_threads(cache: &TestCache, threads: u64, which: &str) {
    let (finished, finishes) = mpsc::channel();
    let threads: Vec<_> = (1..=threads)
        .map(|writer| {
            let (cache, finished) = (cache.clone(), finished.clone());
            thread::spawn(move || {
                work(&cache, writer);
                finished.send(()).expect("the test waits");
            })
        })
        .collect();
    drop(finished);
    for _ in &threads {
        let done = finishes.recv_timeout(PATIENCE);
        assert!(done.is_ok(), "{which}: others wait for the stopped thread, or panicked");
    }
    // A thread that ends is pinned once more, and what is pinned keeps nodes back.
    threads.into_iter().for_each(|thread| thread.join().expect("it has finished"));
}

/// The others do their work while `victim` stands still, and then it goes on and finishes.
fn others_go_on(cache: &TestCache, victim: Victim, which: &str) {
    work_in_threads(cache, OTHERS, which);
    consistent_but_for(cache, 1, which);
    victim.release();
    consistent_but_for(cache, 0, which);
    // All of it is usable again.
    for key in 0..10 * CAPACITY {
        cache.insert(Key(key), Value::new(key, 5));
        let found = cache.get(&Key(key));
        assert_eq!(found.map(|value| value.writer()), Some(5), "{which}: just inserted");
    }
    consistent_but_for(cache, 0, which);
    let entries = cache.entry_count();
    assert!(entries * 100 >= CAPACITY * 95, "{which}: {entries} of {CAPACITY} places are left");
}

/// Checks what can be seen while so many threads stand within an operation.
fn consistent_but_for(cache: &TestCache, within: u64, which: &str) {
    let mut keys = HashSet::new();
    for (key, value) in cache.iter() {
        assert_eq!(key.0, value.key(), "{which}: another key's value");
        assert!([0, 1, 2, 5, 9].contains(&value.writer()), "{which}: nobody wrote {value:?}");
        assert!(keys.insert(key.0), "{which}: two values of one key");
    }
    let counted = keys.len() as u64;
    assert!(counted <= CAPACITY, "{which}: {counted} entries");
    let stats = cache.stats();
    let added_up = stats.inserts.saturating_sub(stats.departures());
    assert!(counted.abs_diff(stats.entries) <= within, "{which}: {counted}, {stats:?}");
    assert!(counted.abs_diff(added_up) <= within, "{which}: {counted}, {stats:?}");
    #[cfg(larder_internals)]
    if within == 0 {
        cache.validate();
    }
}

#[test]
fn a_thread_stopped_at_any_step_stops_nobody() {
    let _alone = stopping::install();
    let mut reached = HashSet::new();
    for operation in &OPERATIONS {
        for step in untimed() {
            let which = format!("{} stopped at {step:?}", operation.name);
            let expected = operation.steps.contains(&step);
            let stopped = (0..if expected { CACHES } else { 1 }).find_map(|_| {
                let cache = build(operation.entries, operation.grows);
                let (handle, act) = (cache.clone(), operation.act);
                let victim = Victim::spawn(At::Step(step), move || {
                    (0..ATTEMPTS).for_each(|i| act(&handle, i));
                })?;
                Some((cache, victim))
            });
            match stopped {
                Some((cache, victim)) => {
                    reached.insert(step);
                    others_go_on(&cache, victim, &which);
                }
                None => assert!(!expected, "{which}: never came there"),
            }
        }
    }
    let missed: Vec<_> = untimed().filter(|step| !reached.contains(step)).collect();
    assert!(missed.is_empty(), "no operation ever came to {missed:?}");
}

#[test]
fn two_threads_stopped_at_two_steps_stop_nobody() {
    let _alone = stopping::install();
    // The ones that leave most behind: a claimed slot, a decided one, both that and a node in hand,
    // a node.
    let steps = [Step::SlotClaimed, Step::Decided, Step::Ousted, Step::Unlinked];
    for (first, second) in steps.iter().flat_map(|a| steps.iter().map(move |b| (*a, *b))) {
        let which = format!("two inserts stopped at {first:?} and {second:?}");
        let stopped = (0..CACHES).find_map(|_| {
            let cache = build(2 * KEYS, false);
            let victims = [first, second].map(|step| {
                let handle = cache.clone();
                Victim::spawn(At::Step(step), move || {
                    for key in 0..KEYS {
                        handle.insert(Key(key), Value::new(key, 9));
                    }
                })
            });
            match victims {
                [Some(first), Some(second)] => Some((cache, [first, second])),
                victims => {
                    victims.into_iter().flatten().for_each(Victim::release);
                    None
                }
            }
        });
        let (cache, victims) = stopped.unwrap_or_else(|| panic!("{which}: never came there"));
        work_in_threads(&cache, 1, &which);
        consistent_but_for(&cache, 2, &which);
        victims.into_iter().for_each(Victim::release);
        consistent_but_for(&cache, 0, &which);
    }
}

#[test]
fn a_thread_suspended_in_user_code_stops_nobody() {
    let _alone = stopping::install();
    type Act = fn(&TestCache);
    let get: Act = |cache| _ = cache.get(&Key(VICTIM_KEY));
    let insert: Act = |cache| cache.insert(Key(VICTIM_KEY), Value::new(VICTIM_KEY, 9));
    let add: Act = |cache| _ = cache.add(Key(VICTIM_KEY), Value::new(VICTIM_KEY, 9));
    let remove: Act = |cache| _ = cache.remove(&Key(VICTIM_KEY));
    let many: Act = |cache| _ = cache.get_many(&[Key(VICTIM_KEY), Key(1)]);
    let walk: Act = |cache| _ = cache.iter().count();
    let clear: Act = |cache| {
        for key in 0..50 {
            cache.insert(Key(key), Value::new(key, 9));
        }
        cache.invalidate_all();
        cache.run_pending_tasks();
    };
    let table: [(&str, Act, &[At]); 7] = [
        ("get", get, &[At::Hash, At::Eq, At::Clone, At::Drop]),
        ("insert", insert, &[At::Hash, At::Eq]),
        ("add", add, &[At::Hash, At::Eq, At::Drop]),
        ("remove", remove, &[At::Hash, At::Eq, At::Clone, At::Drop]),
        ("get_many", many, &[At::Hash, At::Eq, At::Clone]),
        ("iter", walk, &[At::Clone]),
        ("invalidate_all", clear, &[At::Hash, At::Drop]),
    ];
    for (name, act, places) in table {
        for place in places {
            let which = format!("{name} suspended in {place:?}");
            let cache = build(50, false);
            let handle = cache.clone();
            let victim = Victim::spawn(*place, move || act(&handle))
                .unwrap_or_else(|| panic!("{which}: never came there"));
            others_go_on(&cache, victim, &which);
        }
    }
}
