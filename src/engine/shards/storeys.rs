//! Storeys: a cache that grows while it is in use, without moving an entry.
//!
//! The shards that a cache is built with are its *ground floor*. Growing puts a *storey* on top:
//! more shards, planned for more entries, with indexes, nodes and columns of their own. A key may
//! be on any floor, on one at a time, and stays where it is until it is removed or evicted. New
//! keys go to the top, so the floors below empty by and by. A floor's number is its *level*, the
//! ground's is 0.
//!
//! # States and transitions
//!
//! ```text
//! add     upper[h]: null -> storey, then height: h -> h + 1   anyone; the first swap counts, and whoever
//!                                                             finds a storey above the height raises it
//! make    shard of a storey: null -> shard                    the first who needs it; it has to be there
//!                                                             before anything below is sealed for it
//! seal    control word of a home set: open -> sealed       an insert that knows of a floor above,
//!                                                             from a word that it has settled
//! decide  fails on a sealed word                              `sets.rs`, step 5
//! ```
//!
//! None of these is ever undone. In a sealed set keys are found, replaced, removed and evicted as
//! ever; but none is added.
//!
//! # One copy per key
//!
//! An insert goes up from the ground. On each floor below the top (as it knows it) it seals the
//! key's home, and then looks for the key. If it is there, the insert replaces it there and is
//! done. If not, the key is not on this floor *and never will be again*: whatever was decided
//! before the seal was published before the look, and nothing is decided afterwards. On the top
//! floor it follows the six steps of `sets.rs`. So at the moment of a decision on floor f
//!
//! - no floor below has the key, for its homes are sealed and it was not there;
//! - no floor above has it, or its home on f would be sealed, and the decision fail;
//! - nor has f itself, by the argument of `sets.rs`.
//!
//! An insert that does not know of the newest floor decides on an older one, if the home there is
//! not sealed; that is all right, since who knows better has not looked there yet. If it is sealed
//! the insert learns of the newer floor: the seal is AcqRel, and who sets it has seen the height.
//! It then takes its entry out of the node that it has filled (below) and goes on up.
//!
//! # Lookups
//!
//! They look on the ground floor, and if there are others, from the top down. Any order is right: a
//! present key stays in its slot, so who does not find it ran while it was absent, at the start or
//! between a removal and an insert. And since there is one copy, no lookup sees an old value after
//! the new one. Ground first, since a cache that never grew pays for the others only on a miss,
//! with one load; and when there are others the ground is the smallest floor, hence cached.
//!
//! # Loads
//!
//! A writer bumps the control word of the key's home (`fill.rs`) on every floor from the ground up
//! to the first where it is not sealed. A fill that decides further up has to seal that one first:
//! if it does so after the bump it sees the flag that was set before the bump, and gives up; if
//! before, the bump finds the seal, and the writer goes on up. A missing shard ends the walk as
//! well. The writer checks with a compare-exchange of null for null, a read-modify-write, so the
//! thread that makes the shard later sees the flag.
//!
//! # Nodes of inserts that went on
//!
//! An insert may fill a node on one floor and then learn that the key goes to another, whose shard
//! has nodes of its own. Its claim is aborted and was not decided, so nobody but the insert has
//! ever looked at the node's key and value: they can be moved out. What is left is a *husk*. If
//! there is nothing to be dropped in it, it is retired like any node. Otherwise it is noted
//! (`husks.rs`) and not used again until the cache is dropped: it takes a race between a seal, or a
//! removal below the top, and one insert to make a husk, so there are few.
//!
//! # When to grow
//!
//! A floor that is planned for as many entries as the capacity allows never has to grow. Where the
//! plan is an estimate ([`Growth::OnDemand`]: with a weigher, with a capacity beyond what can be
//! set aside, or with fewer entries estimated than allowed), inserts add a storey of [`FACTOR`]
//! times as many entries when a shard of the top floor has more entries than it was planned for,
//! and an eighth more, the cache has as many as the floor was planned for, and there were credits
//! left for the last one; or when both sets of a key are full, and the shard has half of that. (Not
//! earlier: keys whose hashes are all the same fill their sets in a cache of any size. With good
//! hashes a pair of sets in a shard that is half full gets more than its 28 keys once in a thousand
//! million pairs.) A cache that was planned for its whole capacity adds a storey when it is given a
//! larger one than it has room for. If there is no memory for it, a cache gives up entries as if it
//! could not grow; of the inserts that want it one in [`PATIENCE`] tries again, since planning a
//! storey takes as long as a hundred inserts. Where entries come to hold all nodes, a few are given
//! up at once ([`Shard::relieve`]).
//!
//! # ABA
//!
//! Storeys and shards stay until the cache is dropped, and seals for ever; the version of a control
//! word goes on rising when it is sealed.
//!
//! # Progress
//!
//! Lock-free. Nobody waits for a storey: who needs one makes it, perhaps in vain. A seal fails only
//! if an insert was decided or a key next door came or went. An insert starts again from the ground
//! only if the cache has grown meanwhile, at most [`UPPER`] times.

use crate::{
    engine::{
        index::{sets::Home, word::NodeId},
        shards::{
            plan::{Growth, PAIRS_MAX, Plan},
            scope::WriteScope,
            shard::{Common, Shard, Taken},
        },
        storage::{extents::OutOfMemory, late::Late, nodes::Entry, parts::Part},
        time::lifetimes::Rules,
    },
    sync::{AtomicU32, Ordering},
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
};
use std::ops::Range;

/// The most storeys on top of the ground floor: each has at least twice the room of the one below.
const UPPER: usize = if cfg!(larder_loom) { 2 } else { 24 };

/// How much larger the next storey of a cache with a weigher is.
pub(crate) const FACTOR: u64 = 4;

/// Inserts that do without a storey before it is tried again for which there was no memory, or no
/// need.
const PATIENCE: u32 = 1024;

/// A node of one of the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The number of the shard.
    pub(crate) shard: usize,
    pub(crate) node: NodeId,
}

/// All floors of a cache. Shards are numbered from the ground up.
#[derive(Debug)]
pub(crate) struct Storeys<K, V> {
    ground: Box<[Shard<K, V>]>,
    /// One less than their number, which is a power of two.
    mask: usize,
    plan: Plan,
    /// How many storeys there are on top of the ground floor.
    height: AtomicU32,
    /// Inserts that are to do without a further one: a hint.
    patience: AtomicU32,
    /// Inserts that are not to count entries again: a hint.
    trust: AtomicU32,
    upper: [Late<Storey<K, V>>; UPPER],
}

#[derive(Debug)]
struct Storey<K, V> {
    /// The number of its first shard.
    first: usize,
    /// A power of two; each is made when it is first needed.
    shards: Box<[Late<Shard<K, V>>]>,
    plan: Plan,
}

/// Where a lookup goes on that has not found its key on the ground floor: down from here.
pub(crate) const FROM_THE_TOP: usize = usize::MAX;

impl<K, V> Storeys<K, V> {
    pub(crate) fn new(plan: &Plan) -> Result<Self, OutOfMemory> {
        assert!(plan.shards.is_power_of_two(), "{} shards", plan.shards);
        let mut ground = Vec::with_capacity(plan.shards);
        for _ in 0..plan.shards {
            ground.push(Shard::new(&plan.shard, 0, ground.len())?);
        }
        Ok(Self {
            ground: ground.into_boxed_slice(),
            mask: plan.shards - 1,
            plan: plan.clone(),
            height: AtomicU32::new(0),
            patience: AtomicU32::new(0),
            trust: AtomicU32::new(0),
            upper: std::array::from_fn(|_| Late::new()),
        })
    }

    /// The level of the top floor.
    #[inline(always)]
    pub(crate) fn height(&self) -> usize {
        self.height.load(Ordering::Acquire) as usize
    }

    /// Whether there is more than the ground floor. It may be late: who goes on as if there was not
    /// finds out from a seal.
    #[inline(always)]
    pub(crate) fn has_grown(&self) -> bool {
        self.height.load(Ordering::Relaxed) > 0
    }

    /// The number of a hash's shard on its floor: its top bits, which neither set nor tag is made
    /// of.
    fn place(hash: u64, shards: usize) -> usize {
        (hash >> 48) as usize & (shards - 1)
    }

    /// The shard of a hash on the ground floor.
    #[inline(always)]
    pub(crate) fn ground(&self, hash: u64) -> &Shard<K, V> {
        let place = (hash >> 48) as usize & self.mask;
        // SAFETY: the mask is one less than the number of shards.
        unsafe { self.ground.get_unchecked(place) }
    }

    fn storey(&self, level: usize) -> Option<&Storey<K, V>> {
        self.upper.get(level.checked_sub(1)?)?.get()
    }

    /// The shard of a hash on a floor, if it was made.
    fn shard_on(&self, level: usize, hash: u64) -> Option<&Shard<K, V>> {
        let Some(storey) = self.storey(level) else {
            return (level == 0).then(|| self.ground(hash));
        };
        storey.shards[Self::place(hash, storey.shards.len())].get()
    }

    /// The same; if it was not made, whoever uses it later knows what this thread knows.
    fn shard_or_precede(&self, level: usize, hash: u64) -> Option<&Shard<K, V>> {
        let Some(storey) = self.storey(level) else {
            return (level == 0).then(|| self.ground(hash));
        };
        storey.shards[Self::place(hash, storey.shards.len())].get_or_precede()
    }

    /// The shards of a hash, from the ground up.
    pub(crate) fn shards_of(&self, hash: u64) -> ShardsOf<'_, K, V> {
        ShardsOf { storeys: self, hash, levels: 0..self.height() + 1 }
    }

    /// The next shard where a key may be that was not found on the floor `level`, and which floor
    /// that is.
    #[inline(always)]
    pub(crate) fn next(&self, level: usize, hash: u64) -> Option<(usize, &Shard<K, V>)> {
        if self.height() > 0 { self.next_upper(level, hash) } else { None }
    }

    #[cold]
    #[inline(never)]
    fn next_upper(&self, level: usize, hash: u64) -> Option<(usize, &Shard<K, V>)> {
        let mut level = if level == FROM_THE_TOP { self.height() + 1 } else { level };
        while level > 1 {
            level -= 1;
            if let Some(shard) = self.shard_on(level, hash) {
                return Some((level, shard));
            }
        }
        None
    }

    /// A shard by its number, if it was made.
    #[inline]
    pub(crate) fn get(&self, id: usize) -> Option<&Shard<K, V>> {
        match self.ground.get(id) {
            Some(shard) => Some(shard),
            None => self.get_upper(id),
        }
    }

    #[cold]
    fn get_upper(&self, id: usize) -> Option<&Shard<K, V>> {
        let mut last = None;
        for storey in &self.upper {
            match storey.get() {
                Some(storey) if id >= storey.first => last = Some(storey),
                _ => break,
            }
        }
        last?.get(id)
    }

    /// The shard of this number, of which it is known that it was made.
    #[inline]
    pub(crate) fn shard(&self, id: usize) -> &Shard<K, V> {
        self.get(id).expect("the number of a shard that was made")
    }

    /// One more than the largest number of a shard.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.storey(self.height()).map_or(self.ground.len(), Storey::end)
    }

    /// Shards below the top floor: those with lower numbers than this.
    pub(crate) fn below_top(&self) -> usize {
        self.storey(self.height()).map_or(0, |storey| storey.first)
    }

    /// Every shard that was made, in the order of their numbers.
    pub(crate) fn iter(&self) -> AllShards<'_, K, V> {
        AllShards { storeys: self, ids: 0..self.count() }
    }

    /// How the top floor is planned.
    pub(crate) fn plan(&self) -> &Plan {
        self.storey(self.height()).map_or(&self.plan, |storey| &storey.plan)
    }

    /// Makes the shard of a hash on a floor, if it is not there; `made` is the last step of making
    /// one.
    fn shard_made(
        &self,
        level: usize,
        hash: u64,
        made: impl FnOnce(&Shard<K, V>) -> Result<(), OutOfMemory>,
    ) -> Result<&Shard<K, V>, OutOfMemory> {
        let Some(storey) = self.storey(level) else { return Ok(self.ground(hash)) };
        let place = Self::place(hash, storey.shards.len());
        storey.shards[place].get_or_try_make(|| {
            let shard = Shard::new(&storey.plan.shard, level, storey.first + place)?;
            made(&shard).map(|()| shard)
        })
    }

    /// Puts a storey with room for `entries` on the floor `level`, unless there is one. `admit`
    /// gets to know how many shards there will be, before anybody can find one.
    fn add(
        &self,
        level: usize,
        entries: u64,
        growth: Growth,
        admit: impl FnOnce(usize) -> Result<(), OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        let storey = self.upper.get(level).ok_or(OutOfMemory)?.get_or_try_make(|| {
            let (below, first) = match self.storey(level) {
                Some(storey) => (&storey.plan, storey.end()),
                None => (&self.plan, self.ground.len()),
            };
            let mut plan = (below.next)(below, entries).map_err(|_| OutOfMemory)?;
            plan.shard.growth = growth;
            if self.pairs() + plan.pairs() > PAIRS_MAX {
                return Err(OutOfMemory);
            }
            let mut shards = Vec::new();
            shards.try_reserve_exact(plan.shards).map_err(|_| OutOfMemory)?;
            shards.resize_with(plan.shards, Late::new);
            Ok(Storey { first, shards: shards.into_boxed_slice(), plan })
        })?;
        admit(storey.end())?;
        step(Step::StoreyAdded);
        self.height.fetch_max(level as u32 + 1, Ordering::AcqRel);
        Ok(())
    }

    /// The plan of a floor, with the number of its first shard.
    fn floor(&self, level: usize) -> (usize, &Plan) {
        match self.storey(level) {
            Some(storey) => (storey.first, &storey.plan),
            None => (0, &self.plan),
        }
    }

    /// Pairs of sets, of all floors.
    pub(crate) fn pairs(&self) -> u64 {
        let mut pairs = 0;
        for level in 0..self.height() + 1 {
            pairs += self.floor(level).1.pairs();
        }
        pairs
    }

    /// A pair of sets by its number: the shard, if it was made, and the first of the two.
    pub(crate) fn pair(&self, mut number: u64) -> Option<(&Shard<K, V>, usize)> {
        for level in 0..self.height() + 1 {
            let (first, plan) = self.floor(level);
            if number < plan.pairs() {
                let per_shard = (plan.shard.sets / 2) as u64;
                let shard = self.get(first + (number / per_shard) as usize)?;
                return Some((shard, (number % per_shard) as usize * 2));
            }
            number -= plan.pairs();
        }
        None
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        let shard = |shard: &Shard<K, V>| size_of_val(shard) + shard.allocated_bytes();
        let storeys = self.upper.iter().map_while(Late::get);
        self.iter().map(shard).sum::<usize>()
            + storeys.map(|it| size_of_val(it) + size_of_val(&*it.shards)).sum::<usize>()
    }
}

// By hand: each adapter of the standard library's would be compiled anew in every program, several
// times.

/// See [`Storeys::seats`].
pub(crate) struct ShardsOf<'s, K, V> {
    storeys: &'s Storeys<K, V>,
    hash: u64,
    levels: Range<usize>,
}

impl<'s, K, V> Iterator for ShardsOf<'s, K, V> {
    type Item = &'s Shard<K, V>;

    fn next(&mut self) -> Option<&'s Shard<K, V>> {
        loop {
            let shard = self.storeys.shard_on(self.levels.next()?, self.hash);
            if shard.is_some() {
                return shard;
            }
        }
    }
}

/// See [`Storeys::iter`].
pub(crate) struct AllShards<'s, K, V> {
    storeys: &'s Storeys<K, V>,
    ids: Range<usize>,
}

impl<'s, K, V> Iterator for AllShards<'s, K, V> {
    type Item = &'s Shard<K, V>;

    fn next(&mut self) -> Option<&'s Shard<K, V>> {
        loop {
            if let Some(shard) = self.storeys.get(self.ids.next()?) {
                return Some(shard);
            }
        }
    }
}

impl<K, V> Storey<K, V> {
    fn end(&self) -> usize {
        self.first + self.shards.len()
    }

    fn get(&self, id: usize) -> Option<&Shard<K, V>> {
        self.shards.get(id - self.first)?.get()
    }
}

impl<K, V> Common<K, V> {
    /// Puts a storey with room for `entries` on the floor `level`, if that is the top.
    #[cold]
    pub(crate) fn grow(
        &self,
        level: usize,
        entries: u64,
        growth: Growth,
    ) -> Result<(), OutOfMemory> {
        self.storeys.add(level, entries, growth, |shards| {
            self.parts.announce(Part::Grown);
            self.budget.admit(shards)
        })
    }

    /// Whether there are as many entries as the top floor is planned for, in all its shards
    /// together. Counted for one in [`PATIENCE`] of the inserts that ask, unless there are.
    pub(crate) fn is_outgrown(&self) -> bool {
        if counts_down(&self.storeys.trust) {
            return false;
        }
        let outgrown = self.residents() >= self.storeys.plan().entries;
        if !outgrown {
            self.storeys.trust.store(PATIENCE, Ordering::Relaxed);
        }
        outgrown
    }

    /// The same for an insert: not each time, if there was no memory for it.
    pub(crate) fn grow_patiently(&self, level: usize, entries: u64) -> Result<(), OutOfMemory> {
        let patience = &self.storeys.patience;
        if counts_down(patience) {
            return Err(OutOfMemory);
        }
        self.grow(level, entries, Growth::OnDemand)
            .inspect_err(|_| patience.store(PATIENCE, Ordering::Relaxed))
    }

    /// The shard of a hash on a floor, made if need be.
    fn shard_made(&self, level: usize, hash: u64) -> Result<&Shard<K, V>, OutOfMemory> {
        self.storeys.shard_made(level, hash, |shard| match self.lifetimes.rules {
            Rules::None => Ok(()),
            Rules::Fixed | Rules::Changing => shard.timing_by_rule(self).map(|_| ()),
        })
    }

    /// Whether an insert that goes up comes to a floor above `level`.
    pub(crate) fn has_above(&self, level: usize, hash: u64) -> bool {
        self.top_made(hash) > level
    }

    /// The level of the highest floor that an insert can go to: a hash has a shard on it, all below
    /// included; makes those that are missing. It is the top, unless there is no memory.
    fn top_made(&self, hash: u64) -> usize {
        let height = self.storeys.height();
        let mut top = 0;
        while top < height && self.shard_made(top + 1, hash).is_ok() {
            top += 1;
        }
        top
    }

    /// Seals a key's home on every floor below the top, from the ground up, and has `look` look on
    /// each after that, and on the top. It says whether to go on. False if there is no floor left
    /// to look at.
    pub(crate) fn ascend<'s>(
        &'s self,
        hash: u64,
        look: &mut dyn FnMut(&'s Shard<K, V>) -> Ascent,
    ) -> bool {
        let mut height = self.storeys.height();
        loop {
            let top = self.top_made(hash);
            for level in 0..=top {
                let Some(shard) = self.storeys.shard_on(level, hash) else { break };
                if level < top && !planted(Bug::SealSkipped) {
                    shard.index.seal(shard.index.home(hash));
                }
                if level < top && planted(Bug::BelowUnlooked) {
                    continue;
                }
                if look(shard) == Ascent::Ends {
                    return true;
                }
            }
            // It has grown, or there was no memory for a shard further up.
            let now = self.storeys.height();
            if now == height {
                return false;
            }
            height = now;
        }
    }

    /// Takes a key out, on whatever floor it is.
    pub(crate) fn remove<R>(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        take: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let shard = self.storeys.ground(hash);
        self.remove_from(cx, (shard, shard.index.home(hash)), hash, eq, take)
    }

    /// The same, beginning with the shard on the ground floor and the key's home in it.
    #[inline(always)]
    pub(crate) fn remove_from<'s, R>(
        &'s self,
        cx: &WriteScope<'_, K, V>,
        (mut shard, mut home): (&'s Shard<K, V>, Home<'s>),
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
        take: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let mut take = Some(take);
        let mut level = FROM_THE_TOP;
        loop {
            let take_once = |entry: &_| take.take().map(|take| take(entry));
            match shard.remove(cx, home, hash, &mut eq, take_once) {
                Taken::Entry(taken) => return taken,
                Taken::Past => return None,
                Taken::Nothing if planted(Bug::RemoveGroundOnly) => return None,
                Taken::Nothing => (level, shard) = self.storeys.next(level, hash)?,
            }
            home = shard.index.home(hash);
        }
    }

    /// The same for an entry that nobody wants.
    #[cold]
    pub(crate) fn remove_unseen(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        eq: &dyn Fn(&K) -> bool,
    ) {
        self.remove(cx, hash, eq, |_| ());
    }

    /// Makes every insert that has read the control word of the key's home, and has not decided,
    /// look again: see "Loads".
    #[cold]
    pub(crate) fn bump(&self, hash: u64) {
        for level in 0.. {
            let Some(shard) = self.storeys.shard_or_precede(level, hash) else { return };
            let control = shard.index.bump(shard.index.home(hash));
            if !control.is_sealed() || planted(Bug::BumpGroundOnly) {
                return;
            }
        }
    }
}

/// Whether a hint is above zero, and one less now. Two threads may count as one.
fn counts_down(hint: &AtomicU32) -> bool {
    let left = hint.load(Ordering::Relaxed);
    if left > 0 {
        hint.store(left - 1, Ordering::Relaxed);
    }
    left > 0
}

/// Whether an operation goes on to the next floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ascent {
    GoesOn,
    Ends,
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
