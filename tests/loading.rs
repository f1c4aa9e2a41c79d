//! One load per key, and what comes of it, for threads.
//!
//! Threads meet at channels: a loader says that it runs, and goes on when it is told. Whether a
//! caller waits for another is seen by its miss, which counts before it joins the load; a caller
//! that has missed and not joined yet may still find the load's value stored, which is as good.

mod common;

use common::{PATIENCE, panic_of, validate};
use larder::Cache;
use std::{
    cell::Cell,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU32, Ordering::Relaxed},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

fn cache() -> Cache<String, u32> {
    Cache::new(1_000)
}

/// A loader that says when it begins, and ends when it is told what with.
struct Loader<T> {
    begun: Sender<()>,
    result: Receiver<T>,
}

/// The other end of a [`Loader`].
struct Remote<T> {
    begun: Receiver<()>,
    result: Sender<T>,
}

fn loader<T>() -> (Loader<T>, Remote<T>) {
    let (begun, begun_here) = channel();
    let (result_there, result) = channel();
    (Loader { begun, result }, Remote { begun: begun_here, result: result_there })
}

impl<T> Loader<T> {
    fn run(self) -> T {
        self.begun.send(()).unwrap();
        self.result.recv_timeout(PATIENCE).unwrap()
    }
}

impl<T> Remote<T> {
    fn wait(&self) {
        self.begun.recv_timeout(PATIENCE).expect("the loader begins");
    }

    fn finish(self, result: T) {
        self.result.send(result).expect("the loader waits");
    }
}

/// Waits until `callers` have found that their key is absent.
fn await_misses<K, V>(cache: &Cache<K, V>, callers: u64) {
    while cache.stats().misses < callers {
        thread::yield_now();
    }
}

#[test]
fn what_is_loaded_is_stored_and_found() {
    let cache = cache();
    assert_eq!(cache.get_with("a".to_owned(), || 1), 1);
    assert_eq!(cache.get_with_by_ref("a", || unreachable!()), 1);
    assert_eq!(cache.try_get_with("b".to_owned(), || Ok::<_, ()>(2)), Ok(2));
    assert_eq!(cache.try_get_with_by_ref("b", || Err(())), Ok(2));
    assert_eq!(cache.optionally_get_with("c".to_owned(), || Some(3)), Some(3));
    assert_eq!(cache.optionally_get_with_by_ref("c", || None), Some(3));
    assert_eq!(["a", "b", "c"].map(|key| cache.get(key)), [Some(1), Some(2), Some(3)]);
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.inserts), (6, 3, 3));
    assert_eq!((stats.loads, stats.load_failures), (3, 0));
    validate(&cache);
}

#[test]
fn errors_and_nothing_are_not_stored() {
    let cache = cache();
    assert_eq!(cache.try_get_with("a".to_owned(), || Err("no")), Err(Arc::new("no")));
    assert_eq!(cache.optionally_get_with("a".to_owned(), || None), None);
    assert_eq!((cache.get("a"), cache.entry_count()), (None, 0));
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.load_failures, stats.inserts), (2, 1, 0));
    assert_eq!(stats.load_times.iter().map(|(_, loads)| loads).sum::<u64>(), 2);
    assert_eq!(cache.try_get_with("a".to_owned(), || Ok::<_, ()>(1)), Ok(1));
}

#[test]
fn a_thousand_callers_share_one_load() {
    let cache: Cache<u32, u32> = Cache::new(10);
    let loads = AtomicU32::new(0);
    let start = Barrier::new(1_000);
    thread::scope(|scope| {
        for _ in 0..1_000 {
            let spawned = thread::Builder::new().stack_size(64 * 1024).spawn_scoped(scope, || {
                start.wait();
                let value = cache.get_with(7, || {
                    await_misses(&cache, 1_000);
                    loads.fetch_add(1, Relaxed)
                });
                assert_eq!(value, 0);
            });
            spawned.expect("threads are to be had");
        }
    });
    assert_eq!((loads.load(Relaxed), cache.stats().loads, cache.stats().inserts), (1, 1, 1));
    validate(&cache);
}

#[test]
fn different_keys_load_at_the_same_time() {
    let cache: Cache<u32, u32> = Cache::new(100);
    let both = Barrier::new(2);
    thread::scope(|scope| {
        for key in 0..2 {
            let (cache, both) = (&cache, &both);
            scope.spawn(move || {
                cache.get_with(key, || {
                    both.wait();
                    key
                })
            });
        }
    });
    assert_eq!(cache.entry_count(), 2);
}

/// Keys that cannot be told apart by their hash.
#[test]
fn keys_of_one_hash_load_at_the_same_time() {
    #[derive(Clone, Default)]
    struct Same;
    impl std::hash::BuildHasher for Same {
        type Hasher = Zero;
        fn build_hasher(&self) -> Zero {
            Zero
        }
    }
    struct Zero;
    impl std::hash::Hasher for Zero {
        fn write(&mut self, _: &[u8]) {}
        fn finish(&self) -> u64 {
            0
        }
    }
    let cache = Cache::builder().max_capacity(10).hasher(Same).build();
    let both = Barrier::new(2);
    thread::scope(|scope| {
        for key in 0..2 {
            let (cache, both) = (&cache, &both);
            scope.spawn(move || {
                let value = cache.get_with(key, || {
                    both.wait();
                    key * 10
                });
                assert_eq!(value, key * 10);
            });
        }
    });
    assert_eq!((cache.get(&0), cache.get(&1)), (Some(0), Some(10)));
}

#[test]
fn an_error_goes_to_all_who_waited() {
    let cache = cache();
    let (slow, remote) = loader();
    thread::scope(|scope| {
        let lead = scope.spawn(|| cache.try_get_with("a".to_owned(), || slow.run()));
        remote.wait();
        let followers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let own = Cell::new(false);
                    let answer = cache.try_get_with_by_ref("a", || {
                        own.set(true);
                        Err("second".to_owned())
                    });
                    (answer.unwrap_err(), own.get())
                })
            })
            .collect();
        await_misses(&cache, 4);
        remote.finish(Err("first".to_owned()));
        let error = lead.join().unwrap().unwrap_err();
        assert_eq!(*error, "first");
        // One that came late loaded for itself, and may have been waited for, too.
        let mut loads = 1;
        for follower in followers {
            let (theirs, loaded) = follower.join().unwrap();
            assert!(*theirs == "second" || *theirs == "first" && !loaded, "{theirs}");
            loads += u64::from(loaded);
        }
        assert_eq!((cache.stats().loads, cache.stats().load_failures), (loads, loads));
    });
}

#[test]
fn an_error_of_another_type_is_no_answer() {
    let cache = cache();
    let (slow, remote) = loader::<Result<u32, String>>();
    let (begun, begin) = channel();
    thread::scope(|scope| {
        scope.spawn(|| assert!(cache.try_get_with("a".to_owned(), || slow.run()).is_err()));
        remote.wait();
        let other = scope.spawn(|| {
            cache.try_get_with_by_ref("a", || {
                begun.send(()).unwrap();
                Err::<u32, u64>(404)
            })
        });
        await_misses(&cache, 2);
        assert!(begin.try_recv().is_err(), "it waits for the first");
        remote.finish(Err("no".to_owned()));
        assert_eq!(other.join().unwrap(), Err(Arc::new(404)));
    });
}

#[test]
fn nothing_is_no_answer_for_who_needs_a_value() {
    let cache = cache();
    let (slow, remote) = loader();
    thread::scope(|scope| {
        let lead = scope.spawn(|| cache.optionally_get_with("a".to_owned(), || slow.run()));
        remote.wait();
        let follow = scope.spawn(|| cache.get_with_by_ref("a", || 5));
        await_misses(&cache, 2);
        remote.finish(None);
        assert_eq!((lead.join().unwrap(), follow.join().unwrap()), (None, 5));
    });
    assert_eq!(cache.get("a"), Some(5));
}

#[test]
fn a_waiter_takes_over_from_a_leader_that_panics() {
    let cache = cache();
    let (slow, remote) = loader::<()>();
    let tries = AtomicU32::new(0);
    thread::scope(|scope| {
        let lead = scope.spawn(|| {
            panic_of(|| {
                cache.get_with("a".to_owned(), || {
                    slow.run();
                    panic!("the source is broken")
                })
            })
        });
        remote.wait();
        let followers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| cache.get_with_by_ref("a", || tries.fetch_add(1, Relaxed) + 7)))
            .collect();
        await_misses(&cache, 9);
        remote.finish(());
        assert_eq!(lead.join().unwrap().as_deref(), Some("the source is broken"));
        for follower in followers {
            assert_eq!(follower.join().unwrap(), 7);
        }
    });
    assert_eq!(tries.load(Relaxed), 1);
    assert_eq!((cache.stats().loads, cache.stats().load_failures), (2, 1));
    validate(&cache);
}

#[test]
fn when_all_panic_each_has_tried() {
    let cache = cache();
    let tries = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let panic = panic_of(|| {
                    cache.get_with("a".to_owned(), || {
                        await_misses(&cache, 8);
                        tries.fetch_add(1, Relaxed);
                        panic!("never")
                    })
                });
                assert_eq!(panic.as_deref(), Some("never"));
            });
        }
    });
    assert_eq!((tries.load(Relaxed), cache.stats().load_failures), (8, 8));
    assert_eq!(cache.get_with("a".to_owned(), || 1), 1);
}

#[test]
fn a_recursive_load_panics_instead_of_waiting_for_itself() {
    let cache = cache();
    let recursive = || {
        cache.get_with("a".to_owned(), || {
            cache.get_with("b".to_owned(), || cache.get_with_by_ref("a", || 1))
        })
    };
    assert!(panic_of(recursive).unwrap().contains("recursive load"));
    assert_eq!(cache.entry_count(), 0);
    assert_eq!(cache.get_with("a".to_owned(), || 1), 1);
    assert_eq!(cache.get_with("b".to_owned(), || 2), 2);
    validate(&cache);
}

#[test]
fn a_loader_may_load_other_keys() {
    let cache: Cache<u64, u64> = Cache::new(1_000);
    fn fibonacci(cache: &Cache<u64, u64>, n: u64) -> u64 {
        cache.get_with(n, || match n {
            0 | 1 => n,
            _ => fibonacci(cache, n - 1) + fibonacci(cache, n - 2),
        })
    }
    assert_eq!(fibonacci(&cache, 90), 2_880_067_194_370_816_120);
    assert_eq!(cache.stats().loads, 91);
}

/// Runs a write while `a` is being loaded by one and waited for by another; the cache then.
fn written_meanwhile(write: fn(&Cache<String, u32>)) -> Cache<String, u32> {
    let cache = cache();
    let (slow, remote) = loader();
    thread::scope(|scope| {
        let lead = scope.spawn(|| cache.get_with("a".to_owned(), || slow.run()));
        remote.wait();
        write(&cache);
        remote.finish(1);
        assert_eq!(lead.join().unwrap(), 1);
    });
    validate(&cache);
    cache
}

#[test]
fn a_write_during_a_load_wins() {
    let found = |write| written_meanwhile(write).get("a");
    assert_eq!(found(|cache| cache.insert("a".to_owned(), 2)), Some(2));
    assert_eq!(found(|cache| assert!(cache.add("a".to_owned(), 2))), Some(2));
    assert_eq!(
        found(|cache| cache.insert_many([("a".to_owned(), 2), ("b".to_owned(), 3)])),
        Some(2)
    );
    assert_eq!(found(|cache| assert!(!cache.invalidate("a"))), None);
    assert_eq!(found(|cache| assert_eq!(cache.remove("a"), None)), None);
    assert_eq!(found(|cache| cache.invalidate_all()), None);
    let removed_again = |cache: &Cache<String, u32>| {
        cache.insert("a".to_owned(), 2);
        cache.invalidate("a");
    };
    assert_eq!(found(removed_again), None);
}

#[test]
fn a_write_of_another_key_changes_nothing() {
    let cache = written_meanwhile(|cache| {
        for other in 0..2_000 {
            cache.insert(other.to_string(), 2);
            cache.invalidate(other.to_string().as_str());
        }
    });
    assert_eq!(cache.get("a"), Some(1));
}

#[test]
fn who_waited_before_a_write_gets_the_load_and_who_comes_after_does_not() {
    let cache = cache();
    let (slow, remote) = loader();
    let (second, second_remote) = loader();
    thread::scope(|scope| {
        let lead = scope.spawn(|| cache.get_with("a".to_owned(), || slow.run()));
        remote.wait();
        cache.invalidate("a");
        let late = scope.spawn(|| cache.get_with("a".to_owned(), || second.run()));
        // It begins although the first has not ended.
        second_remote.wait();
        remote.finish(1);
        assert_eq!(lead.join().unwrap(), 1);
        assert_eq!(cache.get("a"), None);
        second_remote.finish(2);
        assert_eq!(late.join().unwrap(), 2);
    });
    assert_eq!(cache.get("a"), Some(2));
}

#[test]
fn who_comes_after_an_insert_gets_what_was_inserted() {
    let cache = cache();
    let (slow, remote) = loader();
    thread::scope(|scope| {
        let lead = scope.spawn(|| cache.get_with("a".to_owned(), || slow.run()));
        remote.wait();
        cache.insert("a".to_owned(), 2);
        assert_eq!(cache.get_with("a".to_owned(), || unreachable!()), 2);
        remote.finish(1);
        assert_eq!(lead.join().unwrap(), 1);
    });
    assert_eq!(cache.get("a"), Some(2));
}

#[test]
fn a_loader_that_writes_its_own_key_is_superseded_by_that() {
    let cache = cache();
    let loaded = cache.get_with("a".to_owned(), || {
        cache.insert("a".to_owned(), 2);
        assert_eq!(cache.get_with("a".to_owned(), || unreachable!()), 2);
        1
    });
    assert_eq!((loaded, cache.get("a")), (1, Some(2)));
}

#[test]
fn a_cache_without_room_loads_each_time() {
    let cache: Cache<u32, u32> = Cache::new(0);
    assert_eq!([1, 2].map(|value| cache.get_with(1, || value)), [1, 2]);
    assert_eq!((cache.stats().loads, cache.stats().rejections), (2, 2));
}

#[test]
fn loads_of_entries_that_cannot_be_sent_work_in_their_own_thread() {
    use std::rc::Rc;
    let cache: Cache<Rc<str>, Rc<u32>> = Cache::new(10);
    assert_eq!(*cache.get_with("a".into(), || Rc::new(1)), 1);
    assert_eq!(
        *futures::executor::block_on(cache.get_with_async("b".into(), async { 2.into() })),
        2
    );
}

/// Values and keys of loads, waiters and superseded loads are all dropped in the end.
#[test]
fn nothing_leaks() {
    let census = common::Census::default();
    let _alone = common::alone();
    let cache: Cache<u64, common::Counted> = Cache::new(50);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let (cache, census) = (&cache, &census);
                scope.spawn(move || {
                    for i in 0..2_000 {
                        let key = i % 100;
                        match (i + thread) % 5 {
                            0 => _ = cache.invalidate(&key),
                            1 => cache.insert(key, census.value(key)),
                            2 => _ = cache.try_get_with(key, || Err::<common::Counted, _>(key)),
                            _ => assert_eq!(cache.get_with(key, || census.value(key)).id(), key),
                        }
                    }
                })
            })
            .collect();
        common::join(threads);
    });
    common::settle(&cache, &census);
    drop(cache);
    assert_eq!(census.alive(), 0);
}

#[test]
fn an_error_is_an_error_though_somebody_else_has_inserted_the_key() {
    let cache = Cache::new(10);
    let answer = cache.try_get_with(1, || {
        cache.insert(1, 10);
        Err::<i32, _>("down")
    });
    assert_eq!((answer.map_err(|error| *error), cache.get(&1)), (Err("down"), Some(10)));
}
