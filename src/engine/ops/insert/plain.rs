//! The straight line of an insert, in a cache that has none of the parts with which a write has
//! more to do (`parts.rs`).
//!
//! It takes the same steps as every write (`insert.rs`), and makes one attempt. Whatever is rare
//! ends it: before a node is filled, the insert begins anew, with [`Engine::insert_on`]; after
//! that, the first attempt's node is handed on to the loop (`attempt.rs`).
//!
//! An update needs the pin, and no guard for what follows the unpin, since it leaves nothing behind
//! but a node to recycle. So the pin stays in registers, and a [`WriteScope`] is made only where a
//! function out of line needs one.

use super::{Adding, Attempt, EntryOptions, IfPresent, Inserted, Target, Written};
use crate::{
    engine::{
        Engine,
        index::{
            sets::{Found, Home, Loc},
            word::{Control, NodeId, Word},
        },
        reclaim::{
            epoch::{Pin, pin},
            thread_cache::Retired,
        },
        shards::{
            scope::{Dues, WriteScope},
            shard::Shard,
            stats::Event,
        },
        storage::{
            chunked::OutOfMemory,
            nodes::Entry,
            parts::{Part, PartSet},
            weights::Price,
        },
    },
    testing::hooks::{Step, step},
};

impl<K: Eq, V> Engine<K, V> {
    /// Inserts an entry, then drops a few dead entries.
    #[inline]
    pub(crate) fn insert(&self, hash: u64, entry: Entry<K, V>, if_present: IfPresent) -> Inserted {
        if self.common.parts.now().has_any_of(PartSet::OF_WRITES) {
            return self.insert_on(hash, entry, if_present, &EntryOptions::BY_RULE);
        }
        let shard = self.common.tiers.first(hash);
        let home = shard.index.prefetched_home(hash);
        let mut pin = pin();
        step(Step::Pinned);
        let parts = self.common.parts.now();
        if parts.has_any_of(PartSet::OF_WRITES.and(Part::Loads)) {
            // `OF_WRITES` has the groups, so an insert that goes on has nothing to watch.
            if parts.has_any_of(PartSet::OF_WRITES) {
                return self.insert_anew(hash, entry, if_present, pin);
            }
            pin = self.superseding(hash, pin);
        }
        self.insert_plain((shard, home), hash, entry, if_present, pin)
    }

    /// Inserts an entry in a straight line. For a cache in which this thread has found none of
    /// [`PartSet::OF_WRITES`] after it pinned. `home` is the key's.
    #[inline(always)]
    fn insert_plain(
        &self,
        (shard, home): (&Shard<K, V>, Home<'_>),
        hash: u64,
        entry: Entry<K, V>,
        if_present: IfPresent,
        // Behind the entry, so that it is dropped before it if comparing keys panics.
        pin: Pin,
    ) -> Inserted {
        let control = shard.index.settled(home);
        match shard.find(&pin.guard, home, hash, |key| *key == entry.key) {
            None => self.add_plain((shard, home), control, hash, entry, if_present, pin),
            Some(found) if if_present == IfPresent::Keep => {
                if !shard.is_live(&self.common, None, found.node) {
                    // The cache has got a part since.
                    return self.insert_anew(hash, entry, if_present, pin);
                }
                drop(pin);
                self.common.follow_write(hash);
                Inserted::Kept
            }
            Some(found) => self.replace_plain(shard, found, hash, entry, pin),
        }
    }

    /// Replaces the entry that was found.
    #[inline(always)]
    fn replace_plain(
        &self,
        shard: &Shard<K, V>,
        found: Found<'_>,
        hash: u64,
        entry: Entry<K, V>,
        mut pin: Pin,
    ) -> Inserted {
        let if_present = IfPresent::Replace;
        let Some(thread_cache) = shard.recycler.thread_cache(pin.number) else {
            return self.insert_anew(hash, entry, if_present, pin);
        };
        let node = match thread_cache.take() {
            Some(taken) => shard.taken(taken),
            None => match shard.alloc_beyond_thread_cache(pin.number) {
                Some(node) => node,
                None => return self.insert_anew(hash, entry, if_present, pin),
            },
        };
        // SAFETY: the node was just allocated, so this thread owns it, and it holds no entry.
        unsafe { shard.nodes.write(node, entry.key, entry.value) };
        step(Step::NodeFilled);
        // Read again, since the node's last owner may have known of more parts: `parts.rs`.
        let is_plain = !self.common.parts.now().has_any_of(PartSet::OF_NODES);
        if !is_plain || !shard.index.replace(found, node) {
            return self.insert_again(shard, hash, node, if_present, pin);
        }
        // The parts are read after the swap, as in `Shard::updated`.
        if self.common.parts.now().has_any_of(PartSet::OF_DEPARTURES) || found.word.is_displaced() {
            let loc = shard.index.loc(found);
            return self.replaced_with_parts(shard, (loc, found.word), hash, node, pin);
        }
        self.common.counters.count(pin.number, Event::Update);
        if shard.recycler.retire_into(thread_cache, found.node) == Retired::Unsealed {
            pin = Self::sealing(shard, pin);
        }
        drop(pin);
        self.common.follow_write(hash);
        Inserted::Updated
    }

    /// Adds a key that was not found.
    #[inline(never)]
    fn add_plain(
        &self,
        (shard, home): (&Shard<K, V>, Home<'_>),
        control: Control,
        hash: u64,
        entry: Entry<K, V>,
        if_present: IfPresent,
        pin: Pin,
    ) -> Inserted {
        if shard.is_closed(&self.common, control) {
            return self.insert_anew(hash, entry, if_present, pin);
        }
        let Some(thread_cache) = shard.recycler.thread_cache(pin.number) else {
            return self.insert_anew(hash, entry, if_present, pin);
        };
        let node = match thread_cache.take() {
            Some(taken) => shard.taken(taken),
            None => match shard.alloc_beyond_thread_cache(pin.number) {
                Some(node) => node,
                None => return self.insert_anew(hash, entry, if_present, pin),
            },
        };
        // SAFETY: the node was just allocated, so this thread owns it, and it holds no entry.
        unsafe { shard.nodes.write(node, entry.key, entry.value) };
        step(Step::NodeFilled);
        // Read again, as in `replace_plain`.
        if self.common.parts.now().has_any_of(PartSet::OF_NODES) {
            return self.insert_again(shard, hash, node, if_present, pin);
        }
        let cx = self.scope(hash, pin);
        let target = Target { hash, price: Price::UNIT };
        let room = match shard.add(&cx, target, node, (home, control), Some(thread_cache), None) {
            Adding::Done => {
                cx.end_quietly(hash);
                return Inserted::Added;
            }
            Adding::NoRoom => None,
            Adding::Lost(room) => Some(room),
        };
        let mut attempt = Attempt::new(shard, &cx, target, node, if_present.into());
        attempt.room = room;
        let written = if attempt.room.is_some() { attempt.run() } else { attempt.rejected() };
        self.finish_insert(written, hash, if_present, cx)
    }

    // The functions below take the pin by value, since a pin whose address is known to a call would
    // be kept in memory.

    /// Supersedes the loads of a hash.
    #[cold]
    #[inline(never)]
    fn superseding(&self, hash: u64, pin: Pin) -> Pin {
        self.common.supersede(&pin.guard, hash);
        pin
    }

    /// Seals the nodes that this thread has retired.
    #[cold]
    #[inline(never)]
    fn sealing(shard: &Shard<K, V>, pin: Pin) -> Pin {
        if let Some(thread_cache) = shard.recycler.thread_cache(pin.number) {
            shard.recycler.seal_own(thread_cache, &pin.guard);
        }
        pin
    }

    /// Makes the guard around a write that has left the straight line.
    #[inline(always)]
    fn scope(&self, hash: u64, pin: Pin) -> WriteScope<'_, K, V> {
        WriteScope::unwatched(pin, &self.common, Dues::OfKey(hash))
    }

    /// Begins anew: nothing was done so far.
    #[cold]
    #[inline(never)]
    fn insert_anew(
        &self,
        hash: u64,
        entry: Entry<K, V>,
        if_present: IfPresent,
        pin: Pin,
    ) -> Inserted {
        drop(pin);
        self.insert_on(hash, entry, if_present, &EntryOptions::BY_RULE)
    }

    /// Continues with a filled node: the key was changed since it was found, or the cache has got
    /// parts with which a write has more to do.
    #[cold]
    #[inline(never)]
    fn insert_again(
        &self,
        shard: &Shard<K, V>,
        hash: u64,
        node: NodeId,
        if_present: IfPresent,
        pin: Pin,
    ) -> Inserted {
        let cx = self.scope(hash, pin);
        let target = Target { hash, price: Price::UNIT };
        let attempt = Attempt::new(shard, &cx, target, node, if_present.into());
        // No life: the shard had no deadlines when the write began, so the cache's rules set none.
        let written = match shard.begin(&cx, target, &EntryOptions::BY_RULE, node, None) {
            Ok(()) => attempt.run(),
            Err(OutOfMemory) => attempt.reject_unfinished(),
        };
        self.finish_insert(written, hash, if_present, cx)
    }

    #[cold]
    #[inline(never)]
    fn replaced_with_parts(
        &self,
        shard: &Shard<K, V>,
        replaced: (Loc, Word),
        hash: u64,
        node: NodeId,
        pin: Pin,
    ) -> Inserted {
        let cx = self.scope(hash, pin);
        let written = shard.updated(&cx, replaced, node);
        self.finish_insert(written, hash, IfPresent::Replace, cx)
    }

    /// Ends a write that has not gone the straight line to its end.
    #[cold]
    fn finish_insert(
        &self,
        written: Written<K, V>,
        hash: u64,
        if_present: IfPresent,
        cx: WriteScope<'_, K, V>,
    ) -> Inserted {
        drop(cx);
        match written.into_inserted() {
            Ok(inserted) => inserted,
            Err(entry) => self.insert_on(hash, entry, if_present, &EntryOptions::BY_RULE),
        }
    }
}
