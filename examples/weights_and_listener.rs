//! A cache that is bounded by bytes instead of entries, and a listener that learns of each value
//! that leaves.
//!
//! `cargo run --example weights_and_listener`

use larder::{Cache, Maintenance, ManualClock, RemovalCause};
use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

/// A page of this many bytes.
fn page(bytes: usize) -> Arc<[u8]> {
    vec![b'x'; bytes].into()
}

fn main() {
    // The time of this cache is in the program's hand, so that nothing here has to wait.
    let clock = ManualClock::new();
    let pages: Cache<String, Arc<[u8]>> = Cache::builder()
        .max_capacity(10_000)
        .weigher(|path: &String, page: &Arc<[u8]>| (path.len() + page.len()) as u32)
        .time_to_live(Duration::from_secs(60))
        .clock(&clock)
        // No thread removes what has expired, so that `run_pending_tasks` below does.
        .maintenance(Maintenance::Manual)
        .eviction_listener(|path, page, cause| {
            let why = match cause {
                RemovalCause::Size => "made room",
                RemovalCause::Replaced => "was replaced",
                RemovalCause::Explicit => "was removed",
                RemovalCause::Expired => "has expired",
                RemovalCause::Rejected => "did not fit",
                _ => "left",
            };
            println!("    {path:<8} {:>6} bytes  {why}", page.len());
        })
        .build();
    let report = |what: &str| {
        println!("{what}: {} entries, {} bytes", pages.entry_count(), pages.weighted_size());
    };

    pages.insert("/a".to_owned(), page(2_000));
    pages.insert("/b".to_owned(), page(3_000));
    pages.insert("/c".to_owned(), page(4_000));
    report("three pages");

    pages.insert("/a".to_owned(), page(1_000));
    report("a smaller /a");

    // One entry may take the whole capacity: it has one budget, whatever the number of shards.
    pages.insert("/large".to_owned(), page(9_990));
    report("a large page");

    pages.insert("/huge".to_owned(), page(20_000));
    report("one that is larger than the cache");

    pages.invalidate("/large");
    report("/large removed");

    pages.insert("/a".to_owned(), page(500));
    clock.advance(Duration::from_secs(61));
    println!("a minute later: get(/a) is {:?}", pages.get("/a"));
    pages.run_pending_tasks();
    report("expired");

    // A consumer that takes its time gets the same events through a channel.
    let (sender, removals) = mpsc::channel();
    let cache: Cache<u32, &str> = Cache::builder()
        .max_capacity(2)
        .eviction_listener(move |_, value: &&str, cause| {
            sender.send((*value, cause)).expect("the consumer receives until the cache is gone");
        })
        .build();
    let consumer = thread::spawn(move || {
        for (value, cause) in removals {
            println!("    told elsewhere: {value} {cause:?}");
        }
    });
    for (key, value) in [(1, "one"), (2, "two"), (3, "three")] {
        cache.insert(key, value);
    }
    cache.insert(3, "drei");
    drop(cache);
    consumer.join().expect("the consumer ends with the cache");
}
