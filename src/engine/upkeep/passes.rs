//! Maintenance, in the background or on request: removing expired and invalidated entries, and
//! dropping dead ones.

use crate::{
    engine::{
        Engine,
        policy::budget::Credit,
        reclaim::epoch::pin,
        shards::{
            common::Common,
            plan,
            scope::{Dues, WriteScope},
            shard::Shard,
            stats::Event,
        },
        time::wheel::Advance,
    },
    process::{
        clock::NEVER,
        fork,
        maintenance::{self, Code, Next, Task},
    },
    sync::{Arc, Ordering},
    types::pending::Pending,
};
use std::{
    fmt, mem,
    sync::Weak,
    time::{Duration, Instant},
};

/// The number of due blocks that are dealt with under one pin.
const BLOCKS_PER_PIN: u32 = 64;
/// The number of due blocks that a write deals with if there is no maintenance thread.
const BLOCKS_PER_WRITE: u32 = 2;
/// The number of due blocks that one pass of the maintenance thread deals with: up to 2,048
/// entries.
const BLOCKS_PER_PASS: u32 = 128;
/// The number of batches after which a step of [`Common::maintain_some`] hands no more of them to
/// the collector.
const BATCHES_PER_STEP: u32 = 8;
/// The number of dead entries that one pass drops: their destructors are user code, and other
/// caches wait for the thread.
const DEAD_PER_TURN: u32 = 8 * plan::DEAD_PER_PASS;
/// The number of steps of the sweep in one pass.
const STEPS_PER_PASS: u64 = 256;
/// The number of flushes of the collector that an announcement of groups may need (`groups.rs`).
const FLUSHES_TO_DISARM: u32 = 3;
/// The time after which the thread tries again to reclaim what a stalled reader may still see.
const STALLED: Duration = Duration::from_secs(1);

impl<K, V> Common<K, V> {
    /// Removes expired entries, from no more than `budget` blocks.
    pub(crate) fn expire(&self, mut budget: u32) -> Advance {
        let now = self.lifetimes.clock.now();
        for shard in self.tiers.iter() {
            loop {
                let mut under_one_pin = budget.min(BLOCKS_PER_PIN);
                budget -= under_one_pin;
                let advance = self.expire_in(shard, now, &mut under_one_pin);
                budget += under_one_pin;
                match advance {
                    Advance::Done => break,
                    Advance::More if budget == 0 => return Advance::More,
                    Advance::More => {}
                }
            }
        }
        Advance::Done
    }

    /// Removes some expired entries of a shard, for a write of a cache without a maintenance
    /// thread.
    #[cold]
    pub(crate) fn expire_some(&self, shard: &Shard<K, V>) {
        let _ = self.expire_in(shard, self.lifetimes.clock.now(), &mut { BLOCKS_PER_WRITE });
    }

    fn expire_in(&self, shard: &Shard<K, V>, now: u64, budget: &mut u32) -> Advance {
        if shard.timing.get().is_none() {
            return Advance::Done;
        }
        shard.expire(&WriteScope::new(self, Dues::None), now, budget)
    }

    /// Does a bounded amount of the work that is due.
    pub(crate) fn maintain_some(&self) -> Advance {
        let advance = self.expire(BLOCKS_PER_PIN);
        if advance == Advance::More || self.pay_some() == Payment::Made {
            return Advance::More;
        }
        if self.sweep(&mut { STEPS_PER_PASS }) == Advance::More {
            return Advance::More;
        }
        if self.watch().is_some() {
            pin().guard.flush();
        }
        self.reclaim_some()
    }

    /// Drops a bounded number of dead entries, or brings reclamation a step forward.
    fn reclaim_some(&self) -> Advance {
        if self.drop_some(plan::DEAD_PER_PASS) == Advance::More {
            return Advance::More;
        }
        let mut sealed = 0;
        for shard in self.tiers.iter() {
            sealed += shard.recycler.seal_all(&pin().guard);
            if sealed >= BATCHES_PER_STEP {
                return Advance::More;
            }
        }
        let before = self.pending();
        if before > 0 {
            // Even a single batch takes three flushes: see `collect`.
            for _ in 0..plan::FLUSHES_IN_VAIN {
                pin().guard.flush();
                if self.pending() < before {
                    return Advance::More;
                }
            }
        }
        // Any pin and any seal may also have handed a batch back.
        for shard in self.tiers.iter() {
            if shard.recycler.has_dead() {
                return Advance::More;
            }
        }
        Advance::Done
    }

    /// Drops no more than `most` dead entries.
    fn drop_some(&self, mut most: u32) -> Advance {
        for shard in self.tiers.iter() {
            most -= shard.drop_dead(most);
            if most == 0 {
                return Advance::More;
            }
        }
        Advance::Done
    }

    /// Brings reclamation as far as pinned threads allow, and drops all dead entries.
    pub(crate) fn reclaim(&self) {
        self.collect();
        for shard in self.tiers.iter() {
            while shard.drop_dead(plan::DEAD_PER_PASS) > 0 {}
        }
    }

    /// Brings reclamation as far as pinned threads allow.
    pub(crate) fn collect(&self) {
        for shard in self.tiers.iter() {
            shard.recycler.seal_all(&pin().guard);
        }
        // A flush advances the epoch once at most, and hands back a few batches whose epoch is two
        // behind: so the first two bring nothing, and when that many more bring nothing, either a
        // thread is pinned or others' batches come first.
        let (mut before, mut in_vain) = (self.pending(), 0);
        while before > 0 && in_vain < plan::FLUSHES_IN_VAIN {
            pin().guard.flush();
            let now = self.pending();
            in_vain = if now < before { 0 } else { in_vain + 1 };
            before = now;
        }
    }

    /// Returns the weight of all residents.
    pub(crate) fn weight(&self) -> u64 {
        let mut unused = 0;
        for shard in self.tiers.iter() {
            unused += shard.credits().unused();
        }
        unused += self.budget.pooled();
        self.budget.credits().saturating_sub(unused)
    }

    /// Returns the number of entries that take up room, with invalidated ones.
    pub(crate) fn residents(&self) -> u64 {
        if self.weigher.is_none() {
            return self.weight();
        }
        let totals = self.counters.totals();
        let total = |event: Event| totals[event as usize];
        let left = total(Event::Removal)
            + total(Event::Eviction)
            + total(Event::Expiration)
            + total(Event::Invalidation);
        total(Event::Insert).saturating_sub(left)
    }

    /// Takes back the credits that were given out beyond a reduced capacity, by evicting entries.
    /// Those in the hands of threads that are inserting at this moment are left for the next time.
    #[cold]
    #[inline(never)]
    pub(crate) fn pay_debt(&self) {
        while self.pay_some() == Payment::Made {}
    }

    /// Pays a part of the debt.
    fn pay_some(&self) -> Payment {
        let Some(due) = self.budget.take_debt() else { return Payment::None };
        // Any shard will do: it asks others for credits that it lacks.
        let shard = self.tiers.first(due << 48);
        let cx = WriteScope::new(self, Dues::None);
        let mut credit = Credit::NONE;
        let gathered = shard.gather(&cx, due << 48, due, &mut credit);
        let paid = credit.amount().min(due);
        shard.give(&cx, credit.spend(paid));
        self.budget.owe(due - paid);
        if gathered.is_some() { Payment::Made } else { Payment::None }
    }

    /// Removes all invalidated entries, and disarms the groups if pinned threads allow.
    pub(crate) fn sweep_all(&self) {
        let Some(groups) = self.groups.get() else { return };
        for _ in 0..FLUSHES_TO_DISARM {
            let _ = self.sweep(&mut (2 * self.tiers.pairs()));
            if !groups.is_armed() {
                return;
            }
            pin().guard.flush();
        }
        let _ = self.sweep(&mut (2 * self.tiers.pairs()));
    }

    /// Returns the number of batches that wait for the end of their grace period.
    fn pending(&self) -> u32 {
        let mut pending = 0;
        for shard in self.tiers.iter() {
            pending += shard.recycler.pending();
        }
        pending
    }

    /// Returns whether user code may run when entries are removed and dropped, or the cache is.
    fn code(&self) -> Code {
        let plain = self.listener.is_none()
            && self.weigher.is_none()
            && self.coster.is_none()
            && self.lifetimes.is_plain_data()
            && !mem::needs_drop::<K>()
            && !mem::needs_drop::<V>();
        if plain { Code::Own } else { Code::Foreign }
    }

    fn next_due(&self) -> Option<u64> {
        let mut next: Option<u64> = None;
        for shard in self.tiers.iter() {
            if let Some(timing) = shard.timing.get()
                && let Some(due) = timing.wheel.next_due()
            {
                next = Some(next.unwrap_or(due).min(due));
            }
        }
        next
    }
}

/// Whether a part of the debt was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payment {
    Made,
    /// There is no debt, or nothing to pay it with.
    None,
}

impl<K, V> Engine<K, V> {
    /// Removes expired and invalidated entries, brings reclamation as far as pinned threads allow,
    /// and drops all dead entries.
    pub(crate) fn maintain(&self) {
        fork::catch_up();
        while self.common.expire(u32::MAX) == Advance::More {}
        self.common.pay_debt();
        self.common.sweep_all();
        self.common.reclaim();
    }

    /// Like [`Engine::maintain`], but for about `budget`, or until there is nothing left to do at
    /// present.
    pub(crate) fn maintain_for(&self, budget: Duration) -> Pending {
        fork::catch_up();
        let started = Instant::now();
        loop {
            match self.common.maintain_some() {
                Advance::Done => return Pending::Done,
                Advance::More if started.elapsed() >= budget => return Pending::More,
                Advance::More => {}
            }
        }
    }
}

impl<K: Send + Sync, V: Send + Sync> Task for Common<K, V> {
    fn pass(&self) -> Next {
        let _work = self.background.work();
        if self.expire(BLOCKS_PER_PASS) == Advance::More {
            return Next::More;
        }
        let mut steps = STEPS_PER_PASS;
        if self.sweep(&mut steps) == Advance::More {
            return Next::More;
        }
        if self.watch().is_some() {
            pin().guard.flush();
        }
        let mut next = self.next_due().unwrap_or(NEVER);
        // Entries may have been removed in this pass or since the last one, or batches still wait.
        let expired = self.counters.totals()[Event::Expiration as usize];
        // Relaxed: a hint that entries have expired since the last pass; nothing is read through
        // it.
        if self.expired.swap(expired, Ordering::Relaxed) != expired
            || steps < STEPS_PER_PASS
            || self.pending() > 0
        {
            self.collect();
        }
        // In this order: a batch that is handed back after the look at `pending` is left to the
        // next pass. And in every pass, since any thread may have ended a grace period.
        let pending = self.pending() > 0;
        if self.drop_some(DEAD_PER_TURN) == Advance::More {
            return Next::More;
        }
        if pending || self.watch().is_some() {
            next = next.min(self.lifetimes.clock.deadline_after(STALLED));
        }
        if next == NEVER { Next::Idle } else { Next::At(next) }
    }
}

/// Registers a cache with the maintenance thread. Made where its types are known to be `Send` and
/// `Sync`.
pub(crate) struct MaintenanceHandle<K, V>(Erase<K, V>);

type Erase<K, V> = fn(&Arc<Common<K, V>>) -> Weak<dyn Task>;

impl<K, V> Clone for MaintenanceHandle<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for MaintenanceHandle<K, V> {}

impl<K: Send + Sync + 'static, V: Send + Sync + 'static> MaintenanceHandle<K, V> {
    pub(crate) fn new() -> Self {
        Self(|common| {
            let weak: Weak<Common<K, V>> = Arc::downgrade(common);
            weak
        })
    }
}

impl<K, V> Engine<K, V> {
    /// Registers the cache with the maintenance thread, unless it is already.
    pub(crate) fn start_maintenance(&self, maintained: MaintenanceHandle<K, V>) {
        let common = &self.common;
        // Without a thread, writes and calls for maintenance do all the work.
        let _ = common.registration.get_or_try_make(|| {
            maintenance::register(
                (maintained.0)(common),
                common.lifetimes.clock.clone(),
                common.code(),
            )
        });
    }
}

impl<K, V> fmt::Debug for MaintenanceHandle<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaintenanceHandle")
    }
}
