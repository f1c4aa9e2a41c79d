//! The bound: one budget for the cache, held without a line that every insert writes.
//!
//! # Credits
//!
//! There are `capacity` credits, and an entry in the index stands for one of them: an insert has a
//! credit in hand before it publishes, and whoever takes an entry out of the index has its credit
//! in hand afterwards. All other credits lie in the common pool or in a shard. Credits only move,
//! so the number of entries cannot exceed the capacity, not by one and not for a moment.
//!
//! ```text
//! draw     pool: p -> p - n, shard: + n - 1     compare-and-swap, fetch_add; one in hand
//! take     shard: c -> c - 1                    compare-and-swap; one in hand
//! steal    other shard: c -> 0, own: + c - 1    swap, fetch_add; one in hand
//! give     shard: + 1                           fetch_add
//! ```
//!
//! An insert takes from its shard, then draws from the pool (a batch, smaller as the pool runs dry),
//! then steals from other shards, and only then evicts, which hands it the victim's credit without
//! touching any of this: a full cache at work writes none of these words. So an entry is evicted
//! only when no credit was found unused.
//!
//! `spare` has a bit for each shard that may hold credits: set after credits were given, cleared by
//! a thief that finds none. While the cache is full it is read by all and written by none.
//!
//! # Orderings
//!
//! Credits are counted and nothing else is learned from them, so Relaxed would do but for the spare
//! bits. Each word is changed by read-modify-write only, so no credit is lost or doubled. A thief
//! clears the bit before it swaps the credits out (Release), a giver adds its credits (Acquire)
//! before it looks at the bit. If the swap came first, the giver sees the bit cleared and sets it;
//! otherwise the swap got the credits. A bit may be set for nothing, but credits at rest never lie
//! under a cleared one.
//!
//! # Progress
//!
//! Lock-free; `steal` makes one pass over the set bits.

use crate::{
    engine::{
        extents::{OutOfMemory, zeroed},
        hooks::{Step, step},
        plant::{Bug, planted},
    },
    sync::{AtomicU32, AtomicU64, Ordering},
};
use crossbeam_utils::CachePadded;

/// A shard's own credits.
#[derive(Debug)]
pub(crate) struct Credits(AtomicU32);

/// The right to have one entry in the index. To be given back, or spent on a publish.
#[derive(Debug)]
#[must_use = "a credit that is dropped is a place that is lost"]
pub(crate) struct Credit(());

impl Credit {
    /// The credit of an entry that was just taken out of the index.
    pub(crate) fn of_removed_entry() -> Self {
        Credit(())
    }

    /// An entry stands for it from now on.
    pub(crate) fn spend(self) {}
}

impl Credits {
    pub(crate) fn new() -> Self {
        Credits(AtomicU32::new(0))
    }

    #[inline]
    fn take(&self) -> Option<Credit> {
        let mut credits = self.0.load(Ordering::Relaxed);
        while credits > 0 {
            if planted(Bug::CreditBlind) {
                self.0.store(credits - 1, Ordering::Relaxed);
                return Some(Credit(()));
            }
            match self.0.compare_exchange(
                credits,
                credits - 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(Credit(())),
                Err(now) => credits = now,
            }
        }
        None
    }
}

/// The budget of one cache.
#[derive(Debug)]
pub(crate) struct Budget {
    capacity: u64,
    shards: u64,
    /// The most that a shard draws at once.
    batch: u32,
    spare: Box<[AtomicU64]>,
    pool: CachePadded<AtomicU64>,
}

/// Where a credit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// It had not been used yet, or its entry was removed.
    Unused,
    /// An entry was evicted for it.
    Evicted,
}

impl Budget {
    pub(crate) fn new(capacity: u64, shards: usize) -> Result<Self, OutOfMemory> {
        // A batch is small beside a shard, so that the first shard to draw does not run far ahead.
        let batch = (capacity / shards as u64 / 16).clamp(1, 64) as u32;
        let spare = zeroed(shards.div_ceil(64))?;
        Ok(Self {
            capacity,
            shards: shards as u64,
            batch,
            spare,
            pool: CachePadded::new(AtomicU64::new(capacity)),
        })
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// An unused credit, if there is one: for shard `own` of `shards`.
    #[inline]
    pub(crate) fn take<'a>(
        &self,
        own: usize,
        credits: &Credits,
        shard: impl Fn(usize) -> &'a Credits,
    ) -> Option<Credit> {
        let credit = credits
            .take()
            .or_else(|| self.draw(own, credits))
            .or_else(|| self.steal(own, credits, shard));
        if credit.is_some() {
            step(Step::CreditTaken);
        }
        credit
    }

    #[inline]
    fn draw(&self, own: usize, credits: &Credits) -> Option<Credit> {
        let mut pool = self.pool.load(Ordering::Relaxed);
        while pool > 0 {
            // Ever smaller batches towards the end, or shards that are rarely used would sit on
            // what the others need.
            let fair = pool / (2 * self.shards) + 1;
            let batch = fair.min(u64::from(self.batch));
            match self.pool.compare_exchange(
                pool,
                pool - batch,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    self.put(own, credits, batch as u32 - 1);
                    return Some(Credit(()));
                }
                Err(now) => pool = now,
            }
        }
        None
    }

    #[inline]
    fn steal<'a>(
        &self,
        own: usize,
        credits: &Credits,
        shard: impl Fn(usize) -> &'a Credits,
    ) -> Option<Credit> {
        for (i, word) in self.spare.iter().enumerate() {
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                let bit = bits.trailing_zeros();
                bits &= bits - 1;
                word.fetch_and(!(1 << bit), Ordering::Relaxed);
                let order =
                    if planted(Bug::SpareRelaxed) { Ordering::Relaxed } else { Ordering::Release };
                let stolen = shard(i * 64 + bit as usize).0.swap(0, order);
                if stolen > 0 {
                    self.put(own, credits, stolen - 1);
                    return Some(Credit(()));
                }
            }
        }
        None
    }

    /// Gives a credit to shard `own`: its entry was removed, or its insert did not happen.
    #[inline]
    pub(crate) fn give(&self, own: usize, credits: &Credits, _credit: Credit) {
        self.put(own, credits, 1);
    }

    #[inline]
    fn put(&self, own: usize, credits: &Credits, count: u32) {
        if count == 0 {
            return;
        }
        credits.0.fetch_add(count, Ordering::Acquire);
        let (word, bit) = (&self.spare[own / 64], 1 << (own % 64));
        // Looked at before it is written: most often it is set already.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Credits that nobody uses now; weakly consistent while others insert and remove.
    pub(crate) fn unused<'a>(&self, all: impl Iterator<Item = &'a Credits>) -> u64 {
        let held: u64 = all.map(|credits| u64::from(credits.0.load(Ordering::Relaxed))).sum();
        self.pool.load(Ordering::Relaxed) + held
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn shards(n: usize) -> Vec<Credits> {
        (0..n).map(|_| Credits::new()).collect()
    }

    #[test]
    fn every_credit_can_be_taken_from_any_shard() {
        for (capacity, n) in [(1, 1), (7, 1), (100, 4), (5_000, 8), (100_000, 128)] {
            let shards = shards(n);
            let budget = Budget::new(capacity, n).expect("memory");
            let at = |i| &shards[i];
            // Touch each shard once, so that each may hold a batch; then drain through the last.
            let mut taken = 0;
            for (i, own) in shards.iter().enumerate() {
                if let Some(credit) = budget.take(i, own, at) {
                    credit.spend();
                    taken += 1;
                }
            }
            while let Some(credit) = budget.take(n - 1, &shards[n - 1], at) {
                credit.spend();
                taken += 1;
            }
            assert_eq!(taken, capacity, "capacity {capacity}, {n} shards");
            assert_eq!(budget.unused(shards.iter()), 0);
        }
    }

    #[test]
    fn what_is_given_back_can_be_taken_elsewhere() {
        let shards = shards(3);
        let budget = Budget::new(2, 3).expect("memory");
        let at = |i| &shards[i];
        let a = budget.take(0, &shards[0], at).expect("first");
        let b = budget.take(1, &shards[1], at).expect("second");
        assert!(budget.take(2, &shards[2], at).is_none());
        budget.give(0, &shards[0], a);
        let c = budget.take(2, &shards[2], at).expect("stolen from shard 0");
        assert!(budget.take(2, &shards[2], at).is_none());
        budget.give(1, &shards[1], b);
        budget.give(2, &shards[2], c);
        assert_eq!(budget.unused(shards.iter()), 2);
    }
}
