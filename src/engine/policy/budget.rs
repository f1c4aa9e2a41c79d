//! The bound: one budget for the cache, held without a line that every insert writes.
//!
//! # Credits
//!
//! There are `capacity` credits, and an entry in the index stands for as many of them as it weighs,
//! which is one in a cache without a weigher: an insert has them in hand before it publishes, and
//! whoever takes an entry out of the index has its credits in hand afterwards. All other credits
//! lie in the common pool or in a shard. Credits only move, so the weight of all entries cannot
//! exceed the capacity, not by one and not for a moment. A capacity beyond [`CREDITS_MAX`] stands
//! for that many: more than the heaviest entries that any memory holds weigh together. So
//! `u64::MAX` is no bound, and sums of credits do not overflow, not even while a capacity is made
//! smaller and larger at once, when for a moment the pool has what the debt is about to take back.
//!
//! ```text
//! draw     pool: p -> p - n, shard: + n - w     compare-and-swap, fetch_add; w in hand
//! take     shard: c -> c - w                    compare-and-swap; w in hand
//! steal    other shard: c -> 0, own: + c - w    swap, fetch_add; w in hand
//! give     shard: + w                           fetch_add
//! resize   capacity: swap; pool: + more, or debt: + less
//! pay      debt: - n, and n credits that somebody gives back, or that are taken as for an entry of
//!          that weight, are forgotten
//! ```
//!
//! Where one source has less than an entry weighs, it is emptied and the next one asked for the
//! rest.
//!
//! An insert takes from its shard, then draws from the pool (a batch, smaller as the pool runs
//! dry), then steals from other shards, and only then evicts, which hands it the victim's credit
//! without touching any of this: a full cache at work writes none of these words. So an entry is
//! evicted only when no credit was found unused.
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
//! A bit says, too, that its shard was made, of which the thief may know nothing yet
//! (`storeys.rs`). So it is set with Release and found with Acquire. In between the word is changed
//! by read-modify-write only, so who finds a bit set sees the shard, whichever change it was that
//! he read.
//!
//! # Progress
//!
//! Lock-free; `steal` makes one pass over the set bits.

use crate::{
    engine::storage::extents::{Extents, OutOfMemory, zeroed},
    sync::{AtomicU32, AtomicU64, Ordering},
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
};
use crossbeam_utils::CachePadded;

/// The most credits that there are.
const CREDITS_MAX: u64 = 1 << 60;

/// Shards that may come, at most.
const SHARDS_TO_COME: usize = 1 << 18;

const WORD_BITS: usize = u64::BITS as usize;

/// A shard's own credits.
#[derive(Debug)]
pub(crate) struct Credits(AtomicU64);

/// The right to have entries of so much weight in the index. To be given back, or spent on a
/// publish.
#[derive(Debug)]
#[must_use = "a credit that is dropped is a place that is lost"]
pub(crate) struct Credit(u64);

impl Credit {
    pub(crate) const NONE: Credit = Credit(0);

    /// The credit of an entry that was just taken out of the index.
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

    /// What is left when an entry of that weight stands for the rest from now on.
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

    /// Those that nobody uses now.
    #[inline]
    pub(crate) fn unused(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes `most`, or what there is.
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
    /// More come with each storey.
    shards: AtomicU64,
    /// The most that a shard draws at once, beyond what it needs.
    batch: u64,
    spare: Box<[AtomicU64]>,
    /// The same for shards that have come.
    spare_above: Extents<AtomicU64>,
    /// How many words there are together.
    words: AtomicU32,
    /// Credits that are out, but too many.
    debt: AtomicU64,
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
            spare_above: Extents::new(0, SHARDS_TO_COME / WORD_BITS)?,
            debt: AtomicU64::new(0),
            pool: CachePadded::new(AtomicU64::new(credits)),
        })
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.capacity.load(Ordering::Relaxed)
    }

    /// The credits of unused, used and owed weight together.
    pub(crate) fn credits(&self) -> u64 {
        self.capacity().min(CREDITS_MAX) + self.debt()
    }

    /// Grows the bitmap to cover `shards` shards. Called before any new shard can hold credits.
    pub(crate) fn admit(&self, shards: usize) -> Result<(), OutOfMemory> {
        let words = shards.div_ceil(WORD_BITS);
        let above = words.saturating_sub(self.spare.len());
        (0..above).try_for_each(|word| self.spare_above.ensure(word))?;
        // Who has seen a shard's storey has seen these: they are written before its height is.
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
        // SAFETY: elements are atomic integers, which nobody moves or frees before `self`.
        self.spare_above.find(word).map(|word| unsafe { word.as_ref() })
    }

    /// Sets the capacity. What there is more goes into the pool; what there is less is owed.
    pub(crate) fn resize(&self, capacity: u64) {
        let old = self.capacity.swap(capacity, Ordering::Relaxed).min(CREDITS_MAX);
        let new = capacity.min(CREDITS_MAX);
        if new > old {
            self.pool.fetch_add(new - old, Ordering::Relaxed);
        } else {
            self.owe(old - new);
        }
    }

    /// Credits that are to be taken back.
    #[inline]
    pub(crate) fn debt(&self) -> u64 {
        self.debt.load(Ordering::Relaxed)
    }

    /// Some of what is owed, for the caller to take back: as much as one entry may weigh, about.
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

    /// Pays what is owed with credits that somebody gives back; what is left of them.
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

    /// Whether [`Budget::take`] would find nothing: false, too, if that cannot be told at a glance.
    #[inline(always)]
    pub(crate) fn is_dry(&self, credits: &Credits) -> bool {
        // That of as many shards as there are bits is all that most caches have.
        let [spare] = &*self.spare else { return false };
        credits.unused() == 0
            && self.pool.load(Ordering::Relaxed) == 0
            && spare.load(Ordering::Relaxed) == 0
            && self.words.load(Ordering::Relaxed) == 1
    }

    /// Unused credits, `most` of them or as many as there are: for shard `own` of `shards`.
    #[inline]
    pub(crate) fn take<'a>(
        &self,
        own: usize,
        credits: &Credits,
        most: u64,
        shard: impl Fn(usize) -> &'a Credits,
    ) -> Credit {
        let mut taken = credits.take(most);
        if taken < most {
            taken += self.draw(own, credits, most - taken);
        }
        if taken < most {
            taken += self.steal(own, credits, most - taken, shard);
        }
        if taken > 0 {
            step(Step::CreditTaken);
        }
        Credit(taken)
    }

    #[inline]
    fn draw(&self, own: usize, credits: &Credits, most: u64) -> u64 {
        let mut pool = self.pool.load(Ordering::Relaxed);
        while pool > 0 {
            // Ever smaller batches towards the end, or shards that are rarely used would sit on
            // what the others need.
            let fair = pool / (2 * self.shards.load(Ordering::Relaxed)) + 1;
            let batch = fair.min(self.batch).max(most).min(pool);
            match self.pool.compare_exchange(
                pool,
                pool - batch,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return self.keep_rest(own, credits, batch, most),
                Err(now) => pool = now,
            }
        }
        0
    }

    #[inline]
    fn steal<'a>(
        &self,
        own: usize,
        credits: &Credits,
        most: u64,
        shard: impl Fn(usize) -> &'a Credits,
    ) -> u64 {
        let mut taken = 0;
        for (i, word) in self.spare.iter().enumerate() {
            // Only a hint: the word is read again.
            if taken < most && word.load(Ordering::Relaxed) != 0 {
                taken += self.steal_under(i, word, own, credits, most - taken, &shard);
            }
        }
        if taken < most && self.words.load(Ordering::Relaxed) as usize > self.spare.len() {
            taken += self.steal_above(own, credits, most - taken, &shard);
        }
        taken
    }

    /// Of shards that have come since the cache was built.
    #[cold]
    fn steal_above<'a>(
        &self,
        own: usize,
        credits: &Credits,
        most: u64,
        shard: &impl Fn(usize) -> &'a Credits,
    ) -> u64 {
        let words = self.spare.len()..self.words.load(Ordering::Relaxed) as usize;
        words.filter_map(|i| Some((i, self.word(i)?))).fold(0, |taken, (i, word)| {
            taken + self.steal_under(i, word, own, credits, most - taken, shard)
        })
    }

    /// Of the shards whose bits are set in one word.
    fn steal_under<'a>(
        &self,
        i: usize,
        word: &AtomicU64,
        own: usize,
        credits: &Credits,
        most: u64,
        shard: &impl Fn(usize) -> &'a Credits,
    ) -> u64 {
        let mut taken = 0;
        let unordered = planted(Bug::SpareUnordered);
        // Acquire: a bit's shard is there.
        let mut bits = word.load(if unordered { Ordering::Relaxed } else { Ordering::Acquire });
        while bits != 0 && taken < most {
            let bit = bits.trailing_zeros();
            bits &= bits - 1;
            word.fetch_and(!(1 << bit), Ordering::Relaxed);
            let order =
                if planted(Bug::SpareRelaxed) { Ordering::Relaxed } else { Ordering::Release };
            let stolen = shard(i * WORD_BITS + bit as usize).0.swap(0, order);
            taken += self.keep_rest(own, credits, stolen, most - taken);
        }
        taken
    }

    /// Of `found` credits, takes `most` and leaves the rest to the shard.
    #[inline]
    fn keep_rest(&self, own: usize, credits: &Credits, found: u64, most: u64) -> u64 {
        let taken = found.min(most);
        self.put(own, credits, found - taken);
        taken
    }

    /// Gives a credit to shard `own`: its entry was removed, or its insert did not happen.
    #[inline(always)]
    pub(crate) fn give(&self, own: usize, credits: &Credits, credit: Credit) {
        self.put(own, credits, credit.0);
    }

    #[inline(always)]
    fn put(&self, own: usize, credits: &Credits, count: u64) {
        if count > 0 {
            self.put_some(own, credits, count);
        }
    }

    #[inline]
    fn put_some(&self, own: usize, credits: &Credits, mut count: u64) {
        if self.debt() > 0 {
            count = self.repay(count);
            if count == 0 {
                return;
            }
        }
        credits.0.fetch_add(count, Ordering::Acquire);
        // A shard is admitted before anybody can find it.
        let Some(word) = self.word(own / WORD_BITS) else { return };
        let bit = 1 << (own % WORD_BITS);
        // Looked at before it is written: most often it is set already.
        if word.load(Ordering::Relaxed) & bit == 0 {
            // Release: who sees it sees the shard, too.
            word.fetch_or(bit, Ordering::Release);
        }
    }

    /// Credits that nobody uses now.
    #[cfg(any(test, larder_loom))]
    pub(crate) fn unused<'a>(&self, all: impl Iterator<Item = &'a Credits>) -> u64 {
        all.map(Credits::unused).sum::<u64>() + self.pooled()
    }

    /// Credits that nobody uses now and no shard has. Whoever wants all asks the shards first:
    /// weakly consistent while others insert and remove.
    pub(crate) fn pooled(&self) -> u64 {
        self.pool.load(Ordering::Relaxed)
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
            let budget = Budget::new(capacity, n, 64).expect("memory");
            let at = |i| &shards[i];
            // Touch each shard once, so that each may hold a batch; then drain through the last.
            let mut taken = 0;
            for (i, own) in shards.iter().enumerate() {
                taken += budget.take(i, own, 1, at).amount();
            }
            while taken < capacity {
                let more = budget.take(n - 1, &shards[n - 1], 3, at).amount();
                assert_ne!(more, 0, "after {taken} of {capacity}");
                taken += more;
            }
            assert_eq!(taken, capacity, "capacity {capacity}, {n} shards");
            assert_eq!(budget.unused(shards.iter()), 0);
        }
    }

    #[test]
    fn what_is_given_back_can_be_taken_elsewhere() {
        let shards = shards(3);
        let budget = Budget::new(2, 3, 64).expect("memory");
        let at = |i| &shards[i];
        let a = budget.take(0, &shards[0], 1, at);
        let b = budget.take(1, &shards[1], 1, at);
        assert_eq!(budget.take(2, &shards[2], 1, at).amount(), 0);
        budget.give(0, &shards[0], a);
        let c = budget.take(2, &shards[2], 1, at);
        assert_eq!(budget.take(2, &shards[2], 1, at).amount(), 0);
        budget.give(1, &shards[1], b);
        budget.give(2, &shards[2], c);
        assert_eq!(budget.unused(shards.iter()), 2);
    }

    #[test]
    fn what_weighs_more_than_one_source_has_is_gathered_from_all() {
        let shards = shards(4);
        let budget = Budget::new(1_000, 4, u64::MAX).expect("memory");
        let at = |i| &shards[i];
        let small: Vec<_> = (0..4).map(|i| budget.take(i, &shards[i], 10, at)).collect();
        assert_eq!(small.iter().map(Credit::amount).sum::<u64>(), 40);
        assert_eq!(budget.take(2, &shards[2], 2_000, at).amount(), 960);
        assert_eq!(budget.unused(shards.iter()), 0);
        small.into_iter().for_each(|credit| budget.give(1, &shards[1], credit));
        assert_eq!(budget.take(3, &shards[3], 40, at).amount(), 40);
    }

    #[test]
    fn a_smaller_capacity_is_reached_by_taking_what_is_too_much() {
        let shards = shards(1);
        let budget = Budget::new(100, 1, 64).expect("memory");
        budget.resize(150);
        assert_eq!((budget.unused(shards.iter()), budget.debt()), (150, 0));
        budget.resize(30);
        assert_eq!(budget.debt(), 120);
        while let Some(due) = budget.take_debt() {
            assert_eq!(budget.take(0, &shards[0], due, |i| &shards[i]).amount(), due);
        }
        assert_eq!((budget.capacity(), budget.unused(shards.iter())), (30, 30));
    }
}
