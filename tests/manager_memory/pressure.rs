//! Memory that runs short, simulated.

use super::{Dial, LIMIT};
use larder::{
    Maintenance, ManualClock,
    manager::{
        CacheKind, CacheManager, CacheSettings, ManagedCache,
        memory::{MemoryProbe, MemoryReading, Pressure, PressureEvent, PressureSettings},
    },
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

fn simulated(probe: impl MemoryProbe + 'static) -> (CacheManager, ManualClock) {
    let clock = ManualClock::new();
    let manager = CacheManager::builder()
        .clock(&clock)
        .maintenance(Maintenance::Manual)
        .memory_probe(probe)
        .named("thumbnails", CacheSettings::new(400).priority(1))
        .named("tokens", CacheSettings::new(100).priority(200))
        .build();
    (manager, clock)
}

/// Writes twice as many keys as fit: of just as many, one may find no room in its pair of buckets
/// before the cache is full.
fn fill(manager: &CacheManager) {
    for cache in manager.caches() {
        let view = cache.view::<u64>();
        for key in 0..2 * cache.capacity() {
            view.set(&key, key);
        }
        assert_eq!(cache.entry_count(), cache.capacity(), "{}", cache.name());
    }
}

/// Capacities as percent of what the settings say, by name.
fn shares(manager: &CacheManager) -> BTreeMap<String, u64> {
    let share = |cache: &ManagedCache| 100 * cache.capacity() / cache.settings().max_entries;
    manager.caches().iter().map(|cache| (cache.name().to_owned(), share(cache))).collect()
}

#[test]
fn the_least_important_shrink_first_and_grow_last() {
    let dial = Dial::default();
    let (manager, _clock) = simulated(dial.clone());
    fill(&manager);
    let mut order = Vec::new();
    dial.turn_to(90);
    loop {
        let before = shares(&manager);
        let sample = manager.sample_memory();
        let after = shares(&manager);
        if sample.pressure == Pressure::Exhausted {
            assert_eq!(before, after);
            break;
        }
        assert_eq!(sample.pressure, Pressure::Shrank);
        let moved = before.keys().filter(|name| before[*name] != after[*name]);
        let moved: Vec<_> = moved.cloned().collect();
        for name in &moved {
            assert!((before[name] - 10..before[name]).contains(&after[name]), "{name}: {after:?}");
            // What is there fits at once, and what fits is still there.
            let cache = manager.get_cache(name).unwrap();
            assert_eq!(cache.entry_count(), cache.capacity());
        }
        if order.last() != Some(&moved) {
            order.push(moved);
        }
    }
    let expected: [&[&str]; 6] = [
        &["analytics"],
        &["general", "thumbnails"],
        &["user"],
        &["url"],
        &["session"],
        &["tokens"],
    ];
    assert_eq!(order, expected);
    assert!(shares(&manager).values().all(|share| *share == 25), "{:?}", shares(&manager));

    // The settings are what they were.
    let url = manager.cache(CacheKind::Url);
    assert_eq!((url.settings().max_entries, url.capacity()), (5_000, 1_250));

    // Exhausted is told of once.
    manager.sample_memory();
    let exhausted = |event: &&PressureEvent| matches!(event, PressureEvent::Exhausted { .. });
    assert_eq!(manager.pressure_events().iter().filter(exhausted).count(), 1);

    order.clear();
    dial.turn_to(50);
    loop {
        let before = shares(&manager);
        let sample = manager.sample_memory();
        let after = shares(&manager);
        if sample.pressure == Pressure::Calm {
            assert_eq!(before, after);
            break;
        }
        assert_eq!(sample.pressure, Pressure::Grew);
        let moved = before.keys().filter(|name| before[*name] != after[*name]);
        let moved: Vec<_> = moved.cloned().collect();
        if order.last() != Some(&moved) {
            order.push(moved);
        }
    }
    assert!(order.iter().map(Vec::as_slice).eq(expected.into_iter().rev()), "{order:?}");
    assert!(shares(&manager).values().all(|share| *share == 100));
    fill(&manager);
}

#[test]
fn what_was_done_can_be_read() {
    let dial = Dial::default();
    let (manager, clock) = simulated(dial.clone());
    dial.turn_to(92);
    clock.advance(Duration::from_secs(30));
    let sample = manager.sample_memory();
    assert_eq!(sample.utilization.unwrap().share(), 0.92);
    assert!(Arc::ptr_eq(&sample, &manager.memory().unwrap()));
    dial.turn_to(60);
    clock.advance(Duration::from_secs(30));
    let later = manager.sample_memory();
    assert_eq!(later.taken - sample.taken, Duration::from_secs(30));
    let words: Vec<_> = manager.pressure_events().iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "analytics shrank from 100 % to 90 %: the container uses 920 MiB of 1000 MiB (92.0 %)",
            "analytics grew from 90 % to 100 %: the container uses 600 MiB of 1000 MiB (60.0 %)",
        ]
    );
    let PressureEvent::Shrank(resized) = &manager.pressure_events()[0] else { panic!("{words:?}") };
    assert_eq!((resized.capacity, resized.at), (450, sample.taken));
}

#[test]
fn between_the_marks_nothing_changes() {
    let dial = Dial::default();
    let (manager, _clock) = simulated(dial.clone());
    dial.turn_to(90);
    manager.sample_memory();
    for percent in [71, 84, 85, 75, 70] {
        dial.turn_to(percent);
        assert_eq!(manager.sample_memory().pressure, Pressure::Calm, "{percent}");
        assert_eq!(shares(&manager)["analytics"], 90);
    }
}

/// What the caches hold is what is used: a value stands for a mebibyte.
#[derive(Debug)]
struct Holding(Arc<Mutex<Vec<ManagedCache>>>);

impl MemoryProbe for Holding {
    fn read(&self) -> MemoryReading {
        let entries: u64 = self.0.lock().unwrap().iter().map(ManagedCache::entry_count).sum();
        MemoryReading::default().with_container(LIMIT, Some(entries << 20))
    }
}

#[test]
fn caches_that_are_to_blame_shrink_until_it_is_enough_and_no_more() {
    let caches = Arc::new(Mutex::new(Vec::new()));
    let (manager, _clock) = simulated(Holding(caches.clone()));
    let analytics = manager.cache(CacheKind::Analytics);
    let user = manager.cache(CacheKind::User);
    for key in 0..500 {
        analytics.view::<u64>().set(&key, key);
        user.view::<u64>().set(&key, key);
    }
    caches.lock().unwrap().extend(manager.caches());
    let mut samples = 0;
    while manager.sample_memory().pressure == Pressure::Shrank {
        samples += 1;
    }
    // 1000 of 1000, and 850 are few enough: three steps of 50.
    assert_eq!(samples, 3);
    assert_eq!((analytics.entry_count(), user.entry_count()), (350, 500));
    // At 0.85, which is no more than the mark, and above the other: it stays so.
    for _ in 0..10 {
        assert_eq!(manager.sample_memory().pressure, Pressure::Calm);
    }
    assert_eq!(analytics.capacity(), 350);
}

#[test]
fn settings_and_shares_do_not_get_into_each_others_way() {
    let dial = Dial::default();
    let (manager, _clock) = simulated(dial.clone());
    dial.turn_to(90);
    manager.sample_memory();
    let analytics = manager.cache(CacheKind::Analytics);
    assert_eq!(analytics.capacity(), 450);
    // 90 % of what is configured now.
    analytics.apply(&analytics.settings().max_entries(200)).unwrap();
    assert_eq!((analytics.capacity(), analytics.settings().max_entries), (180, 200));
    dial.turn_to(10);
    manager.sample_memory();
    assert_eq!(analytics.capacity(), 200);
}

#[test]
fn switched_off_caches_get_back_what_they_had() {
    let dial = Dial::default();
    let (manager, _clock) = simulated(dial.clone());
    dial.turn_to(99);
    for _ in 0..12 {
        manager.sample_memory();
    }
    assert!(shares(&manager)["general"] < 100);
    let mut settings = manager.memory_settings();
    settings.pressure.enabled = false;
    manager.set_memory_settings(settings).unwrap();
    assert_eq!(manager.sample_memory().pressure, Pressure::Off);
    assert!(shares(&manager).values().all(|share| *share == 100));
}

#[test]
fn other_marks_and_steps() {
    let dial = Dial::default();
    let (manager, _clock) = simulated(dial.clone());
    let mut settings = manager.memory_settings();
    let mut pressure = PressureSettings::default();
    (pressure.high, pressure.low) = (0.5, 0.4);
    (pressure.step, pressure.floor) = (0.5, 0.1);
    settings.pressure = pressure;
    manager.set_memory_settings(settings).unwrap();
    dial.turn_to(51);
    manager.sample_memory();
    assert_eq!(shares(&manager)["analytics"], 50);
    manager.sample_memory();
    assert_eq!(shares(&manager)["analytics"], 10);
    dial.turn_to(39);
    manager.sample_memory();
    assert_eq!(shares(&manager)["analytics"], 60);
}

#[test]
fn marks_that_make_no_sense_are_refused() {
    let (manager, _clock) = simulated(Dial::default());
    let refused = |change: fn(&mut PressureSettings)| {
        let mut settings = manager.memory_settings();
        change(&mut settings.pressure);
        let error = manager.set_memory_settings(settings).unwrap_err();
        assert_eq!(manager.memory_settings().pressure, PressureSettings::default());
        error.field
    };
    assert_eq!(refused(|pressure| pressure.high = 1.1), "pressure.high");
    assert_eq!(refused(|pressure| pressure.high = f64::NAN), "pressure.high");
    assert_eq!(refused(|pressure| pressure.low = 0.9), "pressure.low");
    assert_eq!(refused(|pressure| pressure.low = 0.0), "pressure.low");
    assert_eq!(refused(|pressure| pressure.step = 0.0), "pressure.step");
    assert_eq!(refused(|pressure| pressure.floor = 0.0), "pressure.floor");
}
