//! Histories written by hand, good and bad; and small random ones, compared with trying every
//! order.

mod computing;
mod every_order;
mod time;

use super::{Event, Rules, Time, Verdict, Violation, What, check};
use What::{
    Added, Cleared, Hit, Inserted, Invalidated, Miss, NothingRemoved, Present, Refused, Removed,
};

fn event(begin: Time, end: Time, what: What) -> Event {
    Event::new(begin, end, what)
}

fn history(events: &[(Time, Time, What)]) -> Vec<Event> {
    events.iter().map(|&(begin, end, what)| event(begin, end, what)).collect()
}

fn evicting(events: &[(Time, Time, What)]) -> Result<Verdict, Violation> {
    check(&history(events), Rules::Evicting)
}

fn keeping(events: &[(Time, Time, What)]) -> Result<Verdict, Violation> {
    check(&history(events), Rules::Keeping)
}

/// The verdict is the same from either end, and the same under both rules.
#[track_caller]
fn bad(events: &[(Time, Time, What)], violation: Violation) {
    let mut events = history(events);
    for rules in [Rules::Evicting, Rules::Keeping] {
        assert_eq!(check(&events, rules), Err(violation));
        events.reverse();
    }
}

#[test]
fn what_one_thread_sees_is_possible() {
    let one_thread = [
        (1, 2, Miss),
        (3, 4, Inserted(1)),
        (5, 6, Hit(1)),
        (7, 8, Refused),
        (9, 10, Inserted(2)),
        (11, 12, Hit(2)),
        (13, 14, Present),
        (15, 16, Removed(2)),
        (17, 18, Miss),
        (19, 20, NothingRemoved),
        (21, 22, Added(3)),
        (23, 24, Invalidated),
        (25, 26, Inserted(4)),
        (27, 28, Cleared),
        (29, 30, Miss),
    ];
    assert_eq!(evicting(&one_thread), Ok(Verdict::default()));
    assert_eq!(keeping(&one_thread), Ok(Verdict::default()));
    assert_eq!(evicting(&[]), Ok(Verdict::default()));
}

#[test]
fn operations_that_overlap_may_take_effect_in_either_order() {
    let table = [
        &[(1, 9, Inserted(1)), (2, 3, Miss), (4, 5, Hit(1)), (6, 7, Hit(1))][..],
        &[(1, 9, Inserted(1)), (2, 8, Inserted(2)), (10, 11, Hit(1))],
        &[(1, 9, Inserted(1)), (2, 8, Inserted(2)), (10, 11, Hit(2))],
        &[(1, 2, Inserted(1)), (3, 9, Inserted(2)), (4, 5, Hit(1)), (6, 7, Hit(2))],
        &[(1, 2, Inserted(1)), (3, 9, Removed(1)), (4, 5, Hit(1)), (6, 7, Miss)],
        &[(1, 2, Inserted(1)), (3, 9, Hit(1)), (4, 5, Inserted(2))],
        &[(1, 2, Inserted(1)), (3, 9, Cleared), (4, 5, Inserted(2)), (10, 11, Hit(2))],
        &[(1, 2, Inserted(1)), (3, 9, Cleared), (4, 5, Inserted(2)), (10, 11, Miss)],
        // A refused `add` before the value was there in full.
        &[(1, 9, Inserted(1)), (2, 3, Refused)],
        &[(1, 9, Inserted(1)), (2, 3, Removed(1)), (4, 5, Miss)],
    ];
    for events in table {
        assert_eq!(evicting(events), Ok(Verdict::default()), "{events:?}");
        assert_eq!(keeping(events), Ok(Verdict::default()), "{events:?}");
    }
}

#[test]
fn a_value_that_was_replaced_does_not_come_back() {
    bad(
        &[(1, 2, Inserted(1)), (3, 4, Inserted(2)), (5, 6, Hit(1))],
        Violation::BackFromReplacement(1, 2),
    );
    // The write of 1 has not ended, but it was seen.
    bad(
        &[(1, 9, Inserted(1)), (2, 3, Hit(1)), (4, 5, Inserted(2)), (6, 7, Hit(1))],
        Violation::BackFromReplacement(1, 2),
    );
    // Nobody but the reader of 2 tells that it came between.
    bad(
        &[(1, 2, Inserted(1)), (1, 9, Inserted(2)), (3, 4, Hit(2)), (5, 6, Hit(1))],
        Violation::BackFromReplacement(1, 2),
    );
}

#[test]
fn a_value_that_was_removed_does_not_come_back() {
    bad(
        &[(1, 2, Inserted(1)), (3, 4, Removed(1)), (5, 6, Hit(1))],
        Violation::AfterRemoval(event(5, 6, Hit(1))),
    );
    for (what, absent) in [
        ("invalidated", Invalidated),
        ("cleared", Cleared),
        ("missed, thus evicted", Miss),
        ("not there to be removed", NothingRemoved),
    ] {
        let events = history(&[(1, 2, Inserted(1)), (3, 4, absent), (5, 6, Hit(1))]);
        let expected = Violation::BackFromAbsence(1, event(3, 4, absent));
        assert_eq!(check(&events, Rules::Evicting), Err(expected), "{what}");
    }
}

#[test]
fn a_value_is_removed_once() {
    // Whichever comes second in the list.
    let twice = evicting(&[(1, 2, Inserted(1)), (3, 9, Removed(1)), (4, 8, Removed(1))]);
    assert_eq!(twice, Err(Violation::RemovedTwice(event(4, 8, Removed(1)))));
}

#[test]
fn two_values_are_not_there_at_a_time() {
    // No single operation is within the other's zone.
    bad(
        &[
            (1, 2, Inserted(1)),
            (1, 6, Inserted(2)),
            (3, 20, Hit(1)),
            (4, 5, Hit(2)),
            (7, 9, Hit(2)),
            (8, 21, Hit(1)),
        ],
        Violation::TwoValues(1, 2),
    );
}

#[test]
fn what_was_never_written_is_not_seen() {
    bad(&[(1, 2, Hit(1))], Violation::NeverWritten(event(1, 2, Hit(1))));
    bad(&[(1, 2, Hit(1)), (3, 4, Inserted(1))], Violation::FromTheFuture(event(1, 2, Hit(1))));
    bad(
        &[(1, 2, Removed(1)), (3, 4, Inserted(1))],
        Violation::FromTheFuture(event(1, 2, Removed(1))),
    );
}

#[test]
fn nothing_is_found_where_nothing_can_be() {
    for found in [Invalidated, Present] {
        bad(&[(1, 2, found)], Violation::NothingToFind(event(1, 2, found)));
        bad(
            &[(1, 2, Inserted(1)), (3, 4, Removed(1)), (5, 6, found)],
            Violation::NothingToFind(event(5, 6, found)),
        );
        bad(&[(1, 2, found), (3, 4, Inserted(1))], Violation::NothingToFind(event(1, 2, found)));
    }
    // What 2 replaced does not help.
    bad(
        &[(1, 2, Inserted(1)), (3, 4, Inserted(2)), (5, 6, Removed(2)), (7, 8, Present)],
        Violation::NothingToFind(event(7, 8, Present)),
    );
}

#[test]
fn refusals_that_nothing_explains_are_counted() {
    let events = [(1, 2, Refused), (3, 4, Inserted(1)), (5, 6, Refused), (7, 8, Cleared)];
    let more = [(9, 10, Refused), (11, 12, Refused)];
    let events: Vec<_> = events.into_iter().chain(more).collect();
    assert_eq!(evicting(&events), Ok(Verdict { unexplained_refusals: 3 }));
}

#[test]
fn where_nothing_is_evicted_nothing_gets_lost() {
    for missing in [Miss, NothingRemoved, Added(9)] {
        let lost = Err(Violation::Lost(event(7, 8, missing)));
        let table = [
            (&[(1, 2, Inserted(1))][..], lost),
            // Removed, and written again.
            (&[(1, 2, Inserted(1)), (3, 4, Removed(1)), (5, 6, Inserted(2))], lost),
            // Only afterwards, or before.
            (&[(1, 2, Inserted(1)), (9, 10, Cleared)], lost),
            (&[(1, 2, Cleared), (3, 4, Inserted(1))], lost),
            (&[(1, 7, Inserted(1))], Ok(Verdict::default())),
            (&[(1, 2, Inserted(1)), (3, 4, Removed(1))], Ok(Verdict::default())),
            (&[(1, 2, Inserted(1)), (3, 4, Invalidated)], Ok(Verdict::default())),
            (&[(1, 2, Inserted(1)), (3, 4, Cleared)], Ok(Verdict::default())),
            (&[(1, 2, Inserted(1)), (3, 9, Removed(1))], Ok(Verdict::default())),
        ];
        for (before, expected) in table {
            let mut events = history(before);
            events.push(event(7, 8, missing));
            assert_eq!(check(&events, Rules::Keeping), expected, "{events:?}");
            assert_eq!(check(&events, Rules::Evicting), Ok(Verdict::default()), "evicted");
        }
    }
}

#[test]
#[should_panic = "value 1 was written twice"]
fn a_value_is_written_once() {
    let _ = evicting(&[(1, 2, Inserted(1)), (3, 4, Inserted(1))]);
}

#[test]
fn long_histories_take_little_time() {
    // Quadratic, this would take hours.
    let events: Vec<_> = (0..200_000)
        .map(|i| {
            let what = match i % 4 {
                0 => Inserted(i / 4),
                1 => Hit(i / 4),
                2 => Present,
                _ => Miss,
            };
            event(2 * i, 2 * i + 5, what)
        })
        .collect();
    assert_eq!(check(&events, Rules::Evicting), Ok(Verdict::default()));
}
