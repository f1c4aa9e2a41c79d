use super::*;

fn shards(n: usize) -> Vec<Credits> {
    (0..n).map(|_| Credits::new()).collect()
}

#[test]
fn every_credit_can_be_taken_from_any_shard() {
    for (capacity, n) in [(1, 1), (7, 1), (100, 4), (5_000, 8), (100_000, 128)] {
        let shards = shards(n);
        let budget = Budget::new(capacity, n, 64).expect("memory");
        let at = |i| &shards[i];
        // Touch each shard once, so that each may hold a batch; then drain through the last.
        let mut taken = 0;
        for (i, credits) in shards.iter().enumerate() {
            taken += budget.take(i, credits, 1, at).amount();
        }
        while taken < capacity {
            let more = budget.take(n - 1, &shards[n - 1], 3, at).amount();
            assert_ne!(more, 0, "after {taken} of {capacity}");
            taken += more;
        }
        assert_eq!(taken, capacity, "capacity {capacity}, {n} shards");
        assert_eq!(budget.unused(shards.iter()), 0);
    }
}

#[test]
fn what_is_given_back_can_be_taken_elsewhere() {
    let shards = shards(3);
    let budget = Budget::new(2, 3, 64).expect("memory");
    let at = |i| &shards[i];
    let a = budget.take(0, &shards[0], 1, at);
    let b = budget.take(1, &shards[1], 1, at);
    assert_eq!(budget.take(2, &shards[2], 1, at).amount(), 0);
    budget.give(0, &shards[0], a);
    let c = budget.take(2, &shards[2], 1, at);
    assert_eq!(budget.take(2, &shards[2], 1, at).amount(), 0);
    budget.give(1, &shards[1], b);
    budget.give(2, &shards[2], c);
    assert_eq!(budget.unused(shards.iter()), 2);
}

#[test]
fn what_weighs_more_than_one_source_has_is_gathered_from_all() {
    let shards = shards(4);
    let budget = Budget::new(1_000, 4, u64::MAX).expect("memory");
    let at = |i| &shards[i];
    let small: Vec<_> = (0..4).map(|i| budget.take(i, &shards[i], 10, at)).collect();
    assert_eq!(small.iter().map(Credit::amount).sum::<u64>(), 40);
    assert_eq!(budget.take(2, &shards[2], 2_000, at).amount(), 960);
    assert_eq!(budget.unused(shards.iter()), 0);
    small.into_iter().for_each(|credit| budget.give(1, &shards[1], credit));
    assert_eq!(budget.take(3, &shards[3], 40, at).amount(), 40);
}

#[test]
fn a_smaller_capacity_is_reached_by_taking_what_is_too_much() {
    let shards = shards(1);
    let budget = Budget::new(100, 1, 64).expect("memory");
    budget.resize(150);
    assert_eq!((budget.unused(shards.iter()), budget.debt()), (150, 0));
    budget.resize(30);
    assert_eq!(budget.debt(), 120);
    while let Some(due) = budget.take_debt() {
        assert_eq!(budget.take(0, &shards[0], due, |i| &shards[i]).amount(), due);
    }
    assert_eq!((budget.capacity(), budget.unused(shards.iter())), (30, 30));
}
