//! The caches under test behind one trait.
//!
//! The measured loops are generic over [`Peer`], so that every call is dispatched statically and
//! can be inlined; [`PeerId`] names a peer at run time and [`PeerId::dispatch`] crosses from the
//! one to the other, once per run and never per operation.

mod foyer;
mod larder;
mod mini_moka;
mod moka;
mod mutex_lru;
mod papaya;
mod quick_cache;
mod scc;
mod stretto;
mod tinyufo;

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::load::data::{Key, Value};
use crate::output::style::{Mark, Style};
use crate::output::table::thousands;

/// The hasher that every peer gets which takes one.
pub(crate) type Hasher = ahash::RandomState;

/// A hasher that depends on nothing but `seed`, so that a run can be repeated.
pub(crate) fn hasher(seed: u64) -> Hasher {
    const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
    let word = |n: u64| seed.wrapping_add(n).wrapping_mul(MIX).rotate_left(n as u32 * 13 + 7);
    Hasher::with_seeds(word(1), word(2), word(3), word(4))
}

/// What a peer can do, for the tables to say so instead of showing a number that means nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    /// Evicts; a map without bound takes part only where nothing is evicted.
    pub(crate) bounded: bool,
    /// Has reads that share one pin, see [`Peer::get_batch`].
    pub(crate) pins: bool,
    /// Applies inserts on a thread of its own, for which a replay has to wait now and then: it
    /// would otherwise be over before the first eviction.
    pub(crate) deferred: bool,
    /// With more entries than this an eviction takes so long that measurements leave it out.
    pub(crate) evicts_up_to: Option<usize>,
    /// What the reader of a table has to know.
    pub(crate) note: Option<&'static str>,
}

impl Traits {
    /// A bounded cache without anything special.
    pub(crate) const CACHE: Self =
        Self { bounded: true, pins: false, deferred: false, evicts_up_to: None, note: None };

    /// Why the peer has no part in a measurement with evictions from that many entries.
    pub(crate) fn cannot_evict(&self, entries: usize) -> Option<String> {
        if !self.bounded {
            return Some("a map without bound cannot evict".to_owned());
        }
        let most = self.evicts_up_to.filter(|&most| entries > most)?;
        Some(format!("too slow to evict from more than {} entries", thousands(most as u64)))
    }
}

/// How many keys [`Peer::get_batch`] gets at most, and so how many reads share a pin.
pub(crate) const BATCH: usize = 64;

/// One cache.
pub(crate) trait Peer<K: Key, V: Value>: Send + Sync + Sized + 'static {
    const TRAITS: Traits;

    /// A cache for `capacity` entries that all weigh the same.
    fn build(capacity: usize, hasher: Hasher) -> Self;

    /// Looks the key up, counts the use, and clones the value out.
    fn get(&self, key: &K) -> Option<V>;

    /// Inserts or replaces. False if the cache says that it dropped the entry.
    fn insert(&self, key: K, value: V) -> bool;

    fn remove(&self, key: &K);

    /// Reads up to [`BATCH`] keys and returns the hits, under one pin if the peer has pins.
    #[inline]
    fn get_batch(&self, keys: &[K]) -> usize {
        keys.iter().filter(|key| std::hint::black_box(self.get(key)).is_some()).count()
    }

    /// Lets deferred work finish, so that a count is final and a buffered insert visible.
    fn settle(&self) {}

    /// The entries, if the peer tells.
    fn count(&self) -> Option<u64>;
}

/// Returns how many entries the cache holds, once its deferred work is done. A peer that does not
/// count is asked for each of the first `keys` keys, which has to be all that were inserted.
pub(crate) fn held<K: Key, V: Value, P: Peer<K, V>>(cache: &P, keys: u32) -> u64 {
    // Some work off a limited number of entries at a time.
    for _ in 0..16 {
        cache.settle();
    }
    cache.count().unwrap_or_else(|| present(cache, keys))
}

/// Returns how many of the first `keys` keys are found.
pub(crate) fn present<K: Key, V: Value, P: Peer<K, V>>(cache: &P, keys: u32) -> u64 {
    (0..keys).filter(|&n| cache.get(&K::nth(n)).is_some()).count() as u64
}

/// A computation over a peer that is chosen at run time.
pub(crate) trait Visit<K: Key, V: Value> {
    type Output;

    fn visit<P: Peer<K, V>>(self) -> Self::Output;
}

/// The name of a peer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, ValueEnum)]
pub(crate) enum PeerId {
    Larder,
    /// With a time to live.
    LarderTtl,
    /// With a time to idle.
    LarderTti,
    /// With a weigher.
    LarderWeighed,
    /// With an eviction listener.
    LarderListened,
    QuickCache,
    Moka,
    MiniMoka,
    Foyer,
    #[value(name = "tinyufo")]
    TinyUfo,
    Scc,
    Stretto,
    MutexLru,
    Papaya,
}

impl PeerId {
    /// Every cache, in the order of the tables: larder first, which the others are compared with.
    /// Not larder with more than a capacity: that is measured when it is asked for.
    pub(crate) fn all() -> Vec<Self> {
        Self::value_variants().iter().copied().filter(|peer| !peer.is_variant()).collect()
    }

    fn is_variant(self) -> bool {
        self != Self::Larder && self.package() == Self::Larder.package()
    }

    /// The name in tables and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Larder => "larder",
            Self::LarderTtl => "larder, TTL",
            Self::LarderTti => "larder, TTI",
            Self::LarderWeighed => "larder, weigher",
            Self::LarderListened => "larder, listener",
            Self::QuickCache => "quick_cache",
            Self::Moka => "moka",
            Self::MiniMoka => "mini-moka",
            Self::Foyer => "foyer S3-FIFO",
            Self::TinyUfo => "TinyUFO",
            Self::Scc => "scc::HashCache",
            Self::Stretto => "stretto",
            Self::MutexLru => "Mutex<LruCache>",
            Self::Papaya => "papaya",
        }
    }

    /// How pictures show it.
    pub(crate) const fn style(self) -> Style {
        match self {
            Self::Larder => Style::new(0xd62728, Mark::Disc),
            Self::LarderTtl => Style::new(0xd62728, Mark::Square),
            Self::LarderTti => Style::new(0xd62728, Mark::Triangle),
            Self::LarderWeighed => Style::new(0xd62728, Mark::Diamond),
            Self::LarderListened => Style::new(0xd62728, Mark::Cross),
            Self::QuickCache => Style::new(0x1f77b4, Mark::Square),
            Self::Moka => Style::new(0xff7f0e, Mark::Diamond),
            Self::MiniMoka => Style::new(0x8c564b, Mark::Triangle),
            Self::Foyer => Style::new(0x2ca02c, Mark::Triangle),
            Self::TinyUfo => Style::new(0x9467bd, Mark::Square),
            Self::Scc => Style::new(0x222222, Mark::Diamond),
            Self::Stretto => Style::new(0x17becf, Mark::Disc),
            Self::MutexLru => Style::new(0x7f7f7f, Mark::Square),
            Self::Papaya => Style::new(0xbcbd22, Mark::Cross),
        }
    }

    /// The crate behind it.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Larder
            | Self::LarderTtl
            | Self::LarderTti
            | Self::LarderWeighed
            | Self::LarderListened => "larder",
            Self::QuickCache => "quick_cache",
            Self::Moka => "moka",
            Self::MiniMoka => "mini-moka",
            Self::Foyer => "foyer-memory",
            Self::TinyUfo => "TinyUFO",
            Self::Scc => "scc",
            Self::Stretto => "stretto",
            Self::MutexLru => "lru",
            Self::Papaya => "papaya",
        }
    }

    /// Runs `visit` with the type behind the name.
    pub(crate) fn dispatch<K: Key, V: Value, T: Visit<K, V>>(self, visit: T) -> T::Output {
        match self {
            Self::Larder => visit.visit::<larder::Larder<K, V>>(),
            Self::LarderTtl => visit.visit::<larder::Larder<K, V, larder::Ttl>>(),
            Self::LarderTti => visit.visit::<larder::Larder<K, V, larder::Tti>>(),
            Self::LarderWeighed => visit.visit::<larder::Larder<K, V, larder::Weighed>>(),
            Self::LarderListened => visit.visit::<larder::Larder<K, V, larder::Listened>>(),
            Self::QuickCache => visit.visit::<quick_cache::QuickCache<K, V>>(),
            Self::Moka => visit.visit::<moka::Moka<K, V>>(),
            Self::MiniMoka => visit.visit::<mini_moka::MiniMoka<K, V>>(),
            Self::Foyer => visit.visit::<foyer::Foyer<K, V>>(),
            Self::TinyUfo => visit.visit::<tinyufo::Ufo<K, V>>(),
            Self::Scc => visit.visit::<scc::Scc<K, V>>(),
            Self::Stretto => visit.visit::<stretto::Stretto<K, V>>(),
            Self::MutexLru => visit.visit::<mutex_lru::MutexLru<K, V>>(),
            Self::Papaya => visit.visit::<papaya::Papaya<K, V>>(),
        }
    }

    /// What it can do.
    pub(crate) fn traits(self) -> Traits {
        struct Ask;
        impl Visit<u64, u64> for Ask {
            type Output = Traits;
            fn visit<P: Peer<u64, u64>>(self) -> Traits {
                P::TRAITS
            }
        }
        self.dispatch(Ask)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for PeerId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for PeerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let named = Self::value_variants().iter().copied().find(|peer| peer.name() == name);
        named.ok_or_else(|| D::Error::custom(format!("there is no peer {name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the measurements rely on, for one kind of keys and values.
    struct Contract;

    impl<K: Key, V: Value> Visit<K, V> for Contract {
        type Output = ();

        fn visit<P: Peer<K, V>>(self) {
            let cache = P::build(1_000, hasher(1));
            let key = K::nth;
            assert!(cache.get(&key(1)).is_none(), "empty");
            cache.settle();

            assert!(cache.insert(key(1), V::nth(10)));
            cache.settle();
            assert_eq!(cache.get(&key(1)), Some(V::nth(10)), "inserted");

            assert!(cache.insert(key(1), V::nth(11)));
            cache.settle();
            assert_eq!(cache.get(&key(1)), Some(V::nth(11)), "replaced");
            assert!(cache.get(&key(2)).is_none(), "another key");

            cache.remove(&key(1));
            cache.settle();
            assert!(cache.get(&key(1)).is_none(), "removed");

            for n in 0..BATCH as u32 {
                cache.insert(key(n), V::nth(n));
            }
            cache.settle();
            let keys: Vec<K> = (0..2 * BATCH as u32).map(key).collect();
            assert_eq!(cache.get_batch(&keys[..BATCH]), BATCH);
            assert_eq!(cache.get_batch(&keys[BATCH..]), 0);
            if let Some(count) = cache.count() {
                assert_eq!(count, BATCH as u64);
            }
        }
    }

    #[test]
    fn every_peer_keeps_the_contract() {
        for peer in PeerId::value_variants() {
            println!("{peer}");
            peer.dispatch::<u64, u64, _>(Contract);
            peer.dispatch::<String, std::sync::Arc<[u8]>, _>(Contract);
        }
    }

    #[test]
    fn no_two_peers_look_alike() {
        let peers = PeerId::value_variants();
        let styles: std::collections::HashSet<_> = peers.iter().map(|peer| peer.style()).collect();
        assert_eq!(styles.len(), peers.len());
    }

    const KEYS: u64 = 3_000;

    /// Evicts, or does not where the traits say so.
    struct Overfill;

    impl Visit<u64, u64> for Overfill {
        type Output = ();

        fn visit<P: Peer<u64, u64>>(self) {
            // Few, since stretto walks all entries to evict one.
            let cache = P::build(256, hasher(2));
            for key in 0..KEYS {
                cache.insert(key, key);
                if key % 128 == 0 {
                    cache.settle();
                }
            }
            cache.settle();
            let present = (0..KEYS).filter(|key| cache.get(key).is_some()).count();
            if P::TRAITS.bounded {
                assert!(present < 540, "{present} entries");
            } else {
                assert_eq!(present, KEYS as usize);
            }
        }
    }

    #[test]
    fn the_bounded_peers_evict() {
        for peer in PeerId::value_variants() {
            println!("{peer}");
            peer.dispatch(Overfill);
        }
    }
}
