//! Entries that are invalidated together.

#[path = "../common/mod.rs"]
mod common;
mod racing;

use common::{Census, PATIENCE, alone, panic_of, settle, validate};
use larder::{Cache, CacheBuilder, Maintenance, ManualClock, RemovalCause, TooManyTags};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

type Heard = Arc<Mutex<Vec<(u64, u64, RemovalCause)>>>;
type Invalidate = fn(&Cache<u64, u64>);

/// Three ways to the same end, for entries with tag 7.
const WAYS: [(&str, Invalidate); 3] = [
    ("all", |cache| cache.invalidate_all()),
    ("tag", |cache| cache.invalidate_tag(&7)),
    ("predicate", |cache| _ = cache.invalidate_entries_if(|_, _| true)),
];

fn builder(capacity: u64) -> CacheBuilder<u64, u64> {
    Cache::builder().max_capacity(capacity).maintenance(Maintenance::Manual)
}

fn noting(capacity: u64) -> (Cache<u64, u64>, Heard) {
    let heard = Heard::default();
    let notes = heard.clone();
    let cache = builder(capacity)
        .eviction_listener(move |&key, &value, cause| {
            notes.lock().unwrap().push((key, value, cause))
        })
        .build();
    (cache, heard)
}

fn take(heard: &Heard) -> Vec<(u64, u64, RemovalCause)> {
    let mut taken = std::mem::take(&mut *heard.lock().unwrap());
    taken.sort_by_key(|&(key, value, _)| (key, value));
    taken
}

#[test]
fn every_lookup_takes_what_is_invalidated_for_absent() {
    type Look = fn(&Cache<u64, u64>) -> bool;
    let looks: [(&str, Look); 11] = [
        ("get", |c| c.get(&1).is_some()),
        ("get_ref", |c| c.get_ref(&1, |_| ()).is_some()),
        ("get_many", |c| c.get_many(&[1]) == [Some(10)]),
        ("pin", |c| c.pin().get(&1).is_some()),
        ("peek", |c| c.peek(&1).is_some()),
        ("contains_key", |c| c.contains_key(&1)),
        ("iter", |c| c.iter().count() == 1),
        ("ttl", |c| c.ttl(&1).is_some()),
        ("set_ttl", |c| c.set_ttl(&1, Duration::from_secs(1))),
        ("get_with", |c| c.get_with(1, || 11) == 10),
        ("remove", |c| c.remove(&1).is_some()),
    ];
    for (way, invalidate) in WAYS {
        for (name, look) in looks {
            let cache = builder(1_000).build();
            cache.insert_tagged(1, 10, [7]).unwrap();
            assert!(look(&cache), "{name} before {way}");
            let cache = builder(1_000).build();
            cache.insert_tagged(1, 10, [7]).unwrap();
            invalidate(&cache);
            assert!(!look(&cache), "{name} after {way}");
            validate(&cache);
        }
    }
}

#[test]
fn writes_take_what_is_invalidated_for_absent() {
    for (way, invalidate) in WAYS {
        let (cache, heard) = noting(1_000);
        cache.insert_tagged(1, 10, [7]).unwrap();
        invalidate(&cache);
        assert!(!cache.invalidate(&1), "{way}");
        assert!(cache.add(1, 11), "{way}");
        assert_eq!(cache.get(&1), Some(11));
        cache.insert_tagged(1, 12, [7]).unwrap();
        invalidate(&cache);
        assert!(cache.add(1, 13), "{way}: over a stale entry");
        assert!(!cache.add(1, 14));
        cache.insert_tagged(1, 15, [7]).unwrap();
        invalidate(&cache);
        cache.insert(1, 16);
        assert_eq!((cache.get(&1), cache.entry_count()), (Some(16), 1));
        let stats = cache.stats();
        assert_eq!((stats.inserts, stats.updates, stats.invalidations), (4, 2, 3), "{way}");
        assert_eq!((stats.removals, stats.evictions), (0, 0));
        let told: Vec<_> =
            take(&heard).into_iter().map(|(_, value, cause)| (value, cause)).collect();
        use RemovalCause::{Invalidated, Replaced};
        let all = [
            (10, Invalidated),
            (11, Replaced),
            (12, Invalidated),
            (13, Replaced),
            (15, Invalidated),
        ];
        assert_eq!(told, all, "{way}");
        validate(&cache);
    }
}

#[test]
fn the_count_is_exact_before_anything_was_swept() {
    let cache = builder(10_000).build();
    cache.insert_many((0..1_000).map(|key| (key, key)));
    cache.invalidate_all();
    assert_eq!((cache.entry_count(), cache.iter().count()), (0, 0));
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.invalidations, stats.departures()), (0, 1_000, 1_000));
    cache.insert_tagged(1, 1, [7]).unwrap();
    cache.insert_tagged(2, 2, [8]).unwrap();
    assert_eq!((cache.entry_count(), cache.iter().count()), (2, 2));
    cache.invalidate_tag(&7);
    assert_eq!((cache.entry_count(), cache.iter().collect::<Vec<_>>()), (1, vec![(2, 2)]));
    cache.run_pending_tasks();
    assert_eq!((cache.entry_count(), cache.stats().invalidations), (1, 1_001));
    validate(&cache);
}

#[test]
fn what_is_invalidated_goes_with_pending_tasks_and_is_told_once() {
    let (cache, heard) = noting(10_000);
    cache.insert_many((0..1_000).map(|key| (key, key)));
    cache.invalidate_all();
    assert_eq!(take(&heard), [], "nobody has come by");
    cache.invalidate_all();
    cache.run_pending_tasks();
    let told = take(&heard);
    assert!(told.iter().zip(0..).all(|(t, i)| *t == (i, i, RemovalCause::Invalidated)), "{told:?}");
    assert_eq!((told.len(), cache.stats().invalidations), (1_000, 1_000));
    cache.run_pending_tasks();
    assert_eq!(take(&heard), []);
    validate(&cache);
}

#[test]
fn writes_sweep_a_little_each() {
    let (cache, heard) = noting(1_000);
    cache.insert_many((0..500).map(|key| (key, key)));
    cache.invalidate_all();
    // There are fewer pairs of sets than that.
    for _ in 0..500 {
        cache.remove(&1_000);
    }
    assert_eq!(take(&heard).len(), 500);
    validate(&cache);
}

#[test]
fn values_are_freed_and_nothing_leaks() {
    let _alone = alone();
    let census = Census::default();
    let cache = Cache::builder().max_capacity(1_000).build();
    for round in 0..5 {
        for key in 0..500 {
            cache.insert_tagged(key, census.value(key), [key % 3]).unwrap();
        }
        cache.invalidate_tag(&0);
        settle(&cache, &census);
        if round % 2 == 0 {
            cache.invalidate_all();
            settle(&cache, &census);
            assert_eq!(census.alive(), 0);
        }
    }
    drop(cache);
    assert_eq!(census.alive(), 0);
}

#[test]
fn room_is_made_of_stale_entries_and_not_for_them() {
    let (cache, heard) = noting(200);
    cache.insert_many((0..200).map(|key| (key, 1)));
    let evicted = take(&heard).len() as u64;
    cache.invalidate_all();
    cache.insert_many((1_000..1_200).map(|key| (key, 2)));
    cache.run_pending_tasks();
    let old: Vec<_> = take(&heard).into_iter().filter(|told| told.1 == 1).collect();
    assert_eq!(old.len() as u64, 200 - evicted);
    assert!(old.iter().all(|told| told.2 == RemovalCause::Invalidated), "{old:?}");
    validate(&cache);
}

#[test]
fn a_tag_takes_its_own_and_leaves_the_rest() {
    let cache = builder(1_000).build();
    cache.insert(0, 0);
    cache.insert_tagged(1, 1, ["a"]).unwrap();
    cache.insert_tagged(2, 2, ["a", "b"]).unwrap();
    cache.insert_tagged(3, 3, ["b", "c", "d", "e", "f", "g", "h", "i"]).unwrap();
    cache.insert_tagged(4, 4, [""; 0]).unwrap();
    let left = |cache: &Cache<u64, u64>| {
        let mut left: Vec<_> = cache.iter().map(|(key, _)| key).collect();
        left.sort();
        left
    };
    cache.invalidate_tag("nobody's");
    assert_eq!(left(&cache), [0, 1, 2, 3, 4]);
    cache.invalidate_tag("a");
    assert_eq!(left(&cache), [0, 3, 4]);
    cache.run_pending_tasks();
    cache.invalidate_tag("i");
    assert_eq!(left(&cache), [0, 4]);
    cache.invalidate_all();
    assert_eq!(left(&cache), []);
    validate(&cache);
}

#[test]
fn tags_are_of_the_entry_and_not_of_the_key() {
    let cache = builder(1_000).build();
    cache.insert_tagged(1, 10, ["a"]).unwrap();
    cache.insert(1, 11);
    cache.insert_tagged(2, 20, ["a"]).unwrap();
    cache.insert_tagged(2, 21, ["b"]).unwrap();
    cache.invalidate_tag("a");
    assert_eq!((cache.get(&1), cache.get(&2)), (Some(11), Some(21)));
    cache.invalidate_tag("b");
    assert_eq!((cache.get(&1), cache.get(&2)), (Some(11), None));
}

/// Nodes are used again and again, and with them the places of birth and tags.
#[test]
fn a_node_that_is_used_again_has_nothing_of_the_entry_before() {
    let _alone = alone();
    let cache = builder(100).build();
    for round in 0..200 {
        for key in 0..100 {
            cache.insert_tagged(key, round, [key]).unwrap();
        }
        cache.run_pending_tasks();
        for key in 0..100 {
            cache.remove(&key);
        }
        cache.run_pending_tasks();
        (0..50).for_each(|key| cache.insert(key, round));
        (0..100).for_each(|tag| cache.invalidate_tag(&tag));
        assert_eq!((cache.entry_count(), cache.iter().count()), (50, 50), "round {round}");
        cache.invalidate_all();
        assert_eq!(cache.iter().count(), 0);
    }
    validate(&cache);
}

#[test]
fn more_than_eight_tags_are_refused() {
    let cache = builder(1_000).build();
    cache.insert(1, 10);
    assert_eq!(cache.insert_tagged(1, 11, 0..8), Ok(()));
    let refused: TooManyTags = cache.insert_tagged(1, 12, 0..9).unwrap_err();
    assert_eq!((refused.tags, refused.max), (9, 8));
    let text = "tags: 9 are too many for one entry; allowed are 0 to 8";
    assert_eq!(refused.to_string(), text);
    let minute = Duration::from_secs(60);
    assert!(cache.insert_tagged_with_ttl(1, 12, 0..9, minute).is_err());
    assert_eq!(cache.get(&1), Some(11));
}

#[test]
fn tags_and_times_go_together() {
    let clock = ManualClock::new();
    let second = Duration::from_secs(1);
    let cache = builder(1_000).clock(&clock).build();
    for key in 1..=3 {
        cache.insert_tagged_with_ttl(key, key, [key], key as u32 * second).unwrap();
    }
    clock.advance(second);
    cache.invalidate_tag(&2);
    assert_eq!([1, 2, 3].map(|key| cache.get(&key)), [None, None, Some(3)]);
    cache.run_pending_tasks();
    clock.advance(2 * second);
    cache.run_pending_tasks();
    let stats = cache.stats();
    assert_eq!((stats.expirations, stats.invalidations, stats.entries), (2, 1, 0));
    validate(&cache);
}

#[test]
fn a_predicate_takes_what_it_picks_at_once() {
    let (cache, heard) = noting(1_000);
    cache.insert_many((0..100).map(|key| (key, key)));
    cache.insert_tagged(100, 100, ["gone"]).unwrap();
    cache.invalidate_tag("gone");
    let mut asked = 0;
    let picked = cache.invalidate_entries_if(|key, value| {
        asked += 1;
        assert_eq!(key, value);
        key % 4 == 0
    });
    assert_eq!((picked, asked), (25, 100));
    let told: Vec<_> = take(&heard).into_iter().filter(|told| told.0 < 100).collect();
    assert!(
        told.iter().zip(0..).all(|(told, i)| *told == (4 * i, 4 * i, RemovalCause::Invalidated))
    );
    assert_eq!((told.len(), cache.entry_count()), (25, 75));
    assert_eq!(cache.invalidate_entries_if(|key, _| key % 4 == 0), 0);
    validate(&cache);
}

#[test]
fn a_predicate_may_panic() {
    let _alone = alone();
    let (cache, heard) = noting(1_000);
    cache.insert_many((0..100).map(|key| (key, key)));
    let mut asked = 0;
    let panic = panic_of(|| {
        cache.invalidate_entries_if(|_, _| {
            asked += 1;
            assert!(asked <= 40, "enough");
            true
        })
    });
    assert_eq!(panic.as_deref(), Some("enough"));
    assert_eq!((take(&heard).len(), cache.entry_count()), (40, 60));
    validate(&cache);
}

#[test]
fn what_is_being_loaded_when_things_are_invalidated_is_not_stored() {
    for (way, invalidate) in WAYS {
        let cache = builder(1_000).build();
        // So that there is such a thing as a tag.
        cache.insert_tagged(2, 2, [7]).unwrap();
        let loaded = cache.get_with(1, || {
            invalidate(&cache);
            10
        });
        assert_eq!((loaded, cache.get(&1)), (10, None), "{way}");
        assert_eq!(cache.get_with(1, || 11), 11);
        assert_eq!(cache.get(&1), Some(11));
        cache.run_pending_tasks();
        assert_eq!(cache.get(&1), Some(11));
        validate(&cache);
    }
}

#[test]
fn the_maintenance_thread_sweeps_where_it_knows_the_cache() {
    let (sender, told) = mpsc::channel();
    let cache = Cache::builder()
        .max_capacity(1_000)
        .time_to_live(Duration::from_secs(3_600))
        .eviction_listener(move |&key, _, cause| sender.send((key, cause)).unwrap())
        .build();
    cache.insert_many((0..300).map(|key| (key, key)));
    cache.invalidate_all();
    let mut keys: Vec<u64> = (0..300)
        .map(|_| {
            let (key, cause) = told.recv_timeout(PATIENCE).expect("the thread sweeps");
            assert_eq!(cause, RemovalCause::Invalidated);
            key
        })
        .collect();
    keys.sort();
    assert!(keys.into_iter().eq(0..300));
}
