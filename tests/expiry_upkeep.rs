//! Who takes out what has expired: the maintenance thread without traffic, or a caller in steps.

mod common;

use common::{PATIENCE, validate};
use larder::{Cache, Maintenance, ManualClock, Pending, RemovalCause};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

#[test]
fn expiry_needs_no_traffic() {
    // The system's clock, and the thread.
    let (sender, told) = mpsc::channel();
    let cache = Cache::builder()
        .max_capacity(100)
        .time_to_live(20 * MILLI)
        .eviction_listener(move |&key: &u64, _: &u64, cause| {
            let name = thread::current().name().map(str::to_owned);
            sender.send((key, cause, Instant::now(), name)).unwrap();
        })
        .build();
    for key in 0..20 {
        let before = Instant::now();
        cache.insert(key, key);
        let (told, cause, at, thread) = told.recv_timeout(PATIENCE).expect("it is told");
        assert_eq!(
            (told, cause, thread.as_deref()),
            (key, RemovalCause::Expired, Some("larder-maintenance"))
        );
        assert!(at - before >= 20 * MILLI, "before its time");
    }
}

#[test]
fn the_thread_follows_a_manual_clock() {
    let clock = ManualClock::new();
    let (sender, told) = mpsc::channel();
    let cache = Cache::builder()
        .max_capacity(100)
        .time_to_live(3_600 * SECOND)
        .clock(&clock)
        .eviction_listener(move |&key: &u64, _: &u64, _| sender.send(key).unwrap())
        .build();
    cache.insert(1, 10);
    clock.advance(3_601 * SECOND);
    assert_eq!(told.recv_timeout(PATIENCE), Ok(1));
}

#[test]
fn values_that_expired_are_dropped_without_traffic() {
    struct Tells(mpsc::Sender<()>);
    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (sender, dropped) = mpsc::channel();
    let cache = Cache::builder().max_capacity(10).time_to_live(10 * MILLI).build();
    cache.insert(1, Arc::new(Mutex::new(Tells(sender))));
    dropped.recv_timeout(PATIENCE).expect("dropped by the thread");
}

#[test]
fn pending_tasks_are_done_in_steps_if_there_is_little_time() {
    const ENTRIES: u64 = 100_000;
    let dropped = Arc::new(());
    let clock = ManualClock::new();
    let builder = Cache::builder().max_capacity(2 * ENTRIES).time_to_live(SECOND).clock(&clock);
    let told = Arc::new(AtomicU64::new(0));
    let count = told.clone();
    let cache = builder
        .maintenance(Maintenance::Manual)
        .eviction_listener(move |_, _, _| _ = count.fetch_add(1, Ordering::Relaxed))
        .build();
    (0..ENTRIES).for_each(|key| cache.insert(key, dropped.clone()));
    assert_eq!(cache.run_pending_tasks_for(Duration::ZERO), Pending::Done, "nothing is due");
    assert_eq!(cache.entry_count(), ENTRIES);
    clock.advance(SECOND);
    assert_eq!(cache.entry_count(), 0, "to be taken out");
    let (mut before, mut steps) = (0, 0);
    loop {
        let pending = cache.run_pending_tasks_for(Duration::ZERO);
        let gone = told.load(Ordering::Relaxed);
        assert!(gone - before <= 1_024, "{} in one step", gone - before);
        if pending == Pending::Done {
            break;
        }
        (before, steps) = (gone, steps + 1);
        assert!(steps < 10_000, "it does not come to an end");
    }
    assert!(steps > 90, "{steps} steps");
    assert_eq!((told.load(Ordering::Relaxed), Arc::strong_count(&dropped)), (ENTRIES, 1));
    // With enough time it is all done at once.
    (0..ENTRIES).for_each(|key| cache.insert(key, dropped.clone()));
    cache.invalidate_all();
    while cache.run_pending_tasks_for(PATIENCE) == Pending::More {}
    assert_eq!((cache.entry_count(), Arc::strong_count(&dropped)), (0, 1));
    validate(&cache);
}
