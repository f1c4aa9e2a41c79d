//! Credits only move: `src/engine/policy/budget.rs`.
#![cfg(larder_loom)]

use larder::doors::BudgetDoor;
use larder_loom_tests::model;

/// Takes all that is left, as shard `own`.
fn rest(budget: &BudgetDoor, own: usize) -> u32 {
    (0..).take_while(|_| budget.take(own)).count() as u32
}

/// Two threads take from one shard, which has two credits of its own and nothing behind it.
#[test]
fn no_credit_is_taken_twice() {
    let setup = || {
        let budget = BudgetDoor::new(2, 1);
        assert!(budget.take(0) && budget.take(0));
        budget.give(0);
        budget.give(0);
        budget
    };
    let take_two = |budget: &BudgetDoor| u32::from(budget.take(0)) + u32::from(budget.take(0));
    model(3, setup, [|budget| budget.take(0).into(), take_two], |budget, taken| {
        assert_eq!(taken.iter().sum::<u32>(), 2);
        assert_eq!(budget.unused(), 0);
    });
}

/// All three draw from the pool.
#[test]
fn draws_do_not_exceed_the_capacity() {
    model(
        2,
        || BudgetDoor::new(2, 2),
        [|budget: &BudgetDoor| budget.take(0), |budget| budget.take(1), |budget| budget.take(1)],
        |budget, taken| {
            assert_eq!(taken.iter().filter(|&&taken| taken).count(), 2);
            assert_eq!(budget.unused(), 0);
        },
    );
}

/// One shard gives what the other steals: afterwards every credit can still be found.
#[test]
fn no_credit_is_forgotten() {
    let setup = || {
        let budget = BudgetDoor::new(2, 2);
        assert!(budget.take(0) && budget.take(0));
        budget.give(0);
        budget
    };
    model(
        3,
        setup,
        [
            |budget| {
                budget.give(0);
                false
            },
            |budget| budget.take(1),
        ],
        |budget, [_, stolen]| {
            assert!(stolen, "there was one all the time");
            assert_eq!(budget.unused(), 1);
            assert_eq!(rest(budget, 1), 1);
        },
    );
}

/// Both shards steal from a third.
#[test]
fn two_thieves() {
    let setup = || {
        let budget = BudgetDoor::new(3, 3);
        assert!(budget.take(0) && budget.take(0) && budget.take(0));
        budget.give(2);
        budget.give(2);
        budget
    };
    model(2, setup, [|budget| budget.take(0), |budget| budget.take(1)], |budget, taken| {
        let taken = taken.iter().filter(|&&taken| taken).count() as u64;
        assert!((1..=2).contains(&taken));
        assert_eq!(taken + budget.unused(), 2);
        assert_eq!(u64::from(rest(budget, 0)), 2 - taken);
    });
}
