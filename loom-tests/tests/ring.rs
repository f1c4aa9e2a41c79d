//! What goes into a ring comes out once: `src/engine/ring.rs`.
#![cfg(larder_loom)]

use larder::doors::RingDoor;
use larder_loom_tests::model;

fn drain(ring: &RingDoor) -> Vec<u32> {
    let mut out: Vec<_> = std::iter::from_fn(|| ring.pop()).collect();
    out.extend(std::iter::from_fn(|| ring.sweep()));
    out
}

/// All that was pushed, popped at some time or still there.
fn assert_balance(ring: &RingDoor, popped: impl IntoIterator<Item = u32>, pushed: &[u32]) {
    let mut out = drain(ring);
    out.extend(popped);
    out.sort_unstable();
    assert_eq!(out, pushed);
}

/// The ring may turn once while a producer stands between reading the ends and filling a position, or
/// between that and moving the tail.
#[test]
fn two_producers_and_a_consumer() {
    model(
        2,
        || RingDoor::new(2),
        [
            |ring: &RingDoor| vec![(ring.push(1), 1)],
            |ring| vec![(ring.push(2), 2), (ring.push(3), 3)],
            |ring| ring.pop().into_iter().chain(ring.pop()).map(|entry| (false, entry)).collect(),
        ],
        |ring, [a, b, popped]| {
            let pushed: Vec<_> = a.iter().chain(&b).filter(|p| p.0).map(|p| p.1).collect();
            assert_balance(ring, popped.into_iter().map(|p| p.1), &pushed);
        },
    );
}

#[test]
fn two_consumers_share_out_the_entries() {
    let setup = || {
        let ring = RingDoor::new(4);
        for entry in 1..=3 {
            assert!(ring.push(entry));
        }
        ring
    };
    model(3, setup, [RingDoor::pop, RingDoor::pop], |ring, popped| {
        assert!(popped.iter().all(Option::is_some), "there are more than two");
        assert_balance(ring, popped.into_iter().flatten(), &[1, 2, 3]);
    });
}

/// Ends that come late, and one that seems to be before the other, do no more harm than to the order.
#[test]
fn a_ring_that_is_drained_has_room_again() {
    let pop = |ring: &RingDoor| ring.pop();
    let push = |ring: &RingDoor| {
        assert!(ring.push(1), "room for two");
        None
    };
    model(
        3,
        || RingDoor::new(2),
        [push, pop, pop],
        |ring, popped| {
            assert_balance(ring, popped.into_iter().flatten(), &[1]);
            assert!(ring.push(2) && ring.push(3), "an empty ring that looks full");
            assert_balance(ring, [], &[2, 3]);
        },
    );
}

#[test]
fn sweep_against_pop() {
    let setup = || {
        let ring = RingDoor::new(2);
        assert!(ring.push(1) && ring.push(2));
        ring
    };
    model(3, setup, [RingDoor::pop, RingDoor::sweep], |ring, taken| {
        assert_balance(ring, taken.into_iter().flatten(), &[1, 2]);
    });
}
