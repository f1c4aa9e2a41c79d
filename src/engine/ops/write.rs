//! Inserting and removing: what is done around the steps of a shard, before the pin and after it.

use crate::{
    engine::{
        Engine,
        ops::insert::{IfPresent, Inserted, Placed, Target, Terms},
        reclaim::epoch::pin,
        shards::{
            plan,
            scope::{DEAD_PER_WRITE, Dues, WriteScope},
            shard::Shard,
            storeys::Ascent,
        },
        storage::{
            nodes::Entry,
            parts::{Part, PartSet},
            weights::{Price, Weigher},
        },
        time::lifetimes::Span,
    },
    sync::yield_now,
    testing::hooks::{Step, step},
};

/// An insert on one of the floors.
type Put<'p, K, V> = dyn FnMut(&Shard<K, V>, Entry<K, V>) -> Placed<K, V> + 'p;

impl<K, V> Engine<K, V> {
    /// Inserts, then drops a few entries that died earlier. In a straight line where the cache has no parts with
    /// which an insert would have more to do.
    #[inline]
    pub(crate) fn insert(&self, hash: u64, entry: Entry<K, V>, if_present: IfPresent) -> Inserted
    where
        K: Eq,
    {
        if self.common.parts.now().has_any_of(PartSet::OF_WRITES) {
            return self.insert_by_rule(hash, entry, if_present);
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
                return self.insert_by_rule(hash, entry, if_present);
            }
            cx.supersede(hash);
        }
        let target = Target { hash, price: Price::UNIT };
        match shard.insert_plain(&cx, home, target, entry, if_present) {
            Placed::Done(inserted) => inserted,
            Placed::Kept(entry) => {
                drop(cx);
                drop(entry);
                Inserted::Kept
            }
            Placed::Exhausted(entry) | Placed::Outgrown(entry) => {
                drop(cx);
                self.insert_exhausted(target, &Terms::BY_RULE, entry, if_present)
            }
        }
    }

    #[inline(never)]
    fn insert_by_rule(&self, hash: u64, entry: Entry<K, V>, if_present: IfPresent) -> Inserted
    where
        K: Eq,
    {
        self.insert_at(self.target_of(hash, &entry), &Terms::BY_RULE, entry, if_present)
    }

    /// Inserts an entry about which more is said than the cache's rules do.
    pub(crate) fn insert_on(
        &self,
        hash: u64,
        entry: Entry<K, V>,
        if_present: IfPresent,
        terms: &Terms,
    ) -> Inserted
    where
        K: Eq,
    {
        let target = self.target_of(hash, &entry);
        if self.can_keep(terms, self.ground(hash)) {
            return self.insert_at(target, terms, entry, if_present);
        }
        self.reject_write(target, entry, if_present)
    }

    /// Whether there is memory for what is said about an entry in the shard that it goes to.
    pub(crate) fn can_keep(&self, terms: &Terms, shard: &Shard<K, V>) -> bool {
        let Terms { span, tags } = terms;
        let timed = !matches!(span, Span::For(_)) || shard.timing_for(&self.common).is_ok();
        timed && (tags.is_empty() || self.has_tags())
    }

    #[inline(always)]
    pub(crate) fn insert_at(
        &self,
        target: Target,
        terms: &Terms,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Inserted
    where
        K: Eq,
    {
        if self.is_too_heavy(target) {
            return self.reject_write(target, entry, if_present);
        }
        match self.try_insert(target, terms, entry, if_present) {
            Ok(inserted) => inserted,
            Err(entry) => self.insert_exhausted(target, terms, entry, if_present),
        }
    }

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

    /// Inserts, or gives the entry back if there is no node for it.
    #[inline(always)]
    pub(crate) fn try_insert(
        &self,
        target: Target,
        terms: &Terms,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Result<Inserted, Entry<K, V>>
    where
        K: Eq,
    {
        if self.common.storeys.has_grown() {
            return self.try_insert_grown(target, terms, entry, if_present);
        }
        self.prefetch(target.hash);
        let cx = self.begin_write(target.hash);
        let placed = self.ground(target.hash).insert(&cx, target, terms, entry, if_present);
        drop(cx);
        placed.into_inserted()
    }

    /// The same in a cache that has more than the ground floor.
    #[cold]
    #[inline(never)]
    pub(crate) fn try_insert_grown(
        &self,
        target: Target,
        terms: &Terms,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Result<Inserted, Entry<K, V>>
    where
        K: Eq,
    {
        let cx = self.begin_write(target.hash);
        let placed = self.place(target.hash, entry, &mut |shard, entry| {
            if !self.can_keep(terms, shard) {
                return Placed::Exhausted(entry);
            }
            shard.insert(&cx, target, terms, entry, if_present)
        });
        drop(cx);
        placed.into_inserted()
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn insert_exhausted(
        &self,
        target: Target,
        terms: &Terms,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Inserted
    where
        K: Eq,
    {
        let mut again = |entry| self.try_insert(target, terms, entry, if_present);
        // It may have grown while this one was under way.
        let grown = self.common.storeys.has_grown();
        let mut tried = if grown { again(entry) } else { Err(entry) };
        if let Err(entry) = tried {
            tried = self.retry_exhausted(target.hash, entry, &mut drop, &mut again);
        }
        match tried {
            Ok(inserted) => inserted,
            Err(entry) => self.reject(target, entry, if_present),
        }
    }

    /// There is no room for an entry: it is not stored, and the one that it was to replace is gone.
    #[cold]
    pub(crate) fn reject(
        &self,
        target: Target,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Inserted
    where
        K: Eq,
    {
        let cx = WriteScope::new(&self.common, Dues::None);
        let rejected = self.ground(target.hash).reject(&cx, target, &entry.key, if_present);
        drop(cx);
        drop(self.common.tell_rejected(entry));
        rejected
    }

    /// The same if nothing was tried before. It is a write even so: what is being loaded is older.
    #[cold]
    pub(crate) fn reject_write(
        &self,
        target: Target,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Inserted
    where
        K: Eq,
    {
        self.common.supersede(&pin().guard, target.hash);
        self.reject(target, entry, if_present)
    }

    /// All nodes of the shard hold entries, or wait for threads that have been pinned since before
    /// they were removed. On a machine with more runnable threads than cores these are threads that
    /// were interrupted at a bad moment, so let them run: but only a few times, and not again before
    /// there was some progress, since nobody may have to wait for a thread that has stopped.
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

    /// Inserts several under one pin.
    pub(crate) fn insert_batch(&self, batch: &mut Vec<(u64, Entry<K, V>)>)
    where
        K: Eq,
    {
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
                match shard.insert(&cx, target, &Terms::BY_RULE, entry, IfPresent::Replace) {
                    Placed::Exhausted(entry) | Placed::Outgrown(entry) => Some((hash, entry)),
                    Placed::Done(_) | Placed::Kept(_) => None,
                }
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

impl<K, V> Engine<K, V> {
    /// Calls `put` with the shards that an entry may belong to in a cache that has grown, until one
    /// takes it. `put` returns the entry as [`Placed::Outgrown`] where the key is absent and cannot
    /// be added.
    #[cold]
    #[inline(never)]
    pub(crate) fn place(
        &self,
        hash: u64,
        entry: Entry<K, V>,
        put: &mut Put<'_, K, V>,
    ) -> Placed<K, V> {
        let mut placed = Placed::Outgrown(entry);
        self.common.ascend(hash, &mut |shard| {
            let now = std::mem::replace(&mut placed, Placed::Done(Inserted::Kept));
            placed = match now {
                Placed::Outgrown(entry) => put(shard, entry),
                ended => ended,
            };
            match placed {
                Placed::Outgrown(_) => Ascent::GoesOn,
                _ => Ascent::Ends,
            }
        });
        match placed {
            // As if there was no node for it.
            Placed::Outgrown(entry) => Placed::Exhausted(entry),
            placed => placed,
        }
    }
}
