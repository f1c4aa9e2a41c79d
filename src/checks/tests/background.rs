//! Caches are checked at once after what wakes maintenance or a refresh, whatever these do at that
//! moment.

use crate::{Cache, ManualClock};
use std::time::Duration;

const ROUNDS: u64 = 100;
const KEYS: u64 = 200;
/// It takes a thread a moment to wake up.
const LOOKS: u32 = 3;
const SECOND: Duration = Duration::from_secs(1);

fn fill(cache: &Cache<u64, u64>, round: u64) {
    for key in 0..KEYS {
        cache.insert_tagged(key, round, [key % 3]).unwrap();
    }
}

#[test]
fn while_what_a_tag_took_is_swept() {
    // Maintenance tends to caches that have something to expire.
    let cache = Cache::builder().max_capacity(KEYS).time_to_live(3_600 * SECOND).build();
    for round in 0..ROUNDS {
        fill(&cache, round);
        cache.invalidate_tag(&(round % 3));
        for _ in 0..LOOKS {
            cache.validate();
        }
    }
}

#[test]
fn while_what_is_past_is_taken_out() {
    let clock = ManualClock::new();
    let cache = Cache::builder().max_capacity(KEYS).time_to_live(SECOND).clock(&clock).build();
    for round in 0..ROUNDS {
        fill(&cache, round);
        clock.advance(2 * SECOND);
        cache.validate();
    }
}

#[test]
fn while_values_are_refreshed() {
    let clock = ManualClock::new();
    let cache = Cache::builder()
        .max_capacity(KEYS / 2)
        .refresh_after(SECOND, |_| Some(7))
        .clock(&clock)
        .build();
    for round in 0..ROUNDS {
        fill(&cache, round);
        clock.advance(2 * SECOND);
        for key in 0..KEYS {
            cache.get_with(key, || round);
        }
        cache.validate();
    }
}

#[test]
fn while_the_capacity_changes() {
    let cache = Cache::new(KEYS);
    for round in 0..ROUNDS {
        fill(&cache, round);
        std::thread::scope(|scope| {
            // As the manager does when memory runs short.
            scope.spawn(|| cache.set_max_capacity(1).unwrap());
            for _ in 0..LOOKS {
                cache.validate();
            }
        });
        cache.set_max_capacity(KEYS).unwrap();
    }
}
