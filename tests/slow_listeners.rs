//! What one cache's listeners, destructors and loaders do in the background delays no other cache.

mod common;

use common::{PATIENCE, validate};
use larder::{Cache, ManualClock, RemovalCause};
use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

const MILLI: Duration = Duration::from_millis(1);

/// A gate that stays shut until the other half is dropped.
#[derive(Clone)]
struct Gate(Arc<Mutex<mpsc::Receiver<()>>>, mpsc::Sender<()>);

impl Gate {
    fn shut(entered: mpsc::Sender<()>) -> (Self, mpsc::Sender<()>) {
        let (open, opens) = mpsc::channel();
        (Self(Arc::new(Mutex::new(opens)), entered), open)
    }

    /// Says that somebody has come, and waits.
    fn pass(&self) {
        let _ = self.1.send(());
        let _ = self.0.lock().unwrap().recv();
    }
}

/// A cache whose listener waits at a gate.
fn blocked(gate: &Gate) -> Cache<u64, u64> {
    let gate = gate.clone();
    let cache = Cache::builder()
        .max_capacity(10)
        .time_to_live(MILLI)
        .eviction_listener(move |_, _, _| gate.pass())
        .build();
    cache.insert(1, 1);
    cache
}

/// Whether another cache, made now, hears of what expires, by the thread alone.
fn hears(rounds: u64) {
    let (sender, told) = mpsc::channel();
    let cache = Cache::builder()
        .max_capacity(10)
        .time_to_live(MILLI)
        .eviction_listener(move |&key: &u64, _: &u64, cause| _ = sender.send((key, cause)))
        .build();
    for key in 0..rounds {
        cache.insert(key, key);
        assert_eq!(told.recv_timeout(PATIENCE), Ok((key, RemovalCause::Expired)));
    }
    validate(&cache);
}

#[test]
fn a_listener_that_blocks_delays_no_other_caches_events() {
    let (sender, entered) = mpsc::channel();
    let (gate, open) = Gate::shut(sender);
    let slow = blocked(&gate);
    entered.recv_timeout(PATIENCE).unwrap();
    hears(20);
    // A cache that has nothing of the user's to run is swept meanwhile, too.
    let plain = Cache::builder().max_capacity(10).time_to_live(MILLI).build();
    plain.insert(1_u64, 1_u64);
    while plain.stats().expirations == 0 {
        std::thread::yield_now();
    }
    drop(open);
    validate(&slow);
}

#[test]
fn nor_do_many_of_them() {
    let (sender, entered) = mpsc::channel();
    let (gate, open) = Gate::shut(sender);
    let slow: Vec<_> = (0..40).map(|_| blocked(&gate)).collect();
    for _ in &slow {
        entered.recv_timeout(PATIENCE).unwrap();
    }
    hears(5);
    drop(open);
    slow.iter().for_each(validate);
}

#[test]
fn nor_does_a_destructor() {
    struct Slow(Gate);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.0.pass();
        }
    }
    let (sender, entered) = mpsc::channel();
    let (gate, open) = Gate::shut(sender);
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let cache = Cache::builder().max_capacity(10).time_to_live(MILLI).build();
            cache.insert(1, Arc::new(Slow(gate.clone())));
            cache
        })
        .collect();
    for _ in &slow {
        entered.recv_timeout(PATIENCE).unwrap();
    }
    hears(5);
    drop(open);
}

#[test]
fn nor_does_a_cache_that_goes_while_its_listener_runs() {
    let (sender, entered) = mpsc::channel();
    let (gate, open) = Gate::shut(sender);
    let slow = blocked(&gate);
    entered.recv_timeout(PATIENCE).unwrap();
    // The thread that tells the listener has the last handle now.
    drop(slow);
    hears(5);
    drop(open);
    hears(1);
}

#[test]
fn a_cache_whose_listener_blocked_hears_the_rest_afterwards() {
    let clock = ManualClock::new();
    let (sender, entered) = mpsc::channel();
    let (gate, open) = Gate::shut(sender);
    let (note, told) = mpsc::channel();
    let cache = Cache::builder()
        .max_capacity(100)
        .time_to_live(MILLI)
        .clock(&clock)
        .eviction_listener(move |&key: &u64, _: &u64, _| {
            if key == 0 {
                gate.pass();
            }
            let _ = note.send(key);
        })
        .build();
    cache.insert(0, 0);
    clock.advance(MILLI);
    entered.recv_timeout(PATIENCE).unwrap();
    for key in 1..=20 {
        cache.insert(key, key);
        clock.advance(MILLI);
    }
    drop(open);
    let mut keys: Vec<_> = (0..=20).map(|_| told.recv_timeout(PATIENCE).unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, (0..=20).collect::<Vec<_>>());
    validate(&cache);
}
