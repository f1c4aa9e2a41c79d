//! All of it at once.

use super::*;

/// Threads that change the source of values, invalidate, load alone and in batches, while others
/// run the refreshes: whoever has invalidated sees no value from before, and nothing is leaked.
#[test]
fn no_refresh_brings_back_what_was_invalidated() {
    const KEYS: u64 = 8;
    const ROUNDS: u64 = 4_000;
    let _alone = common::alone();
    let (clock, jobs, census) = (ManualClock::new(), Jobs::default(), common::Census::default());
    let versions: Arc<[AtomicU64; KEYS as usize]> = Arc::default();
    let load = {
        let (versions, census) = (versions.clone(), census.clone());
        move |key: u64| census.value(versions[key as usize].load(SeqCst))
    };
    let refresh = load.clone();
    let cache: Cache<u64, common::Counted> = Cache::builder()
        .max_capacity(100)
        .clock(&clock)
        .maintenance(Maintenance::Manual)
        .refresh_after(MILLI, move |&key: &u64| key.is_multiple_of(3).then(|| refresh(key)))
        .refresh_executor(jobs.executor())
        .build();
    let working = AtomicU64::new(3);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for _ in 0..2 {
            threads.push(scope.spawn(|| {
                while working.load(SeqCst) > 0 {
                    let job = jobs.0.lock().unwrap().pop_front();
                    job.map_or_else(thread::yield_now, |job| job());
                }
            }));
        }
        for thread in 0..3 {
            let (cache, clock, versions, load, working) =
                (&cache, &clock, &versions, &load, &working);
            threads.push(scope.spawn(move || {
                for round in 0..ROUNDS {
                    let key = (round * 5 + thread) % KEYS;
                    clock.advance(MILLI);
                    if round % 3 == 0 {
                        let version = versions[key as usize].fetch_add(1, SeqCst) + 1;
                        cache.invalidate(&key);
                        assert!(cache.get_with(key, || load(key)).id() >= version);
                    } else if round % 3 == 1 {
                        let keys = [key, (key + 1) % KEYS, (key + 3) % KEYS];
                        let load_all = |keys: &[u64]| {
                            keys.iter().map(|&key| (key, load(key))).collect::<Vec<_>>()
                        };
                        assert!(cache.get_many_with(keys, load_all).iter().all(Option::is_some));
                    } else {
                        drop(cache.get_with(key, || load(key)));
                    }
                }
                working.fetch_sub(1, SeqCst);
            }));
        }
        common::join(threads);
    });
    while jobs.count() > 0 {
        jobs.take()();
    }
    let stats = cache.stats();
    assert!(stats.refreshes > stats.refresh_failures && stats.refresh_failures > 0, "{stats:?}");
    common::settle(&cache, &census);
}

#[test]
fn what_replaces_a_tagged_value_has_its_tags() {
    let (cache, clock, jobs) = refreshing();
    cache.insert_tagged(1, 1, ["news", "user 7"]).unwrap();
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 1);
    jobs.run();
    assert_eq!((cache.get(&1), cache.metadata(&1).unwrap().tags), (Some(100), 2));
    cache.invalidate_tag("user 7");
    assert_eq!(cache.get(&1), None);
    validate(&cache);
}
