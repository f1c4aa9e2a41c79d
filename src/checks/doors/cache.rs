//! A cache of exactly the measures that a model asks for, and what is done to one as a whole.

use super::node_plan;
use crate::{
    Cache, EvictionPolicy, Maintenance, RemovalCause,
    engine::{
        Engine,
        index::word::Layout,
        ops::insert::EntryOptions,
        shards::{
            listener::Listener,
            plan::{Growth, Plan, ShardPlan},
        },
        singleflight::flight::Outcome,
        time::lifetimes::Lifetimes,
    },
    process::{clock::Clock, spawner::Spawner},
};
use std::{future::Future, hash::BuildHasher, pin::Pin, time::Duration};

/// The measures of a cache with one shard.
#[derive(Clone, Copy, Debug)]
pub struct Tiny {
    /// Entries.
    pub capacity: u32,
    /// An even number.
    pub sets: usize,
    /// All the nodes there are.
    pub nodes: u32,
    /// Retired nodes that make a batch. More than there are nodes: nothing is recycled.
    pub batch: u32,
}

impl Tiny {
    /// Builds the cache.
    ///
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn cache<K, V, S>(self, hasher: S) -> Cache<K, V, S> {
        self.build(hasher, None, None)
    }

    /// The same with a listener.
    ///
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn listening<K: 'static, V: 'static, S>(
        self,
        hasher: S,
        listener: impl Fn(&K, &V, RemovalCause) + Send + Sync + 'static,
    ) -> Cache<K, V, S> {
        self.build(hasher, Some(Listener::new(listener)), None)
    }

    /// Builds a cache that hands tasks to a spawner.
    ///
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn spawning<K, V, S>(
        self,
        hasher: S,
        spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync + 'static,
    ) -> Cache<K, V, S> {
        self.build(hasher, None, Some(Spawner::new(spawn)))
    }

    fn build<K, V, S>(
        self,
        hasher: S,
        listener: Option<Listener<K, V>>,
        spawner: Option<Spawner>,
    ) -> Cache<K, V, S> {
        let Self { capacity, sets, nodes, batch } = self;
        let layout = Layout::for_nodes(nodes).expect("few nodes");
        let plan = node_plan(nodes, batch);
        let shard = ShardPlan {
            weighted: false,
            growth: Growth::Never,
            rules: EvictionPolicy::default(),
            probation: None,
            capacity,
            sets,
            layout,
            planned_nodes: nodes,
            nodes: plan,
        };
        // Every tier is like the first tier.
        let next = |plan: &Plan, _| Ok(plan.clone());
        let entries = capacity.into();
        let plan = Plan { capacity: entries, entries, shards: 1, shard, next };
        Cache::from_parts(
            Engine::new(&plan, None, None, listener, Lifetimes::endless(Clock::default()))
                .expect("memory"),
            hasher,
            None,
            Maintenance::Manual,
            spawner,
        )
    }
}

/// Puts a tier on top of what there is.
///
/// # Panics
///
/// If there is no memory for it.
pub fn grow<K, V, S>(cache: &Cache<K, V, S>) {
    let common = &cache.engine().common;
    common.grow(common.tiers.height(), 0, Growth::Never).expect("memory");
}

/// Does what the sweep has to do now.
pub fn sweep<K, V, S>(cache: &Cache<K, V, S>) {
    let common = &cache.engine().common;
    while common.watch().is_some_and(|groups| common.sweep_some(groups)) {}
}

/// Does a step of the sweep, if there is one.
pub fn sweep_once<K, V, S>(cache: &Cache<K, V, S>) {
    let common = &cache.engine().common;
    if let Some(groups) = common.groups.get() {
        common.sweep_some(groups);
    }
}

/// Whether lookups look for invalidated entries.
pub fn is_armed<K, V, S>(cache: &Cache<K, V, S>) -> bool {
    cache.engine().common.watch().is_some()
}

/// Loads a key's value anew, as if it were old: if it is there, and nobody loads it.
pub fn refresh<S: BuildHasher>(
    cache: &Cache<u32, u32, S>,
    key: u32,
    init: impl FnOnce() -> u32,
) -> Option<u32> {
    let (hash, eq) = (cache.hash(&key), |other: &u32| *other == key);
    let node = cache.engine().node_of(hash, eq)?;
    let lead = cache.engine().refresh(hash, &eq, &|| key, node)?;
    let (outcome, options) = (Outcome::Value(init()), &EntryOptions::BY_RULE);
    let landed = cache.engine().conclude([hash], |unused| {
        lead.finish(u32::clone, outcome, options, Duration::ZERO, unused)
    });
    match landed {
        Outcome::Value(value) => Some(value),
        Outcome::Nothing | Outcome::Error(_) => None,
    }
}
