//! Threads and tasks that load, abandon and invalidate the same keys.

use super::*;
use common::{join, validate};
use futures::executor::block_on;
use std::{sync::atomic::AtomicU64, thread};

const KEYS: u32 = 3;
const ROUNDS: u32 = if cfg!(miri) { 20 } else { 2_000 };

/// While nobody writes, one guard per key is out at a time, and whoever waits gets a value or a
/// guard.
#[test]
fn one_guard_per_key_is_out_at_a_time() {
    let cache = Numbers::new(100);
    let out: [AtomicU32; KEYS as usize] = Default::default();
    let inserted = AtomicU64::new(0);
    let work = |thread: u32| {
        for round in 0..ROUNDS {
            let key = (round / 7) % KEYS;
            let version = round / 50;
            let accept = |value: &u32| *value >= version;
            let found = match thread % 2 {
                0 => cache.get_or_guard_if(key, accept),
                _ => block_on(cache.get_or_guard_if_async(key, accept)),
            };
            let Err(guard) = found else { continue };
            let guards = &out[key as usize];
            assert_eq!(guards.fetch_add(1, SeqCst), 0, "two load {key} at a time");
            if (round + thread).is_multiple_of(3) {
                guards.fetch_sub(1, SeqCst);
                drop(guard);
                continue;
            }
            if round.is_multiple_of(5) {
                thread::yield_now();
            }
            guards.fetch_sub(1, SeqCst);
            inserted.fetch_add(1, SeqCst);
            stored(guard, version);
        }
    };
    thread::scope(|scope| {
        join((0..4).map(|thread| scope.spawn(move || work(thread))).collect::<Vec<_>>());
    });
    assert_eq!(cache.stats().loads, inserted.into_inner());
    validate(&cache);
}

/// What was brought before a write is not found after it. The source is a counter for each key,
/// which is raised, and then the key is invalidated.
#[test]
fn what_is_older_than_a_write_is_not_found_after_it() {
    let cache = Numbers::new(100);
    let source: [AtomicU32; KEYS as usize] = Default::default();
    thread::scope(|scope| {
        let load = || {
            for round in 0..ROUNDS {
                let key = round % KEYS;
                let least = source[key as usize].load(SeqCst);
                let found = cache.get_or_guard_if(key, |_| round % 4 != 0);
                if let Err(guard) = found {
                    let value = source[key as usize].load(SeqCst);
                    if round.is_multiple_of(5) {
                        thread::yield_now();
                    }
                    guard.insert_tagged(value, ["numbers"]).unwrap();
                } else {
                    // A lookup that began when the source had `least`, and its invalidation may not
                    // be over.
                    let value = found.unwrap();
                    assert!(value + 1 >= least, "{value} {least}");
                }
            }
        };
        let write = || {
            for round in 0..ROUNDS {
                let key = round % KEYS;
                let value = source[key as usize].fetch_add(1, SeqCst) + 1;
                match (round / KEYS) % 3 {
                    0 => _ = cache.invalidate(&key),
                    1 => cache.invalidate_tag("numbers"),
                    _ => cache.invalidate_all(),
                }
                let found = cache.peek(&key);
                assert!(found.is_none_or(|found| found >= value), "{found:?} {value}");
            }
        };
        let mut threads: Vec<_> = (0..2).map(|_| scope.spawn(load)).collect();
        threads.push(scope.spawn(write));
        join(threads);
    });
    validate(&cache);
}
