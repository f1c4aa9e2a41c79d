//! What goes around the work of a write in the index: one guard, from the pin to what follows the
//! unpin.
//!
//! Beginning, by [`Engine::begin_write`]: what is due is done, the thread pins, and loads of the
//! key are superseded, in this order (`flights.rs` asks for the last two). Ending, when the guard
//! is dropped, also by unwinding:
//!
//! 1. The thread unpins.
//! 2. The listener hears of what has left (`leaving.rs`).
//! 3. If the capacity was made smaller while this thread had credits in hand, it takes part in
//!    reaching it.
//! 4. The entries of a few nodes are dropped that have died since.
//!
//! Steps 2 to 4 run code of the user's: listeners and destructors. None of it may run pinned, and
//! none does: the pin is the first field of [`WriteScope`], and fields are dropped in the order of
//! their declaration. Whatever works in the index borrows the guard, so it cannot end before that
//! does.
//!
//! What belongs to parts that a cache does not have is out of line, behind one look at `parts.rs`:
//! what is due before the pin; loads and groups after it; what is owed after the end.

use crate::{
    engine::{
        Engine,
        invalidate::groups::Watch,
        policy::budget::Budget,
        reclaim::epoch::{Number, Pin, pin},
        shards::{
            leaving::Leaving,
            shard::{Common, Shard},
            stats::Event,
        },
        storage::{
            nodes::Entry,
            parts::{Part, PartSet},
        },
    },
    testing::hooks::{Step, step},
};
use crossbeam_epoch::Guard;
use std::mem::{ManuallyDrop, needs_drop};

/// Dead nodes whose entries a writer drops after its own work: more than it can retire, so that
/// they do not pile up.
pub(crate) const DEAD_PER_WRITE: u32 = 8;

/// A write, or a piece of upkeep, in progress: what every step of it needs. Pinned until it is
/// dropped.
pub(crate) struct WriteScope<'a, K, V> {
    // The first field, so that it is dropped before `after`: see above.
    guard: Guard,
    number: Number,
    after: After<'a, K, V>,
    /// The groups, if there may be stale entries, as found before the index was looked at.
    pub(crate) watch: Watch<'a>,
}

/// What is to be done when the thread has unpinned. Does it when dropped.
struct After<'a, K, V> {
    common: &'a Common<K, V>,
    /// Empty when `drop` has told of it.
    leaving: ManuallyDrop<Leaving<K, V>>,
    dues: Dues,
}

/// What a thread owes the cache after its own work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dues {
    /// Nothing, or its caller sees to it.
    None,
    /// To pay what the cache owes.
    Debt,
    /// The same, and to drop dead entries in the shards of a hash.
    OfKey(u64),
    /// The same in one shard, up to `dead` entries.
    OfShard { id: usize, dead: u32 },
}

impl<'a, K, V> WriteScope<'a, K, V> {
    /// Pins.
    #[inline(always)]
    pub(crate) fn new(common: &'a Common<K, V>, dues: Dues) -> Self {
        Self::pinned(pin(), common, dues)
    }

    #[inline(always)]
    fn pinned(pin: Pin, common: &'a Common<K, V>, dues: Dues) -> Self {
        Self::pinned_with(pin, common, dues, common.parts.now())
    }

    /// The same in a cache that has these parts, as this thread has found after it has pinned.
    #[inline(always)]
    fn pinned_with(pin: Pin, common: &'a Common<K, V>, dues: Dues, parts: PartSet) -> Self {
        let watch = if parts.has(Part::Groups) { common.watch() } else { None };
        Self { watch, ..Self::unwatched(pin, common, dues) }
    }

    /// For who goes on only if there are no groups.
    #[inline(always)]
    pub(crate) fn unwatched(pin: Pin, common: &'a Common<K, V>, dues: Dues) -> Self {
        let Pin { guard, number } = pin;
        let leaving = ManuallyDrop::new(Leaving::new());
        Self { guard, number, after: After { common, leaving, dues }, watch: None }
    }

    #[inline(always)]
    pub(crate) fn common(&self) -> &'a Common<K, V> {
        self.after.common
    }

    #[inline(always)]
    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The parts that the cache has now.
    #[inline(always)]
    pub(crate) fn parts(&self) -> PartSet {
        self.common().parts.now()
    }

    /// The number of this thread.
    #[inline(always)]
    pub(crate) fn number(&self) -> Number {
        self.number
    }

    #[inline(always)]
    pub(crate) fn leaving(&self) -> &Leaving<K, V> {
        &self.after.leaving
    }

    #[inline(always)]
    pub(crate) fn count(&self, event: Event) {
        self.common().counters.count(self.number(), event);
    }

    #[inline(always)]
    pub(crate) fn budget(&self) -> &'a Budget {
        &self.common().budget
    }

    /// Ends every load of a hash that is under way: it is older than this write.
    #[inline(always)]
    pub(crate) fn supersede(&self, hash: u64) {
        self.common().supersede(self.guard(), hash);
    }

    /// Takes back an entry that was not stored, if nobody wants to hear of it.
    pub(crate) fn take_unstored(&self) -> Option<Entry<K, V>> {
        if self.common().listener.is_some() { None } else { self.leaving().take_unstored() }
    }

    /// Has entries of up to `dead` dead nodes of a shard dropped at the end.
    pub(crate) fn owe_to(&mut self, shard: &Shard<K, V>, dead: u32) {
        self.after.dues = Dues::OfShard { id: shard.id(), dead };
    }
}

impl<K, V> After<'_, K, V> {
    /// All of it.
    #[cold]
    #[inline(never)]
    fn settle(&mut self) {
        if !self.leaving.is_empty() {
            self.leaving.tell(self.common);
        }
        let common = self.common;
        match self.dues {
            Dues::None => {}
            Dues::Debt => common.pay_if_owing(),
            Dues::OfKey(hash) => {
                common.pay_if_owing();
                common.drop_dead(hash, DEAD_PER_WRITE);
            }
            Dues::OfShard { id, dead } => {
                common.pay_if_owing();
                common.storeys.shard(id).drop_dead(dead);
            }
        }
    }
}

impl<K, V> Drop for After<'_, K, V> {
    #[inline(always)]
    fn drop(&mut self) {
        // Little code, so that it is part of each write.
        if !self.leaving.is_empty() || self.common.may_owe() {
            return self.settle();
        }
        match self.dues {
            Dues::OfKey(hash) => self.common.drop_dead(hash, DEAD_PER_WRITE),
            _ => self.settle(),
        }
    }
}

impl<K, V> Common<K, V> {
    /// Takes part in reaching a capacity that was made smaller while this thread had credits in
    /// hand; when it has unpinned.
    #[inline(always)]
    pub(crate) fn pay_if_owing(&self) {
        if self.may_owe() {
            self.pay_debt();
        }
    }

    #[inline(always)]
    fn may_owe(&self) -> bool {
        self.parts.now().has(Part::Resized)
    }

    /// Drops the entries of a few dead nodes in the shards of a hash; when the thread has unpinned.
    #[inline(always)]
    pub(crate) fn drop_dead(&self, hash: u64, most: u32) {
        if !needs_drop::<Entry<K, V>>() {
            return;
        }
        self.storeys.ground(hash).drop_dead(most);
        if self.storeys.has_grown() {
            self.drop_dead_above(hash, most);
        }
    }

    #[cold]
    fn drop_dead_above(&self, hash: u64, most: u32) {
        for shard in self.storeys.shards_of(hash).skip(1) {
            shard.drop_dead(most);
        }
    }
}

impl<K, V> Engine<K, V> {
    /// Begins a write of a key with this hash.
    #[inline(always)]
    pub(crate) fn begin_write(&self, hash: u64) -> WriteScope<'_, K, V> {
        self.do_upkeep_if_due(hash);
        let pin = pin();
        step(Step::Pinned);
        let parts = self.common.parts.now();
        if parts.has(Part::Loads) {
            self.common.supersede(&pin.guard, hash);
        }
        WriteScope::pinned_with(pin, &self.common, Dues::OfKey(hash), parts)
    }

    /// The same for what may turn out to write nothing. It supersedes before it writes.
    #[inline(always)]
    pub(crate) fn begin_look(&self, hash: u64) -> WriteScope<'_, K, V> {
        self.do_upkeep_if_due(hash);
        let scope = WriteScope::new(&self.common, Dues::OfKey(hash));
        step(Step::Pinned);
        scope
    }

    #[inline(always)]
    fn do_upkeep_if_due(&self, hash: u64) {
        if self.common.parts.now().has_any_of(PartSet::OF_UPKEEP) {
            self.do_upkeep(hash);
        }
    }

    /// What a write does for a cache that no maintenance thread tends, or in which stale entries
    /// are to be swept.
    #[cold]
    fn do_upkeep(&self, hash: u64) {
        let shard = self.ground(hash);
        if shard.timing.get().is_some() && self.common.registration.get().is_none() {
            self.common.expire_some(shard);
        }
        if self.common.storeys.has_grown() {
            self.do_upkeep_above(hash);
        }
        self.sweep_by_the_way();
    }

    /// The same for the shards of a hash above the ground floor.
    #[cold]
    fn do_upkeep_above(&self, hash: u64) {
        if self.common.registration.get().is_none() {
            for shard in self.common.storeys.shards_of(hash).skip(1) {
                if shard.timing.get().is_some() {
                    self.common.expire_some(shard);
                }
            }
        }
    }
}
