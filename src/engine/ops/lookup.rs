//! Lookups, in all tiers.

use crate::{
    engine::{
        Engine,
        index::sets::{Found, Home, Index},
        ops::liveness::Liveness,
        reclaim::epoch::{Pin, pin},
        shards::{
            common::Common,
            shard::Shard,
            stats::Event,
            tiers::{FROM_THE_TOP, NodeRef},
        },
        storage::{
            nodes::Entry,
            parts::{Part, PartSet},
        },
    },
    process::clock::Reading,
};

/// An entry that a lookup has found. It borrows from the pin under which it was found.
#[derive(Debug)]
pub(crate) struct Located<'s, K, V> {
    pub(crate) shard: &'s Shard<K, V>,
    pub(crate) found: Found<'s>,
    /// The reading of the clock against which the deadline was judged, if the clock was read.
    pub(crate) reading: Option<Reading>,
    entry: &'s Entry<K, V>,
}

impl<K, V> Located<'_, K, V> {
    /// Calls `f` with the entry.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&Entry<K, V>) -> R) -> R {
        if cfg!(larder_loom) {
            // With `with`, models see how long the entry is read.
            // SAFETY: the node was found in the index (Acquire) under a pin that is still held.
            return unsafe { self.shard.nodes.with(self.found.node, f) };
        }
        f(self.entry)
    }

    pub(crate) fn node_ref(&self) -> NodeRef {
        self.shard.node_ref(self.found.node)
    }
}

/// A key that is looked up, with its engine and its hash. It takes two words, since lookups pass it
/// from function to function.
pub(crate) trait Sought<'c, K, V>: Copy {
    fn engine(self) -> &'c Engine<K, V>;
    fn hash(self) -> u64;
    fn is(self, key: &K) -> bool;
}

/// The outcome of a look at the first tier.
enum Glance<'s, K, V> {
    Miss,
    Hit(Located<'s, K, V>),
    /// The clock has to decide whether the deadline of the entry has come. Nothing was counted.
    Unsure,
}

impl<K, V> Common<K, V> {
    /// Looks a key up from its home in the first tier, and counts the use. For a cache in which
    /// only the deadline of the entry may change what a lookup finds, and only if `TIMED`.
    #[inline(always)]
    fn glance<'s, const TIMED: bool>(
        &self,
        pin: &'s Pin,
        shard: &'s Shard<K, V>,
        home: Home<'s>,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
    ) -> Glance<'s, K, V> {
        let Some((found, entry)) = shard.find_at(&pin.guard, home, hash, eq) else {
            self.counters.count(pin.number, Event::Miss);
            return Glance::Miss;
        };
        if TIMED && !shard.surely_lives(found.node) {
            return Glance::Unsure;
        }
        Index::touch(found);
        self.counters.count(pin.number, Event::Hit);
        Glance::Hit(Located { shard, found, reading: None, entry })
    }
}

impl<K, V> Engine<K, V> {
    /// Prefetches the first cache line that an operation on this hash will need.
    #[inline(always)]
    pub(crate) fn prefetch(&self, hash: u64) {
        let shard = self.common.tiers.first(hash);
        shard.index.home(hash).prefetch();
    }

    /// Looks a key up and counts the use. `f` gets the entry while this thread is pinned.
    ///
    /// Each path is a function of its own, called last, so that none keeps values that only another
    /// path needs.
    #[inline(always)]
    pub(crate) fn get<'c, R>(
        sought: impl Sought<'c, K, V>,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R>
    where
        K: 'c,
        V: 'c,
    {
        let parts = sought.engine().common.parts.now();
        if !parts.has_any_of(PartSet::OF_LOOKUPS) {
            return Self::get_plain(sought, f);
        }
        if parts.has_any_of(PartSet::OF_DETOURS) {
            return Self::get_by_detour(sought, f);
        }
        Self::get_in_time(sought, f)
    }

    /// [`Engine::get`] in a cache without parts that may change what a lookup finds.
    #[inline(never)]
    fn get_plain<'c, R>(
        sought: impl Sought<'c, K, V>,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R>
    where
        K: 'c,
        V: 'c,
    {
        Self::get_in_first::<false, R>(sought, f)
    }

    /// [`Engine::get`] in a cache whose entries may have deadlines, and whose lookups go by leases.
    #[inline(never)]
    fn get_in_time<'c, R>(
        sought: impl Sought<'c, K, V>,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R>
    where
        K: 'c,
        V: 'c,
    {
        Self::get_in_first::<true, R>(sought, f)
    }

    #[inline(always)]
    fn get_in_first<'c, const TIMED: bool, R>(
        sought: impl Sought<'c, K, V>,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R>
    where
        K: 'c,
        V: 'c,
    {
        let hash = sought.hash();
        // Before the pin, whose locked instruction takes about as long as the line.
        let shard = sought.engine().common.tiers.first(hash);
        let home = shard.index.prefetched_home(hash);
        let pin = pin();
        let common = &*sought.engine().common;
        match common.glance::<TIMED>(&pin, shard, home, hash, |key| sought.is(key)) {
            Glance::Miss => None,
            Glance::Hit(located) => Some(located.with(f)),
            Glance::Unsure => {
                drop(pin);
                Self::get_by_clock(sought, f)
            }
        }
    }

    /// [`Engine::get`] after a glance at an entry of which this thread's lease says nothing.
    #[cold]
    #[inline(never)]
    fn get_by_clock<'c, R>(
        sought: impl Sought<'c, K, V>,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R>
    where
        K: 'c,
        V: 'c,
    {
        sought.engine().common.lifetimes.clock.renew_lease();
        Self::get_by_detour(sought, f)
    }

    /// [`Engine::get`] in any cache. Called for one with a part of [`PartSet::OF_DETOURS`].
    #[inline(never)]
    fn get_by_detour<'c, R>(
        sought: impl Sought<'c, K, V>,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R>
    where
        K: 'c,
        V: 'c,
    {
        // Before the pin, since hashing is user code.
        let hash = sought.hash();
        let pin = pin();
        let located = sought.engine().find(&pin, hash, |key| sought.is(key));
        located.map(|located| located.with(f))
    }

    /// [`Engine::get`] for a thread that is pinned already. The entry borrows from the pin.
    #[inline(always)]
    pub(crate) fn get_in<'g>(
        &'g self,
        pin: &'g Pin,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<&'g Entry<K, V>> {
        let common = &*self.common;
        if !common.parts.now().has_any_of(PartSet::OF_DETOURS) {
            let shard = common.tiers.first(hash);
            let home = shard.index.prefetched_home(hash);
            match common.glance::<true>(pin, shard, home, hash, &mut eq) {
                Glance::Miss => return None,
                Glance::Hit(located) => return Some(located.entry),
                Glance::Unsure => common.lifetimes.clock.renew_lease(),
            }
        }
        self.find(pin, hash, eq).map(|located| located.entry)
    }

    /// Looks a key up and counts the use, in any cache.
    #[inline(always)]
    pub(crate) fn find<'s>(
        &'s self,
        pin: &'s Pin,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
    ) -> Option<Located<'s, K, V>> {
        let parts = self.common.parts.now();
        let Some(located) = self.find_live_among(parts, pin, hash, eq) else {
            self.common.counters.count(pin.number, Event::Miss);
            return None;
        };
        let Located { shard, found, reading, .. } = located;
        Index::touch(found);
        if parts.has(Part::Reads)
            && let Some(timing) = shard.timing.get()
            && self.common.lifetimes.follows_reads()
        {
            shard.on_read(&self.common, timing, found.node, reading);
        }
        self.common.counters.count(pin.number, Event::Hit);
        Some(located)
    }

    /// Looks a key up without counting the use. An entry that is expired or invalidated counts as
    /// absent.
    #[inline(always)]
    pub(crate) fn find_live<'s>(
        &'s self,
        pin: &'s Pin,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
    ) -> Option<Located<'s, K, V>> {
        self.find_live_among(self.common.parts.now(), pin, hash, eq)
    }

    /// [`Engine::find_live`] in a cache whose parts this thread has read before.
    #[inline(always)]
    fn find_live_among<'s>(
        &'s self,
        parts: PartSet,
        pin: &'s Pin,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<Located<'s, K, V>> {
        let watch = if parts.has(Part::Groups) { self.common.watch() } else { None };
        let mut shard = self.common.tiers.first(hash);
        let mut level = FROM_THE_TOP;
        loop {
            let home = shard.index.prefetched_home(hash);
            if let Some((found, entry)) = shard.find_at(&pin.guard, home, hash, &mut eq) {
                if !parts.has_any_of(PartSet::OF_LOOKUPS) {
                    return Some(Located { shard, found, reading: None, entry });
                }
                let (liveness, reading) = shard.judge(&self.common, watch, found.node);
                if liveness == Liveness::Live {
                    return Some(Located { shard, found, reading, entry });
                }
                // If the entry was replaced before its end, the key was present throughout: look
                // again.
                if shard.index.still_names(found) {
                    return None;
                }
            } else if parts.has(Part::Grown) {
                (level, shard) = self.common.tiers.next(level, hash)?;
            } else {
                return None;
            }
        }
    }

    /// Looks a key up without counting the use, also if its entry is expired or invalidated.
    pub(crate) fn find_any<'s>(
        &'s self,
        pin: &'s Pin,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<Located<'s, K, V>> {
        let mut shard = self.common.tiers.first(hash);
        let mut level = FROM_THE_TOP;
        loop {
            let home = shard.index.prefetched_home(hash);
            if let Some((found, entry)) = shard.find_at(&pin.guard, home, hash, &mut eq) {
                return Some(Located { shard, found, reading: None, entry });
            }
            (level, shard) = self.common.tiers.next(level, hash)?;
        }
    }

    /// Looks a key up without counting the use.
    #[inline]
    pub(crate) fn peek<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let pin = pin();
        self.find_live(&pin, hash, eq).map(|located| located.with(f))
    }

    /// Calls `f` with each live entry of one set. Returns `false` if there is no such shard or set.
    pub(crate) fn visit_set(
        &self,
        shard: usize,
        set: usize,
        mut f: impl FnMut(&Entry<K, V>),
    ) -> bool {
        let Some(shard) = self.common.tiers.get(shard) else { return false };
        let _pin = pin();
        let watch = self.common.watch();
        let Some(members) = shard.index.members_of(set) else { return false };
        for found in members.filter(|found| shard.is_live(&self.common, watch, found.node)) {
            // SAFETY: this thread is pinned, and has found the node in the index (Acquire) since.
            unsafe { shard.nodes.with(found.node, &mut f) };
        }
        true
    }
}
