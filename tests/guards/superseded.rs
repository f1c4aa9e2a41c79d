//! A write of the key wins over a guard that was given out before.

use super::*;
use common::validate;
use larder::ops::compute::Op;

type Write = fn(&Numbers);

/// What supersedes a load of an absent key, and what is there then.
const WRITES: &[(&str, Write, Option<u32>)] = &[
    ("insert", |cache| cache.insert(KEY, 2), Some(2)),
    ("insert_with_ttl", |cache| cache.insert_with_ttl(KEY, 2, SECOND), Some(2)),
    ("insert_tagged", |cache| cache.insert_tagged(KEY, 2, ["a"]).unwrap(), Some(2)),
    ("insert_many", |cache| cache.insert_many([(KEY, 2)]), Some(2)),
    ("add", |cache| assert!(cache.add(KEY, 2)), Some(2)),
    ("remove", |cache| assert_eq!(cache.remove(&KEY), None), None),
    ("invalidate", |cache| assert!(!cache.invalidate(&KEY)), None),
    ("invalidate_all", Cache::invalidate_all, None),
    ("invalidate_tag", |cache| cache.invalidate_tag("of nothing"), None),
    ("invalidate_entries_if", |cache| _ = cache.invalidate_entries_if(|_, _| false), None),
    ("and_compute_with", |cache| _ = cache.entry(KEY).and_compute_with(|_| Op::Put(2)), Some(2)),
];

#[test]
fn whatever_writes_the_key_wins() {
    for (name, write, left) in WRITES {
        let cache = cache();
        let leader = guard(&cache);
        assert!(!leader.is_superseded(), "{name}");
        let before = waiting(&cache);
        write(&cache);
        assert!(leader.is_superseded(), "{name}");
        let mut after = Task::new(cache.get_or_guard_async(KEY));
        match (after.poll().expect("it does not wait for what is superseded"), *left) {
            (Ok(value), Some(left)) => assert_eq!(value, left, "{name}"),
            (Err(other), None) => drop(other),
            (found, _) => panic!("{name}: {found:?}"),
        }
        assert_eq!(leader.insert(1), LoadOutcome::Superseded, "{name}");
        assert_eq!(cache.get(&KEY), *left, "{name}");
        assert_eq!(before.end().expect("it asked before the write"), 1, "{name}");
        assert_eq!(cache.get(&KEY), *left, "{name}");
        validate(&cache);
    }
}

#[test]
fn who_asks_after_a_write_has_a_load_of_its_own() {
    let cache = cache();
    let first = guard(&cache);
    cache.invalidate(&KEY);
    let second = guard(&cache);
    let mine = waiting(&cache);
    assert_eq!(first.insert(1), LoadOutcome::Superseded);
    assert_eq!((mine.woken(), cache.get(&KEY)), (0, None));
    stored(second, 2);
    assert_eq!((mine.end().unwrap(), cache.get(&KEY)), (2, Some(2)));
    validate(&cache);
}

/// Who waits starts anew when the guard is dropped: nobody is to load beside a second guard.
#[test]
fn a_superseded_guard_that_is_dropped_leaves_the_load_to_one() {
    let cache = cache();
    let first = guard(&cache);
    let (mut mine, mut other) = (waiting(&cache), waiting(&cache));
    cache.invalidate(&KEY);
    drop(first);
    assert_eq!(mine.woken() + other.woken(), 1, "one is enough to begin with");
    let found = [mine.poll(), other.poll()];
    let mut guards = found.into_iter().flatten().map(Result::unwrap_err);
    let leader = guards.next().expect("one of them leads");
    assert!(guards.next().is_none(), "two lead");
    drop(guards);
    stored(leader, 2);
    assert_eq!(cache.get(&KEY), Some(2));
    validate(&cache);
}

#[test]
fn who_waits_finds_what_was_written_when_the_guard_is_dropped() {
    let cache = cache();
    let first = guard(&cache);
    let mine = waiting(&cache);
    cache.insert(KEY, 2);
    drop(first);
    assert_eq!(mine.end().expect("there is a value"), 2);
    assert!(cache.get_or_guard(KEY).is_ok(), "the load is over");
    validate(&cache);
}

#[test]
fn a_write_of_another_key_is_nothing_to_a_guard() {
    let cache = cache();
    let leader = guard(&cache);
    cache.insert(KEY + 1, 2);
    cache.invalidate(&(KEY + 2));
    assert!(!leader.is_superseded());
    stored(leader, 1);
    assert_eq!(cache.get(&KEY), Some(1));
}
