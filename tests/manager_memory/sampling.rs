//! Who takes samples, and when.

use super::common::PATIENCE;
use larder::{
    Maintenance, ManualClock,
    manager::{
        CacheKind, CacheManager,
        memory::{MemoryProbe, MemoryReading, MemorySettings, Pressure},
    },
};
use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

/// Tells of each look.
#[derive(Debug)]
struct Telling(Sender<Option<String>>);

impl MemoryProbe for Telling {
    fn read(&self) -> MemoryReading {
        // Who does not listen any more does not want to know.
        let _ = self.0.send(thread::current().name().map(str::to_owned));
        MemoryReading::default()
    }
}

fn manager(maintenance: Maintenance) -> (CacheManager, ManualClock, Receiver<Option<String>>) {
    let clock = ManualClock::new();
    let (looks, seen) = channel();
    let mut memory = MemorySettings::default();
    memory.enabled = true;
    memory.sample_every = Duration::from_secs(60);
    let manager = CacheManager::builder()
        .clock(&clock)
        .maintenance(maintenance)
        .memory_probe(Telling(looks))
        .memory(memory)
        .build();
    (manager, clock, seen)
}

#[test]
fn the_maintenance_thread_samples_at_once_and_then_as_often_as_it_was_told() {
    let (manager, clock, seen) = manager(Maintenance::Thread);
    for _ in 0..3 {
        let thread = seen.recv_timeout(PATIENCE).unwrap();
        assert_eq!(thread.as_deref(), Some("larder-maintenance"));
        // Counted from the beginning of the pass, which may not have ended yet.
        clock.advance(Duration::from_secs(61));
    }
    // With the manager it ends, the probe with it.
    drop(manager);
    while seen.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Disconnected) {}
}

#[test]
fn without_a_thread_nobody_samples_unasked() {
    let (manager, clock, seen) = manager(Maintenance::Manual);
    clock.advance(Duration::from_secs(600));
    assert!(seen.try_recv().is_err());
    assert!(manager.memory().is_none());
    let sample = manager.sample_memory();
    assert!(seen.try_recv().is_ok());
    assert_eq!((sample.pressure, sample.utilization), (Pressure::Unknown, None));
    assert!(sample.to_string().ends_with("no limit is known"), "{sample}");
}

#[test]
fn sampling_can_be_switched_on_and_off() {
    let (looks, seen) = channel();
    let manager = CacheManager::builder().memory_probe(Telling(looks)).build();
    // As it is built in.
    assert!(!manager.memory_settings().enabled);
    assert!(seen.try_recv().is_err());
    let switch = |on| {
        let mut settings = manager.memory_settings();
        settings.enabled = on;
        settings.sample_every = Duration::from_secs(24 * 60 * 60);
        manager.set_memory_settings(settings).unwrap();
    };
    switch(true);
    seen.recv_timeout(PATIENCE).unwrap();
    // Settings that change are followed at once, not when a day is over.
    switch(true);
    seen.recv_timeout(PATIENCE).unwrap();
    switch(false);
    // What was off begins anew.
    switch(true);
    seen.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_sample_says_what_each_cache_takes() {
    let manager = CacheManager::builder().maintenance(Maintenance::Manual).build();
    let before = manager.sample_memory();
    let users = manager.view::<[u8; 1000]>(CacheKind::User);
    for key in 0..100 {
        users.set(&key, [0; 1000]);
    }
    let after = manager.sample_memory();
    let grown: Vec<_> = before
        .caches
        .iter()
        .zip(&after.caches)
        .map(|(before, after)| (after.name.as_str(), after.memory.values - before.memory.values))
        .filter(|(_, bytes)| *bytes > 0)
        .collect();
    assert!(matches!(grown[..], [("user", 100_000..=130_000)]), "{grown:?}");
    let user = &after.caches[CacheKind::User as usize];
    assert_eq!((user.kind, user.entries, user.capacity), (Some(CacheKind::User), 100, 1_000));
    let total: u64 = after.caches.iter().map(|cache| cache.memory.structures).sum();
    assert_eq!(after.caches_total().structures, total);
}

#[test]
fn settings_that_are_out_of_range_build_no_manager() {
    let mut memory = MemorySettings::default();
    memory.sample_every = Duration::ZERO;
    let error = CacheManager::builder().memory(memory).try_build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "memory: sample_every: 0ns is out of range; allowed are 100 ms to 1 day"
    );
}
