//! Refreshing: loading a value anew while the old one is still returned.
//!
//! # Which thread refreshes what
//!
//! A loading lookup that finds an entry in need of it (below) posts a flight for its key, as a load
//! of an absent key does. So there is one load per key at a time, whatever it is for, and writes of
//! the key supersede it. If there is a flight already, the lookup does nothing more. Otherwise the
//! thread looks the key up once more, now that writers can see the flight. If it finds the very
//! node that it found before, that is the one to be replaced; if not, the need is over and so is
//! the flight. `fill.rs` argues that the fill replaces that entry or none.
//!
//! Then the thread either leads the flight itself, or steps back and sends a refresh job
//! (`refresh_job.rs`). Until that runs, the lead is vacant: a caller that finds the key absent by
//! then takes it and loads for itself, and does not queue behind other refresh jobs. A refresh job
//! that finds the lead taken has nothing to do.
//!
//! The new entry has the tags of the old one, which are read in that second look. A tag that is
//! invalidated later takes the new entry along, or supersedes its load; one that was invalidated
//! before has invalidated the old entry, and then the second look finds nothing.
//!
//! # When a value needs a refresh
//!
//! - *By age*: the value was written longer than [`RefreshRules::after`] ago.
//! - *By chance*: early recomputation as in XFetch (Vattani, Chierichetti, Lowenstein, "Optimal
//!   Probabilistic Cache Stampede Prevention", VLDB 2015). With a load time `l`, a factor `b` and
//!   `u` uniform in (0, 1], an entry counts as expired if its remaining time is less than `l * b *
//!   -ln u`. The nearer the end and the longer the load, the likelier that is; and among many
//!   callers, one is likely to come early enough.
//!
//! A node whose refresh has failed is not refreshed again for some time ([`rested_until`]).

use crate::{
    engine::{
        Engine, Located,
        index::word::NodeId,
        load::{
            lead::{Lead, Replaced},
            refresh_job::RefreshJob,
        },
        reclaim::epoch::pin,
        shards::{common::Common, shard::Shard, stats::Event, tiers::NodeRef},
        singleflight::{
            flight::{Leader, Outcome},
            flights::Boarded,
        },
        storage::nodes::Entry,
        time::{
            lifetimes::Life,
            soft::{Freshness, rested_until},
        },
    },
    process::{
        clock::{Clock, DEAD, NEVER, Until},
        pool::{self, Job},
    },
    sync::{Arc, Weak, thread_local},
    types::chance,
};
use std::{
    any::Any,
    cell::Cell,
    fmt,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// An upper bound of `-ln u` for each `u` of [`random_unit`], which is at least 2^-53.
const FARTHEST: f64 = 36.8;

/// Sends a refresh job to be run. Made where the type of its loader is known.
type Sender<K, V> = dyn Fn(RefreshJob<K, V>, Option<&Executor>) + Send + Sync;
/// Compares the values before and after a refresh.
type Same<V> = dyn Fn(&V, &V) -> bool + Send + Sync;
/// Runs the loaders that are not futures.
pub(crate) type Executor = dyn Fn(Job) + Send + Sync;

/// When and how values are refreshed.
pub(crate) struct RefreshRules<K, V> {
    /// The age from which a value needs a refresh, if there is one.
    after: Option<Duration>,
    /// The factor `b` of refreshes by chance; 0.0 for none.
    pub(crate) beta: f64,
    /// Returns whether a new value is equal to the old one.
    pub(crate) same: Option<Box<Same<V>>>,
    send: Option<Box<Sender<K, V>>>,
    executor: Option<Box<Executor>>,
}

impl<K, V> Default for RefreshRules<K, V> {
    fn default() -> Self {
        Self { after: None, beta: 0.0, same: None, send: None, executor: None }
    }
}

impl<K, V> RefreshRules<K, V> {
    pub(crate) fn set_after(
        &mut self,
        after: Duration,
        send: impl Fn(RefreshJob<K, V>, Option<&Executor>) + Send + Sync + 'static,
    ) {
        self.after = Some(after);
        self.send = Some(Box::new(send));
    }

    pub(crate) fn set_executor(&mut self, executor: impl Fn(Job) + Send + Sync + 'static) {
        self.executor = Some(Box::new(executor));
    }

    fn has_need(&self, clock: &Clock, life: Life, load: Duration, rested: u64) -> bool {
        let due_at = |after| life.written.saturating_add(clock.units(after));
        let freshness = Freshness::of(clock, NEVER, self.after.map_or(NEVER, due_at));
        (freshness == Freshness::Due || self.is_early(clock, life.deadline, load))
            && clock.is_past(rested)
    }

    fn is_early(&self, clock: &Clock, deadline: u64, load: Duration) -> bool {
        if self.beta == 0.0 || load.is_zero() {
            return false;
        }
        let Until::In(left) = clock.until(deadline) else { return false };
        let (left, reach) = (left.as_secs_f64(), load.as_secs_f64() * self.beta);
        // Most entries are far from their end, and need no logarithm.
        left < reach * FARTHEST && left < reach * -random_unit().ln()
    }
}

impl<K, V> fmt::Debug for RefreshRules<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshRules")
            .field("after", &self.after)
            .field("beta", &self.beta)
            .finish_non_exhaustive()
    }
}

/// Returns a random number, uniform in (0, 1]. Not for secrets.
fn random_unit() -> f64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0));
    }
    let state = STATE.with(|state| state.replace(chance::next_state(state.get())));
    1.0 - chance::unit(chance::mix(state))
}

/// Whether a value that was found needs a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    /// The value of this node needs one.
    Refresh(NodeRef),
}

impl<K, V> Engine<K, V> {
    /// Returns whether values are ever refreshed.
    #[inline(always)]
    pub(crate) fn refreshes(&self) -> bool {
        self.common.lifetimes.refresh_rules.is_some()
    }

    /// Like [`Engine::get`]; also returns whether the entry needs a refresh.
    pub(crate) fn get_aged<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<(R, Need)> {
        let pin = pin();
        let located = self.find(&pin, hash, eq)?;
        let need = self.need(located.shard, located.found.node);
        Some((located.with(f), need))
    }

    /// Like [`Engine::get`]; also returns where the value is.
    #[cfg(feature = "macros")]
    pub(crate) fn get_at<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<(R, NodeRef)> {
        let pin = pin();
        self.find(&pin, hash, eq).map(|located| (located.with(f), located.node_ref()))
    }

    /// Like [`Engine::peek`]; also returns where the value is. A value that the leader of a load
    /// finds may be replaced by that load: the post was visible before.
    pub(crate) fn peek_at<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<(R, NodeRef)> {
        let pin = pin();
        self.find_live(&pin, hash, eq).map(|located| (located.with(f), located.node_ref()))
    }

    /// Supersedes any load of this hash, as a write does: no caller joins it, and its result is not
    /// stored.
    #[cfg(feature = "macros")]
    pub(crate) fn supersede_load(&self, hash: u64) {
        self.common.supersede(&pin().guard, hash);
    }

    fn need(&self, shard: &Shard<K, V>, node: NodeId) -> Need {
        let lifetimes = &self.common.lifetimes;
        let (Some(rules), Some(timing)) = (&lifetimes.refresh_rules, shard.timing.get()) else {
            return Need::Nothing;
        };
        let (life, load) = (timing.life(node), timing.load(node));
        match rules.has_need(&lifetimes.clock, life, load, timing.rested(node)) {
            true => Need::Refresh(shard.node_ref(node)),
            false => Need::Nothing,
        }
    }

    /// Begins to refresh the value at `node_ref`: by a refresh job if the cache has a loader for
    /// it. Otherwise by the caller, which gets the lead. Does nothing if the key has a load
    /// already, or another node.
    #[cold]
    pub(crate) fn refresh(
        &self,
        hash: u64,
        eq: &dyn Fn(&K) -> bool,
        key: &dyn Fn() -> K,
        node_ref: NodeRef,
    ) -> Option<Lead<'_, K, V>> {
        let lead = self.post_refresh(hash, eq, key, node_ref, true)?;
        let rules = self.common.lifetimes.refresh_rules.as_deref();
        let Some((rules, send)) = rules.and_then(|f| Some((f, f.send.as_ref()?))) else {
            return Some(lead);
        };
        let job = RefreshJob::new(lead);
        // A panic of the executor does not concern the caller, which has its value.
        let _ = pool::caught(|| send(job, rules.executor.as_deref()));
        None
    }

    /// Posts a load that replaces the value at `node_ref`, and that counts as a refresh if
    /// `counts`. Returns its lead, or `None` if the key has a load already, or another node.
    pub(crate) fn post_refresh(
        &self,
        hash: u64,
        eq: &dyn Fn(&K) -> bool,
        key: &dyn Fn() -> K,
        node_ref: NodeRef,
        counts: bool,
    ) -> Option<Lead<'_, K, V>> {
        let leader = match self.post(hash, eq, key) {
            Boarded::Joined(_) => return None,
            Boarded::Posted(flight) => Leader::new(&self.common.flights, flight),
        };
        let pin = pin();
        let there = self.find_live(&pin, hash, eq).filter(|there| there.node_ref() == node_ref)?;
        let tags = there.shard.births.tags(node_ref.node);
        Some(Lead::new(self, leader, Some(Replaced { node_ref, tags, counts }), None))
    }

    /// Returns where a key's value is.
    #[cfg(larder_loom)]
    pub(crate) fn node_of(&self, hash: u64, eq: impl Fn(&K) -> bool) -> Option<NodeRef> {
        Some(self.find_live(&pin(), hash, eq)?.node_ref())
    }

    pub(crate) fn engine_of(cache: &Weak<Common<K, V>>) -> Option<Self> {
        let common = cache.upgrade()?;
        Some(Self { common })
    }

    pub(crate) fn count_refresh(&self, node_ref: NodeRef, failed: bool) {
        let counters = &self.common.counters;
        let number = pin().number;
        counters.count(number, Event::Refresh);
        if !failed {
            return;
        }
        counters.count(number, Event::RefreshFailure);
        let lifetimes = &self.common.lifetimes;
        let shard = self.common.tiers.shard(node_ref.shard);
        if let (Some(rules), Some(timing)) = (&lifetimes.refresh_rules, shard.timing.get()) {
            timing.rest(node_ref.node, rested_until(&lifetimes.clock, rules.after));
        }
    }

    /// Returns the outcome of a load that has failed with `error`: a value that is expired, but
    /// within its grace, if there is one, otherwise the error.
    pub(crate) fn or_past(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        error: &Arc<dyn Any + Send + Sync>,
        copy: impl FnOnce(&Entry<K, V>) -> V,
    ) -> Outcome<V> {
        let past = match self.common.lifetimes.grace {
            0 => None,
            _ => self.peek_past(hash, eq, copy),
        };
        past.map_or_else(|| Outcome::Error(Arc::clone(error)), Outcome::Value)
    }

    /// Looks up a value that is within its grace, or not expired.
    #[cold]
    fn peek_past<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let lifetimes = &self.common.lifetimes;
        let pin = pin();
        // Before the look at the index, as in every lookup (`groups.rs`).
        let watch = self.common.watch();
        let Located { shard, found, .. } = self.find_any(&pin, hash, eq)?;
        if watch.is_some_and(|groups| groups.is_invalidated(&shard.births, found.node)) {
            return None;
        }
        let deadline = shard.timing.get()?.expiry(found.node);
        let gone =
            deadline == DEAD || lifetimes.clock.is_past(deadline.saturating_add(lifetimes.grace));
        // SAFETY: this thread is pinned, and has found the node in the index (Acquire) since.
        (!gone).then(|| unsafe { shard.nodes.with(found.node, f) })
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn chances_are_even_and_never_zero() {
        let draws: Vec<_> = (0..100_000).map(|_| random_unit()).collect();
        assert!(draws.iter().all(|u| (0.0..=1.0).contains(u) && -u.ln() < FARTHEST));
        let mean = draws.iter().map(|u| -u.ln()).sum::<f64>() / draws.len() as f64;
        // Exponentially distributed with mean 1; the standard error of the mean is 0.003.
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
    }
}
