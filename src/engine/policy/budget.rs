//! The bound: one budget for the cache, held without a line that every insert writes.
//!
//! # Credits
//!
//! There are `capacity` credits, and an entry in the index stands for as many of them as it weighs,
//! which is one in a cache without a weigher: an insert has them in hand before it publishes, and a
//! thread that takes an entry out of the index has its credits in hand afterwards. All other
//! credits lie in the common pool or in a shard. Credits only move, so the weight of all entries
//! never exceeds the capacity, not by one and not for a moment. A capacity beyond [`CREDITS_MAX`]
//! stands for that many credits: more than the heaviest entries that any memory holds weigh
//! together. So `u64::MAX` is no bound, and sums of credits do not overflow, not even while a
//! capacity is made smaller and larger at once, when for a moment the pool has what the debt is
//! about to take back.
//!
//! ```text
//! draw     pool: p -> p - n, shard: + n - w     compare-and-swap, fetch_add; w in hand
//! take     shard: c -> c - w                    compare-and-swap; w in hand
//! steal    other shard: c -> 0, own: + c - w    swap, fetch_add; w in hand
//! give     shard: + w                           fetch_add
//! resize   capacity: swap; pool: + more, or debt: + less
//! pay      debt: - n, and n credits that a thread gives back, or has taken as for an entry of that
//!          weight, are forgotten
//! ```
//!
//! Where one source has less than an entry weighs, it is emptied and the next one asked for the
//! rest.
//!
//! An insert takes from its shard, then draws from the pool (a batch, smaller as the pool runs
//! dry), then steals from other shards, and only then evicts, which hands it the victim's credit
//! without touching any of this: the inserts of a full cache write none of these words. So an entry
//! is evicted only when no credit was found unused.
//!
//! `spare` has a bit for each shard that may hold credits: set after credits were given, cleared by
//! a thief before it takes all credits of the shard. While the cache is full, all threads read it
//! and none writes it.
//!
//! # Orderings
//!
//! Credits are counted and nothing else is learned from them, so Relaxed would be enough without
//! the spare bits. Each word is changed by read-modify-write only, so no credit is lost or doubled.
//! A thief clears the bit before it swaps the credits out (Release); a giver adds its credits
//! (Acquire) before it looks at the bit. If the swap came first, the giver sees the bit cleared and
//! sets it; otherwise the swap got the credits. A bit may be set although its shard has no credits,
//! but credits at rest never lie under a cleared bit.
//!
//! A set bit also says that its shard was made, which the thief may not know yet (`tiers.rs`). So
//! it is set with Release and found with Acquire. In between the word is changed by
//! read-modify-write only, so a thread that finds a bit set sees the shard, whichever change it has
//! read.
//!
//! # Progress
//!
//! Lock-free: a failed swap is another thread's success. `steal` makes one pass over the set bits.

use crate::{
    engine::storage::chunked::{Chunked, OutOfMemory, zeroed},
    sync::{AtomicU32, AtomicU64, Ordering},
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
};
use crossbeam_utils::CachePadded;

/// The maximum number of credits.
const CREDITS_MAX: u64 = 1 << 60;

/// The maximum number of shards that are made after the cache was built.
const SHARDS_TO_COME: usize = 1 << 18;

const WORD_BITS: usize = u64::BITS as usize;

/// A shard's own credits.
#[derive(Debug)]
pub(crate) struct Credits(AtomicU64);

/// The right to have entries of so much weight in the index. Has to be given back, or spent on a
/// publish.
#[derive(Debug)]
#[must_use = "a credit that is dropped is a place that is lost"]
pub(crate) struct Credit(u64);

impl Credit {
    pub(crate) const NONE: Credit = Credit(0);

    /// Returns the credit of an entry that the caller has taken out of the index.
    #[inline(always)]
    pub(crate) fn of_removed_entry(weight: u64) -> Self {
        Credit(weight)
    }

    #[inline(always)]
    pub(crate) fn amount(&self) -> u64 {
        self.0
    }

    pub(crate) fn add(&mut self, other: Credit) {
        self.0 += other.0;
    }

    /// Returns what is left when an entry of that weight is published.
    #[inline(always)]
    pub(crate) fn spend(self, weight: u64) -> Credit {
        debug_assert!(self.0 >= weight, "{} credits for a weight of {weight}", self.0);
        Credit(self.0 - weight)
    }
}

impl Credits {
    pub(crate) fn new() -> Self {
        Credits(AtomicU64::new(0))
    }

    /// Returns the number of credits that no entry uses now.
    #[inline]
    pub(crate) fn unused(&self) -> u64 {
        // Relaxed: a hint; a credit is taken by read-modify-write.
        self.0.load(Ordering::Relaxed)
    }

    /// Takes `most` credits, or as many as there are.
    #[inline]
    fn take(&self, most: u64) -> u64 {
        let mut credits = self.0.load(Ordering::Relaxed);
        while credits > 0 {
            let taken = credits.min(most);
            let rest = credits - taken;
            if planted(Bug::CreditBlind) {
                self.0.store(rest, Ordering::Relaxed);
                return taken;
            }
            // Relaxed: a count; it continues the release sequence of the Release in `steal_under`.
            match self.0.compare_exchange(credits, rest, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return taken,
                Err(now) => credits = now,
            }
        }
        0
    }
}

/// The budget of one cache.
#[derive(Debug)]
pub(crate) struct Budget {
    capacity: AtomicU64,
    /// The number of shards. More come with each tier.
    shards: AtomicU64,
    /// The most that a shard draws at once, beyond what it needs.
    batch: u64,
    /// The spare bits of the shards with which the cache was built.
    spare: Box<[AtomicU64]>,
    /// The spare bits of the shards that have come since.
    spare_above: Chunked<AtomicU64>,
    /// The number of words in both.
    words: AtomicU32,
    /// Credits that are in use or unused, beyond the capacity.
    debt: AtomicU64,
    pool: CachePadded<AtomicU64>,
}

/// Where a credit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CreditSource {
    /// No entry has used it yet, or its entry was removed.
    Unused,
    /// An entry was evicted for it.
    Evicted,
}

impl Budget {
    pub(crate) fn new(capacity: u64, shards: usize, batch_max: u64) -> Result<Self, OutOfMemory> {
        let credits = capacity.min(CREDITS_MAX);
        // A batch is small beside a shard, so that the first shard to draw does not run far ahead.
        let batch = (credits / shards as u64 / 16).clamp(1, batch_max);
        let spare = zeroed(shards.div_ceil(WORD_BITS))?;
        Ok(Self {
            capacity: AtomicU64::new(capacity),
            shards: AtomicU64::new(shards as u64),
            batch,
            words: AtomicU32::new(spare.len() as u32),
            spare,
            spare_above: Chunked::new(0, SHARDS_TO_COME / WORD_BITS)?,
            debt: AtomicU64::new(0),
            pool: CachePadded::new(AtomicU64::new(credits)),
        })
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.capacity.load(Ordering::Relaxed)
    }

    /// Returns how many credits there are: unused, in use, and owed.
    pub(crate) fn credits(&self) -> u64 {
        self.capacity().min(CREDITS_MAX) + self.debt()
    }

    /// Grows the bitmap to cover `shards` shards. Call before any new shard can hold credits.
    pub(crate) fn admit(&self, shards: usize) -> Result<(), OutOfMemory> {
        let words = shards.div_ceil(WORD_BITS);
        let above = words.saturating_sub(self.spare.len());
        (0..above).try_for_each(|word| self.spare_above.ensure(word))?;
        // Relaxed: written before the height of the shards' tier is published, so a thread that
        // has seen the tier sees these.
        self.words.fetch_max(words as u32, Ordering::Relaxed);
        self.shards.fetch_max(shards as u64, Ordering::Relaxed);
        Ok(())
    }

    #[inline]
    fn word(&self, word: usize) -> Option<&AtomicU64> {
        match self.spare.get(word) {
            None => self.word_above(word - self.spare.len()),
            found => found,
        }
    }

    #[cold]
    fn word_above(&self, word: usize) -> Option<&AtomicU64> {
        // SAFETY: chunks never move, and are freed only when `self` is dropped; elements are
        // atomic integers, so shared access is sound.
        self.spare_above.find(word).map(|word| unsafe { word.as_ref() })
    }

    /// Sets the capacity. Additional credits go into the pool; credits that are too many are owed.
    pub(crate) fn resize(&self, capacity: u64) {
        let old = self.capacity.swap(capacity, Ordering::Relaxed).min(CREDITS_MAX);
        let new = capacity.min(CREDITS_MAX);
        if new > old {
            self.pool.fetch_add(new - old, Ordering::Relaxed);
        } else {
            self.owe(old - new);
        }
    }

    /// Returns how many credits have to be taken back.
    #[inline]
    pub(crate) fn debt(&self) -> u64 {
        self.debt.load(Ordering::Relaxed)
    }

    /// Takes a part of the debt, which the caller has to take back. `None` if nothing is owed.
    pub(crate) fn take_debt(&self) -> Option<u64> {
        let mut debt = self.debt();
        while debt > 0 {
            let part = debt.min((debt / 64).max(256));
            match self.debt.compare_exchange(
                debt,
                debt - part,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(part),
                Err(now) => debt = now,
            }
        }
        None
    }

    /// Pays the debt with credits that the caller gives back, and returns how many of these are
    /// left.
    #[cold]
    fn repay(&self, credits: u64) -> u64 {
        let mut debt = self.debt();
        loop {
            let paid = credits.min(debt);
            match self.debt.compare_exchange(
                debt,
                debt - paid,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return credits - paid,
                Err(now) => debt = now,
            }
        }
    }

    pub(crate) fn owe(&self, more: u64) {
        if more > 0 {
            self.debt.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// Returns whether [`Budget::take`] would find nothing. Also `false` if that is not known at
    /// once.
    #[inline(always)]
    pub(crate) fn is_dry(&self, credits: &Credits) -> bool {
        // Most caches have no more shards than one word has bits. One that grows at this moment has
        // credits elsewhere, too, and its insert evicts although these are unused.
        let [spare] = &*self.spare else { return false };
        // Relaxed, all three: hints; an insert that finds nothing unused evicts. One test of all.
        let (unused, pool) = (credits.unused(), self.pool.load(Ordering::Relaxed));
        unused | pool | spare.load(Ordering::Relaxed) == 0
    }

    /// Takes unused credits for a shard: `most` of them, or as many as there are.
    #[inline]
    pub(crate) fn take<'a>(
        &self,
        shard: usize,
        credits: &Credits,
        most: u64,
        credits_of: impl Fn(usize) -> &'a Credits,
    ) -> Credit {
        let mut taken = credits.take(most);
        if taken < most {
            taken += self.draw(shard, credits, most - taken);
        }
        if taken < most {
            taken += self.steal(shard, credits, most - taken, credits_of);
        }
        if taken > 0 {
            step(Step::CreditTaken);
        }
        Credit(taken)
    }

    #[inline]
    fn draw(&self, shard: usize, credits: &Credits, most: u64) -> u64 {
        let mut pool = self.pool.load(Ordering::Relaxed);
        while pool > 0 {
            // Batches get smaller as the pool runs dry, since shards that are rarely used would
            // otherwise keep what the others need.
            let fair = pool / (2 * self.shards.load(Ordering::Relaxed)) + 1;
            let batch = fair.min(self.batch).max(most).min(pool);
            match self.pool.compare_exchange(
                pool,
                pool - batch,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return self.keep_rest(shard, credits, batch, most),
                Err(now) => pool = now,
            }
        }
        0
    }

    #[inline]
    fn steal<'a>(
        &self,
        shard: usize,
        credits: &Credits,
        most: u64,
        credits_of: impl Fn(usize) -> &'a Credits,
    ) -> u64 {
        let mut taken = 0;
        for (i, word) in self.spare.iter().enumerate() {
            // Relaxed: a hint; `steal_under` reads the word again.
            if taken < most && word.load(Ordering::Relaxed) != 0 {
                taken += self.steal_under(i, word, shard, credits, most - taken, &credits_of);
            }
        }
        if taken < most && self.words.load(Ordering::Relaxed) as usize > self.spare.len() {
            taken += self.steal_above(shard, credits, most - taken, &credits_of);
        }
        taken
    }

    /// Steals from shards that have come since the cache was built.
    #[cold]
    fn steal_above<'a>(
        &self,
        shard: usize,
        credits: &Credits,
        most: u64,
        credits_of: &impl Fn(usize) -> &'a Credits,
    ) -> u64 {
        let words = self.spare.len()..self.words.load(Ordering::Relaxed) as usize;
        words.filter_map(|i| Some((i, self.word(i)?))).fold(0, |taken, (i, word)| {
            taken + self.steal_under(i, word, shard, credits, most - taken, credits_of)
        })
    }

    /// Steals from the shards whose bits are set in one word.
    fn steal_under<'a>(
        &self,
        i: usize,
        word: &AtomicU64,
        shard: usize,
        credits: &Credits,
        most: u64,
        credits_of: &impl Fn(usize) -> &'a Credits,
    ) -> u64 {
        let mut taken = 0;
        let unordered = planted(Bug::SpareUnordered);
        // Acquire: pairs with the Release in `put_some`; the shard of each bit is visible.
        let mut bits = word.load(if unordered { Ordering::Relaxed } else { Ordering::Acquire });
        while bits != 0 && taken < most {
            let bit = bits.trailing_zeros();
            bits &= bits - 1;
            // Relaxed: the Release of the swap below orders it for a giver.
            word.fetch_and(!(1 << bit), Ordering::Relaxed);
            // Release: pairs with the Acquire in `put_some`; a giver whose credits come after this
            // swap sees the bit cleared.
            let order =
                if planted(Bug::SpareRelaxed) { Ordering::Relaxed } else { Ordering::Release };
            let stolen = credits_of(i * WORD_BITS + bit as usize).0.swap(0, order);
            taken += self.keep_rest(shard, credits, stolen, most - taken);
        }
        taken
    }

    /// Takes `most` of `found` credits, and gives the rest to the shard.
    #[inline]
    fn keep_rest(&self, shard: usize, credits: &Credits, found: u64, most: u64) -> u64 {
        let taken = found.min(most);
        self.put(shard, credits, found - taken);
        taken
    }

    /// Gives a credit to a shard: its entry was removed, or its insert did not happen.
    #[inline(always)]
    pub(crate) fn give(&self, shard: usize, credits: &Credits, credit: Credit) {
        self.put(shard, credits, credit.0);
    }

    #[inline(always)]
    fn put(&self, shard: usize, credits: &Credits, count: u64) {
        if count > 0 {
            self.put_some(shard, credits, count);
        }
    }

    #[inline]
    fn put_some(&self, shard: usize, credits: &Credits, mut count: u64) {
        if self.debt() > 0 {
            count = self.repay(count);
            if count == 0 {
                return;
            }
        }
        // Acquire: pairs with the Release in `steal_under`; if a thief has emptied the shard
        // before, the bit is seen cleared below.
        credits.0.fetch_add(count, Ordering::Acquire);
        // A shard is admitted before any thread can find it.
        let Some(word) = self.word(shard / WORD_BITS) else { return };
        let bit = 1 << (shard % WORD_BITS);
        // Most often the bit is set already, and the word is not written.
        // Relaxed: ordered behind the addition by its Acquire.
        if word.load(Ordering::Relaxed) & bit == 0 {
            // Release: pairs with the Acquire in `steal_under`; the shard is visible with its bit.
            word.fetch_or(bit, Ordering::Release);
        }
    }

    /// Returns the number of credits that no entry uses now.
    #[cfg(any(test, larder_loom))]
    pub(crate) fn unused<'a>(&self, all: impl Iterator<Item = &'a Credits>) -> u64 {
        all.map(Credits::unused).sum::<u64>() + self.pooled()
    }

    /// Returns the number of credits in the pool. A caller that wants all unused credits asks the
    /// shards first; the sum is weakly consistent while other threads insert and remove.
    pub(crate) fn pooled(&self) -> u64 {
        self.pool.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
