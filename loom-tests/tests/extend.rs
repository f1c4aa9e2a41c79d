//! No read puts a deadline off beyond an end: `src/engine/time/extend.rs`.
#![cfg(larder_loom)]

use larder::doors::{HandingDoor, TimesDoor};
use larder_loom_tests::model;

/// The touch comes to another deadline than that which is there.
#[test]
fn a_read_against_an_earlier_end() {
    model(
        3,
        || TimesDoor::new(10),
        [|times: &TimesDoor| times.read(15), |times| times.set_end(9, 9)],
        |times, [(), ()]| assert_eq!(times.deadline(), 9),
    );
}

/// The touch comes to the very deadline that the read has seen.
#[test]
fn a_read_against_an_end_at_the_deadline_that_is_there() {
    model(
        3,
        || TimesDoor::new(10),
        [|times: &TimesDoor| times.read(15), |times| times.set_end(10, 10)],
        |times, [(), ()]| assert_eq!(times.deadline(), 10),
    );
}

/// The reader knows that there may be ends, since another entry has one.
#[test]
fn a_read_by_rule_against_an_end() {
    model(
        3,
        || TimesDoor::new(10),
        [|times: &TimesDoor| times.read_by_rule(15), |times| times.set_end(10, 10)],
        |times, [(), ()]| assert_eq!(times.deadline(), 10),
    );
}

fn ends_at_10() -> TimesDoor {
    let times = TimesDoor::new(10);
    times.set_end(10, 10);
    times
}

#[test]
fn rules_that_get_laxer_against_a_later_end() {
    model(
        3,
        ends_at_10,
        [|times: &TimesDoor| times.shorten(30), |times| times.set_end(50, 50)],
        |times, [(), ()]| {
            assert!(
                matches!((times.deadline(), times.end()), (30, 30) | (50, 50)),
                "{:?}",
                (times.deadline(), times.end())
            );
        },
    );
}

#[test]
fn rules_that_get_stricter_against_a_later_end() {
    model(
        3,
        ends_at_10,
        [|times: &TimesDoor| times.shorten(5), |times| times.set_end(50, 50)],
        |times, [(), ()]| {
            assert!(
                matches!((times.deadline(), times.end()), (5, 5) | (50, 50)),
                "{:?}",
                (times.deadline(), times.end())
            );
        },
    );
}

#[test]
fn rules_that_get_stricter_against_the_end_that_is_there() {
    model(
        3,
        ends_at_10,
        [|times: &TimesDoor| times.shorten(5), |times| times.set_end(10, 10)],
        |times, [(), ()]| {
            assert!(
                matches!((times.deadline(), times.end()), (5, 5) | (10, 10)),
                "{:?}",
                (times.deadline(), times.end())
            );
        },
    );
}

#[test]
fn a_read_against_rules_that_get_stricter() {
    model(
        3,
        ends_at_10,
        [|times: &TimesDoor| times.read_by_rule(15), |times| times.shorten(5)],
        |times, [(), ()]| assert_eq!((times.deadline(), times.end()), (5, 5)),
    );
}

/// The rules have become stricter since the deadline was set, so the read brings it forward.
#[test]
fn a_read_against_a_callers_end_at_the_deadline_that_is_there() {
    for start in [|| TimesDoor::new(10), ends_at_10] {
        model(
            3,
            start,
            [|times: &TimesDoor| times.read_by_rule(8), |times| times.set_callers_end(10)],
            |times, [(), ()]| assert_eq!((times.deadline(), times.end()), (10, 10)),
        );
    }
}

#[test]
fn a_read_against_a_callers_end_beyond_idling() {
    model(
        3,
        || TimesDoor::new(10),
        [|times: &TimesDoor| times.read(15), |times| times.set_callers_end(50)],
        |times, [(), ()]| assert_eq!((times.deadline(), times.end()), (50, 50)),
    );
}

#[test]
fn rules_that_get_stricter_against_a_callers_end() {
    fn against<const END: u64>() {
        model(
            3,
            ends_at_10,
            [|times: &TimesDoor| times.shorten(5), |times| times.set_callers_end(END)],
            |times, [(), ()]| assert_eq!((times.deadline(), times.end()), (END, END)),
        );
    }
    against::<7>();
    against::<10>();
    against::<50>();
}

#[test]
fn a_touch_against_a_value_that_keeps_its_time() {
    model(
        2,
        || HandingDoor::new(2),
        [|entry: &HandingDoor| entry.touch(50), |entry| entry.step()],
        |entry, [(), ()]| assert_eq!(entry.deadline_and_end(), (50, 50)),
    );
}
