//! Counts everything again, another way, and compares: for tests, models and fuzzers.

use crate::engine::{
    Engine,
    index::word::{SLOTS, WordKind},
    shards::{shard::Shard, stats::Event},
};
use std::collections::{HashMap, HashSet};

impl<K: Eq, V> Engine<K, V> {
    /// Checks every invariant that holds while no other thread uses the cache: the caller's are the
    /// caller's business, what runs in the background rests meanwhile. `hash` hashes a key as the
    /// caller of the operations does.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    pub(crate) fn validate(&self, hash: impl Fn(&K) -> u64) {
        let _rest = self.common.background.rest();
        let (mut members, mut weight) = (0, 0);
        for shard in self.common.tiers.iter() {
            let (shard_members, shard_weight) = shard.validate(|key| {
                let hash = hash(key);
                let mut tiers = self.common.tiers.shards_of(hash).map(Shard::id);
                assert!(tiers.any(|other| other == shard.id()), "a key in another key's shard");
                let has = |shard: &Shard<K, V>| {
                    let found = shard.index.find(shard.index.home(hash), hash, |node| {
                        // SAFETY: nobody else uses the cache, and members' nodes hold entries.
                        unsafe { shard.nodes.with(node, |entry| entry.key == *key) }
                    });
                    found.is_some()
                };
                let tiers = self.common.tiers.shards_of(hash).filter(|shard| has(shard));
                assert_eq!(tiers.count(), 1, "a key in two tiers");
                hash
            });
            members += shard_members;
            weight += shard_weight;
        }
        assert_eq!(members, self.residents(), "entries and credits disagree");
        assert_eq!(weight, self.common.weight(), "weights and credits disagree");
        assert_eq!(self.common.budget.debt(), 0, "a debt that nobody has paid");
        assert!(weight <= self.capacity(), "{weight} exceeds {}", self.capacity());
        if let Some(groups) = self.common.groups.get()
            && !groups.is_armed()
        {
            let invalidated = self.common.invalidated_by(groups);
            assert_eq!(invalidated, 0, "disarmed, with invalidated entries");
        }
        let totals = self.common.counters.totals();
        let total = |event| totals[event as usize];
        assert_eq!(
            members,
            total(Event::Insert)
                - total(Event::Removal)
                - total(Event::Eviction)
                - total(Event::Expiration)
                - total(Event::Invalidation),
            "entries and statistics disagree: {totals:?}"
        );
    }
}

impl<K: Eq, V> Shard<K, V> {
    /// The number of members, and what they weigh.
    fn validate(&self, hash: impl Fn(&K) -> u64) -> (u64, u64) {
        let layout = self.index.layout();
        let mut nodes = HashMap::new();
        let mut displaced = vec![0; self.index.len()];
        for (loc, word) in self.index.words() {
            match word.kind() {
                WordKind::Free => {}
                WordKind::Tentative => panic!("an unfinished insert at {loc:?}: {word:?}"),
                WordKind::Member => {
                    let node = layout.node(word);
                    let other = nodes.insert(node, loc);
                    assert!(other.is_none(), "node {node} at {loc:?} and {other:?}");
                    // SAFETY: nobody else uses the cache, and members' nodes hold entries.
                    let entry = unsafe { self.nodes.get(node) };
                    let hash = hash(&entry.key);
                    let home = loc.home(word);
                    let home_of_hash = self.index.home(hash);
                    assert_eq!(self.index.number(home_of_hash), home, "away from home: {loc:?}");
                    let at_home = layout.probe(hash);
                    let probe = if word.is_displaced() { at_home.next_door() } else { at_home };
                    assert_eq!(probe.node_of(word, 0), Some(node), "a wrong tag");
                    displaced[home] += u64::from(word.is_displaced());
                    let found = self.index.find(home_of_hash, hash, |other| {
                        // SAFETY: as above.
                        unsafe { self.nodes.with(other, |other| other.key == entry.key) }
                    });
                    assert_eq!(
                        found.map(|found| self.index.loc(found)),
                        Some(loc),
                        "two copies of a key"
                    );
                }
            }
        }
        for (home, &displaced) in displaced.iter().enumerate() {
            let control = self.index.control(home);
            assert_eq!(control.displaced(), displaced, "keys of set {home} next door");
            // Others may be invalidated.
            if let Some((node, place)) = control.decided()
                && place.displaced
            {
                let there = nodes.get(&node).map(|loc| loc.0 as usize);
                assert_eq!(there, Some((home ^ 1) << 4 | place.slot), "set {home} names {node}");
            }
        }

        if let Some(counted) = self.counted_members() {
            assert_eq!(counted as usize, nodes.len(), "members were miscounted");
        }
        let fresh = self.recycler.fresh();
        let mut idle = HashSet::new();
        let mut once = |node| {
            assert!((1..=fresh).contains(&node), "node {node} was never handed out");
            assert!(idle.insert(node), "node {node} is on two stacks");
            assert!(!nodes.contains_key(&node), "node {node} is in the index and on a stack");
        };
        self.recycler.for_each_free(&mut once);
        self.recycler.for_each_unsealed_or_dead(&mut once);
        assert_eq!(self.recycler.lost_magazines(), 0, "magazines that are nowhere");
        assert!(nodes.keys().all(|node| (1..=fresh).contains(node)));
        assert!(nodes.len() <= self.index.len() * SLOTS);
        (nodes.len() as u64, nodes.keys().map(|&node| self.weight_of(node)).sum())
    }
}
