//! The target `timed`: operations of one thread on a cache with everything: time that passes,
//! entries that weigh differently, tags, versions, loads, refreshes, and a listener or a channel.
//!
//! What the cache tells there makes the model exact. A value that was inserted and not told of is
//! there, unless its time is over or it was invalidated; so after every operation the cache's
//! weight is known, too.

mod groups;
mod loads;
mod model;
mod operation;
mod refresh;
mod versions;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use larder::ManualClock;

use crate::{Cache, Census, Rules, Setup, Tags, Told, Value, settle};
use loads::Load;
use model::Entry;
use operation::{Operation, What, group};
use refresh::Refreshes;
use versions::Versions;

/// A cache, and what to do with it.
#[derive(Debug)]
pub struct Input {
    rules: Rules,
    setup: Setup,
    operations: Vec<Operation>,
}

impl<'a> Arbitrary<'a> for Input {
    /// Three bytes for each operation, so that mutations of the bytes are mutations of the list.
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let (rules, setup) = bytes.arbitrary()?;
        let mut operations = Vec::with_capacity(bytes.len() / 3);
        while bytes.len() >= 3 {
            operations.push(Operation::new(bytes.arbitrary()?));
        }
        Ok(Self { rules, setup, operations })
    }
}

/// Few enough that the fuzzer meets the same key again, more than the largest cache holds.
const KEYS: u8 = 72;
/// The ticks in which entries are looked at that nobody looks up, and a bit.
const TICK: u64 = 10;

struct Run {
    rules: Rules,
    setup: Setup,
    cache: Cache,
    census: Census,
    clock: ManualClock,
    now: u64,
    /// How many values there were; shared with the loader of refreshes.
    writes: Arc<AtomicU32>,
    told: Told,
    /// The values that were inserted and of which the listener has not heard, by number.
    there: BTreeMap<u32, Entry>,
    /// Which of them each key has.
    latest: BTreeMap<u8, u32>,
    /// What is being invalidated by a predicate at the moment.
    picked: Option<u8>,
    versions: Versions,
    loads: Vec<Load>,
    refreshes: Refreshes,
    /// Operations yet to come, the next one last: loaders take some of them.
    todo: Vec<Operation>,
}

impl Run {
    fn do_one(&mut self, operation: Operation) {
        let Operation { what, key, much } = operation;
        let cache = self.cache.clone();
        match what {
            What::Get => self.saw(key, cache.get(&key).as_ref(), true),
            What::GetRef => self.saw(key, cache.get_ref(&key, Value::clone).as_ref(), true),
            What::Peek => self.saw(key, cache.peek(&key).as_ref(), false),
            What::ContainsKey => self.noted(key, cache.contains_key(&key)),
            What::GetMany => {
                for (key, found) in group(key).into_iter().zip(cache.get_many(&group(key))) {
                    self.saw(key, found.as_ref(), true);
                }
            }
            What::Ttl => self.ttl(key),
            What::Insert => self.insert(key, u32::from(much % 4), None),
            What::InsertHeavy => self.insert(key, u32::from(much), None),
            What::InsertFor => self.insert(key, u32::from(key % 3), Some(u64::from(much))),
            What::InsertMany => self.insert_many(key, u32::from(much % 8)),
            What::InsertTagged => self.insert_tagged(key, Tags::new(much), None),
            What::InsertTaggedFor => {
                self.insert_tagged(key, Tags::new(key), Some(u64::from(much)));
            }
            What::Add => self.add(key, u32::from(much % 8)),
            What::Remove => {
                self.supersede(key);
                let removed = cache.remove(&key);
                self.saw(key, removed.as_ref(), false);
                self.hear();
                assert!(!self.latest.contains_key(&key), "removed, and not told");
            }
            What::Invalidate => {
                self.supersede(key);
                let found = cache.invalidate(&key);
                self.noted(key, found);
                self.hear();
                assert!(!self.latest.contains_key(&key), "invalidated, and not told");
            }
            What::InvalidateAll => self.invalidate_all(much),
            What::InvalidateTag => self.invalidate_tag(much),
            What::InvalidateIf => self.invalidate_if(much),
            What::Drain => self.drain(much),
            What::Touch => {
                let found = cache.set_ttl(&key, Duration::from_millis(much.into()));
                self.noted(key, found);
                if found {
                    let now = self.now;
                    self.entry(key).life.touched(now, much.into());
                }
            }
            What::Load | What::LoadInVain | What::LoadEntry => self.load(what, key, much),
            What::LoadMany => self.load_many(key, much),
            What::LoadByHand => self.load_by_hand(key, much),
            What::Refresh => self.refresh(key),
            What::DropRefresh => self.drop_refresh(key),
            What::Compute => self.compute(key, much),
            What::Upsert => self.upsert(key, u32::from(much % 8)),
            What::Replace => self.replace(key, u32::from(much % 8)),
            What::GetVersions => self.get_versions(key),
            What::Swap => self.swap(key, much),
            What::Advance => {
                self.clock.advance(Duration::from_millis(much.into()));
                self.now += u64::from(much);
            }
            What::Resize => self.resize(much.into()),
            What::Iterate => self.iterate(),
            What::RunPendingTasks => self.run_pending_tasks(),
        }
        self.hear();
        self.compare(operation);
    }

    fn ttl(&mut self, key: u8) {
        let ttl = self.cache.ttl(&key);
        self.noted(key, ttl.is_some());
        if let (Some(ttl), Some(life)) = (ttl, self.life(key)) {
            let left = |end: u64| match end {
                crate::NEVER => Duration::MAX,
                _ => Duration::from_millis(end.saturating_sub(self.now)),
            };
            let range = left(life.earliest_end())..=left(life.latest_end());
            assert!(range.contains(&ttl), "{ttl:?} to live, of {range:?}");
        }
    }

    fn resize(&mut self, capacity: u64) {
        self.cache.set_max_capacity(capacity).expect("a cache grows to any of these");
        assert_eq!(self.cache.limits().max_capacity(), capacity);
    }

    fn iterate(&mut self) {
        let mut found = BTreeSet::new();
        for (key, value) in self.cache.clone().iter() {
            self.saw(*key, Some(&value), false);
            assert!(found.insert(*key), "key {key} twice");
        }
        for key in 0..KEYS {
            self.noted(key, found.contains(&key));
        }
    }

    fn run_pending_tasks(&mut self) {
        self.cache.run_pending_tasks();
        self.hear();
        let grace = self.rules.grace();
        for (number, Entry { life, stale, .. }) in &self.there {
            let end = life.latest_end().saturating_add(grace).saturating_add(TICK);
            assert!(end > self.now, "{number} is still there at {}: {life:?}", self.now);
            assert!(!stale, "{number} was invalidated, and is still there");
        }
    }
}

/// Does what the input says.
pub fn run(input: Input) {
    let Input { rules, setup, mut operations } = input;
    operations.reverse();
    let (census, writes) = (Census::default(), Arc::default());
    let (builder, clock) = rules.builder(&setup);
    let (builder, told) = Told::listen(&rules, builder);
    let (builder, refreshes) = Refreshes::of(&rules, builder, &census, &writes);
    let mut run = Run {
        rules,
        setup,
        cache: builder.build(),
        census,
        clock,
        now: 0,
        writes,
        told,
        there: BTreeMap::new(),
        latest: BTreeMap::new(),
        picked: None,
        versions: Versions::default(),
        loads: Vec::new(),
        refreshes,
        todo: operations,
    };
    while let Some(operation) = run.todo.pop() {
        run.do_one(operation);
    }
    run.cache.validate();
    let last = [What::Advance, What::RunPendingTasks, What::Iterate];
    last.into_iter().for_each(|what| run.do_one(Operation { what, key: 0, much: 2 * TICK as u8 }));
    drop(run.refreshes);
    settle(run.cache, &setup, &run.census);
}
