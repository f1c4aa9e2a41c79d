//! Those who wait: in which order they lead, and that none is forgotten.

use super::*;
use common::validate;

#[test]
fn a_guard_that_is_dropped_passes_the_load_on_to_one_after_the_other() {
    let cache = cache();
    let mut leader = guard(&cache);
    let mut tasks: Vec<_> = (0..3).map(|_| waiting(&cache)).collect();
    while !tasks.is_empty() {
        drop(leader);
        let woken: Vec<_> = tasks.iter().map(Task::woken).collect();
        assert_eq!(woken.iter().sum::<u32>(), 1, "{woken:?}");
        let next = woken.iter().position(|woken| *woken == 1).unwrap();
        leader = tasks.remove(next).end().unwrap_err();
        assert!(tasks.iter_mut().all(|task| task.poll().is_none()), "two lead");
    }
    stored(leader, 7);
    assert_eq!(cache.stats().loads, 1);
    validate(&cache);
}

#[test]
fn a_loader_runs_when_the_guard_that_it_waits_for_is_dropped() {
    let cache = cache();
    let leader = guard(&cache);
    let loader = Task::new(cache.get_with_async(KEY, async { 7 })).waiting();
    drop(leader);
    assert_eq!((loader.end(), cache.get(&KEY)), (7, Some(7)));
    validate(&cache);
}

/// To poll once and drop is to try.
#[test]
fn a_single_poll_leaves_no_trace() {
    let cache = cache();
    let leader = guard(&cache);
    let try_once = || Task::new(cache.get_or_guard_async(KEY)).poll();
    assert!(try_once().is_none());
    let mine = waiting(&cache);
    assert!(try_once().is_none());
    drop(leader);
    assert_eq!(mine.woken(), 1, "the lead was offered to one that is gone");
    let leader = mine.end().unwrap_err();
    assert!(try_once().is_none());
    stored(leader, 7);
    assert_eq!(try_once().expect("it is there").unwrap(), 7);
    validate(&cache);
}

#[test]
fn one_that_is_dropped_when_it_is_its_turn_passes_the_turn_on() {
    let cache = cache();
    let leader = guard(&cache);
    let (mine, other) = (waiting(&cache), waiting(&cache));
    drop(leader);
    let (gone, next) = if mine.woken() == 1 { (mine, other) } else { (other, mine) };
    assert_eq!((gone.woken(), next.woken()), (1, 0));
    drop(gone);
    stored(next.end().unwrap_err(), 7);
    assert_eq!(cache.get(&KEY), Some(7));
    validate(&cache);
}

#[test]
fn with_nobody_waiting_any_more_the_next_caller_leads() {
    let cache = cache();
    let leader = guard(&cache);
    let tasks = [waiting(&cache), waiting(&cache)];
    drop(leader);
    drop(tasks);
    stored(guard(&cache), 7);
    let leader = cache.get_or_guard_if(KEY, |_| false).unwrap_err();
    let tasks = [(); 2].map(|()| Task::new(cache.get_or_guard_if_async(KEY, |_| false)).waiting());
    drop(tasks);
    stored(leader, 8);
    assert_eq!(cache.get(&KEY), Some(8));
    validate(&cache);
}

#[test]
fn what_is_never_polled_does_nothing() {
    let cache = cache();
    drop(cache.get_or_guard_async(KEY));
    assert_eq!(cache.stats().misses, 0);
    stored(guard(&cache), 7);
}

/// The first poll of one that finds nobody loading is all that it takes.
#[test]
fn a_future_that_need_not_wait_is_ready_at_once() {
    let cache = cache();
    let leader = Task::new(cache.get_or_guard_async(KEY)).poll().expect("nobody loads");
    stored(leader.unwrap_err(), 7);
    assert_eq!(Task::new(cache.get_or_guard_async(KEY)).poll().unwrap().unwrap(), 7);
    let refused = Task::new(cache.get_or_guard_if_async(KEY, |_| false)).poll();
    assert!(refused.expect("nobody loads").is_err());
}

#[test]
fn a_predicate_that_panics_leaves_the_load_to_the_next() {
    let cache = cache();
    let leader = guard(&cache);
    let panicking = |_: &u32| panic!("no opinion");
    let mut mine = Task::new(cache.get_or_guard_if_async(KEY, panicking)).waiting();
    let other = waiting(&cache);
    cache.insert(KEY, 7);
    drop(leader);
    assert_eq!(common::panic_of(|| mine.poll()).unwrap(), "no opinion");
    drop(mine);
    assert_eq!(other.end().expect("it is there"), 7);
    assert_eq!(common::panic_of(|| cache.get_or_guard_if(KEY, panicking)).unwrap(), "no opinion");
    drop(cache.get_or_guard_if(KEY, |_| false).unwrap_err());
    validate(&cache);
}
