use crate::{
    engine::{
        Engine,
        index::word::SLOTS,
        ops::{
            compute::{Computed, Decision},
            insert::{EntryOptions, IfPresent, Inserted, Precondition, Target, Written},
        },
        shards::{
            plan::{Growth, Plan},
            scope::{Dues, WriteScope},
            stats::Event,
        },
        storage::{
            nodes::Entry,
            weights::{Price, Weigher},
        },
        time::lifetimes::Lifetimes,
    },
    process::clock::Clock,
    types::error::BuildError,
};
use std::{
    ops::Range,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

/// So large that no address space has room for as many nodes as have numbers.
type Large = [u8; 1 << 16];

/// Nobody can make a shard of the first tier; those of the second are like the first tier's.
fn above(below: &Plan, entries: u64) -> Result<Plan, BuildError> {
    let mut plan = below.clone();
    plan.shard.planned_nodes = if entries == 1 { u32::MAX } else { 100 };
    plan.shard.nodes.max_nodes = plan.shard.planned_nodes;
    Ok(plan)
}

/// An insert cannot pass a tier for whose shard there is no memory, whatever is above it.
#[test]
fn a_full_set_is_no_reason_to_try_for_ever_to_go_up() {
    // Unoptimized code copies each value many times.
    let test = thread::Builder::new().stack_size(1 << 26).spawn(compute_in_a_full_set);
    test.expect("a thread").join().expect("no panic");
}

fn compute_in_a_full_set() {
    let mut plan = Plan::new::<u64, Large>(100, Some(1), 1).expect("memory");
    (plan.shard.sets, plan.next) = (2, above);
    let engine: Engine<u64, Large> =
        Engine::new(&plan, None, None, None, Lifetimes::endless(Clock::default())).expect("memory");
    let entry = |key| Entry { key, value: [0; 1 << 16] };
    let full = 2 * SLOTS as u64;
    for key in 0..full {
        engine.insert(key << 16, entry(key), IfPresent::Replace);
    }
    for level in 0..2 {
        engine
            .common
            .grow(level, 1 + level as u64, Growth::Never)
            .expect("memory for a tier without shards");
    }
    let mut asked = 0;
    let computed = engine.compute(
        full << 16,
        |&key| key == full,
        |_| {
            asked += 1;
            assert!(asked < 100, "it is tried for ever");
            Decision::Put(entry(full))
        },
    );
    assert!(matches!(computed, Computed::Put(_)));
    assert!(engine.peek(full << 16, |&key| key == full, |_| ()).is_some());
    assert_eq!(engine.residents(), full, "one has made room");
}

/// A cache with room for any weight.
fn light(entries: u64, next: fn(&Plan, u64) -> Result<Plan, BuildError>) -> Engine<u64, u64> {
    let plan = Plan::new::<u64, u64>(entries, Some(1), 1).expect("memory").weighted(1 << 40);
    let weigher = Some(Weigher::new(|_: &u64, _: &u64| 1));
    let lifetimes = Lifetimes::endless(Clock::default());
    Engine::new(&Plan { next, ..plan }, weigher, None, None, lifetimes).expect("memory")
}

fn hash(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn fill(engine: &Engine<u64, u64>, keys: Range<u64>) {
    for key in keys {
        engine.insert(hash(key), Entry { key, value: key }, IfPresent::Replace);
    }
}

/// The set next door has room for the keys that a set cannot hold. Only when both are full does a
/// key need another tier.
#[test]
fn a_cache_grows_when_a_pair_of_sets_is_full_and_not_when_one_is() {
    let engine = light(100, |below, _| Ok(below.clone()));
    let shard = engine.common.tiers.first(0);
    let half = shard.outgrown_at() / 2;
    let sets = shard.index.len() as u64;
    let insert = |set: u64, keys: Range<u64>| {
        for key in keys {
            let hash = ((set << 32) / sets + 1 + key) << 16;
            engine.insert(hash, Entry { key: set << 32 | key, value: key }, IfPresent::Replace);
        }
    };
    let pair = 2 * SLOTS as u64;
    (2..sets).for_each(|set| insert(set, 0..u64::from(half).div_ceil(sets - 2)));
    assert!(half <= shard.entries() && shard.entries() + (pair as u32) < shard.outgrown_at());
    insert(0, 0..pair);
    assert_eq!(engine.common.tiers.height(), 0, "the keys have room next door");
    insert(0, pair..pair + 1);
    assert_eq!(engine.common.tiers.height(), 1, "no slot is left");
    assert_eq!(engine.totals().0[Event::Eviction as usize], 0);
}

/// Planning takes longer than inserting.
#[test]
fn a_tier_that_cannot_be_had_is_not_planned_with_each_insert() {
    static PLANNED: AtomicU32 = AtomicU32::new(0);
    let next = |_: &Plan, _| {
        PLANNED.fetch_add(1, Ordering::Relaxed);
        Err(BuildError::OutOfMemory { max_capacity: 0 })
    };
    fill(&light(100, next), 0..100_000);
    let planned = PLANNED.load(Ordering::Relaxed);
    assert!((10..=200).contains(&planned), "{planned} times");
}

/// There are more slots than nodes, and nodes run out first.
#[test]
fn a_cache_that_cannot_grow_gives_entries_up_for_others() {
    let engine = light(20_000, |_, _| Err(BuildError::OutOfMemory { max_capacity: 0 }));
    fill(&engine, 0..40_000);
    let is_there = |key: &u64| engine.peek(hash(*key), |other| other == key, |_| ()).is_some();
    // Other tests' threads, if they are pinned, keep nodes back for a while.
    let stays = |round: u64| {
        let latest = 100_000 + round * 1_000..101_000 + round * 1_000;
        fill(&engine, latest.clone());
        thread::yield_now();
        latest.filter(is_there).count() > 900
    };
    assert!((0..1_000).any(stays), "what comes is rejected");
}

/// An insert that does not know of the tier above may come when the one below has been found empty.
#[test]
fn an_entry_that_comes_to_an_emptied_tier_is_evicted_in_time() {
    let plan = Plan::new::<u64, u64>(100, Some(1), 1).expect("memory");
    let lifetimes = Lifetimes::endless(Clock::default());
    let engine = Engine::new(&plan, None, None, None, lifetimes).expect("memory");
    let first = engine.common.tiers.first(0);
    let of_first_set = |hash: u64| first.index.number(first.index.home(hash)) == 0;
    let fill = |keys: Range<u64>| {
        for key in keys.filter(|&key| !of_first_set(hash(key))) {
            engine.insert(hash(key), Entry { key, value: key }, IfPresent::Replace);
        }
    };
    fill(0..100);
    engine.resize(1_000).expect("memory");
    fill(100..20_000);
    assert!(first.is_drained(), "all of it is evicted");

    let stray = (0..).find(|&key| of_first_set(hash(key))).expect("one of them");
    let cx = WriteScope::new(&engine.common, Dues::None);
    let target = Target { hash: hash(stray), price: Price::UNIT };
    let entry = Entry { key: stray, value: 0 };
    let written = first.write(&cx, target, &EntryOptions::BY_RULE, entry, Precondition::Any);
    drop(cx);
    assert!(matches!(written, Written::Done(Inserted::Added, _)), "{written:?}");
    fill(20_000..40_000);
    assert!(engine.peek(hash(stray), |&key| key == stray, |_| ()).is_none());
    assert_eq!(engine.residents(), 1_000);
}

/// The same without weights: a cache without a bound for which no more memory can be had.
#[test]
fn an_unbounded_cache_that_cannot_grow_evicts() {
    let plan = Plan::new::<u64, u64>(1_000, Some(1), 1).expect("memory").growing_to(u64::MAX);
    let next = |_: &Plan, _| Err(BuildError::OutOfMemory { max_capacity: 0 });
    let lifetimes = Lifetimes::endless(Clock::default());
    let engine = Engine::new(&Plan { next, ..plan }, None, None, None, lifetimes).expect("memory");
    fill(&engine, 0..1_000);
    assert_eq!(engine.residents(), 1_000, "as many as estimated");
    fill(&engine, 1_000..30_000);
    let (totals, _) = engine.totals();
    assert!(totals[Event::Eviction as usize] > 0, "nothing else can make room");
    assert!((1_000..20_000).contains(&engine.residents()), "{} entries", engine.residents());
}
