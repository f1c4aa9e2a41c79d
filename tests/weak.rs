//! Handles that do not keep a cache alive.

mod common;

use common::{Census, PATIENCE, alone};
use larder::{Cache, Maintenance, RemovalCause, WeakCache};
use std::{
    sync::{Arc, Barrier, Mutex, OnceLock, mpsc::channel},
    thread,
    time::Duration,
};

#[test]
fn a_weak_handle_is_the_same_cache_as_long_as_there_is_one() {
    let cache = Cache::new(10);
    let weak = cache.downgrade();
    cache.insert(1, 10);
    weak.upgrade().expect("it lives").insert(2, 20);
    assert_eq!((cache.get(&2), cache.entry_count()), (Some(20), 2));
    let (other, weak2) = (cache.clone(), weak.clone());
    drop(cache);
    assert_eq!(weak2.upgrade().and_then(|cache| cache.get(&1)), Some(10));
    drop(other);
    assert!(weak.upgrade().is_none() && weak2.upgrade().is_none());
    assert!(WeakCache::<u64, u64>::default().upgrade().is_none());
}

/// With a listener that knows its cache, by the handle that is made from it.
fn knowing<T: Send + Sync + 'static>(
    census: &Census,
    handle: impl Fn(&Cache<u64, common::Counted>) -> T,
) -> Cache<u64, common::Counted> {
    let own: Arc<OnceLock<T>> = Arc::default();
    let known = own.clone();
    let cache = Cache::builder()
        .max_capacity(2)
        .maintenance(Maintenance::Manual)
        .eviction_listener(move |_, _, _| assert!(known.get().is_some()))
        .build();
    assert!(own.set(handle(&cache)).is_ok());
    (0..3).for_each(|key| cache.insert(key, census.value(key)));
    cache
}

#[test]
fn a_listener_with_a_weak_handle_lets_its_cache_end() {
    let _alone = alone();
    let census = Census::default();
    drop(knowing(&census, Cache::clone));
    assert_eq!(census.alive(), 3, "these two keep each other");
    let census = Census::default();
    drop(knowing(&census, Cache::downgrade));
    assert_eq!(census.alive(), 0);
}

#[test]
fn the_last_handle_may_be_dropped_inside_the_listener() {
    let (entered, is_in) = channel();
    let (dropped, is_dropped) = channel::<()>();
    let is_dropped = Mutex::new(is_dropped);
    let (ended, has_ended) = channel();
    let own: Arc<OnceLock<WeakCache<u64, Arc<()>>>> = Arc::default();
    let known = own.clone();
    let cache = Cache::builder()
        .max_capacity(10)
        .time_to_live(Duration::from_millis(20))
        .eviction_listener(move |&key: &u64, _: &Arc<()>, cause| {
            if key > 0 {
                return;
            }
            let cache = known.get().expect("set below").upgrade().expect("it lives");
            entered.send(()).unwrap();
            is_dropped.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            // The only handle now, in the maintenance thread.
            cache.insert(1, Arc::default());
            assert!(cache.invalidate(&1));
            let weak = cache.downgrade();
            drop(cache);
            assert!(weak.upgrade().is_none());
            ended.send(cause).unwrap();
        })
        .build();
    assert!(own.set(cache.downgrade()).is_ok());
    let value = Arc::new(());
    cache.insert(0, value.clone());
    is_in.recv_timeout(PATIENCE).unwrap();
    drop(cache);
    dropped.send(()).unwrap();
    assert_eq!(has_ended.recv_timeout(PATIENCE), Ok(RemovalCause::Expired));
    assert!(own.get().unwrap().upgrade().is_none());
    while Arc::strong_count(&value) > 1 {
        thread::yield_now();
    }
}

#[test]
fn upgrades_beside_the_end_of_the_cache() {
    for _ in 0..200 {
        let cache = Cache::new(10);
        cache.insert(1, Arc::new(1));
        let (weak, together) = (cache.downgrade(), Barrier::new(3));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    together.wait();
                    for cache in (0..20).map_while(|_| weak.upgrade()) {
                        assert_eq!(cache.get(&1).as_deref(), Some(&1));
                    }
                });
            }
            together.wait();
            drop(cache);
        });
        assert!(weak.upgrade().is_none());
    }
}
