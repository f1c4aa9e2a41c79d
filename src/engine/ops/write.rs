//! Inserting and removing: what is done around the steps of a shard, before the pin and after it.

use crate::{
    engine::{
        Engine,
        ops::insert::{IfPresent, Inserted, Precondition, Target, Terms, Written},
        reclaim::epoch::pin,
        shards::{
            plan,
            scope::{DEAD_PER_WRITE, Dues, WriteScope},
            stats::Event,
            storeys::Ascent,
        },
        storage::{
            nodes::Entry,
            parts::{Part, PartSet},
            weights::{Price, Weigher},
        },
    },
    sync::yield_now,
    testing::hooks::{Step, step},
};

impl<K: Eq, V> Engine<K, V> {
    /// Inserts, then drops a few entries that died earlier. In a straight line where the cache has
    /// no parts with which an insert would have more to do.
    #[inline]
    pub(crate) fn insert(&self, hash: u64, entry: Entry<K, V>, if_present: IfPresent) -> Inserted {
        if self.common.parts.now().has_any_of(PartSet::OF_WRITES) {
            return self.insert_on(hash, entry, if_present, &Terms::BY_RULE);
        }
        let shard = self.ground(hash);
        let home = shard.index.prefetched_home(hash);
        let cx = WriteScope::unwatched(pin(), &self.common, Dues::OfKey(hash));
        step(Step::Pinned);
        let parts = cx.parts();
        if parts.has_any_of(PartSet::OF_WRITES.and(Part::Loads)) {
            // Groups are among these, and so there is nothing to watch.
            if parts.has_any_of(PartSet::OF_WRITES) {
                drop(cx);
                return self.insert_on(hash, entry, if_present, &Terms::BY_RULE);
            }
            cx.supersede(hash);
        }
        let target = Target { hash, price: Price::UNIT };
        match shard.write_plain(&cx, home, target, entry, if_present) {
            Written::Done(inserted, _) => inserted,
            Written::Refused(entry) => {
                drop(cx);
                drop(entry);
                Inserted::Kept
            }
            Written::Exhausted(entry) | Written::Sealed(entry) => {
                drop(cx);
                self.insert_on(hash, entry, if_present, &Terms::BY_RULE)
            }
        }
    }

    /// Inserts an entry about which more is said than the cache's rules do.
    #[inline(never)]
    pub(crate) fn insert_on(
        &self,
        hash: u64,
        entry: Entry<K, V>,
        if_present: IfPresent,
        terms: &Terms,
    ) -> Inserted {
        let target = self.target_of(hash, &entry);
        if self.is_too_heavy(target) {
            // It is a write even so: what is being loaded is older.
            self.common.supersede(&pin().guard, hash);
            return self.reject(target, entry, if_present);
        }
        match self.try_insert(target, terms, entry, if_present) {
            Ok(inserted) => inserted,
            Err(entry) => self.insert_exhausted(target, terms, entry, if_present),
        }
    }

    /// Inserts, or gives the entry back if there is no node for it.
    #[inline(always)]
    fn try_insert(
        &self,
        target: Target,
        terms: &Terms,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Result<Inserted, Entry<K, V>> {
        self.prefetch(target.hash);
        let cx = self.begin_write(target.hash);
        let written = self.write_in(&cx, target, terms, entry, if_present.into());
        drop(cx);
        written.into_inserted()
    }

    #[cold]
    #[inline(never)]
    fn insert_exhausted(
        &self,
        target: Target,
        terms: &Terms,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Inserted {
        let mut again = |entry| self.try_insert(target, terms, entry, if_present);
        self.retry_exhausted(target.hash, entry, &mut drop, &mut again)
            .unwrap_or_else(|entry| self.reject(target, entry, if_present))
    }

    /// Writes an entry on the floor where its key is, or is to be. Never [`Written::Sealed`].
    #[inline(always)]
    pub(crate) fn write_in(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        terms: &Terms,
        entry: Entry<K, V>,
        condition: Precondition<'_, K, V>,
    ) -> Written<K, V> {
        // Most often there is one floor, whose sets are not sealed.
        let mut written = match self.common.storeys.has_grown() {
            false => self.ground(target.hash).write(cx, target, terms, entry, condition),
            true => Written::Sealed(entry),
        };
        if let Written::Sealed(_) = written {
            written = self.write_upwards(cx, target, terms, written, condition);
        }
        written
    }

    #[cold]
    #[inline(never)]
    fn write_upwards(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        terms: &Terms,
        sealed: Written<K, V>,
        condition: Precondition<'_, K, V>,
    ) -> Written<K, V> {
        let mut written = Some(sealed);
        self.common.ascend(target.hash, &mut |shard| {
            if let Some(Written::Sealed(entry)) = written.take() {
                written = Some(shard.write(cx, target, terms, entry, condition));
            }
            match written {
                Some(Written::Sealed(_)) => Ascent::GoesOn,
                _ => Ascent::Ends,
            }
        });
        match written.expect("put back on each floor") {
            // It cannot go further up: as if there was no node for it.
            Written::Sealed(entry) => Written::Exhausted(entry),
            written => written,
        }
    }

    /// There is no room for an entry: it is not stored, and the one that it was to replace is gone.
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

    /// Inserts several under one pin.
    pub(crate) fn insert_batch(&self, batch: &mut Vec<(u64, Entry<K, V>)>) {
        for (hash, _) in batch.iter() {
            self.prefetch(*hash);
        }
        let mut batch = batch.drain(..);
        let priced = self.common.weigher.is_some() || self.common.coster.is_some();
        if priced || self.common.storeys.has_grown() {
            // Weighing is user code, and what is too heavy is told at once.
            return batch
                .for_each(|(hash, entry)| _ = self.insert(hash, entry, IfPresent::Replace));
        }
        let mut writes = vec![0; self.common.storeys.count()];
        self.sweep_by_the_way();
        let exhausted = {
            let cx = WriteScope::new(&self.common, Dues::Debt);
            batch.by_ref().find_map(|(hash, entry)| {
                let shard = self.ground(hash);
                writes[shard.id()] += 1;
                cx.supersede(hash);
                let target = Target { hash, price: Price::UNIT };
                let condition = Precondition::Any;
                let written = shard.write(&cx, target, &Terms::BY_RULE, entry, condition);
                written.into_inserted().err().map(|entry| (hash, entry))
            })
        };
        for shard in self.common.storeys.iter() {
            // It may have come since.
            let writes = writes.get(shard.id()).copied().unwrap_or(0);
            if writes > 0 {
                shard.drop_dead(writes * DEAD_PER_WRITE);
            }
        }
        // One by one, and in their order, if a node was missing or the cache grows.
        for (hash, entry) in exhausted.into_iter().chain(batch) {
            self.insert(hash, entry, IfPresent::Replace);
        }
    }
}

impl<K, V> Engine<K, V> {
    /// Where an entry goes, and what it weighs and costs.
    #[inline(always)]
    pub(crate) fn target_of(&self, hash: u64, entry: &Entry<K, V>) -> Target {
        let ask = |weigher: &Option<Weigher<K, V>>| {
            weigher.as_ref().map_or(1, |weigher| weigher.weigh(&entry.key, &entry.value))
        };
        let price = Price::new(ask(&self.common.weigher), ask(&self.common.coster));
        Target { hash, price }
    }

    /// Whether an entry of that weight could not be kept if it was alone.
    #[inline(always)]
    pub(crate) fn is_too_heavy(&self, target: Target) -> bool {
        self.common.weigher.is_some() && target.price.weight() > self.capacity()
    }

    /// All nodes of the shard hold entries, or wait for threads that have been pinned since before
    /// they were removed. On a machine with more runnable threads than cores these are threads that
    /// were interrupted at a bad moment, so let them run: but only a few times, and not again
    /// before there was some progress, since nobody may have to wait for a thread that has stopped.
    ///
    /// `bury` gets the entries of dead nodes, which are to be free.
    pub(crate) fn retry_exhausted<R>(
        &self,
        hash: u64,
        mut entry: Entry<K, V>,
        bury: &mut dyn FnMut(Entry<K, V>),
        again: &mut dyn FnMut(Entry<K, V>) -> Result<R, Entry<K, V>>,
    ) -> Result<R, Entry<K, V>> {
        let shards = || self.common.storeys.shards_of(hash);
        let mut hopeful = false;
        for shard in shards() {
            hopeful = hopeful || shard.recycler.is_hopeful();
        }
        for _ in 0..plan::YIELDS {
            if self.common.weigher.is_some() {
                self.relieve(hash);
            }
            for shard in shards() {
                shard.recycler.seal_all(&pin().guard);
            }
            if hopeful {
                yield_now();
            }
            // Each pin sees the latest epoch; a flush may advance it once more.
            pin().guard.flush();
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

    /// Where entries hold all nodes, since there was no memory for another storey, some have to go.
    #[cold]
    fn relieve(&self, hash: u64) {
        let cx = WriteScope::new(&self.common, Dues::None);
        for shard in self.common.storeys.shards_of(hash) {
            shard.relieve(&cx);
        }
    }

    /// Removes; `take` gets the entry.
    #[inline]
    pub(crate) fn remove<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        take: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let shard = self.ground(hash);
        let home = shard.index.prefetched_home(hash);
        let cx = self.begin_write(hash);
        self.common.remove_from(&cx, (shard, home), hash, eq, take)
    }
}
