//! What is pushed is looked at, after what was left for it: `src/process/requests.rs`.
#![cfg(larder_loom)]

use larder::doors::RequestsDoor;
use larder_loom_tests::model;

/// Which work of whom was seen: two things, two writers.
type Seen = [[bool; 2]; 2];

fn both(door: &RequestsDoor, writer: usize) -> Seen {
    (0..2).for_each(|thing| door.leave(thing, writer));
    Seen::default()
}

fn one(door: &RequestsDoor, writer: usize) -> Seen {
    door.leave(0, writer);
    Seen::default()
}

/// All that was left is seen by a look that comes after it, or by the next.
#[test]
fn what_is_left_is_seen() {
    model(
        3,
        RequestsDoor::new,
        [|door| both(door, 0), |door: &RequestsDoor| door.look()],
        |door, [_, seen]| {
            let last = door.look();
            for thing in 0..2 {
                assert!(seen[thing][0] || last[thing][0], "{thing}: {seen:?} {last:?}");
            }
        },
    );
}

/// Two writers of one thing: who finds it queued relies on the other's push.
#[test]
fn who_finds_it_queued_is_seen_as_well() {
    model(
        2,
        RequestsDoor::new,
        [|door| one(door, 0), |door| one(door, 1), |door: &RequestsDoor| door.look()],
        |door, [_, _, seen]| {
            let last = door.look();
            for writer in 0..2 {
                assert!(seen[0][writer] || last[0][writer], "{writer}: {seen:?} {last:?}");
            }
        },
    );
}
