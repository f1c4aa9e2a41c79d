//! Values that are made of others, and what is taken out together.

use super::{bad, event, evicting, history, keeping};
use crate::history::{
    InTime, Rules, Time, Verdict, Violation,
    What::{
        self, Culled, Hit, Inserted, InsertedTagged, LoadsEnded, Miss, OtherThan, Present, Removed,
        Replaced, StillNone, TagInvalidated,
    },
    check,
};

const GOOD: Result<Verdict, Violation> = Ok(Verdict { unexplained_refusals: 0 });

const fn step(old: u64, new: u64) -> What {
    Replaced { old, new, in_time: InTime::Certainly }
}

#[test]
fn values_may_be_made_of_others() {
    let table = [
        &[(1, 2, Inserted(1)), (3, 4, step(1, 2)), (5, 6, step(2, 3)), (7, 8, Hit(3))][..],
        &[(1, 2, Inserted(1)), (3, 9, step(1, 2)), (4, 5, Hit(1)), (6, 7, Hit(2))],
        // All at one moment.
        &[(1, 9, Inserted(1)), (2, 10, step(1, 2)), (3, 11, step(2, 3)), (4, 12, Removed(3))],
        &[(1, 2, Inserted(1)), (3, 4, step(1, 2)), (5, 6, Removed(2)), (7, 8, StillNone)],
        &[(1, 2, Inserted(1)), (3, 9, step(1, 2)), (4, 8, Inserted(3)), (10, 11, Hit(3))],
        &[(1, 2, Inserted(1)), (3, 9, step(1, 2)), (4, 5, OtherThan(1)), (6, 7, OtherThan(1))],
    ];
    for events in table {
        assert_eq!(evicting(events), GOOD, "{events:?}");
        assert_eq!(keeping(events), GOOD, "{events:?}");
    }
}

#[test]
fn no_computation_is_lost() {
    // Whichever comes second in the list.
    let twice = |what| evicting(&[(1, 2, Inserted(1)), (3, 9, step(1, 2)), (4, 8, what)]);
    for what in [step(1, 3), Removed(1)] {
        assert_eq!(twice(what), Err(Violation::RemovedTwice(event(4, 8, what))));
    }
}

#[test]
fn nothing_comes_between_a_value_and_what_is_made_of_it() {
    let made = [(1, 2, Inserted(1)), (3, 20, step(1, 2)), (30, 31, Hit(2))];
    let with = |more: &[(Time, Time, What)]| [&made, more].concat();
    bad(&with(&[(5, 6, Miss)]), Violation::BackFromAbsence(1, event(5, 6, Miss)));
    bad(&with(&[(5, 6, StillNone)]), Violation::BackFromAbsence(1, event(5, 6, StillNone)));
    bad(&with(&[(5, 6, Inserted(3))]), Violation::BackFromReplacement(1, 3));
    // The old value after the new one.
    bad(&with(&[(5, 6, Hit(2)), (7, 8, Hit(1))]), Violation::OutOfOrder(1, 2));
    bad(&[(1, 2, step(2, 1)), (1, 2, step(1, 2))], Violation::OutOfOrder(1, 2));
    let longer = [(1, 2, Inserted(1)), (3, 30, step(1, 2)), (4, 31, step(2, 3))];
    let events = [&longer[..], &[(5, 6, Hit(3)), (7, 8, Hit(1))]].concat();
    bad(&events, Violation::OutOfOrder(2, 3));
}

#[test]
fn what_is_changed_is_not_what_it_was() {
    let other = OtherThan(1);
    bad(
        &[(1, 2, Inserted(1)), (3, 4, other), (5, 6, Hit(1))],
        Violation::Outlived(1, event(3, 4, other)),
    );
    bad(&[(3, 4, other)], Violation::NothingToFind(event(3, 4, other)));
}

#[test]
fn an_invalidation_of_a_tag_takes_out_what_has_it() {
    let invalidated = |write| [(1, 2, write), (3, 4, TagInvalidated), (5, 6, Hit(1))];
    let outlived = Violation::Outlived(1, event(3, 4, TagInvalidated));
    bad(&invalidated(InsertedTagged(1)), outlived);
    assert_eq!(keeping(&invalidated(Inserted(1))), GOOD, "it had no tag");
    let present = [(1, 2, InsertedTagged(1)), (3, 4, TagInvalidated), (5, 6, Present)];
    bad(&present, Violation::NothingToFind(event(5, 6, Present)));
    // What is made of it has no tag, and is not made of it afterwards.
    let made = |at| [(1, 2, InsertedTagged(1)), at, (5, 6, TagInvalidated), (8, 9, Hit(2))];
    assert_eq!(keeping(&made((3, 4, step(1, 2)))), GOOD);
    assert_eq!(keeping(&made((3, 7, step(1, 2)))), GOOD);
    let late = [(1, 2, InsertedTagged(1)), (3, 4, TagInvalidated), (5, 6, step(1, 2))];
    bad(&late, outlived);
}

#[test]
fn what_may_have_ended_before_it_was_replaced_may_have_been_missed() {
    let perhaps = Replaced { old: 1, new: 2, in_time: InTime::Perhaps };
    let invalidated = (4, 5, TagInvalidated);
    let events = |write, step, more: &[(Time, Time, What)]| {
        let events = [(1, 2, write), (3, 9, step), (6, 7, Miss), (10, 11, Hit(2))];
        [&events, more].concat()
    };
    for good in [
        events(Inserted(1), perhaps, &[]),
        events(InsertedTagged(1), step(1, 2), &[invalidated]),
        events(Inserted(1), step(1, 2), &[(4, 5, What::Touched)]),
    ] {
        assert_eq!(evicting(&good), GOOD);
    }
    let missed = Violation::BackFromAbsence(1, event(6, 7, Miss));
    for more in [&[][..], &[invalidated]] {
        bad(&events(Inserted(1), step(1, 2), more), missed);
    }
    // It is replaced once all the same, and in order.
    let twice = (10, 12, step(1, 3));
    let events = events(Inserted(1), perhaps, &[twice]);
    assert_eq!(evicting(&events), Err(Violation::RemovedTwice(event(10, 12, step(1, 3)))));
}

#[test]
fn what_is_culled_is_gone_or_replaced() {
    let culled = |more: &[_]| [&[(1, 2, Inserted(1)), (3, 9, Culled)], more].concat();
    bad(&culled(&[(10, 11, Hit(1))]), Violation::Outlived(1, event(3, 9, Culled)));
    for at in [(4, 5), (4, 12)] {
        let events = culled(&[(at.0, at.1, step(1, 2)), (13, 14, Hit(2))]);
        assert_eq!(keeping(&events), GOOD, "replaced meanwhile");
    }
    let late = culled(&[(10, 12, step(1, 2)), (13, 14, Hit(2))]);
    bad(&late, Violation::Outlived(1, event(3, 9, Culled)));
}

#[test]
fn groups_explain_what_is_absent_if_they_concern_it() {
    let lost = Err(Violation::Lost(event(7, 8, Miss)));
    for (write, taken, expected) in [
        (Inserted(1), Culled, GOOD),
        (InsertedTagged(1), TagInvalidated, GOOD),
        (Inserted(1), TagInvalidated, lost),
        (InsertedTagged(1), LoadsEnded, lost),
    ] {
        let events = history(&[(1, 2, write), (3, 4, taken), (7, 8, Miss)]);
        assert_eq!(check(&events, Rules::Keeping), expected, "{write:?} {taken:?}");
    }
    let made =
        [(1, 2, InsertedTagged(1)), (3, 4, step(1, 2)), (5, 6, TagInvalidated), (7, 8, Miss)];
    assert_eq!(keeping(&made), lost);
    // A load that they may have ended.
    let load = [(1, 2, Miss), (5, 6, What::Loaded { id: 1, since: 2 }), (7, 8, Miss)];
    assert_eq!(check(&history(&load), Rules::Storing), lost);
    for ended in [LoadsEnded, TagInvalidated, Culled, StillNone] {
        let events = history(&[&load[..], &[(3, 4, ended)]].concat());
        assert_eq!(check(&events, Rules::Storing), GOOD, "{ended:?}");
    }
}
