//! Looking keys up, on whatever floor they are.

use crate::{
    clock::Reading,
    engine::{
        Engine,
        epoch::{Pin, pin},
        expire::Standing,
        index::{Found, Index},
        nodes::Entry,
        parts::{Part, PartSet},
        shard::Shard,
        stats::Event,
        storeys::{FROM_THE_TOP, Spot},
    },
};

/// An entry that a lookup has found; borrows from the pin under which it was found.
#[derive(Debug)]
pub(crate) struct Sighted<'s, K, V> {
    pub(crate) shard: &'s Shard<K, V>,
    pub(crate) found: Found<'s>,
    /// What the clock said when its deadline was looked at.
    pub(crate) reading: Option<Reading>,
}

impl<K, V> Sighted<'_, K, V> {
    /// What `f` makes of the entry.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&Entry<K, V>) -> R) -> R {
        // SAFETY: it was found in the index under a pin that is still held.
        unsafe { self.shard.nodes.with(self.found.node, f) }
    }

    pub(crate) fn spot(&self) -> Spot {
        self.shard.spot(self.found.node)
    }
}

impl<K, V> Engine<K, V> {
    /// Asks for the first cache line that an operation on this hash will need.
    #[inline(always)]
    pub(crate) fn prefetch(&self, hash: u64) {
        let shard = self.ground(hash);
        shard.index.prefetch(shard.index.home(hash));
    }

    /// Looks a key up and counts the use; `f` gets the entry while it is pinned.
    #[inline(always)]
    pub(crate) fn get<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        // Before pinning, whose locked instruction takes as long as the line does to come.
        self.prefetch(hash);
        let pin = pin();
        self.find(&pin, hash, eq).map(|sighted| sighted.with(f))
    }

    /// [`Engine::get`] for a thread that is pinned already: the entry, for as long as it is.
    #[inline(always)]
    pub(crate) fn get_in<'g>(
        &'g self,
        pin: &'g Pin,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
    ) -> Option<&'g Entry<K, V>> {
        let Sighted { shard, found, .. } = self.find(pin, hash, eq)?;
        // SAFETY: found in the index while `pin` pins, and borrowed from it.
        Some(unsafe { shard.nodes.get(found.node) })
    }

    #[inline(always)]
    pub(super) fn find<'s>(
        &'s self,
        pin: &'s Pin,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
    ) -> Option<Sighted<'s, K, V>> {
        let parts = self.common.parts.now();
        let Some(sighted) = self.find_live_among(parts, pin, hash, eq) else {
            self.common.counters.count(pin.number, Event::Miss);
            return None;
        };
        let Sighted { shard, found, reading, .. } = sighted;
        Index::touch(found);
        if parts.has(Part::Reads)
            && let Some(timing) = shard.timing.get()
            && self.common.lifetimes.heed_reads()
        {
            shard.heed_read(&self.common, timing, found, reading);
        }
        self.common.counters.count(pin.number, Event::Hit);
        Some(sighted)
    }

    /// Looks a key up, and takes what is expired or stale for absent.
    #[inline(always)]
    pub(super) fn find_live<'s>(
        &'s self,
        pin: &'s Pin,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
    ) -> Option<Sighted<'s, K, V>> {
        self.find_live_among(self.common.parts.now(), pin, hash, eq)
    }

    /// The same in a cache that has these parts, as this thread has found when it had pinned.
    #[inline(always)]
    fn find_live_among<'s>(
        &'s self,
        parts: PartSet,
        pin: &'s Pin,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<Sighted<'s, K, V>> {
        let watch = if parts.has(Part::Groups) { self.common.watch() } else { None };
        let mut shard = self.ground(hash);
        let mut level = FROM_THE_TOP;
        loop {
            if let Some(found) = shard.find(&pin.guard, shard.index.home(hash), hash, &mut eq) {
                if !parts.has_any_of(PartSet::OF_LOOKUPS) {
                    return Some(Sighted { shard, found, reading: None });
                }
                let (standing, reading) = shard.judge(&self.common, watch, found.node);
                if standing == Standing::Live {
                    return Some(Sighted { shard, found, reading });
                }
                // Perhaps it has been replaced in time, and only this thread was late.
                if shard.index.still_names(found) {
                    return None;
                }
            } else if parts.has(Part::Grown) {
                (level, shard) = self.common.storeys.next(level, hash)?;
            } else {
                return None;
            }
        }
    }

    /// Looks a key up, live or not.
    pub(super) fn find_any<'s>(
        &'s self,
        pin: &'s Pin,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<Sighted<'s, K, V>> {
        let mut shard = self.ground(hash);
        let mut level = FROM_THE_TOP;
        loop {
            if let Some(found) = shard.find(&pin.guard, shard.index.home(hash), hash, &mut eq) {
                return Some(Sighted { shard, found, reading: None });
            }
            (level, shard) = self.common.storeys.next(level, hash)?;
        }
    }

    /// Looks a key up and leaves no trace.
    #[inline]
    pub(crate) fn peek<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let pin = pin();
        self.find_live(&pin, hash, eq).map(|sighted| sighted.with(f))
    }

    /// Calls `f` with each entry of one bucket; false behind the last bucket of the shard.
    pub(crate) fn visit_bucket(
        &self,
        shard: usize,
        bucket: usize,
        mut f: impl FnMut(&Entry<K, V>),
    ) -> bool {
        let Some(shard) = self.common.storeys.get(shard) else { return false };
        let _pin = pin();
        let watch = self.common.watch();
        let Some(members) = shard.index.members_of(bucket) else { return false };
        for found in members.filter(|found| shard.is_live(&self.common, watch, found.node)) {
            // SAFETY: pinned, and found in the index since.
            unsafe { shard.nodes.with(found.node, &mut f) };
        }
        true
    }
}
