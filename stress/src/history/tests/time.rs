//! Loads, and entries that end.

use super::{evicting, history};
use crate::history::{
    Event, Millis, NEVER, Rules, Time, Verdict, Violation,
    What::{self, Added, Answered, Cleared, Hit, Inserted, Invalidated, Loaded, Miss, Touched},
    check,
};

const GOOD: Result<Verdict, Violation> = Ok(Verdict { unexplained_refusals: 0 });

/// What a caller leaves that loads a value: begin, begin and end of its loader, end.
fn load(id: u64, [begin, since, loaded, end]: [Time; 4]) -> [(Time, Time, What); 2] {
    [(begin, since, Miss), (loaded, end, Loaded { id, since })]
}

fn with_load(times: [Time; 4], others: &[(Time, Time, What)]) -> Vec<(Time, Time, What)> {
    load(1, times).iter().chain(others).copied().collect()
}

#[test]
fn a_load_stores_its_value_or_not() {
    let table = [
        &[(20, 21, Hit(1)), (22, 23, Answered(1))][..],
        &[(5, 6, Hit(1)), (20, 21, Hit(1))],
        &[(20, 21, Miss)],
        // A write came in between, and what it wrote is still there.
        &[(3, 4, Inserted(2)), (20, 21, Hit(2))],
        &[(5, 6, Inserted(2)), (20, 21, Hit(2))],
        &[(3, 4, Invalidated), (20, 21, Miss), (0, 1, Inserted(3))],
        // A write that began before the loader, or that has not ended.
        &[(1, 4, Inserted(2)), (20, 21, Hit(1))],
        &[(3, 30, Inserted(2)), (20, 21, Hit(1))],
        // Answered by the load while it was under way, whatever is in the cache.
        &[(3, 4, Inserted(2)), (1, 9, Answered(1)), (20, 21, Hit(2))],
    ];
    for others in table {
        let events = with_load([1, 2, 4, 10], others);
        assert_eq!(evicting(&events), GOOD, "{events:?}");
    }
}

#[test]
fn what_was_loaded_before_a_write_is_not_seen_after_it() {
    for write in [Inserted(2), Added(2), Cleared, What::NothingRemoved] {
        for seen in [Hit(1), Answered(1), What::Removed(1)] {
            let events = with_load([1, 2, 6, 10], &[(3, 4, write), (12, 13, seen)]);
            let expected = Violation::LoadedBeforeWrite(Event::new(12, 13, seen));
            assert_eq!(evicting(&events), Err(expected), "{write:?}");
        }
        // Nor may it be waited for, while the load is under way.
        let events = with_load([1, 2, 6, 10], &[(3, 4, write), (5, 11, Answered(1))]);
        let expected = Violation::LoadedBeforeWrite(Event::new(5, 11, Answered(1)));
        assert_eq!(evicting(&events), Err(expected), "{write:?}");
    }
}

#[test]
fn what_is_done_to_a_group_ends_the_loads_under_way() {
    for ended in [What::LoadsEnded, What::TagInvalidated, What::Culled] {
        let with = |[begin, end]: [Time; 2], found| {
            let events = [(begin, end, ended), (12, 13, found)];
            evicting(&with_load([1, 2, 6, 10], &events))
        };
        for found in [Hit(1), Answered(1)] {
            let expected = Violation::LoadedBeforeWrite(Event::new(12, 13, found));
            assert_eq!(with([3, 4], found), Err(expected), "{ended:?}");
            assert_eq!(with([1, 4], found), GOOD, "perhaps before the load");
            assert_eq!(with([7, 8], found), GOOD, "perhaps after it");
        }
    }
}

#[test]
fn what_was_loaded_is_a_value_like_others() {
    let events = with_load([1, 2, 4, 10], &[(12, 13, Hit(1)), (14, 15, Miss), (16, 17, Hit(1))]);
    let absence = Event::new(14, 15, Miss);
    assert_eq!(evicting(&events), Err(Violation::BackFromAbsence(1, absence)));
    // An answer that came after the load is a hit.
    let events = with_load([1, 2, 4, 10], &[(12, 13, Miss), (14, 15, Answered(1))]);
    assert_eq!(evicting(&events), Err(Violation::BackFromAbsence(1, Event::new(12, 13, Miss))));
    let early = with_load([1, 5, 6, 10], &[(2, 3, Hit(1))]);
    assert_eq!(evicting(&early), Err(Violation::FromTheFuture(Event::new(2, 3, Hit(1)))));
}

#[test]
fn where_loads_are_stored_they_do_not_get_lost() {
    let lost = Err(Violation::Lost(Event::new(20, 21, Miss)));
    for (others, expected) in [
        (&[][..], lost),
        (&[(0, 1, Cleared)], lost),
        (&[(3, 4, What::NothingRemoved)], GOOD),
        (&[(5, 30, Cleared)], GOOD),
        (&[(12, 13, Invalidated)], GOOD),
    ] {
        let mut events = history(&with_load([1, 2, 4, 10], others));
        events.push(Event::new(20, 21, Miss));
        assert_eq!(check(&events, Rules::Storing), expected, "{others:?}");
        assert_eq!(check(&events, Rules::Keeping), GOOD, "of another key with the same hash");
    }
}

/// Events with what time it was when they began, and till when a write or a touch made it live.
fn timed(events: &[(Time, Time, What, Millis, Millis)]) -> Result<Verdict, Violation> {
    let event = |&(begin, end, what, now, until)| Event { begin, end, what, now, until };
    check(&events.iter().map(event).collect::<Vec<_>>(), Rules::Evicting)
}

#[test]
fn no_value_is_found_whose_end_had_come() {
    for found in [Hit(1), Answered(1), What::Removed(1)] {
        let hit = |now| timed(&[(1, 2, Inserted(1), 0, 50), (3, 4, found, now, NEVER)]);
        assert_eq!(hit(49), GOOD);
        let event = Event { now: 50, ..Event::new(3, 4, found) };
        assert_eq!(hit(50), Err(Violation::Expired(event)));
    }
    let loaded = Loaded { id: 1, since: 1 };
    let hit = Event { now: 50, ..Event::new(5, 6, Hit(1)) };
    let events = [(2, 3, loaded, 0, 50), (5, 6, Hit(1), 50, NEVER)];
    assert_eq!(timed(&events), Err(Violation::Expired(hit)));
}

#[test]
fn touches_give_another_end() {
    let hit = (20, 21, Hit(1), 50, NEVER);
    let expired = Err(Violation::Expired(Event { now: 50, ..Event::new(20, 21, Hit(1)) }));
    let table = [
        (&[(3, 4, Touched, 0, 51)][..], GOOD),
        (&[(3, 4, Touched, 0, 50)], expired),
        // The later of two counts, or either, if they overlap.
        (&[(3, 4, Touched, 0, 90), (5, 6, Touched, 0, 40)], expired),
        (&[(3, 4, Touched, 0, 40), (5, 6, Touched, 0, 90)], GOOD),
        (&[(3, 6, Touched, 0, 90), (5, 7, Touched, 0, 40)], GOOD),
        (&[(3, 15, Touched, 0, 90), (5, 7, Touched, 0, 40)], GOOD),
        // One that overlaps the hit.
        (&[(5, 7, Touched, 0, 40), (19, 30, Touched, 0, 90)], GOOD),
        (&[(5, 7, Touched, 0, 40), (22, 30, Touched, 0, 90)], expired),
    ];
    for (touches, expected) in table {
        for until in [30, NEVER] {
            let write = (1, 2, Inserted(1), 0, until);
            let events: Vec<_> = [write].iter().chain(touches).chain([&hit]).copied().collect();
            assert_eq!(timed(&events), expected, "{events:?}");
        }
    }
    // Of the value before this one.
    let before = [(1, 2, Inserted(2), 0, 10), (3, 4, Touched, 0, 90), (5, 6, Inserted(1), 0, 30)];
    let events: Vec<_> = before.iter().chain([&hit]).copied().collect();
    assert_eq!(timed(&events), expired);
    // Something has to be there to be touched.
    let nothing = Event::new(1, 2, Touched);
    assert_eq!(evicting(&[(1, 2, Touched)]), Err(Violation::NothingToFind(nothing)));
}
