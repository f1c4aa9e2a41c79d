//! Removing entries: by key, by place, and what every removal ends with.
//!
//! A removal takes an entry out of its slot by a compare-and-swap (`sets.rs`). The thread whose
//! swap succeeds owns the node and the entry's credits, and finishes the removal
//! ([`Shard::finish_removal`]): it counts the cause, gives the credits back, and retires the node.

use crate::{
    engine::{
        Engine,
        index::{
            sets::{Departure, Home, Index, Loc},
            word::{NodeId, Word},
        },
        policy::budget::Credit,
        reclaim::thread_cache::ThreadCache,
        shards::{
            common::Common,
            scope::WriteScope,
            shard::{OnDrop, Shard},
            stats::Event,
            tiers::FROM_THE_TOP,
        },
        storage::{nodes::Entry, parts::PartSet},
    },
    testing::plant::{Bug, planted},
    types::removal::RemovalCause,
};

/// The outcome of a removal from one shard.
#[derive(Debug)]
enum TierRemoval<R> {
    /// The shard does not have the key.
    Nothing,
    /// The entry was removed, and was expired or invalidated.
    Past,
    /// The entry was removed.
    Entry(R),
}

impl<K, V> Engine<K, V> {
    /// Removes a key. `take` gets the entry.
    #[inline]
    pub(crate) fn remove<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        take: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let shard = self.common.tiers.first(hash);
        let home = shard.index.prefetched_home(hash);
        let cx = self.begin_write(hash);
        self.common.remove_from(&cx, (shard, home), hash, eq, take)
    }
}

impl<K, V> Common<K, V> {
    /// Removes a key from the tier in which it is. `take` gets the entry. Returns `None` if the
    /// key was absent, or its entry expired or invalidated.
    pub(crate) fn remove<R>(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        take: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let shard = self.tiers.first(hash);
        self.remove_from(cx, (shard, shard.index.home(hash)), hash, eq, take)
    }

    /// Like [`Common::remove`], given the shard in the first tier and the key's home in it.
    #[inline(always)]
    pub(crate) fn remove_from<'s, R>(
        &'s self,
        cx: &WriteScope<'_, K, V>,
        (mut shard, mut home): (&'s Shard<K, V>, Home<'s>),
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
        take: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let mut take = Some(take);
        let mut level = FROM_THE_TOP;
        loop {
            let take_once = |entry: &_| take.take().map(|take| take(entry));
            match shard.remove(cx, home, hash, &mut eq, take_once) {
                TierRemoval::Entry(taken) => return taken,
                TierRemoval::Past => return None,
                TierRemoval::Nothing if planted(Bug::RemoveFirstOnly) => return None,
                TierRemoval::Nothing => (level, shard) = self.tiers.next(level, hash)?,
            }
            home = shard.index.home(hash);
        }
    }

    /// Like [`Common::remove`] for callers that do not want the entry.
    #[cold]
    pub(crate) fn remove_unseen(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        eq: &dyn Fn(&K) -> bool,
    ) {
        self.remove(cx, hash, eq, |_| ());
    }
}

impl<K, V> Shard<K, V> {
    /// Removes a key from this shard. `take` gets the entry when it has left the index.
    #[inline(always)]
    fn remove<R>(
        &self,
        cx: &WriteScope<'_, K, V>,
        home: Home<'_>,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
        take: impl FnOnce(&Entry<K, V>) -> R,
    ) -> TierRemoval<R> {
        loop {
            let Some(found) = self.find(cx.guard(), home, hash, &mut eq) else {
                return TierRemoval::Nothing;
            };
            // Read before the swap: no thread finds the key after it, so an entry that ends after
            // this look was removed in time.
            let cause = self.cause(cx, found.node, RemovalCause::Explicit);
            if Index::remove_found(found) {
                let loc = self.index.loc(found);
                if cause != RemovalCause::Explicit {
                    self.finish_removal(cx, loc, found.word, cause);
                    return TierRemoval::Past;
                }
                // If `take` panics, `gone` gives up the credit and the node.
                let gone = OnDrop(|| _ = self.depart_out_of_line(cx, loc, found.word, cause));
                // SAFETY: found in the index under this pin, so the entry is initialised. This
                // thread removed the node and retires it below, or when `gone` is dropped.
                let taken = unsafe { self.nodes.with(found.node, take) };
                std::mem::forget(gone);
                self.finish_removal(cx, loc, found.word, cause);
                return TierRemoval::Entry(taken);
            }
        }
    }

    /// Finishes the removal of an entry that has left its slot: gives its credit back, and retires
    /// its node. Returns the cause that counts, see [`Shard::cause`].
    #[inline(always)]
    pub(crate) fn finish_removal(
        &self,
        cx: &WriteScope<'_, K, V>,
        loc: Loc,
        word: Word,
        cause: RemovalCause,
    ) -> RemovalCause {
        let (credit, cause) =
            self.finish_removal_with_credit(cx, loc, word, cause, self.thread_cache(cx));
        self.give(cx, credit);
        cause
    }

    #[cold]
    #[inline(never)]
    fn depart_out_of_line(
        &self,
        cx: &WriteScope<'_, K, V>,
        loc: Loc,
        word: Word,
        cause: RemovalCause,
    ) -> RemovalCause {
        self.finish_removal(cx, loc, word, cause)
    }

    /// Like [`Shard::finish_removal`], but returns the credit, which goes to another entry. `own`
    /// is this thread's cache of nodes.
    #[inline(always)]
    pub(crate) fn finish_removal_with_credit(
        &self,
        cx: &WriteScope<'_, K, V>,
        loc: Loc,
        word: Word,
        cause: RemovalCause,
        thread_cache: Option<&ThreadCache>,
    ) -> (Credit, RemovalCause) {
        self.index.forget(loc, word, Departure::Key);
        self.uncount_member();
        let node = self.index.layout().node(word);
        if cx.parts().has_any_of(PartSet::OF_DEPARTURES) {
            return self.depart_with_parts(cx, node, cause);
        }
        cx.count(Event::of_departure(cause));
        self.recycler.retire_by(thread_cache, node, cx.guard());
        (Credit::of_removed_entry(1), cause)
    }

    #[inline(never)]
    fn depart_with_parts(
        &self,
        cx: &WriteScope<'_, K, V>,
        node: NodeId,
        cause: RemovalCause,
    ) -> (Credit, RemovalCause) {
        let cause = self.cause(cx, node, cause);
        cx.count(Event::of_departure(cause));
        if let Some(timing) = self.timing.get() {
            timing.end(node);
        }
        let credit = Credit::of_removed_entry(self.weight_of(node));
        self.retire(cx, node, cause);
        (credit, cause)
    }

    /// Removes a node's entry from the index, if it is still there. Returns the cause that counts,
    /// see [`Shard::cause`].
    pub(crate) fn take_out(
        &self,
        cx: &WriteScope<'_, K, V>,
        loc: Loc,
        node: NodeId,
        cause: RemovalCause,
    ) -> Option<RemovalCause> {
        let holds = |word: Word| word.is_member() && self.index.layout().node(word) == node;
        let mut word = self.index.word(loc);
        while holds(word) {
            if self.index.remove(loc, word) {
                return Some(self.finish_removal(cx, loc, word, cause));
            }
            word = self.index.word(loc);
        }
        None
    }
}
