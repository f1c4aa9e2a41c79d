//! A load lands before anything is told of what it took out, and before any destructor of the
//! user's runs: who waits for it does not wait for those, and they may ask for its key.

mod common;

use common::{PATIENCE, validate};
use futures::executor::block_on;
use larder::{Cache, CacheBuilder, Maintenance, ManualClock, RemovalCause, ops::compute::Op};
use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    panic::resume_unwind,
    sync::{
        Arc, Barrier, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

type Numbers = Cache<u64, u64>;

const SECOND: Duration = Duration::from_secs(1);

/// The key that each test stores.
const STORED: u64 = 2;

/// Runs `f` in a thread of its own, and panics if that hangs.
fn in_time<R: Send + 'static>(what: &str, f: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, is_done) = channel();
    let thread = thread::spawn(move || done.send(f()));
    match is_done.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Disconnected) => resume_unwind(thread.join().unwrap_err()),
        Err(RecvTimeoutError::Timeout) => panic!("{what} hangs"),
    }
}

/// A cache whose listener, for the first `most` values that it hears of, runs `reply` on the cache
/// and the key.
fn replying(
    builder: CacheBuilder<u64, u64>,
    most: u64,
    reply: impl Fn(&Numbers, u64) + Send + Sync + 'static,
) -> Numbers {
    let (own, told) = (Arc::new(OnceLock::<Numbers>::new()), AtomicU64::new(0));
    let cache = builder
        .eviction_listener({
            let own = own.clone();
            move |&key, _, _| {
                if told.fetch_add(1, SeqCst) < most {
                    reply(own.get().expect("set below"), key);
                }
            }
        })
        .build();
    own.set(cache.clone()).expect("set once");
    cache
}

/// Loads each key that it hears of, and the one that is being stored.
fn load_both(cache: &Numbers, key: u64) {
    cache.get_with(key, || key);
    cache.get_with(STORED, || STORED);
}

fn small(capacity: u64) -> CacheBuilder<u64, u64> {
    Cache::builder().max_capacity(capacity).maintenance(Maintenance::Manual)
}

type Store = fn(&Numbers);

/// Every way to store a key that is absent.
const STORES: [(&str, Store); 20] = [
    ("get_with", |c| assert_eq!(c.get_with(STORED, || 20), 20)),
    ("get_with_by_ref", |c| assert_eq!(c.get_with_by_ref(&STORED, || 20), 20)),
    ("try_get_with", |c| assert_eq!(c.try_get_with(STORED, || Ok::<_, ()>(20)), Ok(20))),
    ("optionally_get_with", |c| assert_eq!(c.optionally_get_with(STORED, || Some(20)), Some(20))),
    ("get_with_async", |c| assert_eq!(block_on(c.get_with_async(STORED, async { 20 })), 20)),
    ("try_get_with_by_ref_async", |c| {
        let load = c.try_get_with_by_ref_async(&STORED, async { Ok::<_, ()>(20) });
        assert_eq!(block_on(load), Ok(20));
    }),
    ("get_many_with", |c| {
        let load = |keys: &[u64]| keys.iter().map(|&key| (key, key * 10)).collect::<Vec<_>>();
        assert_eq!(c.get_many_with([STORED, 3, 4], load), [Some(20), Some(30), Some(40)]);
    }),
    ("get_many_with_async", |c| {
        let load = async |keys: &[u64]| keys.iter().map(|&key| (key, key * 10)).collect::<Vec<_>>();
        let found = block_on(c.get_many_with_async([4, STORED, 3], load));
        assert_eq!(found, [Some(40), Some(20), Some(30)]);
    }),
    ("or_insert_with", |c| assert!(c.entry(STORED).or_insert_with(|| 20).is_fresh())),
    ("or_insert", |c| assert!(c.entry_by_ref(&STORED).or_insert(20).is_fresh())),
    ("or_try_insert_with", |c| {
        assert!(c.entry(STORED).or_try_insert_with(|| Ok::<_, ()>(20)).is_ok());
    }),
    ("or_optionally_insert_with_async", |c| {
        let load = c.entry(STORED).or_optionally_insert_with_async(async { Some(20) });
        assert!(block_on(load).is_some());
    }),
    ("insert", |c| c.insert(STORED, 20)),
    ("add", |c| _ = c.add(STORED, 20)),
    ("insert_many", |c| c.insert_many([(STORED, 20), (3, 30), (4, 40)])),
    ("insert_with_ttl", |c| c.insert_with_ttl(STORED, 20, SECOND)),
    ("insert_tagged", |c| c.insert_tagged(STORED, 20, ["tag"]).unwrap()),
    ("and_upsert_with", |c| assert!(c.entry(STORED).and_upsert_with(|_| 20).is_fresh())),
    ("and_compute_with_async", |c| {
        let put = c.entry(STORED).and_compute_with_async(async |_| Op::Put(20));
        assert!(block_on(put).into_entry().is_some());
    }),
    ("and_compute_with", |c| {
        let put = c.entry(STORED).and_compute_with(|_| Op::Put(20));
        assert!(put.into_entry().is_some());
    }),
];

#[test]
fn in_one_thread_a_listener_may_load_what_it_hears_of_and_what_is_being_stored() {
    for capacity in [0, 1, 3] {
        for (name, store) in STORES {
            in_time(&format!("{name}, capacity {capacity}"), move || {
                let cache = replying(small(capacity), 8, load_both);
                (10..10 + capacity).for_each(|key| cache.insert(key, key));
                store(&cache);
                assert_eq!(cache.stats().listener_panics, 0, "{name}, capacity {capacity}");
                validate(&cache);
            });
        }
    }
}

#[test]
fn so_it_is_with_what_is_rejected_or_does_not_fit() {
    for (name, store) in STORES {
        in_time(name, move || {
            // Too heavy for the cache.
            let heavy = small(5).weigher(|_, &value| if value >= 20 { 10 } else { 1 });
            let cache = replying(heavy, 8, load_both);
            cache.insert(STORED + 100, 1);
            store(&cache);
            assert_eq!(cache.stats().listener_panics, 0, "{name}");
            validate(&cache);
            // So heavy that others go.
            let heavy = small(5).weigher(|_, &value| if value >= 20 { 5 } else { 1 });
            let cache = replying(heavy, 8, load_both);
            (10..15).for_each(|key| cache.insert(key, 1));
            store(&cache);
            assert_eq!(cache.stats().listener_panics, 0, "{name}");
            validate(&cache);
        });
    }
}

#[test]
fn a_refresh_lands_before_the_listener_hears_of_the_old_value() {
    type Refresh = fn(&Numbers, &ManualClock);
    fn slowly(clock: &ManualClock, value: u64) -> u64 {
        clock.advance(SECOND);
        value
    }
    let refreshes: [(&str, Refresh); 4] = [
        ("get_with", |c, clock| assert_eq!(c.get_with(STORED, || slowly(clock, 5)), 5)),
        ("get_with_async", |c, clock| {
            let load = c.get_with_async(STORED, async { slowly(clock, 5) });
            assert_eq!(block_on(load), 5);
        }),
        ("or_insert_with", |c, clock| {
            assert!(c.entry(STORED).or_insert_with(|| slowly(clock, 5)).is_fresh());
        }),
        ("get_many_with", |c, clock| {
            let load = |_: &[u64]| [(3, 8), (STORED, slowly(clock, 5)), (4, 9)];
            assert_eq!(c.get_many_with([STORED, 3, 4], load), [Some(5), Some(8), Some(9)]);
        }),
    ];
    for (name, refresh) in refreshes {
        in_time(name, move || {
            let clock = ManualClock::new();
            let early = small(10).clock(&clock).time_to_live(10 * SECOND).early_refresh(1e15);
            let cache = replying(early, 8, load_both);
            cache.get_with(STORED, || slowly(&clock, 1));
            refresh(&cache, &clock);
            let stats = cache.stats();
            assert_eq!((stats.refreshes > 0, stats.listener_panics), (true, 0), "{name}");
            validate(&cache);
        });
    }
    in_time("a refresh in the background", || {
        type Job = Box<dyn FnOnce() + Send>;
        let (clock, jobs) = (ManualClock::new(), Arc::new(Mutex::new(VecDeque::<Job>::new())));
        let line = jobs.clone();
        let refreshing = small(10)
            .clock(&clock)
            .refresh_after(SECOND, |key| Some(key * 10))
            .refresh_executor(move |job| line.lock().unwrap().push_back(job));
        let cache = replying(refreshing, 1, |cache, key| {
            assert_eq!(cache.get_with(key, || 0), key * 10);
            // Another thread, for which the key is to be absent.
            cache.invalidate(&key);
            let other = cache.clone();
            thread::spawn(move || other.get_with(key, || 77)).join().unwrap();
        });
        cache.insert(STORED, 1);
        clock.advance(SECOND);
        cache.get_with(STORED, || unreachable!());
        let job = jobs.lock().unwrap().pop_front().unwrap();
        job();
        assert_eq!((cache.get(&STORED), cache.stats().listener_panics), (Some(77), 0));
        validate(&cache);
    });
}

#[test]
fn those_who_wait_for_a_load_do_not_wait_for_the_listener() {
    const WAITERS: usize = 3;
    thread_local! {
        static LEADS: Cell<bool> = const { Cell::new(false) };
    }
    type Land = fn(&Numbers, &dyn Fn() -> u64);
    let lands: [(&str, Land); 4] = [
        ("get_with", |c, load| _ = c.get_with(STORED, load)),
        ("get_many_with", |c, load| {
            _ = c.get_many_with([5, STORED, 6], |_| [(5, 5), (STORED, load()), (6, 6)]);
        }),
        ("or_insert_with", |c, load| _ = c.entry(STORED).or_insert_with(load)),
        ("get_with_async", |c, load| _ = block_on(c.get_with_async(STORED, async { load() }))),
    ];
    for capacity in [0, 1] {
        for (name, land) in lands {
            in_time(name, move || {
                let (answered, answers) = channel();
                let answers = Mutex::new(answers);
                let cache = replying(small(capacity), u64::MAX, move |_, _| {
                    if LEADS.replace(false) {
                        let answers = answers.lock().unwrap();
                        // They have theirs although this has not returned.
                        let got: Vec<u64> =
                            (0..WAITERS).map(|_| answers.recv_timeout(PATIENCE).unwrap()).collect();
                        assert_eq!(got, [20; WAITERS]);
                    }
                });
                if capacity > 0 {
                    cache.insert(1, 1);
                }
                let loading = Barrier::new(WAITERS + 1);
                thread::scope(|scope| {
                    for _ in 0..WAITERS {
                        let (cache, loading, answered) = (&cache, &loading, answered.clone());
                        scope.spawn(move || {
                            loading.wait();
                            // One that comes late may have to load, where nothing is kept.
                            answered.send(cache.get_with(STORED, || 20)).unwrap();
                        });
                    }
                    LEADS.set(true);
                    land(&cache, &|| {
                        let missed = cache.stats().misses + WAITERS as u64;
                        loading.wait();
                        while cache.stats().misses < missed {
                            thread::yield_now();
                        }
                        20
                    });
                    assert!(!LEADS.get(), "the listener was told by the leader");
                });
                assert_eq!(cache.stats().listener_panics, 0, "{name}, capacity {capacity}");
                validate(&cache);
            });
        }
    }
}

#[test]
fn listeners_of_several_threads_may_ask_for_one_anothers_keys() {
    const THREADS: u64 = 4;
    thread_local! {
        /// How often this thread's listener still asks.
        static ASKS: Cell<u32> = const { Cell::new(3) };
    }
    for capacity in [0, 1, 2] {
        in_time("threads whose listeners ask for one another's keys", move || {
            for _ in 0..50 {
                let cache = replying(small(capacity), u64::MAX, |cache, key| {
                    if ASKS.get() > 0 {
                        ASKS.set(ASKS.get() - 1);
                        (0..THREADS).for_each(|other| _ = cache.get_with(other, || key));
                    }
                });
                (10..10 + capacity).for_each(|key| cache.insert(key, key));
                let all = Barrier::new(THREADS as usize);
                thread::scope(|scope| {
                    for own in 0..THREADS {
                        let (cache, all) = (&cache, &all);
                        let load = move || {
                            all.wait();
                            own
                        };
                        scope.spawn(move || assert_eq!(cache.get_with(own, load), own));
                    }
                });
                assert_eq!(cache.stats().listener_panics, 0);
                validate(&cache);
            }
        });
    }
}

thread_local! {
    /// The key that this thread loads.
    static LOADED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// A value whose destructor asks for the key that its thread loads.
#[derive(Clone)]
struct Asking(u64, Arc<OnceLock<Cache<u64, Asking>>>);

impl Drop for Asking {
    fn drop(&mut self) {
        let Some(key) = LOADED.take() else { return };
        if let Some(cache) = self.1.get() {
            cache.get_with(key, || Asking(key, self.1.clone()));
        }
    }
}

#[test]
fn destructors_of_what_is_dead_run_when_a_load_has_landed() {
    type Load = fn(&Cache<u64, Asking>, u64, &dyn Fn(u64) -> Asking) -> u64;
    let loads: [(&str, Load); 3] = [
        ("get_with", |c, key, make| c.get_with(key, || make(key)).0),
        ("get_with_async", |c, key, make| block_on(c.get_with_async(key, async { make(key) })).0),
        ("get_many_with", |c, key, make| {
            let other = key + 1_000_000;
            let pairs =
                || [(other, Asking(other, Arc::default())), (key, make(key)), (0, make(key))];
            let found = c.get_many_with([key, other], |_| pairs());
            found[0].as_ref().unwrap().0
        }),
    ];
    for capacity in [0, 10] {
        for (name, load) in loads {
            in_time(name, move || {
                let own: Arc<OnceLock<Cache<u64, Asking>>> = Arc::default();
                let cache = Cache::builder()
                    .max_capacity(capacity)
                    .maintenance(Maintenance::Manual)
                    .build();
                assert!(own.set(cache.clone()).is_ok());
                for key in 1..2_000 {
                    let make = |value| {
                        LOADED.set(Some(key));
                        Asking(value, own.clone())
                    };
                    assert_eq!(load(&cache, key, &make), key);
                    LOADED.set(None);
                }
                validate(&cache);
            });
        }
    }
}

#[test]
fn a_load_is_told_once_and_with_the_right_cause() {
    for (name, store) in STORES {
        in_time(name, move || {
            let told = Arc::new(Mutex::new(Vec::new()));
            let note = told.clone();
            let cache: Numbers = small(1)
                .eviction_listener(move |&key, &value, cause| {
                    note.lock().unwrap().push((key, value, cause));
                })
                .build();
            cache.insert(1, 1);
            store(&cache);
            let stats = cache.stats();
            let told = told.lock().unwrap();
            assert_eq!(told[0], (1, 1, RemovalCause::Size), "{name}");
            assert_eq!(told.len() as u64, stats.evictions + stats.rejections, "{name}: {told:?}");
            let mut values: Vec<_> = told.iter().map(|&(_, value, _)| value).collect();
            values.sort();
            values.dedup();
            assert_eq!(values.len(), told.len(), "{name}: {told:?}");
        });
    }
}

/// Each way to load the key that each test stores, from what `load` brings.
type Loading = fn(&Numbers, &dyn Fn() -> u64) -> u64;

const LOADINGS: [(&str, Loading); 5] = [
    ("get_with", |c, load| c.get_with(STORED, load)),
    ("try_get_with", |c, load| c.try_get_with(STORED, || Ok::<_, ()>(load())).unwrap()),
    ("get_with_async", |c, load| block_on(c.get_with_async(STORED, async { load() }))),
    ("get_many_with", |c, load| {
        c.get_many_with([STORED, 3], |_| [(3, 3), (STORED, load())])[0].unwrap()
    }),
    ("or_insert_with", |c, load| c.entry(STORED).or_insert_with(load).into_value()),
];

#[test]
fn a_loader_that_takes_a_value_out_may_rely_on_what_the_listener_did_with_it() {
    for (name, load) in LOADINGS {
        in_time(name, move || {
            // The listener writes what leaves to a store, from which loaders read.
            let store = Arc::new(Mutex::new(HashMap::new()));
            let written = store.clone();
            let cache: Numbers = small(10)
                .eviction_listener(move |&key, &value, _| {
                    written.lock().unwrap().insert(key, value);
                })
                .build();
            let stored = |key: u64| store.lock().unwrap().get(&key).copied();
            (10..20).for_each(|key| cache.insert(key, key + 100));
            let loaded = load(&cache, &|| {
                assert_eq!((cache.remove(&12), stored(12)), (Some(112), Some(112)), "removed");
                cache.insert(13, 7);
                assert_eq!(stored(13), Some(113), "replaced");
                (30..40).for_each(|key| cache.insert(key, key));
                let mut gone = (10..20).filter(|key| !cache.contains_key(key));
                assert!(gone.all(|key| stored(key) == Some(key + 100)), "evicted");
                assert!(cache.stats().evictions > 1);
                // A load within the load.
                cache.invalidate(&35);
                stored(35).unwrap() + cache.get_with(40, || stored(12).unwrap())
            });
            assert_eq!(loaded, 35 + 112, "{name}");
            validate(&cache);
        });
    }
}

#[test]
fn a_listener_that_asks_inside_a_loader_for_the_key_being_loaded_panics_and_the_load_lands() {
    for (name, load) in LOADINGS {
        in_time(name, move || {
            let cache = replying(small(10), 1, |cache, _| _ = cache.get_with(STORED, || 77));
            cache.insert(10, 10);
            let loaded = load(&cache, &|| {
                cache.invalidate(&10);
                20
            });
            assert_eq!((loaded, cache.stats().listener_panics), (20, 1), "{name}");
            assert_eq!(cache.get(&STORED), Some(20), "{name}");
            validate(&cache);
        });
    }
}
