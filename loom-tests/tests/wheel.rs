//! What is scheduled comes up, once and not before: `src/engine/time/wheel.rs` and `deadlines.rs`.
//!
//! In models a tick is a millisecond, there are two levels of four slots, and two nodes to a block.
#![cfg(larder_loom)]

use larder::doors::WheelDoor;
use larder_loom_tests::model;

const ALL: u32 = u32::MAX;

type Kind = fn(u32) -> WheelDoor;
/// With slots, and without.
const KINDS: [Kind; 2] = [WheelDoor::new, WheelDoor::small];

/// What was claimed: node and deadline.
type Claimed = Vec<(u32, u64)>;

/// With all that comes up in one advance more.
fn at_last(wheel: &WheelDoor, now: u64, claimed: impl IntoIterator<Item = Claimed>) -> Claimed {
    let mut all: Claimed = claimed.into_iter().flatten().collect();
    all.extend(wheel.advance(now, ALL));
    all.sort_unstable();
    all
}

/// A wheel on which the block of nodes 1 and 2 has a mark for `deadline`.
fn with_one(deadline: u64) -> WheelDoor {
    let wheel = WheelDoor::new(2);
    wheel.set(1, deadline);
    wheel
}

/// The slot may be closed before the mark is in it, or after, or in between.
#[test]
fn schedule_against_advance() {
    let schedule = |wheel: &WheelDoor| {
        wheel.set(1, 2);
        vec![]
    };
    for make in KINDS {
        model(
            3,
            move || make(2),
            [schedule, |wheel| wheel.advance(2, ALL)],
            |wheel, claimed| {
                if claimed[1].is_empty() {
                    let next = wheel.next_due().expect("it is yet to come");
                    assert!(next <= 3);
                }
                assert_eq!(at_last(wheel, 3, claimed), [(1, 2)]);
            },
        );
    }
}

/// The same while time goes on twice: whoever schedules may have to begin again more than once.
#[test]
fn schedule_against_two_advances() {
    let schedule = |wheel: &WheelDoor| {
        wheel.set(1, 1);
        vec![]
    };
    let advance_twice = |wheel: &WheelDoor| {
        let mut claimed = wheel.advance(1, ALL);
        claimed.extend(wheel.advance(2, ALL));
        claimed
    };
    for make in KINDS {
        model(
            3,
            move || make(2),
            [schedule, advance_twice],
            |wheel, claimed| {
                assert_eq!(at_last(wheel, 3, claimed), [(1, 1)]);
            },
        );
    }
}

/// Two threads mark one block, or the marks come into being while they are taken.
#[test]
fn two_schedules_against_advance() {
    let first = |wheel: &WheelDoor| {
        wheel.set(1, 1);
        vec![]
    };
    let second = |wheel: &WheelDoor| {
        wheel.set(2, 1);
        vec![]
    };
    for make in KINDS {
        model(
            2,
            move || make(2),
            [first, second, |wheel| wheel.advance(1, ALL)],
            |wheel, claimed| assert_eq!(at_last(wheel, 2, claimed), [(1, 1), (2, 1)]),
        );
    }
}

/// The first deadline of a block, where another block's comes as early: whoever schedules changes
/// no word but the mark.
#[test]
fn a_block_that_is_new_against_a_turn() {
    let schedule = |wheel: &WheelDoor| {
        wheel.set(1, 2);
        vec![]
    };
    for make in KINDS {
        let with_another = move || {
            let wheel = make(4);
            wheel.set(3, 2);
            wheel
        };
        model(3, with_another, [schedule, |wheel| wheel.advance(2, ALL)], |wheel, claimed| {
            assert_eq!(at_last(wheel, 3, claimed), [(1, 2), (3, 2)]);
        });
    }
}

/// What has come already when it is scheduled needs no tick to pass, though its block may just be
/// taken for another node.
#[test]
fn what_has_come_already_is_ready_at_once() {
    let schedule = |wheel: &WheelDoor| {
        wheel.set(1, 1);
        vec![]
    };
    let with_a_block_that_is_ready = |make: Kind| {
        let wheel = make(2);
        assert_eq!(wheel.advance(2, ALL), []);
        wheel.set(2, 1);
        wheel
    };
    for make in KINDS {
        model(
            3,
            move || with_a_block_that_is_ready(make),
            [schedule, |wheel| wheel.advance(2, ALL)],
            |wheel, claimed| {
                if claimed[1].len() < 2 {
                    assert_eq!(wheel.next_due(), Some(2));
                }
                assert_eq!(at_last(wheel, 2, claimed), [(1, 1), (2, 1)]);
            },
        );
    }
}

/// A reader moves a deadline to later, without a word to the wheel, while it comes: either it is
/// claimed or it is moved, and then it comes up when it says.
#[test]
fn a_later_deadline_against_its_expiry() {
    let change = |wheel: &WheelDoor| wheel.change(1, 5, 1).then(Vec::new);
    model(
        3,
        || with_one(2),
        [change, |wheel| Some(wheel.advance(2, ALL))],
        |wheel, results| {
            let [changed, claimed] = results;
            let claimed = claimed.expect("advance says what it claimed");
            if changed.is_some() {
                assert_eq!(claimed, [], "it was later than that");
                assert_eq!(wheel.advance(4, ALL), []);
                assert_eq!(wheel.advance(5, ALL), [(1, 5)]);
            } else {
                assert_eq!(claimed, [(1, 2)]);
                assert_eq!(wheel.advance(8, ALL), []);
            }
        },
    );
}

/// Somebody looked at the clock in time and moves a deadline too late. Whoever has not found the
/// entry meanwhile does not find it afterwards, and it is taken out once.
#[test]
fn who_was_taken_for_absent_does_not_come_back() {
    let change = |wheel: &WheelDoor| wheel.change(1, 5, 1);
    let look_twice = |wheel: &WheelDoor| {
        let first = wheel.is_over(1, 2);
        let second = wheel.is_over(1, 2);
        assert!(!first || second, "it is back");
        first
    };
    model(
        3,
        || with_one(2),
        [change, look_twice],
        |wheel, [changed, over]| {
            assert_ne!(changed, over, "one of the two comes first");
            let claimed = wheel.advance(5, ALL);
            assert_eq!(claimed.len(), 1, "{claimed:?}");
        },
    );
}

/// A deadline moves to earlier while time passes that.
#[test]
fn an_earlier_deadline_against_advance() {
    let change = |wheel: &WheelDoor| {
        assert!(wheel.change(1, 2, 0));
        vec![]
    };
    model(
        3,
        || with_one(6),
        [change, |wheel| wheel.advance(2, ALL)],
        |wheel, claimed| {
            assert_eq!(at_last(wheel, 3, claimed), [(1, 2)]);
            assert_eq!(wheel.advance(8, ALL), []);
        },
    );
}

/// Three nodes in two blocks, on two levels.
fn with_three() -> WheelDoor {
    let wheel = WheelDoor::new(3);
    wheel.set(1, 1);
    wheel.set(2, 4);
    wheel.set(3, 1);
    wheel
}

#[test]
fn two_advances_claim_each_once() {
    let advance = |wheel: &WheelDoor| wheel.advance(1, ALL);
    model(2, with_three, [advance, advance], |wheel, claimed| {
        let claimed = claimed.into_iter().flatten();
        let mut claimed: Vec<_> = claimed.collect();
        claimed.sort_unstable();
        assert_eq!(claimed, [(1, 1), (3, 1)], "before another advance");
        assert_eq!(wheel.advance(4, ALL), [(2, 4)]);
    });
}

/// One thread stops with its first step, or when it has emptied the slots; one does all the work
/// that is left.
#[test]
fn a_thread_that_stops_leaves_its_work_to_others() {
    let stop_early = |wheel: &WheelDoor| {
        wheel.close(1);
        vec![]
    };
    let stop_later = |wheel: &WheelDoor| wheel.advance(1, 0);
    let advance = |wheel: &WheelDoor| wheel.advance(1, ALL);
    model(2, with_three, [stop_early, stop_later, advance], |wheel, [none, nothing, claimed]| {
        assert!(none.is_empty() && nothing.is_empty());
        let mut claimed = claimed;
        claimed.sort_unstable();
        assert_eq!(claimed, [(1, 1), (3, 1)], "before another advance");
        assert_eq!(wheel.advance(4, ALL), [(2, 4)]);
    });
}

/// A node is recycled and gets a later deadline while the block comes up for the one before, whose
/// entry has left without a word: it does not come up early, and is not forgotten.
#[test]
fn a_node_is_recycled_while_its_block_comes_up() {
    let recycle = |wheel: &WheelDoor| wheel.set(1, 5);
    model(
        3,
        || with_one(4),
        [recycle, |wheel| wheel.advance_over_absent(4)],
        |wheel, _| {
            assert_eq!(wheel.advance(5, ALL), [(1, 5)]);
        },
    );
}

/// A thread that empties a slot comes so late that marks of the next lap are in it.
#[test]
fn who_comes_late_leaves_the_next_lap_alone() {
    let next_lap = |wheel: &WheelDoor| {
        let claimed = wheel.advance(3, ALL);
        wheel.set(2, 6);
        claimed
    };
    let late = |wheel: &WheelDoor| wheel.advance(2, ALL);
    model(
        3,
        || with_one(2),
        [late, next_lap],
        |wheel, claimed| {
            assert_eq!(claimed.concat(), [(1, 2)]);
            assert_eq!(wheel.advance(5, ALL), []);
            assert_eq!(wheel.advance(6, ALL), [(2, 6)]);
        },
    );
}

/// Somebody finds the mark set that another entry has left behind, and a thread that comes a lap
/// late takes that.
#[test]
fn a_mark_that_is_set_already_will_do() {
    let next_lap = |wheel: &WheelDoor| {
        let claimed = wheel.advance(3, ALL);
        wheel.set(2, 6);
        wheel.end(2);
        wheel.set(1, 6);
        claimed
    };
    let late = |wheel: &WheelDoor| wheel.advance(2, ALL);
    for make in KINDS {
        model(
            3,
            move || make(2),
            [late, next_lap],
            |wheel, claimed| {
                assert_eq!(claimed.concat(), []);
                assert_eq!(wheel.advance(6, ALL), [(1, 6)]);
            },
        );
    }
}

/// A slot is used for the next lap as soon as it is closed: who goes by `next_due` still comes in
/// time.
#[test]
fn who_sleeps_wakes_in_time() {
    let schedule = |wheel: &WheelDoor| {
        wheel.set(1, 6);
        vec![]
    };
    model(
        3,
        || WheelDoor::new(2),
        [|wheel: &WheelDoor| wheel.advance(3, ALL), schedule],
        |wheel, _| {
            let mut claimed = vec![];
            for _ in 0..2 {
                let next = wheel.next_due().expect("it is yet to come");
                assert!((4..=6).contains(&next));
                claimed = wheel.advance(next, ALL);
                if !claimed.is_empty() {
                    break;
                }
            }
            assert_eq!(claimed, [(1, 6)]);
            assert_eq!(wheel.next_due(), None);
        },
    );
}
