//! The first steps: build a cache, share it between threads, load what is missing, look at the
//! statistics.
//!
//! `cargo run --example quickstart`

use larder::Cache;
use std::{thread, time::Duration};

fn main() {
    let users: Cache<u64, String> = Cache::builder()
        .name("users")
        .max_capacity(1_000)
        .time_to_live(Duration::from_secs(10 * 60))
        .build();

    users.insert(1, "Ada".to_owned());
    println!("get(1)            {:?}", users.get(&1));
    println!("get(2)            {:?}", users.get(&2));

    // `add` keeps what is there, `insert` replaces it.
    println!("add(1)            {}", users.add(1, "Grace".to_owned()));
    println!("get(1)            {:?}", users.get(&1));

    // The loader runs if the key is absent, and once however many threads ask.
    let name = users.get_with(2, || {
        println!("                  loading user 2");
        "Grace".to_owned()
    });
    println!("get_with(2)       {name:?}");
    println!("get_with(2)       {:?}", users.get_with(2, || unreachable!("it is there")));

    // A cache is a handle: a clone is the same cache.
    thread::scope(|scope| {
        for first in [1_000, 2_000, 3_000, 4_000] {
            let users = users.clone();
            scope.spawn(move || {
                for id in first..first + 1_000 {
                    users.insert(id, format!("user {id}"));
                }
            });
        }
    });
    println!("4,000 inserted    {} are left: never more than the capacity", users.entry_count());

    println!("remove(2)         {:?}", users.remove(&2));
    println!("get(2)            {:?}", users.get(&2));

    let stats = users.stats();
    println!(
        "\n{}: {} hits, {} misses ({:.0} % hits), {} loads, {} evictions, {} bytes",
        users.name().unwrap_or("cache"),
        stats.hits,
        stats.misses,
        100.0 * stats.hit_ratio(),
        stats.loads,
        stats.evictions,
        users.memory_usage()
    );
}
