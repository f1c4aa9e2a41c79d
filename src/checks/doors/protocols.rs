//! Doors to single protocols: credits, node numbers, values that come late, parts.

use super::node_plan;
use crate::{
    engine::{
        policy::budget::{Budget, Credit, Credits},
        reclaim::{
            epoch::pin,
            recycle::{NodePlan, Recycler},
            thread_cache::ThreadCache,
        },
        storage::{
            once_box::OnceBox,
            parts::{Part, Parts},
        },
    },
    sync::{
        Arc, AtomicU32,
        Ordering::{Acquire, Release},
    },
};

/// A budget and the credits of its shards.
#[derive(Debug)]
pub struct BudgetDoor {
    budget: Budget,
    credits: Vec<Credits>,
}

impl BudgetDoor {
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn new(capacity: u64, shards: usize) -> Self {
        let budget = Budget::new(capacity, shards, 64).expect("memory");
        Self { budget, credits: (0..shards).map(|_| Credits::new()).collect() }
    }

    /// Whether shard `own` got a credit.
    pub fn take(&self, shard: usize) -> bool {
        self.budget.take(shard, &self.credits[shard], 1, |other| &self.credits[other]).amount() == 1
    }

    /// Gives a credit to shard `own`, as for an entry that was removed.
    pub fn give(&self, shard: usize) {
        self.budget.give(shard, &self.credits[shard], Credit::of_removed_entry(1));
    }

    /// Credits that nobody has taken.
    pub fn unused(&self) -> u64 {
        self.budget.unused(self.credits.iter())
    }
}

/// The node numbers of one shard, without nodes.
#[derive(Debug)]
pub struct RecyclerDoor(Arc<Recycler>);

impl RecyclerDoor {
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn new(nodes: u32, batch: u32, drops: bool) -> Self {
        Self::with(node_plan(nodes, batch), drops)
    }

    /// One whose threads keep free nodes.
    ///
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn thread_caches(nodes: u32, batch: u32) -> Self {
        Self::with(NodePlan { thread_caches: u32::MAX, ..node_plan(nodes, batch) }, false)
    }

    fn with(plan: NodePlan, drops: bool) -> Self {
        Self(Arc::new(Recycler::new(plan, drops).expect("memory")))
    }

    /// Takes a node that nobody else has.
    pub fn alloc(&self) -> Option<u32> {
        let number = pin().number;
        let node = self.0.thread_cache(number).and_then(ThreadCache::take).map(|(node, _)| node);
        node.or_else(|| self.0.alloc_beyond_thread_cache(number, |_| Ok(())))
    }

    /// Pins, and gives a node back: to be reused after a grace period.
    pub fn retire(&self, node: u32) {
        let pin = pin();
        self.0.retire(node, pin.number, &pin.guard);
    }

    /// Pins, and seals what any thread has retired.
    pub fn seal_all(&self) {
        self.0.seal_all(&pin().guard);
    }

    /// Has `f` drop what a dead node holds.
    pub fn drop_one(&self, f: impl FnMut(u32)) {
        self.0.drop_dead(1, f);
    }
}

/// A value that appears when it is first needed.
#[derive(Debug, Default)]
pub struct OnceBoxDoor(OnceBox<u32>);

impl OnceBoxDoor {
    /// Makes the value, if it is not there.
    pub fn make(&self) {
        let _ = self.0.get_or_try_make(|| Ok::<_, ()>(1));
    }

    /// Whether the value is there; if not, who makes it sees what this thread has done.
    pub fn is_there_or_precede(&self) -> bool {
        self.0.get_or_precede().is_some()
    }
}

/// An optional part of a cache, and two words that say that it is used.
#[derive(Debug)]
pub struct PartsDoor {
    parts: Parts,
    part: OnceBox<u32>,
    used: [AtomicU32; 2],
}

impl PartsDoor {
    /// The part is not there yet.
    #[allow(clippy::new_without_default, reason = "made by models only")]
    pub fn new() -> Self {
        let used = [AtomicU32::new(0), AtomicU32::new(0)];
        Self { parts: Parts::new([]), part: OnceBox::new(), used }
    }

    /// Makes the part if it is not there, and uses it.
    pub fn use_it(&self, user: usize) {
        let _ = self.parts.make(Part::Times, &self.part, || Ok::<_, ()>(1));
        self.used[user].store(1, Release);
    }

    /// Whether a thread that has learned of its use finds that the cache has it; true if it is not
    /// used.
    pub fn is_found_by_who_knows(&self, user: usize) -> bool {
        self.used[user].load(Acquire) == 0
            || self.parts.now().has(Part::Times) && self.part.get().is_some()
    }
}
