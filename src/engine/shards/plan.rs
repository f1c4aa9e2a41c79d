//! Sizes: the number of shards, sets and nodes, computed from capacity, cores and node size.

use crate::{
    engine::{
        index::{
            sets::Set,
            word::{Layout, NodeId, SLOTS},
        },
        reclaim::{magazine::MAGAZINE, recycle::NodePlan},
        storage::nodes::Nodes,
    },
    types::{error::BuildError, eviction::EvictionPolicy},
};

/// The mean number of entries per set in a full cache. The other slots are for the variance.
const LOAD: f64 = SLOTS as f64 * 8.0 / 14.0;

/// The minimum number of entries of a shard, in a cache that has as many and for which the user
/// does not set the number of shards: the policy of a smaller shard sees too few accesses.
const SHARD_MIN: u64 = 4096;

/// The maximum number of entries of a shard, in a cache for which the user does not set the number
/// of shards: node numbers have to leave room for tags in the slot words.
const SHARD_MAX: u64 = 1 << 15;

/// The maximum number of shards of a tier.
pub(crate) const SHARDS_MAX: usize = 1 << 16;

/// The number of entries of one tier of the largest shards. A cache with a larger capacity is
/// planned for fewer entries, and grows.
pub(crate) const ENTRIES_MAX: u64 = SHARDS_MAX as u64 * SHARD_MAX;

/// The maximum number of pairs of sets of a cache, all tiers together: a position of the sweep in
/// `groups.rs` has 28 bits.
pub(crate) const PAIRS_MAX: u64 = (1 << 28) - 1;

/// The number of nodes of a shard beyond one and a half times its entries, and the bytes that they
/// may take: they are for entries that wait for the end of a grace period.
const SPARE_NODES: u64 = 1 << 13;
const SPARE_BYTES: u64 = 1 << 20;

/// Spare nodes per core, within [`SPARE_BYTES`]: twice what a thread may have in its thread cache
/// and in batches.
const SPARE_PER_CORE: u64 = 4 * MAGAZINE as u64;

/// The minimum number of retired nodes per batch: smaller batches cost more work of the collector.
const BATCH_MIN: u32 = 8;

/// The number of dead nodes that maintenance takes at once.
pub(crate) const DEAD_PER_PASS: u32 = 256;

/// The number of flushes of the collector without effect after which maintenance gives up. Other
/// caches' batches may stand in front of this cache's, and a flush hands back eight.
#[cfg(not(larder_loom))]
pub(crate) const FLUSHES_IN_VAIN: u32 = 64;
#[cfg(larder_loom)]
pub(crate) const FLUSHES_IN_VAIN: u32 = 3;

/// The number of times that an insert that finds no node flushes the collector before it gives up.
/// It also yields each time, if a batch may come back soon.
pub(crate) const YIELDS: u32 = 4;

/// Whether inserts may add a tier to a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// The tier is planned for the whole capacity, and no insert adds a tier.
    Never,
    /// The plan is an estimate, and inserts add a tier when it is exceeded.
    OnDemand,
}

/// The measures of each shard.
#[derive(Clone, Debug)]
pub(crate) struct ShardPlan {
    /// Whether entries have weights of their own.
    pub(crate) weighted: bool,
    pub(crate) growth: Growth,
    /// The rules by which entries are evicted.
    pub(crate) rules: EvictionPolicy,
    /// The initial share of probation, if the user sets it.
    pub(crate) probation: Option<f64>,
    /// The number of entries when the cache is full and keys are spread evenly.
    pub(crate) capacity: u32,
    pub(crate) sets: usize,
    pub(crate) layout: Layout,
    /// The number of nodes whose memory is allocated with the shard.
    pub(crate) planned_nodes: NodeId,
    pub(crate) nodes: NodePlan,
}

/// The measures of a cache.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The number of credits: the total weight, or the number of entries if each weighs 1.
    pub(crate) capacity: u64,
    /// The number of entries that there is room for.
    pub(crate) entries: u64,
    /// A power of two.
    pub(crate) shards: usize,
    pub(crate) shard: ShardPlan,
    /// Plans a tier for a number of entries, on top of the tier whose plan it is given.
    pub(crate) next: fn(&Plan, u64) -> Result<Plan, BuildError>,
}

impl ShardPlan {
    /// Returns the number of entries beyond which a shard that is planned for an estimate is
    /// outgrown. It is more than the plan says: hashing spreads keys unevenly, so some shards
    /// exceed the plan even if the estimate is right.
    pub(crate) fn outgrown_at(&self) -> u32 {
        self.capacity + self.capacity / 8 + SLOTS as u32
    }
}

impl Plan {
    /// Changes the rules of eviction.
    pub(crate) fn ruled_by(mut self, rules: EvictionPolicy) -> Self {
        self.shard.rules = rules;
        self
    }

    /// Changes the initial share of probation.
    pub(crate) fn beginning_with(mut self, probation: Option<f64>) -> Self {
        self.shard.probation = probation;
        self
    }

    /// Makes this the plan for entries that have weights of their own, together `capacity` at most.
    pub(crate) fn weighted(mut self, capacity: u64) -> Self {
        self.shard.weighted = true;
        self.growing_to(capacity)
    }

    /// Makes this the estimate for a cache that may grow up to `capacity`.
    pub(crate) fn growing_to(mut self, capacity: u64) -> Self {
        self.capacity = capacity;
        self.shard.growth = Growth::OnDemand;
        self
    }

    /// Plans a cache for `capacity` entries of type `(K, V)` on a machine with `cores`.
    pub(crate) fn new<K, V>(
        capacity: u64,
        shards: Option<usize>,
        cores: usize,
    ) -> Result<Self, BuildError> {
        let out_of_memory = || BuildError::OutOfMemory { max_capacity: capacity };
        let shards = match shards {
            Some(n) if n == 0 || n > SHARDS_MAX => {
                return Err(BuildError::Shards { shards: n, max: SHARDS_MAX });
            }
            Some(n) => n.next_power_of_two(),
            None => auto_shards(capacity, cores).ok_or_else(out_of_memory)?,
        };
        let (share, nodes, layout) = nodes_per_shard::<K, V>(capacity, shards, cores)
            .ok_or_else(|| too_few::<K, V>(capacity, shards, cores))?;
        // Hashing spreads keys unevenly: four standard deviations.
        let uneven = if shards == 1 { 0 } else { (f64::from(share).sqrt() * 4.0) as u32 };
        // Half of the deviation is enough here, since a set has slots to spare.
        let sets = (f64::from(share + uneven / 2) / LOAD).ceil() as usize;
        let sets = sets.next_multiple_of(2).max(2);
        let shard = ShardPlan {
            weighted: false,
            growth: Growth::Never,
            rules: EvictionPolicy::default(),
            probation: None,
            capacity: share,
            sets,
            layout,
            planned_nodes: (share + uneven + 3 * nodes.batch).min(nodes.max_nodes),
            nodes,
        };
        let plan = Self { capacity, entries: capacity, shards, shard, next: Self::above::<K, V> };
        if plan.pairs() > PAIRS_MAX {
            return Err(out_of_memory());
        }
        plan.probe_memory::<K, V>().ok_or_else(out_of_memory)?;
        Ok(plan)
    }

    /// Plans a tier, with at least as many shards as the tier below.
    fn above<K, V>(below: &Plan, entries: u64) -> Result<Self, BuildError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut plan = Self::new::<K, V>(entries, None, cores)?;
        if plan.shards < below.shards {
            plan = Self::new::<K, V>(entries, Some(below.shards), cores)?;
        }
        plan.shard.weighted = below.shard.weighted;
        Ok(plan.ruled_by(below.shard.rules))
    }

    /// Returns the number of pairs of sets of the tier.
    pub(crate) fn pairs(&self) -> u64 {
        (self.shards * (self.shard.sets / 2)) as u64
    }

    /// Returns `None` if the allocator would not give all of the memory at once. Called before the
    /// first shard is built, since hundreds of small allocations may each succeed where there is
    /// not enough memory for all of them.
    fn probe_memory<K, V>(&self) -> Option<()> {
        let ShardPlan { planned_nodes, nodes, .. } = self.shard;
        let bytes = Nodes::<K, V>::bytes(planned_nodes as usize)?
            .checked_add(self.shard.sets.checked_mul(size_of::<Set>())?)?
            .checked_add(nodes.bytes()?)?
            .checked_mul(self.shards)?;
        let mut probe = Vec::<u8>::new();
        probe.try_reserve_exact(bytes).ok()
    }
}

/// Returns a number of shards that keeps writers apart and leaves each shard large. `None` if it
/// would be more than [`SHARDS_MAX`].
fn auto_shards(capacity: u64, cores: usize) -> Option<usize> {
    let for_cores = (4 * cores as u64).next_power_of_two();
    let for_policy = (capacity / SHARD_MIN).max(1);
    let for_policy = 1 << for_policy.ilog2();
    let for_tags = capacity.div_ceil(SHARD_MAX).checked_next_power_of_two()?;
    let shards = for_cores.min(for_policy).max(for_tags);
    usize::try_from(shards).ok().filter(|&shards| shards <= SHARDS_MAX)
}

#[cold]
fn too_few<K, V>(max_capacity: u64, shards: usize, cores: usize) -> BuildError {
    let enough = std::iter::successors(Some(shards), |n| n.checked_mul(2))
        .take_while(|&n| n <= SHARDS_MAX)
        .find(|&n| nodes_per_shard::<K, V>(max_capacity, n, cores).is_some());
    match enough {
        Some(at_least) => BuildError::TooFewShards { shards, max_capacity, at_least },
        None => BuildError::OutOfMemory { max_capacity },
    }
}

/// Returns the number of entries per shard, the plan of its nodes, and the layout that holds their
/// numbers. `None` if there would be too many nodes.
fn nodes_per_shard<K, V>(
    capacity: u64,
    shards: usize,
    cores: usize,
) -> Option<(u32, NodePlan, Layout)> {
    let node_bytes = Nodes::<K, V>::NODE_BYTES as u64;
    let wanted = SPARE_NODES.max(SPARE_PER_CORE * cores as u64);
    let spare = wanted.min(SPARE_BYTES / node_bytes.max(1)).max(256);
    let share = u32::try_from(capacity.div_ceil(shards as u64)).ok()?;
    let max_nodes = NodeId::try_from(u64::from(share) * 3 / 2 + spare).ok()?;
    let layout = Layout::for_nodes(max_nodes)?;
    // A batch is small compared with the shard, and with the spare nodes per core.
    let spare_of_core = (spare / (4 * cores as u64)) as u32;
    let batch = (share / 16).min(spare_of_core).clamp(BATCH_MIN, MAGAZINE);
    // Threads keep at most half of the spare nodes in thread cache.
    let thread_caches = (spare / 2) as u32 / batch;
    Some((share, NodePlan { max_nodes, batch, thread_caches }, layout))
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn shards_follow_capacity_and_cores() {
        let shards =
            |capacity, cores| Plan::new::<u64, u64>(capacity, None, cores).map(|p| p.shards);
        assert_eq!(shards(0, 2).ok(), Some(1));
        assert_eq!(shards(4_000, 64).ok(), Some(1));
        assert_eq!(shards(10_000, 2).ok(), Some(2));
        assert_eq!(shards(100_000, 2).ok(), Some(8));
        assert_eq!(shards(100_000, 16).ok(), Some(16));
        assert_eq!(shards(10_000_000, 2).ok(), Some(512));
    }

    #[test]
    fn nonsense_is_named() {
        let plan = |capacity, shards| Plan::new::<u64, u64>(capacity, shards, 2).map(|_| ());
        assert_eq!(plan(10, Some(0)), Err(BuildError::Shards { shards: 0, max: SHARDS_MAX }));
        assert_eq!(
            plan(10_000_000, Some(1)),
            Err(BuildError::TooFewShards { shards: 1, max_capacity: 10_000_000, at_least: 16 })
        );
        for capacity in [u64::MAX, 1 << 62, 1 << 44] {
            assert_eq!(
                plan(capacity, None),
                Err(BuildError::OutOfMemory { max_capacity: capacity })
            );
        }
    }
}
