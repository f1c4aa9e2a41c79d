//! The operations whose instructions `cargo xtask icount` counts.
//!
//! Callgrind counts what happens within [`measured_by_callgrind`] and writes a file each time it
//! returns; this program prints a line for each, in the same order: operation, cache, how often it
//! ran. The hasher is the same for all caches and has fixed keys, and so do the shards of larder,
//! which would depend on the number of cores: each run counts the same.

mod http;
mod peers;

use std::hint::black_box;
use std::time::Duration;

use larder::manager::{self, CacheKind, View};

use peers::{Larder, Moka, Papaya, Peer, QuickCache, Scc};

/// How often an operation runs, each time with another key.
const TIMES: u64 = 4_000;
/// What caches hold: all of these keys.
const CAPACITY: usize = 8_192;
/// Keys that were never inserted begin here.
const ABSENT: u64 = 1 << 32;
/// Nothing expires meanwhile: what is counted is that it could.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// What callgrind looks for by its name.
#[inline(never)]
fn measured_by_callgrind(run: &mut dyn FnMut()) {
    run();
    // Something that comes after the call, or it would be a jump.
    black_box(());
}

fn count<R>(operation: &str, cache: &str, from: u64, mut f: impl FnMut(u64) -> R) {
    measured_by_callgrind(&mut || {
        for n in 0..TIMES {
            black_box(f(black_box(from + scattered(n))));
        }
    });
    println!("{operation}\t{cache}\t{TIMES}");
}

/// Numbers below [`TIMES`] in an order of no use to a prefetcher.
fn scattered(n: u64) -> u64 {
    n * 2_741 % TIMES
}

/// Those of a cache that holds all keys, each of them used often enough that one more use changes
/// nothing.
fn filled<P: Peer>(cache: P) -> P {
    for key in 0..TIMES {
        cache.insert(key, key);
    }
    for _ in 0..4 {
        (0..TIMES).for_each(|key| assert_eq!(cache.get(&key), Some(key)));
    }
    cache
}

fn basics<P: Peer>() {
    let cache = filled(P::build(CAPACITY));
    count("get, hit", P::NAME, 0, |key| cache.get(&key));
    count("get, miss", P::NAME, ABSENT, |key| cache.get(&key));
    count("update", P::NAME, 0, |key| cache.insert(key, key));
    count("remove", P::NAME, 0, |key| cache.remove(&key));
    if P::EVICTS {
        let cache = P::build(CAPACITY);
        (0..3 * CAPACITY as u64).for_each(|key| cache.insert(2 * ABSENT + key, key));
        count("insert, evicting", P::NAME, ABSENT, |key| cache.insert(key, key));
    }
}

fn hits<P: Peer>(operation: &str, cache: P) {
    let cache = filled(cache);
    count(operation, P::NAME, 0, |key| cache.get(&key));
}

/// Updates of a cache whose entries expire, and inserts of new keys, each of which evicts.
fn expiring_writes<P: Peer>(cache: P) {
    let cache = filled(cache);
    count("update, time to live", P::NAME, 0, |key| cache.insert(key, key));
    (0..3 * CAPACITY as u64).for_each(|key| cache.insert(2 * ABSENT + key, key));
    count("insert, evicting, time to live", P::NAME, ABSENT, |key| cache.insert(key, key));
}

#[larder::cache_result(cache = "url")]
fn looked_up(key: u64) -> u64 {
    key
}

fn main() {
    count("(the loop itself)", Larder::NAME, 0, |key| key);
    basics::<Larder>();
    basics::<QuickCache>();
    basics::<Scc>();
    basics::<Papaya>();
    basics::<Moka>();

    let larder = filled(Larder::build(CAPACITY));
    count("get_with, hit", Larder::NAME, 0, |key| larder.0.get_with(key, || unreachable!()));
    let quick_cache = filled(QuickCache::build(CAPACITY));
    count("get_with, hit", QuickCache::NAME, 0, |key| {
        quick_cache.0.get_or_insert_with(&key, || -> Result<u64, ()> { unreachable!() })
    });
    let moka = filled(Moka::build(CAPACITY));
    count("get_with, hit", Moka::NAME, 0, |key| moka.0.get_with(key, || unreachable!()));

    hits("get, hit, time to live", Larder::new(|builder| builder.time_to_live(HOUR)));
    hits("get, hit, time to live", Moka::new(|builder| builder.time_to_live(HOUR)));
    hits("get, hit, time to idle", Larder::new(|builder| builder.time_to_idle(HOUR)));
    hits("get, hit, time to idle", Moka::new(|builder| builder.time_to_idle(HOUR)));
    expiring_writes(Larder::new(|builder| builder.time_to_live(HOUR)));
    expiring_writes(Moka::new(|builder| builder.time_to_live(HOUR)));

    let view: View<u64> = manager::global().view(CacheKind::User);
    // As many as all of this kind hold, and some to spare.
    let of = |n: u64| n % 500;
    for _ in 0..4 {
        (0..500).for_each(|key| _ = view.get_with(&key, || key));
        (0..500).for_each(|key| _ = looked_up(key));
    }
    count("view's get, hit", Larder::NAME, 0, |n| view.get(&of(n)));
    count("attribute, hit", Larder::NAME, 0, |n| looked_up(of(n)));

    http::hits();
}
