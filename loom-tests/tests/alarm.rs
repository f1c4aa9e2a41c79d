//! Work that is left while the maintenance thread looks for it: `src/process/alarm.rs`.
#![cfg(larder_loom)]

use larder::doors::AlarmDoor;
use larder_loom_tests::model;

/// What a thread has done: the pass says which work it saw, a writer whether it would wake the
/// thread.
type Done = [bool; 2];

fn pass(door: &AlarmDoor) -> Done {
    door.pass()
}

fn write_first(door: &AlarmDoor) -> Done {
    [door.write(0, 7), false]
}

fn write_second(door: &AlarmDoor) -> Done {
    [door.write(1, 9), false]
}

/// The pass is one that was due at 5, so a writer may think that it is still to come.
#[test]
fn what_a_pass_misses_is_due_again() {
    model(
        3,
        || AlarmDoor::new(5),
        [pass, write_first],
        |door, [seen, woken]| {
            let outcome = (seen[0], woken[0], door.time());
            assert!(seen[0] || outcome == (false, true, 7), "{outcome:?}");
        },
    );
}

/// The later of two requests may rely on the earlier one.
#[test]
fn two_writers_against_a_pass() {
    model(
        3,
        || AlarmDoor::new(5),
        [pass, write_first, write_second],
        |door, [seen, one, two]| {
            for (seen, due) in seen.into_iter().zip([7, 9]) {
                assert!(
                    seen || (door.time() <= due && (one[0] || two[0])),
                    "{due} {}",
                    door.time()
                );
            }
        },
    );
}
