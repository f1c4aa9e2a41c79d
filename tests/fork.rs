//! A child of `fork` is a process like any other: what expires does, the listener is told, values
//! are refreshed and memory is reclaimed, whatever the parent's other threads were doing at that
//! moment.
//!
//! The test forks from this process; each case is a process of its own, so that a child that hangs
//! or dies fails its case alone.
#![cfg(unix)]

mod common;

use common::fork::in_a_child;
use larder::{Cache, Maintenance, ManualClock, RemovalCause};
use std::{
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    task::{Context, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

const MILLI: Duration = Duration::from_millis(1);
/// Nothing here takes that long; in the child, so that one that hangs ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a case in a process of its own.
fn alone(case: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([case, "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

/// A waker whose last clone takes long to drop.
struct SlowToDrop(mpsc::Sender<()>, Mutex<mpsc::Receiver<()>>);

impl Wake for SlowToDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for SlowToDrop {
    fn drop(&mut self) {
        let _ = self.0.send(());
        let _ = self.1.lock().unwrap().recv();
    }
}

macro_rules! cases {
    ($($test:ident => $case:ident $body:block)*) => {$(
        #[test]
        fn $test() {
            alone(stringify!($case));
        }

        #[test]
        #[ignore = "forks: the other test runs it in a process of its own"]
        fn $case() $body
    )*};
}

/// The largest key whose value has expired. Not a channel: a thread of the parent's that is in the
/// middle of sending holds its lock, and so it does for ever in the child.
#[derive(Clone, Default)]
struct Told(Arc<AtomicU64>);

impl Told {
    fn wait_for(&self, key: u64) {
        let started = Instant::now();
        while self.0.load(Ordering::Relaxed) < key {
            assert!(started.elapsed() < PATIENCE, "the listener is not told without traffic");
            thread::sleep(MILLI);
        }
    }
}

/// A cache that says what expires, by which one sees that somebody is at work.
fn telling(ttl: Duration) -> (Cache<u64, u64>, Told) {
    let told = Told::default();
    let note = told.clone();
    let cache = Cache::builder()
        .max_capacity(1_000)
        .time_to_live(ttl)
        .eviction_listener(move |&key, _: &u64, cause| {
            if cause == RemovalCause::Expired {
                note.0.fetch_max(key, Ordering::Relaxed);
            }
        })
        .build();
    (cache, told)
}

/// The threads of this process read and write until the guard is dropped, and are at it when this
/// returns.
fn busy(cache: &Cache<u64, u64>) -> Arc<AtomicBool> {
    let over = Arc::new(AtomicBool::new(false));
    let begun = Arc::new(AtomicU64::new(0));
    for thread in 0..4 {
        let (cache, over, begun) = (cache.clone(), Arc::clone(&over), Arc::clone(&begun));
        thread::spawn(move || {
            let mut key = thread;
            while !over.load(Ordering::Relaxed) {
                key = (key + 7) % 500;
                // Long inside, so that it is there when the process forks.
                cache.get_ref(&key, |value| {
                    begun.fetch_or(1 << thread, Ordering::Relaxed);
                    (0..200).fold(*value, |sum, i| std::hint::black_box(sum ^ i))
                });
                if key % 3 == 0 {
                    cache.insert(key, key);
                }
            }
        });
    }
    cache.insert(3, 3);
    while begun.load(Ordering::Relaxed) != 15 {
        (0..500).for_each(|key| cache.insert(key, key));
    }
    over
}

/// All that is promised, of a cache that was there before the fork.
fn works(cache: &Cache<u64, u64>, told: &Told, ttl: Duration) {
    static KEYS: AtomicU64 = AtomicU64::new(1_000_000);
    for _ in 0..3 {
        let key = KEYS.fetch_add(1, Ordering::Relaxed);
        let before = Instant::now();
        cache.insert(key, key);
        // Nobody calls until the thread has told.
        told.wait_for(key);
        assert!(before.elapsed() >= ttl, "before its time");
        assert_eq!(cache.get(&key), None);
    }
    // More inserts than there are nodes: without reclamation two in three are rejected. (A few are
    // where a thread is interrupted while it is pinned.)
    let rejections = cache.stats().rejections;
    for key in 0..30_000 {
        cache.insert(key % 2_000, key);
    }
    let rejections = cache.stats().rejections - rejections;
    assert!(rejections < 10_000, "nothing is reclaimed: {rejections}");
    assert!(cache.entry_count() <= 1_000);
}

cases! {
    a_child_of_a_quiet_parent_is_like_any_process => quiet {
        let ttl = 30 * MILLI;
        let (cache, told) = telling(ttl);
        cache.insert(1, 1);
        told.wait_for(1);
        in_a_child(|| works(&cache, &told, ttl));
        works(&cache, &told, ttl);
    }

    so_is_one_whose_parent_was_reading_and_writing => reading {
        let ttl = 30 * MILLI;
        let (cache, told) = telling(ttl);
        let over = busy(&cache);
        for _ in 0..10 {
            in_a_child(|| works(&cache, &told, ttl));
        }
        over.store(true, Ordering::Relaxed);
    }

    what_the_parent_has_left_expires_in_the_child => left {
        // Hits alone, of what is about to expire: nothing writes.
        let ttl = 500 * MILLI;
        let cache = Cache::builder().max_capacity(1_000).time_to_live(ttl).build();
        (0..100).for_each(|key| cache.insert(key, key));
        let inserted = Instant::now();
        let reader = { let cache = cache.clone(); move || while cache.get(&1).is_some() {} };
        let readers: Vec<_> = (0..4).map(|_| thread::spawn(reader.clone())).collect();
        in_a_child(|| {
            loop {
                let age = inserted.elapsed();
                let found = cache.get(&1).is_some();
                assert!(!found || age < ttl + Duration::from_secs(1), "{age:?} old");
                if !found && age > ttl {
                    break;
                }
            }
            while cache.stats().expirations < 100 {
                thread::sleep(MILLI);
            }
        });
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    }

    a_fork_amid_a_pass_leaves_a_child_that_is_swept => amid {
        let (entered, enters) = mpsc::channel();
        let (open, opens) = mpsc::channel::<()>();
        let opens = Mutex::new(opens);
        let (sender, told) = mpsc::channel();
        let cache = Cache::builder()
            .max_capacity(1_000)
            .time_to_live(20 * MILLI)
            .eviction_listener(move |&key: &u64, _: &u64, _| {
                if key == 0 {
                    let _ = entered.send(());
                    let _ = opens.lock().unwrap().recv();
                }
                let _ = sender.send(key);
            })
            .build();
        cache.insert(0, 0);
        enters.recv_timeout(PATIENCE).unwrap();
        in_a_child(|| {
            cache.insert(1, 1);
            while told.recv_timeout(PATIENCE).unwrap() != 1 {}
        });
        drop(open);
        assert_eq!(told.recv_timeout(PATIENCE), Ok(0));
    }

    a_load_that_another_thread_leads_is_not_waited_for_in_the_child => loading {
        let (entered, enters) = mpsc::channel();
        let (open, opens) = mpsc::channel::<()>();
        let cache = Cache::<u64, u64>::new(100);
        let loader = {
            let cache = cache.clone();
            thread::spawn(move || cache.get_with(1, || {
                entered.send(()).unwrap();
                let _ = opens.recv();
                10
            }))
        };
        enters.recv_timeout(PATIENCE).unwrap();
        in_a_child(|| {
            assert_eq!(cache.get_with(1, || 20), 20);
            assert_eq!(cache.get(&1), Some(20));
        });
        drop(open);
        assert_eq!(loader.join().unwrap(), 10);
        assert_eq!(cache.get(&1), Some(10));
    }

    values_are_refreshed_in_the_child => refreshing {
        let clock = ManualClock::new();
        let (entered, enters) = mpsc::channel();
        let (open, opens) = mpsc::channel::<()>();
        let opens = Mutex::new(opens);
        let blocked = AtomicBool::new(true);
        let cache = Cache::builder()
            .max_capacity(100)
            .time_to_live(100 * PATIENCE)
            .refresh_after(PATIENCE, move |key: &u64| {
                if *key == 1 && blocked.swap(false, Ordering::Relaxed) {
                    let _ = entered.send(());
                    let _ = opens.lock().unwrap().recv();
                }
                Some(key * 100)
            })
            .clock(&clock)
            .build();
        cache.insert(1, 1);
        cache.insert(2, 2);
        clock.advance(PATIENCE);
        // One is under way in a thread that the child has not.
        assert_eq!(cache.get_with(1, || unreachable!()), 1);
        enters.recv_timeout(PATIENCE).unwrap();
        in_a_child(|| {
            for key in [2, 1] {
                let started = Instant::now();
                while cache.get_with(key, || unreachable!()) != key * 100 {
                    assert!(started.elapsed() < PATIENCE, "{key} is not refreshed");
                    thread::sleep(MILLI);
                }
            }
        });
        drop(open);
    }

    a_listener_may_fork => within {
        let (sender, told) = mpsc::channel();
        let other = telling(20 * MILLI);
        let handle = Arc::new(Mutex::new(None::<Cache<u64, u64>>));
        let own = Arc::clone(&handle);
        let cache = Cache::builder()
            .max_capacity(10)
            .time_to_live(20 * MILLI)
            .eviction_listener(move |&key: &u64, _: &u64, _| {
                if key == 0 {
                    let cache = own.lock().unwrap().clone().unwrap();
                    in_a_child(|| {
                        other.0.insert(1, 1);
                        other.1.wait_for(1);
                        cache.insert(5, 5);
                        assert_eq!(cache.get(&5), Some(5));
                    });
                }
                sender.send(key).unwrap();
            })
            .build();
        *handle.lock().unwrap() = Some(cache.clone());
        cache.insert(0, 0);
        assert_eq!(told.recv_timeout(PATIENCE), Ok(0));
        *handle.lock().unwrap() = None;
    }

    an_async_listener_is_sent_to_in_a_child_whatever_its_task_was_doing => sending {
        let (task, tasks) = mpsc::channel();
        let cache: larder::future::Cache<u64, u64> = larder::future::Cache::builder()
            .max_capacity(10)
            .async_eviction_listener(
                |_, _, _| Box::pin(std::future::ready(())),
                move |it| task.send(it).unwrap(),
            )
            .build();
        let (entered, enters) = mpsc::channel();
        let (open, opens) = mpsc::channel::<()>();
        let mut task = tasks.recv().unwrap();
        let receiver = thread::spawn(move || {
            // The second poll puts another waker in the place of this one, and so drops it.
            let slow = Waker::from(Arc::new(SlowToDrop(entered, Mutex::new(opens))));
            assert!(task.as_mut().poll(&mut Context::from_waker(&slow)).is_pending());
            drop(slow);
            task.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        enters.recv_timeout(PATIENCE).unwrap();
        let cache = cache.as_sync();
        let remove = |key| {
            cache.insert(key, key);
            cache.invalidate(&key);
        };
        in_a_child(|| remove(1));
        remove(2);
        drop(open);
        assert!(receiver.join().unwrap().is_pending());
    }

    a_child_has_children_and_caches_of_its_own => children {
        let ttl = 20 * MILLI;
        let (cache, told) = telling(ttl);
        let over = busy(&cache);
        in_a_child(|| {
            let (own, own_told) = telling(ttl);
            works(&own, &own_told, ttl);
            let _over = busy(&cache);
            in_a_child(|| {
                works(&cache, &told, ttl);
                works(&own, &own_told, ttl);
            });
            works(&own, &own_told, ttl);
        });
        over.store(true, Ordering::Relaxed);
    }

    pending_tasks_are_run_in_a_child_without_a_thread => manual {
        let clock = ManualClock::new();
        let cache = Cache::builder()
            .max_capacity(1_000)
            .time_to_live(PATIENCE)
            .clock(&clock)
            .maintenance(Maintenance::Manual)
            .build();
        let over = busy(&cache);
        in_a_child(|| {
            let before = cache.stats().expirations;
            cache.insert(999, 1);
            clock.advance(PATIENCE);
            cache.run_pending_tasks();
            assert!(cache.stats().expirations > before);
            // Places for entries that each of the parent's threads was about to insert, one or a
            // batch of 62.
            let left = cache.entry_count();
            assert!(left <= 4 * 62, "{left} entries");
            assert_eq!(cache.iter().count(), 0);
            let rejections = cache.stats().rejections;
            for key in 0..30_000 {
                cache.insert(key, key);
            }
            let rejections = cache.stats().rejections - rejections;
            assert!(rejections < 10_000, "nothing is reclaimed: {rejections}");
        });
        over.store(true, Ordering::Relaxed);
    }
}
