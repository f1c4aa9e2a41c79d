//! Tiers: a cache that grows while it is in use, without moving an entry.
//!
//! The shards with which a cache is built are its *first tier*. Growing adds a tier above it: more
//! shards, planned for more entries, with indexes, nodes and columns of their own. A key may be in
//! any tier, in one at a time, and stays there until it is removed or evicted. New keys go to the
//! top tier, so the tiers below empty gradually. The number of a tier is its *level*; that of the
//! first tier is 0. The number of added tiers is the *height*.
//!
//! # States and transitions
//!
//! ```text
//! add     added[h]: null -> tier         any thread; the first swap counts
//!         then height: h -> h + 1        any thread that finds a tier above the height
//! make    shard of a tier:               any thread that needs the shard; before a home below is
//!         null -> shard                  sealed for it
//! seal    control word of a home set:    an insert or a computation that knows of a tier above
//!         open -> sealed
//! decide  fails on a sealed word         `sets.rs`, step 5
//! ```
//!
//! No transition is ever undone. In a sealed set keys are found, replaced, removed and evicted as
//! before, but none is added.
//!
//! # One copy per key
//!
//! An insert goes up from the first tier. In each tier below the top, as far as it knows the tiers,
//! it seals the key's home, settles it, and then looks for the key. If the key is there, the insert
//! replaces it there and is done. If not, the key is not in this tier *and never will be again*: no
//! insert is decided after the seal, and each that was decided before it was published before the
//! look. (A sealed word goes on naming the insert that was decided last, which settling publishes;
//! each earlier one was settled before the next decision.) On the top tier the insert follows the
//! six steps of `sets.rs`. So at the moment of a decision in tier f
//!
//! - no tier below has the key: its homes there are sealed, and the key was not there;
//! - no tier above has the key: otherwise its home on f would be sealed, and the decision would
//!   fail;
//! - tier f itself does not have the key, by the argument of `sets.rs`.
//!
//! An insert that does not know of the newest tier decides in an older one, if the home there is
//! not sealed. That is right, since an insert that knows the newer tier seals this home before it
//! looks there, and has not done so yet. If the home is sealed, the insert learns of the newer
//! tier: the seal is AcqRel, and the thread that set it has seen the height. The insert then takes
//! its entry out of the node that it has filled (see below), and goes up.
//!
//! # Lookups
//!
//! A lookup looks in the first tier, and if there are other tiers, from the top down. Any order is
//! right: a present key stays in its slot, so a lookup that does not find it ran while the key was
//! absent, at the start or between a removal and an insert. Since there is one copy, no lookup sees
//! an old value after the new one. It begins with the first tier, since a cache that never grew
//! then pays for other tiers only on a miss, with one load. In a cache that has grown, the first
//! tier is the smallest, and so the likeliest to be in the processor's caches.
//!
//! # Loads
//!
//! A writer bumps the control word of the key's home (`fill.rs`) in every tier from the first tier
//! up, to the first where the home is not sealed. A fill that decides further up has to seal that
//! home first. If it does so after the bump, it sees the flag that was set before the bump, and
//! gives up. If it does so before, the bump finds the seal, and the writer goes up. A missing shard
//! ends the writer's walk, too. The writer checks for the shard by a compare-exchange of null for
//! null, a read-modify-write, so the thread that makes the shard later sees the flag.
//!
//! # Nodes of inserts that went up
//!
//! An insert may fill a node in one tier and then learn that the key goes to another, whose shard
//! has nodes of its own. Its claim, if it has one, was not decided and is aborted. So no other
//! thread has ever looked at the node's key and value, and they can be moved out. The node that
//! remains is *moved out*. If its type needs no drop, the node is retired like any other. Otherwise
//! it is noted (`moved_out.rs`) and not used again until the cache is dropped. A moved-out node
//! comes only from a race between an insert and a seal, or a removal below the top, so there are
//! few.
//!
//! # When to grow
//!
//! A tier that is planned for as many entries as the capacity allows never has to grow. The plan
//! is an estimate ([`Growth::OnDemand`]) if there is a weigher, if the capacity is larger than one
//! tier can be, or if fewer entries are estimated than allowed. Then inserts add a tier of
//! [`FACTOR`] times as many entries in two cases:
//!
//! - A shard of the top tier has outgrown its plan (`ShardPlan::outgrown_at`), the cache has as
//!   many entries as the tier is planned for, and unused credits were left for the last entry.
//! - No slot of a key's home set or next door is free, unused credits are left, and the shard has
//!   half of the entries with which it has outgrown its plan. (With fewer it does not grow, since
//!   keys whose hashes are all equal fill their sets in a cache of any size. With good hashes,
//!   about one pair of sets in ten million gets more than its 28 keys in a shard with so many
//!   entries.)
//!
//! A cache that is planned for its whole capacity adds a tier when it is given a larger capacity
//! than it has room for. If there is no memory for a tier, the cache evicts entries as if it
//! could not grow. Of the inserts that want the tier, one in [`PATIENCE`] tries again, since
//! planning a tier takes as long as a hundred inserts. Where entries come to hold all nodes, a
//! few are evicted at once ([`Shard::shed`]).
//!
//! # Orderings
//!
//! The height is raised with AcqRel and read with Acquire, so a thread that knows a height finds
//! its tiers, the bit of `Part::Grown`, and the budget's memory for their shards. Seals and
//! decisions are AcqRel, and inserts read control words with Acquire (`sets.rs`).
//!
//! # ABA
//!
//! Tiers and shards stay until the cache is dropped, and so do seals. The version of a sealed
//! control word goes on rising.
//!
//! # Progress
//!
//! Lock-free. No thread waits for a tier: a thread that needs one makes it, and drops it if another
//! was faster. A seal fails only if another thread has changed the control word. An insert starts
//! again from the first tier only if the cache has grown meanwhile, at most [`ADDED_MAX`] times.

mod numbers;

use crate::{
    engine::{
        index::{prefetch::added_up, sets::Index, word::NodeId},
        shards::{
            common::Common,
            plan::{Growth, PAIRS_MAX, Plan},
            shard::Shard,
        },
        storage::{chunked::OutOfMemory, once_box::OnceBox, parts::Part},
        time::lifetimes::Rules,
    },
    sync::{AtomicU32, Ordering},
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
};

/// The maximum number of added tiers. Each has at least twice the room of
/// the tier below.
const ADDED_MAX: usize = if cfg!(larder_loom) { 2 } else { 24 };

/// The number of times that the next tier of a cache that grows on demand is larger.
pub(crate) const FACTOR: u64 = 4;

/// The number of inserts that do not ask for a tier after there was no memory for one, or no
/// need.
const PATIENCE: u32 = 1024;

/// A node of one of the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeRef {
    /// The number of the shard.
    pub(crate) shard: usize,
    pub(crate) node: NodeId,
}

/// All tiers of a cache. Shards are numbered from the first tier up.
#[derive(Debug)]
pub(crate) struct Tiers<K, V> {
    first: Box<[Shard<K, V>]>,
    /// One less than the number of shards in the first tier, which is a power of two.
    mask: usize,
    plan: Plan,
    /// The number of added tiers.
    height: AtomicU32,
    /// The number of inserts that will not try to add a tier. A hint.
    patience: AtomicU32,
    /// The number of inserts that will not count the entries. A hint.
    trust: AtomicU32,
    added: [OnceBox<Tier<K, V>>; ADDED_MAX],
}

#[derive(Debug)]
struct Tier<K, V> {
    /// The number of its first shard.
    first: usize,
    /// Their number is a power of two. Each is made when it is first needed.
    shards: Box<[OnceBox<Shard<K, V>>]>,
    plan: Plan,
}

/// The level from which a lookup goes down if it has not found its key in the first tier.
pub(crate) const FROM_THE_TOP: usize = usize::MAX;

impl<K, V> Tiers<K, V> {
    pub(crate) fn new(plan: &Plan) -> Result<Self, OutOfMemory> {
        assert!(plan.shards.is_power_of_two(), "{} shards", plan.shards);
        let mut first = Vec::with_capacity(plan.shards);
        for _ in 0..plan.shards {
            first.push(Shard::new(&plan.shard, 0, first.len())?);
        }
        Ok(Self {
            first: first.into_boxed_slice(),
            mask: plan.shards - 1,
            plan: plan.clone(),
            height: AtomicU32::new(0),
            patience: AtomicU32::new(0),
            trust: AtomicU32::new(0),
            added: std::array::from_fn(|_| OnceBox::new()),
        })
    }

    /// Returns the level of the top tier.
    #[inline(always)]
    pub(crate) fn height(&self) -> usize {
        // Acquire: pairs with the AcqRel in `add`; the tiers up to this height are visible, and
        // so is `Part::Grown`.
        self.height.load(Ordering::Acquire) as usize
    }

    /// Returns whether there is more than the first tier. The answer may be out of date: a thread
    /// that goes on as if there was not learns of it from a seal.
    #[inline(always)]
    pub(crate) fn has_grown(&self) -> bool {
        // Relaxed: no tier is read on the strength of it; callers that go up read `height`.
        self.height.load(Ordering::Relaxed) > 0
    }

    /// Returns the number of a hash's shard in a tier: some of the top 16 bits, of which neither
    /// set nor tag is made.
    fn place(hash: u64, shards: usize) -> usize {
        (hash >> 48) as usize & (shards - 1)
    }

    /// Returns the shard of a hash in the first tier.
    #[inline(always)]
    pub(crate) fn first(&self, hash: u64) -> &Shard<K, V> {
        let place = (hash >> 48) as usize & self.mask;
        // SAFETY: the mask is one less than the number of shards, so `place` is less than that.
        added_up(unsafe { self.first.get_unchecked(place) })
    }

    /// Returns an added tier, if there is one with this number.
    fn added(&self, level: usize) -> Option<&Tier<K, V>> {
        self.added.get(level.checked_sub(1)?)?.get()
    }

    /// Returns the shard of a hash in a tier, if it was made.
    fn shard_on(&self, level: usize, hash: u64) -> Option<&Shard<K, V>> {
        let Some(tier) = self.added(level) else {
            return (level == 0).then(|| self.first(hash));
        };
        tier.shards[Self::place(hash, tier.shards.len())].get()
    }

    /// Returns the shard of a hash in a tier. If it was not made, the thread that makes it later
    /// acquires what this thread has done so far ([`OnceBox::get_or_precede`]).
    fn shard_or_precede(&self, level: usize, hash: u64) -> Option<&Shard<K, V>> {
        let Some(tier) = self.added(level) else {
            return (level == 0).then(|| self.first(hash));
        };
        tier.shards[Self::place(hash, tier.shards.len())].get_or_precede()
    }

    /// Returns the next shard in which a lookup that did not find its key in the tier `level` has
    /// to look, with its level.
    #[inline(always)]
    pub(crate) fn next(&self, level: usize, hash: u64) -> Option<(usize, &Shard<K, V>)> {
        if self.height() > 0 { self.next_added(level, hash) } else { None }
    }

    #[cold]
    #[inline(never)]
    fn next_added(&self, level: usize, hash: u64) -> Option<(usize, &Shard<K, V>)> {
        let mut level = if level == FROM_THE_TOP { self.height() + 1 } else { level };
        while level > 1 {
            level -= 1;
            if let Some(shard) = self.shard_on(level, hash) {
                return Some((level, shard));
            }
        }
        None
    }

    /// Returns the plan of the top tier.
    pub(crate) fn plan(&self) -> &Plan {
        self.added(self.height()).map_or(&self.plan, |tier| &tier.plan)
    }

    /// Returns the shard of a hash in a tier, and makes it if it is missing. `made` is called with
    /// a new shard before it is published.
    fn shard_made(
        &self,
        level: usize,
        hash: u64,
        made: impl FnOnce(&Shard<K, V>) -> Result<(), OutOfMemory>,
    ) -> Result<&Shard<K, V>, OutOfMemory> {
        let Some(tier) = self.added(level) else { return Ok(self.first(hash)) };
        let place = Self::place(hash, tier.shards.len());
        tier.shards[place].get_or_try_make(|| {
            let shard = Shard::new(&tier.plan.shard, level, tier.first + place)?;
            made(&shard).map(|()| shard)
        })
    }

    /// Adds a tier with room for `entries` above the tier `level`, unless there is one. `admit`
    /// gets the number of shards that there will be, before the height says so.
    fn add(
        &self,
        level: usize,
        entries: u64,
        growth: Growth,
        admit: impl FnOnce(usize) -> Result<(), OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        let tier = self.added.get(level).ok_or(OutOfMemory)?.get_or_try_make(|| {
            let (below, first) = match self.added(level) {
                Some(tier) => (&tier.plan, tier.end()),
                None => (&self.plan, self.first.len()),
            };
            let mut plan = (below.next)(below, entries).map_err(|_| OutOfMemory)?;
            plan.shard.growth = growth;
            if self.pairs() + plan.pairs() > PAIRS_MAX {
                return Err(OutOfMemory);
            }
            let mut shards = Vec::new();
            shards.try_reserve_exact(plan.shards).map_err(|_| OutOfMemory)?;
            shards.resize_with(plan.shards, OnceBox::new);
            Ok(Tier { first, shards: shards.into_boxed_slice(), plan })
        })?;
        admit(tier.end())?;
        step(Step::TierAdded);
        // AcqRel: pairs with the Acquire in `height`; the tier, `Part::Grown` and what `admit`
        // has done are visible.
        self.height.fetch_max(level as u32 + 1, Ordering::AcqRel);
        Ok(())
    }
}

impl<K, V> Common<K, V> {
    /// Adds a tier with room for `entries` above the tier `level`, if that is the top tier.
    #[cold]
    pub(crate) fn grow(
        &self,
        level: usize,
        entries: u64,
        growth: Growth,
    ) -> Result<(), OutOfMemory> {
        self.tiers.add(level, entries, growth, |shards| {
            self.parts.announce(Part::Grown);
            self.budget.admit(shards)
        })
    }

    /// Returns whether the cache has as many entries as the top tier is planned for. If it does
    /// not, the next [`PATIENCE`] calls return `false` without counting.
    pub(crate) fn is_outgrown(&self) -> bool {
        if counts_down(&self.tiers.trust) {
            return false;
        }
        let outgrown = self.residents() >= self.tiers.plan().entries;
        if !outgrown {
            // Relaxed: a hint.
            self.tiers.trust.store(PATIENCE, Ordering::Relaxed);
        }
        outgrown
    }

    /// Adds a tier above the tier `level`, for an insert. If there was no memory for it, the next
    /// [`PATIENCE`] calls fail at once.
    pub(crate) fn grow_patiently(&self, level: usize, entries: u64) -> Result<(), OutOfMemory> {
        let patience = &self.tiers.patience;
        if counts_down(patience) {
            return Err(OutOfMemory);
        }
        self.grow(level, entries, Growth::OnDemand)
            // Relaxed: a hint.
            .inspect_err(|_| patience.store(PATIENCE, Ordering::Relaxed))
    }

    /// Returns the shard of a hash in a tier, and makes it if it is missing.
    fn shard_made(&self, level: usize, hash: u64) -> Result<&Shard<K, V>, OutOfMemory> {
        self.tiers.shard_made(level, hash, |shard| match self.lifetimes.rules {
            Rules::None => Ok(()),
            Rules::Fixed | Rules::Changing => shard.timing_by_rule(self).map(|_| ()),
        })
    }

    /// Returns whether an insert can go up to a tier above `level`.
    pub(crate) fn has_above(&self, level: usize, hash: u64) -> bool {
        self.top_made(hash) > level
    }

    /// Returns the level of the highest tier to which an insert can go: the hash has a shard in
    /// it, and in all tiers below. Makes the shards that are missing. It is the top tier unless
    /// there is no memory.
    fn top_made(&self, hash: u64) -> usize {
        let height = self.tiers.height();
        let mut top = 0;
        while top < height && self.shard_made(top + 1, hash).is_ok() {
            top += 1;
        }
        top
    }

    /// Goes up from the first tier: seals the key's home in each tier below the top, and then calls
    /// `look` with the shard; in the top tier, calls `look` only. Starts again from the first tier
    /// if the cache has grown meanwhile. Returns `false` if `look` never returned [`Ascent::Ends`].
    pub(crate) fn ascend<'s>(
        &'s self,
        hash: u64,
        look: &mut dyn FnMut(&'s Shard<K, V>) -> Ascent,
    ) -> bool {
        let mut height = self.tiers.height();
        loop {
            let top = self.top_made(hash);
            for level in 0..=top {
                let Some(shard) = self.tiers.shard_on(level, hash) else { break };
                if level < top && !planted(Bug::SealSkipped) {
                    Index::seal(shard.index.home(hash));
                }
                if level < top && planted(Bug::BelowUnlooked) {
                    continue;
                }
                if look(shard) == Ascent::Ends {
                    return true;
                }
            }
            // The cache has grown meanwhile, or there was no memory for a shard further up.
            let now = self.tiers.height();
            if now == height {
                return false;
            }
            height = now;
        }
    }

    /// Makes every insert look again that has read the control word of the key's home and has not
    /// decided: see "Loads".
    #[cold]
    pub(crate) fn bump(&self, hash: u64) {
        for level in 0.. {
            let Some(shard) = self.tiers.shard_or_precede(level, hash) else { return };
            let control = shard.index.bump(shard.index.home(hash));
            if !control.is_sealed() || planted(Bug::BumpFirstOnly) {
                return;
            }
        }
    }
}

/// Lowers a hint by one, and returns whether it was above zero. Two threads may count as one.
pub(crate) fn counts_down(hint: &AtomicU32) -> bool {
    // Relaxed, not a read-modify-write: a hint.
    let left = hint.load(Ordering::Relaxed);
    if left > 0 {
        hint.store(left - 1, Ordering::Relaxed);
    }
    left > 0
}

/// Whether an operation goes on to the next tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ascent {
    GoesOn,
    Ends,
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
