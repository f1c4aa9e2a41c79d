//! A thread that learns that an optional part is in use finds that the cache has it:
//! `src/engine/storage/parts.rs`.
#![cfg(larder_loom)]

use larder::doors::PartsDoor;
use larder_loom_tests::model;

/// One of two threads makes the part, the other finds it made, and both use it.
#[test]
fn two_users_of_a_part_against_who_learns_of_them() {
    model(
        3,
        PartsDoor::new,
        [
            |door: &PartsDoor| {
                door.use_it(0);
                true
            },
            |door| {
                door.use_it(1);
                true
            },
            |door| door.is_found_by_who_knows(0) && door.is_found_by_who_knows(1),
        ],
        |door, found| {
            assert_eq!(found, [true; 3]);
            assert!(door.is_found_by_who_knows(0) && door.is_found_by_who_knows(1));
        },
    );
}
