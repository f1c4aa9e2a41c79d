//! Several keys in one call.

use super::{early::nearly_expired, *};

#[test]
fn a_batch_loads_what_is_absent_in_one_call() {
    let cache: Cache<u64, u64> = Cache::new(100);
    cache.insert(3, 30);
    let calls = Cell::new(0);
    let found = cache.get_many_with([5, 3, 1, 5, 9, 1, 3], |absent| {
        calls.set(calls.get() + 1);
        assert_eq!(absent, [5, 1, 9]);
        HashMap::from([(1, 10), (5, 50), (77, 770)])
    });
    let expected = [Some(50), Some(30), Some(10), Some(50), None, Some(10), Some(30)];
    assert_eq!((found.as_slice(), calls.get()), (&expected[..], 1));
    assert_eq!((cache.get(&77), cache.get(&9), cache.entry_count()), (None, None, 3));
    assert_eq!(cache.get_many_with([5, 1], |_| -> Vec<_> { unreachable!() }), [Some(50), Some(10)]);
    assert_eq!((cache.stats().loads, cache.stats().inserts), (1, 3));
    assert!(cache.get_many_with([], |_| -> Vec<_> { unreachable!() }).is_empty());
    validate(&cache);
}

#[test]
fn overlapping_batches_do_not_wait_for_each_other() {
    let cache: Cache<u64, u64> = Cache::new(100);
    let both = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        // Each leads one key when the other comes for it.
        let threads: Vec<_> = [[1, 2, 3], [3, 2, 4]]
            .into_iter()
            .map(|keys| {
                let (cache, both) = (&cache, &both);
                scope.spawn(move || {
                    let mut first = true;
                    cache.get_many_with(keys, |absent| {
                        if std::mem::take(&mut first) {
                            both.wait();
                        }
                        absent.iter().map(|key| (*key, key * 10)).collect::<Vec<_>>()
                    })
                })
            })
            .collect();
        let found: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(found[0], [Some(10), Some(20), Some(30)]);
        assert_eq!(found[1], [Some(30), Some(20), Some(40)]);
    });
    assert_eq!((cache.stats().inserts, cache.stats().loads), (4, 2));
    validate(&cache);
}

#[test]
fn a_batch_shares_the_loads_of_others_and_takes_them_over() {
    let cache: Cache<u64, u64> = Cache::new(100);
    let pending = || Box::pin(cache.get_with_async(1, std::future::pending()));
    let mut leader = pending();
    assert!(leader.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let calls = Cell::new(0);
    let mut batch = Box::pin(cache.get_many_with_async([1, 2], async |absent: &[u64]| {
        calls.set(calls.get() + 1);
        absent.iter().map(|key| (*key, key * 10)).collect::<Vec<_>>()
    }));
    let mut poll = || batch.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    assert_eq!((calls.get(), cache.get(&2)), (1, Some(20)), "its own have landed");
    drop(leader);
    assert_eq!((poll(), calls.get()), (Poll::Ready(vec![Some(10), Some(20)]), 2));
    assert_eq!(cache.get(&1), Some(10));
    validate(&cache);
}

#[test]
fn a_batch_refreshes_what_is_old_along_with_what_is_absent() {
    let (cache, clock) = nearly_expired();
    let found = cache.get_many_with([3, 1], |keys| {
        let mut keys = keys.to_vec();
        keys.sort();
        assert_eq!(keys, [1, 3]);
        [(3, 30)]
    });
    assert_eq!((found, refreshes(&cache)), (vec![Some(30), Some(1)], (1, 1)));
    clock.advance(SECOND);
    let found = cache.get_many_with([1, 1], |keys| {
        assert_eq!(keys, [1]);
        [(1, 10)]
    });
    assert_eq!((found, refreshes(&cache)), (vec![Some(10), Some(1)], (2, 1)));
    assert_eq!((cache.peek(&1), cache.peek(&3)), (Some(10), Some(30)));
    validate(&cache);
}

#[test]
fn the_future_of_a_batch_may_be_sent() {
    let cache: Cache<u64, u64> = Cache::new(100);
    let batch = async move { cache.get_many_with_async([1], async |_: &[u64]| [(1, 10)]).await };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    assert_eq!(runtime.block_on(runtime.spawn(batch)).unwrap(), [Some(10)]);
}

#[test]
fn a_batch_whose_loader_panics_leaves_nothing_behind() {
    let cache: Cache<u64, u64> = Cache::new(100);
    let panics = |_: &[u64]| -> Vec<(u64, u64)> { panic!("no") };
    assert_eq!(panic_of(|| cache.get_many_with([1, 2, 3], panics)).as_deref(), Some("no"));
    let recursive = |_: &[u64]| [(1, cache.get_with(2, || 2))];
    assert!(panic_of(|| cache.get_many_with([1, 2], recursive)).unwrap().contains("recursive"));
    assert_eq!((cache.entry_count(), cache.stats().load_failures), (0, 2));
    assert_eq!(cache.get_with(1, || 1), 1);
    validate(&cache);
}

#[test]
fn a_write_during_a_batch_wins_for_its_key() {
    let cache: Cache<u64, u64> = Cache::new(100);
    let found = cache.get_many_with([1, 2], |_| {
        cache.insert(2, 22);
        [(1, 10), (2, 20)]
    });
    assert_eq!(found, [Some(10), Some(20)]);
    assert_eq!((cache.get(&1), cache.get(&2)), (Some(10), Some(22)));
}

#[test]
fn a_lazy_iterator_is_part_of_the_load() {
    let cache: Cache<u64, u64> = Cache::new(100);
    let recursive = || {
        cache.get_many_with([1, 2], |absent| {
            let cache = cache.clone();
            let absent = absent.to_vec();
            absent.into_iter().map(move |key| (key, cache.get_with(key, || 7)))
        })
    };
    assert!(panic_of(recursive).is_some_and(|text| text.contains("recursive load")));
    let recursive = cache.get_many_with_async([1, 2], async |absent: &[u64]| {
        let cache = cache.clone();
        let absent = absent.to_vec();
        absent.into_iter().map(move |key| (key, cache.get_with(key, || 7)))
    });
    let block_on = || futures::executor::block_on(recursive);
    assert!(panic_of(block_on).is_some_and(|text| text.contains("recursive load")));
    assert_eq!((cache.stats().loads, cache.stats().load_failures), (2, 2));
    assert_eq!(cache.get_with(1, || 5), 5, "nobody waits for what has failed");
}

#[test]
fn the_iterator_of_keys_may_use_the_cache() {
    let (cache, clock) = nearly_expired();
    let keys = (1..3).inspect(|key| {
        if *key == 2 {
            // The first would be refreshed by the batch; now it has expired.
            clock.advance(10 * SECOND);
            assert_eq!(cache.get_with(1, || 9), 9);
        }
    });
    let found = cache.get_many_with(keys, |absent| [(absent[0], 5)]);
    assert_eq!(found, [Some(9), Some(5)]);
    validate(&cache);
}
