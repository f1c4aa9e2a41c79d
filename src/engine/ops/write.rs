//! Inserts and removals as a whole: the steps around those in a shard, before the pin and after it.

use crate::{
    engine::{
        Engine,
        ops::insert::{EntryOptions, IfPresent, Inserted, Precondition, Target, Written},
        reclaim::epoch::pin,
        shards::{
            plan,
            scope::{DEAD_PER_WRITE, Dues, WriteScope},
            stats::Event,
            tiers::Ascent,
        },
        storage::{
            nodes::Entry,
            weights::{Price, Weigher},
        },
    },
    sync::yield_now,
};

impl<K: Eq, V> Engine<K, V> {
    /// Inserts an entry with options, in any cache.
    #[inline(never)]
    pub(crate) fn insert_on(
        &self,
        hash: u64,
        entry: Entry<K, V>,
        if_present: IfPresent,
        options: &EntryOptions,
    ) -> Inserted {
        let target = self.target_of(hash, &entry);
        if self.is_too_heavy(target) {
            // A rejected write supersedes loads, too: their values are older.
            self.common.supersede(&pin().guard, hash);
            return self.reject(target, entry, if_present);
        }
        match self.try_insert(target, options, entry, if_present) {
            Ok(inserted) => inserted,
            Err(entry) => self.insert_exhausted(target, options, entry, if_present),
        }
    }

    /// Inserts an entry, or returns it if there is no node for it.
    #[inline(always)]
    fn try_insert(
        &self,
        target: Target,
        options: &EntryOptions,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Result<Inserted, Entry<K, V>> {
        self.prefetch(target.hash);
        let cx = self.begin_write(target.hash);
        let written = self.write_in(&cx, target, options, entry, if_present.into());
        drop(cx);
        written.into_inserted()
    }

    #[cold]
    #[inline(never)]
    fn insert_exhausted(
        &self,
        target: Target,
        options: &EntryOptions,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Inserted {
        let mut again = |entry| self.try_insert(target, options, entry, if_present);
        self.retry_exhausted(target.hash, entry, &mut drop, &mut again)
            .unwrap_or_else(|entry| self.reject(target, entry, if_present))
    }

    /// Writes an entry in the tier where its key is, or where it belongs. Never returns
    /// [`Written::Sealed`].
    #[inline(always)]
    pub(crate) fn write_in(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        options: &EntryOptions,
        entry: Entry<K, V>,
        condition: Precondition<'_, K, V>,
    ) -> Written<K, V> {
        // Most caches have one tier, whose sets are not sealed.
        let mut written = match self.common.tiers.has_grown() {
            false => {
                self.common.tiers.first(target.hash).write(cx, target, options, entry, condition)
            }
            true => Written::Sealed(entry),
        };
        if let Written::Sealed(_) = written {
            written = self.write_upwards(cx, target, options, written, condition);
        }
        written
    }

    #[cold]
    #[inline(never)]
    fn write_upwards(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        options: &EntryOptions,
        sealed: Written<K, V>,
        condition: Precondition<'_, K, V>,
    ) -> Written<K, V> {
        let mut written = Some(sealed);
        self.common.ascend(target.hash, &mut |shard| {
            if let Some(Written::Sealed(entry)) = written.take() {
                written = Some(shard.write(cx, target, options, entry, condition));
            }
            match written {
                Some(Written::Sealed(_)) => Ascent::GoesOn,
                _ => Ascent::Ends,
            }
        });
        match written.expect("put back in each tier") {
            // There is no memory for a tier further up.
            Written::Sealed(entry) => Written::Exhausted(entry),
            written => written,
        }
    }

    /// Rejects an entry for which there is no room, and removes the one that it would have
    /// replaced.
    #[cold]
    fn reject(&self, target: Target, entry: Entry<K, V>, if_present: IfPresent) -> Inserted {
        let cx = WriteScope::new(&self.common, Dues::None);
        cx.count(Event::Rejection);
        if if_present == IfPresent::Replace {
            self.common.remove_unseen(&cx, target.hash, &|key| *key == entry.key);
        }
        drop(cx);
        drop(self.common.tell_rejected(entry));
        Inserted::Rejected
    }

    /// Inserts several entries, under one pin where that is possible.
    pub(crate) fn insert_batch(&self, batch: &mut Vec<(u64, Entry<K, V>)>) {
        for (hash, _) in batch.iter() {
            self.prefetch(*hash);
        }
        let mut batch = batch.drain(..);
        let priced = self.common.weigher.is_some() || self.common.coster.is_some();
        if priced || self.common.tiers.has_grown() {
            // Weighing is user code, which must not run pinned; entries that are too heavy are told
            // at once.
            return batch
                .for_each(|(hash, entry)| _ = self.insert(hash, entry, IfPresent::Replace));
        }
        let mut writes = vec![0; self.common.tiers.count()];
        self.sweep_by_the_way();
        let exhausted = {
            let cx = WriteScope::new(&self.common, Dues::Debt);
            batch.by_ref().find_map(|(hash, entry)| {
                let shard = self.common.tiers.first(hash);
                writes[shard.id()] += 1;
                cx.supersede(hash);
                let target = Target { hash, price: Price::UNIT };
                let condition = Precondition::Any;
                let written = shard.write(&cx, target, &EntryOptions::BY_RULE, entry, condition);
                written.into_inserted().err().map(|entry| (hash, entry))
            })
        };
        for shard in self.common.tiers.iter() {
            // A shard that was made since has no count.
            let writes = writes.get(shard.id()).copied().unwrap_or(0);
            if writes > 0 {
                shard.drop_dead(writes * DEAD_PER_WRITE);
            }
        }
        // If a node was missing or the cache has grown: the rest one by one, in their order.
        for (hash, entry) in exhausted.into_iter().chain(batch) {
            self.insert(hash, entry, IfPresent::Replace);
        }
    }
}

impl<K, V> Engine<K, V> {
    /// Returns the hash of an entry with its weight and cost.
    #[inline(always)]
    pub(crate) fn target_of(&self, hash: u64, entry: &Entry<K, V>) -> Target {
        let ask = |weigher: &Option<Weigher<K, V>>| {
            weigher.as_ref().map_or(1, |weigher| weigher.weigh(&entry.key, &entry.value))
        };
        let price = Price::new(ask(&self.common.weigher), ask(&self.common.coster));
        Target { hash, price }
    }

    /// Returns whether an entry is heavier than the capacity.
    #[inline(always)]
    pub(crate) fn is_too_heavy(&self, target: Target) -> bool {
        self.common.weigher.is_some() && target.price.weight() > self.capacity()
    }

    /// Tries a write `again` for which there was no node, a few times. Returns the entry if it
    /// fails each time.
    ///
    /// All nodes of the shard hold entries, or wait for threads that have been pinned since before
    /// the nodes were removed. On a machine with more runnable threads than cores, these threads
    /// were interrupted while pinned, so this thread yields to them: a few times, and not again
    /// before there was progress, since no thread may have to wait for one that has stopped.
    ///
    /// `bury` gets the entries of dead nodes, whose nodes become free.
    pub(crate) fn retry_exhausted<R>(
        &self,
        hash: u64,
        mut entry: Entry<K, V>,
        bury: &mut dyn FnMut(Entry<K, V>),
        again: &mut dyn FnMut(Entry<K, V>) -> Result<R, Entry<K, V>>,
    ) -> Result<R, Entry<K, V>> {
        let shards = || self.common.tiers.shards_of(hash);
        let mut hopeful = false;
        for shard in shards() {
            hopeful = hopeful || shard.recycler.is_hopeful();
        }
        for round in 1..=plan::YIELDS {
            if self.common.weigher.is_some() {
                self.shed(hash);
            }
            for shard in shards() {
                shard.recycler.seal_all(&pin().guard);
            }
            if hopeful {
                yield_now();
            }
            if hopeful && round == plan::YIELDS {
                // Batches of other shards may stand in front, many of them and of few nodes.
                self.common.collect();
            } else {
                // Each pin reads the latest epoch, and a flush may advance it once more.
                pin().guard.flush();
            }
            for shard in shards() {
                while shard.take_dead(plan::DEAD_PER_PASS, bury) > 0 {}
            }
            match again(entry) {
                Ok(done) => return Ok(done),
                Err(back) => entry = back,
            }
        }
        if hopeful {
            for shard in shards() {
                shard.recycler.give_up();
            }
        }
        Err(entry)
    }

    /// Evicts some entries of the shards in which entries hold all nodes, for lack of memory for
    /// another tier.
    #[cold]
    fn shed(&self, hash: u64) {
        let cx = WriteScope::new(&self.common, Dues::None);
        for shard in self.common.tiers.shards_of(hash) {
            shard.shed(&cx);
        }
    }
}
