//! The guard around a write's work in the index: the pin, and the work that follows the unpin.
//!
//! [`Engine::begin_write`] makes the guard: it does the upkeep that is due, pins the thread, and
//! supersedes the loads of the key, in this order (`flights.rs` requires that of the last two).
//! When the guard is dropped, also by unwinding:
//!
//! 1. The thread unpins.
//! 2. The listener is told of the values that have left (`notify.rs`).
//! 3. If the capacity was reduced, the thread evicts entries until no credits are owed, except
//!    those in other threads' hands.
//! 4. The entries of a few dead nodes are dropped.
//!
//! Steps 2 to 4 run user code: listeners and destructors. None of it may run pinned, and none does:
//! the pin is the first field of [`WriteScope`], and fields are dropped in the order of their
//! declaration. Code that works in the index borrows the guard, so the guard cannot end earlier.
//!
//! Work for parts that a cache does not have is out of line, behind one look at the parts
//! (`parts.rs`): upkeep before the pin, loads and groups after it, and the debt at the end.

use crate::{
    engine::{
        Engine,
        invalidate::groups::Watch,
        policy::budget::Budget,
        reclaim::epoch::{Number, Pin, pin},
        shards::{common::Common, notify::Notifications, shard::Shard, stats::Event},
        storage::{
            nodes::Entry,
            parts::{Part, PartSet},
        },
    },
    testing::hooks::{Step, step},
};
use crossbeam_epoch::Guard;
use std::mem::{ManuallyDrop, needs_drop};

/// The number of dead nodes whose entries a writer drops after its own work: more than most writes
/// retire, so that dead nodes do not accumulate.
pub(crate) const DEAD_PER_WRITE: u32 = 8;

/// A write, or a piece of upkeep, in progress. The thread is pinned until it is dropped.
pub(crate) struct WriteScope<'a, K, V> {
    // The first field, so that the thread unpins before `after` is dropped.
    guard: Guard,
    number: Number,
    after: After<'a, K, V>,
    /// The groups, if there may be invalidated entries. Read before the look at the index.
    pub(crate) watch: Watch<'a>,
}

/// The work that follows the unpin, done on drop.
struct After<'a, K, V> {
    common: &'a Common<K, V>,
    /// Not dropped with its struct: `drop` empties it, and then there is nothing to free.
    notifications: ManuallyDrop<Notifications<K, V>>,
    dues: Dues,
}

/// The work that a thread does for the cache after its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dues {
    /// None, or the caller does it.
    None,
    /// Paying the debt of a reduced capacity.
    Debt,
    /// Paying the debt, and dropping dead entries in the shards of a hash.
    OfKey(u64),
    /// Paying the debt, and dropping up to `dead` dead entries in one shard.
    OfShard { id: usize, dead: u32 },
}

impl<'a, K, V> WriteScope<'a, K, V> {
    /// Pins the thread, and looks whether there may be invalidated entries.
    #[inline(always)]
    pub(crate) fn new(common: &'a Common<K, V>, dues: Dues) -> Self {
        Self::pinned(pin(), common, dues)
    }

    #[inline(always)]
    fn pinned(pin: Pin, common: &'a Common<K, V>, dues: Dues) -> Self {
        Self::pinned_with(pin, common, dues, common.parts.now())
    }

    /// Takes over a pin, in a cache whose parts this thread has read after it pinned.
    #[inline(always)]
    fn pinned_with(pin: Pin, common: &'a Common<K, V>, dues: Dues, parts: PartSet) -> Self {
        let watch = if parts.has(Part::Groups) { common.watch() } else { None };
        Self { watch, ..Self::unwatched(pin, common, dues) }
    }

    /// Takes over a pin without a look at the groups. For callers that go on only if there are
    /// none.
    #[inline(always)]
    pub(crate) fn unwatched(pin: Pin, common: &'a Common<K, V>, dues: Dues) -> Self {
        let Pin { guard, number } = pin;
        let notifications = ManuallyDrop::new(Notifications::new());
        Self { guard, number, after: After { common, notifications, dues }, watch: None }
    }

    #[inline(always)]
    pub(crate) fn common(&self) -> &'a Common<K, V> {
        self.after.common
    }

    #[inline(always)]
    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Ends a write of a key with this hash that has left nothing for the listener.
    #[inline(always)]
    pub(crate) fn end_quietly(self, hash: u64) {
        let Self { guard, mut after, .. } = self;
        debug_assert!(after.notifications.is_empty(), "values that the listener has not heard of");
        let common = after.common;
        std::mem::forget(after);
        drop(guard);
        common.follow_write(hash);
    }

    /// Returns the parts that the cache has now.
    #[inline(always)]
    pub(crate) fn parts(&self) -> PartSet {
        self.common().parts.now()
    }

    /// Returns the number of this thread.
    #[inline(always)]
    pub(crate) fn number(&self) -> Number {
        self.number
    }

    #[inline(always)]
    pub(crate) fn notifications(&self) -> &Notifications<K, V> {
        &self.after.notifications
    }

    #[inline(always)]
    pub(crate) fn count(&self, event: Event) {
        self.common().counters.count(self.number(), event);
    }

    #[inline(always)]
    pub(crate) fn budget(&self) -> &'a Budget {
        &self.common().budget
    }

    /// Supersedes every load of a hash that is under way, since this write is newer.
    #[inline(always)]
    pub(crate) fn supersede(&self, hash: u64) {
        self.common().supersede(self.guard(), hash);
    }

    /// Takes back an entry that was not stored, if the cache has no listener.
    pub(crate) fn take_unstored(&self) -> Option<Entry<K, V>> {
        if self.common().listener.is_some() { None } else { self.notifications().take_unstored() }
    }

    /// Sets the dues: debt, and up to `dead` dead entries of a shard.
    pub(crate) fn owe_to(&mut self, shard: &Shard<K, V>, dead: u32) {
        self.after.dues = Dues::OfShard { id: shard.id(), dead };
    }
}

impl<K, V> After<'_, K, V> {
    /// Does all of the work.
    #[cold]
    #[inline(never)]
    fn settle(&mut self) {
        if !self.notifications.is_empty() {
            self.notifications.tell(self.common);
        }
        let common = self.common;
        match self.dues {
            Dues::None => {}
            Dues::Debt => common.pay_if_owing(),
            Dues::OfKey(hash) => common.follow_write(hash),
            Dues::OfShard { id, dead } => {
                common.pay_if_owing();
                common.tiers.shard(id).drop_dead(dead);
            }
        }
    }
}

impl<K, V> Drop for After<'_, K, V> {
    #[inline(always)]
    fn drop(&mut self) {
        // The common case, kept small since it is inlined into each write.
        if !self.notifications.is_empty() || self.common.may_owe() {
            return self.settle();
        }
        match self.dues {
            Dues::OfKey(hash) => self.common.drop_dead(hash, DEAD_PER_WRITE),
            _ => self.settle(),
        }
    }
}

impl<K, V> Common<K, V> {
    /// Pays the debt of a capacity that was reduced, for instance while this thread had credits in
    /// hand. Call when not pinned.
    #[inline(always)]
    pub(crate) fn pay_if_owing(&self) {
        if self.may_owe() {
            self.pay_debt();
        }
    }

    /// Does the work that follows the unpin of a write, in a cache without a listener.
    #[inline(always)]
    pub(crate) fn follow_write(&self, hash: u64) {
        self.pay_if_owing();
        self.drop_dead(hash, DEAD_PER_WRITE);
    }

    #[inline(always)]
    fn may_owe(&self) -> bool {
        self.parts.now().has(Part::Resized)
    }

    /// Drops the entries of up to `most` dead nodes in each shard of a hash. Call when not pinned.
    #[inline(always)]
    pub(crate) fn drop_dead(&self, hash: u64, most: u32) {
        if !needs_drop::<Entry<K, V>>() {
            return;
        }
        self.tiers.first(hash).drop_dead(most);
        if self.tiers.has_grown() {
            self.drop_dead_above(hash, most);
        }
    }

    #[cold]
    fn drop_dead_above(&self, hash: u64, most: u32) {
        for shard in self.tiers.shards_of(hash).skip(1) {
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

    /// Begins an operation that may turn out to write nothing. If it writes, it supersedes loads of
    /// the key itself, before that.
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

    /// Removes some expired and invalidated entries, if the cache is not registered with the
    /// maintenance thread.
    #[cold]
    fn do_upkeep(&self, hash: u64) {
        let shard = self.common.tiers.first(hash);
        if shard.timing.get().is_some() && self.common.registration.get().is_none() {
            self.common.expire_some(shard);
        }
        if self.common.tiers.has_grown() {
            self.do_upkeep_above(hash);
        }
        self.sweep_by_the_way();
    }

    /// Removes some expired entries in the shards of a hash above the first tier.
    #[cold]
    fn do_upkeep_above(&self, hash: u64) {
        if self.common.registration.get().is_none() {
            for shard in self.common.tiers.shards_of(hash).skip(1) {
                if shard.timing.get().is_some() {
                    self.common.expire_some(shard);
                }
            }
        }
    }
}
