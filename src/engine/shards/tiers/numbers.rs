//! The numbers of shards and of pairs of sets, in the order of the tiers.

use super::{Tier, Tiers};
use crate::engine::{
    shards::{plan::Plan, shard::Shard},
    storage::once_box::OnceBox,
};
use std::ops::Range;

impl<K, V> Tiers<K, V> {
    /// Returns the shards of a hash that were made, from the first tier up.
    pub(crate) fn shards_of(&self, hash: u64) -> ShardsOf<'_, K, V> {
        ShardsOf { tiers: self, hash, levels: 0..self.height() + 1 }
    }

    /// Returns a shard by its number, if it was made.
    #[inline]
    pub(crate) fn get(&self, id: usize) -> Option<&Shard<K, V>> {
        match self.first.get(id) {
            Some(shard) => Some(shard),
            None => self.get_added(id),
        }
    }

    #[cold]
    fn get_added(&self, id: usize) -> Option<&Shard<K, V>> {
        let mut last = None;
        for tier in &self.added {
            match tier.get() {
                Some(tier) if id >= tier.first => last = Some(tier),
                _ => break,
            }
        }
        last?.get(id)
    }

    /// Returns the shard of this number, which was made.
    ///
    /// # Panics
    ///
    /// Panics if the shard was not made.
    #[inline]
    pub(crate) fn shard(&self, id: usize) -> &Shard<K, V> {
        self.get(id).expect("the number of a shard that was made")
    }

    /// Returns one more than the largest number that a shard may have.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.added(self.height()).map_or(self.first.len(), Tier::end)
    }

    /// Returns the number of the first shard of the top tier: shards below it have lower ones.
    pub(crate) fn below_top(&self) -> usize {
        self.added(self.height()).map_or(0, |tier| tier.first)
    }

    /// Returns every shard that was made, in the order of their numbers.
    pub(crate) fn iter(&self) -> AllShards<'_, K, V> {
        AllShards { tiers: self, ids: 0..self.count() }
    }

    /// Returns the plan of a tier, with the number of its first shard.
    pub(super) fn plan_of(&self, level: usize) -> (usize, &Plan) {
        match self.added(level) {
            Some(tier) => (tier.first, &tier.plan),
            None => (0, &self.plan),
        }
    }

    /// Returns the number of pairs of sets of all tiers.
    pub(crate) fn pairs(&self) -> u64 {
        let mut pairs = 0;
        for level in 0..self.height() + 1 {
            pairs += self.plan_of(level).1.pairs();
        }
        pairs
    }

    /// Returns a pair of sets by its number: the shard, if it was made, and the first set.
    pub(crate) fn pair(&self, mut number: u64) -> Option<(&Shard<K, V>, usize)> {
        for level in 0..self.height() + 1 {
            let (first, plan) = self.plan_of(level);
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
        let tiers = self.added.iter().map_while(OnceBox::get);
        self.iter().map(shard).sum::<usize>()
            + tiers.map(|it| size_of_val(it) + size_of_val(&*it.shards)).sum::<usize>()
    }
}

impl<K, V> Tier<K, V> {
    pub(super) fn end(&self) -> usize {
        self.first + self.shards.len()
    }

    fn get(&self, id: usize) -> Option<&Shard<K, V>> {
        self.shards.get(id - self.first)?.get()
    }
}

// The iterators are written by hand: each adapter of the standard library's would be compiled again
// in every program, several times.

/// See [`Tiers::shards_of`].
pub(crate) struct ShardsOf<'s, K, V> {
    tiers: &'s Tiers<K, V>,
    hash: u64,
    levels: Range<usize>,
}

impl<'s, K, V> Iterator for ShardsOf<'s, K, V> {
    type Item = &'s Shard<K, V>;

    fn next(&mut self) -> Option<&'s Shard<K, V>> {
        loop {
            let shard = self.tiers.shard_on(self.levels.next()?, self.hash);
            if shard.is_some() {
                return shard;
            }
        }
    }
}

/// See [`Tiers::iter`].
pub(crate) struct AllShards<'s, K, V> {
    tiers: &'s Tiers<K, V>,
    ids: Range<usize>,
}

impl<'s, K, V> Iterator for AllShards<'s, K, V> {
    type Item = &'s Shard<K, V>;

    fn next(&mut self) -> Option<&'s Shard<K, V>> {
        loop {
            if let Some(shard) = self.tiers.get(self.ids.next()?) {
                return Some(shard);
            }
        }
    }
}
