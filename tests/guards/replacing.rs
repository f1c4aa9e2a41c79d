//! Guards over values that are there and were not accepted.

use super::*;
use common::validate;
use futures::executor::block_on;

/// A cache with a value, and a guard to replace it.
fn replacing(cache: &Numbers) -> Guard {
    cache.insert(KEY, 1);
    let leader = cache.get_or_guard_if(KEY, |value| *value > 1).unwrap_err();
    assert_eq!(leader.old_value(), Some(&1));
    leader
}

#[test]
fn what_is_accepted_is_returned() {
    let cache = cache();
    cache.insert(KEY, 1);
    assert_eq!(cache.get_or_guard_if(KEY, |value| *value == 1).unwrap(), 1);
    assert_eq!(block_on(cache.get_or_guard_if_async(KEY, |value| *value == 1)).unwrap(), 1);
    assert!(block_on(cache.get_or_guard_if_async(KEY, |value| *value == 2)).is_err());
    assert_eq!((cache.stats().hits, cache.stats().misses), (3, 0));
}

#[test]
fn others_find_the_old_value_until_it_is_replaced() {
    let cache = cache();
    let leader = replacing(&cache);
    assert_eq!((cache.get(&KEY), cache.get_with(KEY, || unreachable!())), (Some(1), 1));
    assert_eq!(cache.get_or_guard(KEY).unwrap(), 1);
    assert_eq!(cache.get_or_guard_if(KEY, |value| *value == 1).unwrap(), 1);
    let mine = Task::new(cache.get_or_guard_if_async(KEY, |value| *value > 1)).waiting();
    stored(leader, 2);
    assert_eq!((mine.end().unwrap(), cache.get(&KEY)), (2, Some(2)));
    let stats = cache.stats();
    assert_eq!((stats.loads, stats.refreshes, stats.refresh_failures), (1, 1, 0));
    assert_eq!((stats.inserts, stats.updates), (1, 1));
    validate(&cache);
}

#[test]
fn the_old_value_stays_if_the_guard_is_dropped() {
    let cache = cache();
    let leader = replacing(&cache);
    let mine = Task::new(cache.get_or_guard_if_async(KEY, |value| *value > 1)).waiting();
    drop(leader);
    assert_eq!(cache.get(&KEY), Some(1));
    let next = mine.end().unwrap_err();
    assert_eq!(next.old_value(), Some(&1));
    drop(next);
    assert_eq!(cache.get(&KEY), Some(1));
    assert_eq!((cache.stats().loads, cache.stats().refresh_failures), (0, 2));
    validate(&cache);
}

#[test]
fn who_waits_accepts_whatever_is_brought() {
    let cache = cache();
    let leader = replacing(&cache);
    let mine = Task::new(cache.get_or_guard_if_async(KEY, |value| *value > 9)).waiting();
    stored(leader, 2);
    assert_eq!(mine.end().unwrap(), 2);
}

#[test]
fn a_removal_of_the_old_value_is_final() {
    let cache = cache();
    let leader = replacing(&cache);
    assert_eq!(cache.remove(&KEY), Some(1));
    assert_eq!(leader.insert(2), LoadOutcome::Superseded);
    assert_eq!(cache.get(&KEY), None);

    let leader = replacing(&cache);
    cache.invalidate_all();
    let after = cache.get_or_guard_if(KEY, |_| false).unwrap_err();
    assert_eq!(after.old_value(), None, "it is gone");
    assert_eq!(leader.insert(2), LoadOutcome::Superseded);
    assert_eq!(cache.get(&KEY), None);
    stored(after, 3);
    assert_eq!(cache.get(&KEY), Some(3));
    validate(&cache);
}

#[test]
fn a_newer_value_stays() {
    let cache = cache();
    let leader = replacing(&cache);
    cache.insert(KEY, 5);
    assert_eq!(leader.insert(2), LoadOutcome::Superseded);
    assert_eq!(cache.get(&KEY), Some(5));
    validate(&cache);
}

#[test]
fn an_invalidated_tag_of_the_old_value_is_final() {
    let cache = cache();
    cache.insert_tagged(KEY, 1, ["a"]).unwrap();
    let leader = cache.get_or_guard_if(KEY, |_| false).unwrap_err();
    cache.invalidate_tag("a");
    assert_eq!(leader.insert_tagged(2, ["a"]), Ok(LoadOutcome::Superseded));
    assert_eq!(cache.get(&KEY), None);
    validate(&cache);
}

/// Tags are the entry's: what replaces it brings its own.
#[test]
fn what_replaces_an_entry_has_its_own_tags_and_time() {
    let (cache, clock) = timed();
    cache.insert_tagged_with_ttl(KEY, 1, ["a"], 5 * SECOND).unwrap();
    clock.advance(SECOND);
    let leader = cache.get_or_guard_if(KEY, |_| false).unwrap_err();
    assert_eq!(leader.insert_tagged(2, ["b"]), Ok(LoadOutcome::Stored));
    assert_eq!(cache.ttl(&KEY), Some(10 * SECOND));
    cache.invalidate_tag("a");
    assert_eq!(cache.get(&KEY), Some(2));
    cache.invalidate_tag("b");
    assert_eq!(cache.get(&KEY), None);
    validate(&cache);
}

#[test]
fn what_expires_under_a_guard_is_stored_all_the_same() {
    let (cache, clock) = timed();
    let leader = replacing(&cache);
    clock.advance(10 * SECOND);
    assert_eq!(cache.get(&KEY), None);
    let mine = waiting(&cache);
    let loader = Task::new(cache.get_with_async(KEY, async { unreachable!() })).waiting();
    stored(leader, 2);
    assert_eq!((mine.end().unwrap(), loader.end(), cache.get(&KEY)), (2, 2, Some(2)));
    validate(&cache);
}

#[test]
fn what_is_evicted_under_a_guard_is_stored_all_the_same() {
    let cache = Numbers::new(1);
    let leader = replacing(&cache);
    let others = KEY + 1..KEY + 100;
    others.for_each(|key| cache.insert(key, 0));
    assert_eq!(cache.peek(&KEY), None);
    stored(leader, 2);
    // The policy may decide against it when it is there.
    assert!(cache.entry_count() <= 1);
    validate(&cache);
}

#[test]
fn who_comes_to_lead_looks_again() {
    let cache = cache();
    let first = guard(&cache);
    let mine = Task::new(cache.get_or_guard_if_async(KEY, |value| *value > 1)).waiting();
    let other = Task::new(cache.get_or_guard_if_async(KEY, |value| *value > 5)).waiting();
    cache.insert(KEY, 2);
    drop(first);
    assert_eq!(mine.end().expect("accepted"), 2);
    let leader = other.end().expect_err("not accepted");
    assert_eq!(leader.old_value(), Some(&2));
    stored(leader, 6);
    assert_eq!(cache.get(&KEY), Some(6));
    validate(&cache);
}

#[test]
fn a_value_that_is_refreshed_early_may_be_replaced_by_a_guard() {
    let clock = ManualClock::new();
    let cache: Numbers = Cache::builder()
        .max_capacity(100)
        .clock(&clock)
        .maintenance(Maintenance::Manual)
        .time_to_live(10 * SECOND)
        .early_refresh(1e15)
        .build();
    let leader = guard(&cache);
    clock.advance(SECOND);
    stored(leader, 1);
    let leader = guard(&cache);
    assert_eq!((leader.old_value(), cache.get_or_guard(KEY).unwrap()), (Some(&1), 1));
    stored(leader, 2);
    assert_eq!((cache.get(&KEY), cache.stats().refreshes), (Some(2), 1));
    validate(&cache);
}

/// A refresh in the background that has not begun is the guard's to make.
#[test]
fn a_guard_comes_before_an_errand_that_waits_for_its_executor() {
    let clock = ManualClock::new();
    let jobs = Arc::new(std::sync::Mutex::new(Vec::new()));
    let queue = Arc::clone(&jobs);
    let cache: Numbers = Cache::builder()
        .max_capacity(100)
        .clock(&clock)
        .maintenance(Maintenance::Manual)
        .refresh_executor(move |job| queue.lock().unwrap().push(job))
        .refresh_after(SECOND, |_: &u32| Some(9))
        .build();
    cache.insert(KEY, 1);
    clock.advance(SECOND);
    let leader = cache.get_or_guard_if(KEY, |value| *value > 1).unwrap_err();
    let jobs = std::mem::take(&mut *jobs.lock().unwrap());
    assert_eq!(jobs.len(), 1, "the lookup has sent a refresh job");
    jobs.into_iter().for_each(|job| job());
    assert_eq!(cache.get(&KEY), Some(1), "the refresh job finds its work taken");
    stored(leader, 2);
    assert_eq!(cache.get(&KEY), Some(2));
    validate(&cache);
}
