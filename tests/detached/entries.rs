//! Entries and views whose values are loaded by tasks.

use super::*;

#[cfg(feature = "manager")]
#[test]
fn views_have_the_spawner_of_their_manager() {
    use larder::manager::{CacheKind, CacheManager, CacheSettings};

    let runtime = Runtime::default();
    let spawned = Arc::clone(&runtime.0);
    let manager =
        CacheManager::builder().spawner(move |task| spawned.lock().unwrap().push(task)).build();
    let created = manager.create("later", CacheSettings::new(10)).unwrap();
    for view in [manager.view::<u32>(CacheKind::User), created.view::<u32>()] {
        let mut call = Box::pin(view.get_with_detached("a", ready(1)));
        assert_eq!(poll(&mut call), None);
        drop(call);
        runtime.run();
        assert_eq!((view.get("a"), runtime.tasks()), (Some(1), 0));
        assert_eq!(at_once(view.get_with_detached("a", unneeded())), 1);
        let mut failing = Box::pin(view.try_get_with_detached("b", ready(Err::<u32, _>("down"))));
        assert!(poll(&mut failing).is_none());
        let mut absent = Box::pin(view.optionally_get_with_detached("c", ready(None)));
        assert!(poll(&mut absent).is_none());
        runtime.run();
        assert_eq!(*poll(&mut failing).unwrap().unwrap_err(), "down");
        assert_eq!(poll(&mut absent), Some(None));
        // What is loaded for a version of a namespace is not found in the next.
        let mut before = Box::pin(view.get_with_detached("d", ready(4)));
        assert!(poll(&mut before).is_none());
        view.clear();
        runtime.run();
        assert_eq!((poll(&mut before), view.get("d")), (Some(4), None));
    }
    let panic = panic_of(|| {
        drop(CacheManager::new().view::<u32>(CacheKind::User).get_with_detached("a", ready(1)));
    });
    assert!(panic.unwrap().contains("spawner"));
}

#[test]
fn an_entry_is_loaded_by_a_task_and_says_who_has_brought_it() {
    let runtime = Runtime::default();
    let cache = runtime.cache();
    let (result, load) = oneshot::channel();
    let mut own = Box::pin(cache.entry(1).or_insert_with_detached(async { load.await.unwrap() }));
    let mut other = Box::pin(cache.entry_by_ref(&1).or_insert_with_detached(unneeded()));
    assert!(poll(&mut own).is_none() && poll(&mut other).is_none());
    runtime.run();
    result.send(7).unwrap();
    runtime.run();
    let entries = [poll(&mut own).unwrap(), poll(&mut other).unwrap()];
    assert_eq!(entries.each_ref().map(|entry| (*entry.key(), *entry.value())), [(1, 7); 2]);
    assert_eq!(entries.map(|entry| entry.is_fresh()), [true, false]);
    let found = at_once(cache.entry(1).or_insert_with_detached(unneeded()));
    assert_eq!((found.is_fresh(), found.into_value(), runtime.tasks()), (false, 7, 0));
    validate(&cache);
}

#[test]
fn the_load_of_an_entry_goes_on_without_its_caller_or_in_place_without_its_task() {
    let runtime = Runtime::default();
    let cache = runtime.cache();
    let mut gone = Box::pin(cache.entry(1).or_insert_with_detached(ready(7)));
    assert!(poll(&mut gone).is_none());
    drop(gone);
    runtime.run();
    assert_eq!(cache.get(&1), Some(7));

    let mut kept = Box::pin(cache.entry(2).or_insert_with_detached(ready(8)));
    assert!(poll(&mut kept).is_none());
    runtime.shut_down();
    let entry = poll(&mut kept).unwrap();
    assert_eq!((entry.is_fresh(), entry.into_value(), cache.get(&2)), (true, 8, Some(8)));
    validate(&cache);
}

#[test]
fn entries_that_may_come_to_nothing_are_loaded_by_tasks() {
    let cache = threaded();
    block_on(async {
        let parse = |text: &'static str| {
            cache
                .entry(text.len() as u32)
                .or_try_insert_with_detached(async { text.parse::<u32>() })
        };
        let entry = parse("12").await.unwrap();
        assert_eq!((*entry.key(), entry.is_fresh(), entry.into_value()), (2, true, 12));
        assert!(parse("").await.is_err());
        let some = cache.entry(3).or_optionally_insert_with_detached(ready(Some(3))).await.unwrap();
        assert_eq!((some.is_fresh(), some.into_value()), (true, 3));
        assert!(cache.entry(4).or_optionally_insert_with_detached(ready(None)).await.is_none());
    });
    let mut keys: Vec<_> = cache.keys().collect();
    keys.sort_unstable();
    assert_eq!((keys, cache.stats().load_failures), (vec![2, 3], 1));
    let without = builder().build();
    let panic = panic_of(|| drop(without.entry(1).or_insert_with_detached(ready(7))));
    assert!(panic.unwrap().contains("say `.spawner(..)` to its builder"));
    validate(&cache);
}

#[cfg(feature = "manager")]
#[test]
fn entries_of_views_are_loaded_by_tasks() {
    use larder::manager::{CacheKind, CacheManager};

    let runtime = Runtime::default();
    let spawned = Arc::clone(&runtime.0);
    let spawn = move |task| spawned.lock().unwrap().push(task);
    let view = CacheManager::builder().spawner(spawn).build().view::<u32>(CacheKind::General);
    let mut own = Box::pin(view.entry("a").or_insert_with_detached(ready(7)));
    let mut other = Box::pin(view.entry("a").or_insert_with_detached(unneeded()));
    let mut gone = Box::pin(view.entry("b").or_try_insert_with_detached(ready(Ok::<_, ()>(8))));
    let mut failing =
        Box::pin(view.entry("c").or_try_insert_with_detached(ready(Err::<u32, _>(9))));
    let mut none = Box::pin(view.entry("d").or_optionally_insert_with_detached(ready(None)));
    assert!(poll(&mut own).is_none() && poll(&mut other).is_none() && poll(&mut gone).is_none());
    assert!(poll(&mut failing).is_none() && poll(&mut none).is_none());
    drop(gone);
    runtime.run();
    let entries = [poll(&mut own).unwrap(), poll(&mut other).unwrap()];
    assert_eq!(entries.each_ref().map(|entry| entry.is_fresh()), [true, false]);
    assert!(entries.iter().all(|entry| entry.key() == "a" && *entry.value() == 7));
    assert_eq!((view.get("b"), *poll(&mut failing).unwrap().unwrap_err()), (Some(8), 9));
    assert!(poll(&mut none).unwrap().is_none());
    let without = CacheManager::new().view::<u32>(CacheKind::General);
    let panic = panic_of(|| drop(without.entry("a").or_insert_with_detached(ready(7))));
    assert!(panic.unwrap().contains("needs a spawner"));
}
