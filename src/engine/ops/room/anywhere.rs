//! Evictions wherever an entry is found: in the set of the key, or in all sets that the hand
//! passes, of this shard and then of others.

use crate::{
    engine::{
        index::{hints::Standing, word::Word},
        policy::{
            budget::Credit,
            rules::{SPARED_MAX, Victim, Worth},
        },
        shards::{scope::WriteScope, shard::Shard},
    },
    types::eviction::EvictionPolicy,
};

impl<K, V> Shard<K, V> {
    /// Evicts the entry that the policy chooses in this shard, beginning at the set `home`. Returns
    /// its credit.
    pub(super) fn evict_some(
        &self,
        cx: &WriteScope<'_, K, V>,
        home: Option<usize>,
    ) -> Option<Credit> {
        if self.is_drained() {
            return None;
        }
        let credit = match self.rules {
            EvictionPolicy::SegmentedLru => self.evict_by_rules(cx, home),
            _ => self.evict_least_worthy(cx, home),
        };
        if credit.is_none() && cx.common().tiers.height() > self.level() {
            self.note_drained();
        }
        credit
    }

    fn evict_by_rules(&self, cx: &WriteScope<'_, K, V>, mut home: Option<usize>) -> Option<Credit> {
        if let Some(home) = home {
            let found = self
                .evict_newcomer(cx)
                .or_else(|| self.evict_due(cx, home))
                .or_else(|| self.evict_due_elsewhere(cx));
            if found.is_some() {
                return found;
            }
            self.policy.shorten(self.policy_state());
        }
        // A lap spares each member once. So where entries are few, one that was used outlives the
        // others of all sets, and not only of its own. A lap that begins with enough of them spared
        // takes any member but those that must stay.
        let mut spared = 0;
        loop {
            let before = spared;
            let credit = self.sweep_sets(cx, home.take(), |set| {
                let visit = self.policy.visit(self.policy_state(), &self.index, set);
                let (mut visit, stays) = (visit.having_spared(spared), |word| self.is_pinned(word));
                let victim = visit.next_due(&stays).or_else(|| visit.next_of_all(&stays));
                spared = visit.spared();
                victim
            });
            if credit.is_some() || spared == before || before >= SPARED_MAX {
                return credit;
            }
        }
    }

    #[cold]
    fn evict_least_worthy(&self, cx: &WriteScope<'_, K, V>, home: Option<usize>) -> Option<Credit> {
        let worth = |word, standing| self.worth(word, standing);
        self.sweep_sets(cx, home, |set| {
            self.policy.least_worthy(self.policy_state(), &self.index, set, &worth)
        })
    }

    /// Evicts the first entry that `choose` finds, in the set `home` or in the sets to which the
    /// hand comes. Returns its credit.
    fn sweep_sets(
        &self,
        cx: &WriteScope<'_, K, V>,
        mut home: Option<usize>,
        mut choose: impl FnMut(usize) -> Option<Victim>,
    ) -> Option<Credit> {
        for _ in 0..=self.index.len() {
            let next = || self.policy.next_set(self.policy_state(), &self.index);
            let set = home.take().unwrap_or_else(next);
            while let Some(victim) = choose(set) {
                if let Some(credit) = self.evict(cx, victim) {
                    return Some(credit);
                }
            }
        }
        None
    }

    /// Evicts an entry of any of the `shards`, beginning with the shard `first`. Returns its
    /// credit.
    pub(super) fn evict_from(
        cx: &WriteScope<'_, K, V>,
        first: usize,
        shards: usize,
        mut home: Option<usize>,
    ) -> Option<Credit> {
        for i in 0..shards {
            let Some(shard) = cx.common().tiers.get((first + i) % shards) else { continue };
            let evicted = shard.evict_some(cx, home.take());
            if evicted.is_some() {
                return evicted;
            }
        }
        None
    }

    /// Returns what a member is worth to policies that compare entries.
    #[inline]
    fn worth(&self, word: Word, standing: Standing) -> Worth {
        if self.is_pinned(word) {
            return Worth::Priceless;
        }
        let Some(weights) = &self.weights else { return Worth::Points(standing.frequency()) };
        let node = self.index.layout().node(word);
        // At most 13: four bits. With a cost of 32 bits, a shift by 20 still fits into 64.
        let frequency = standing.frequency();
        let weight = u64::from(weights.of(node).max(1));
        Worth::Points(match self.rules {
            EvictionPolicy::SizeAware => (standing.wide_frequency() << 32) / weight,
            EvictionPolicy::CostAware => {
                ((frequency * u64::from(weights.cost(node))) << 20) / weight
            }
            _ => frequency,
        })
    }
}
