use super::*;

/// Nodes `1..=count`, all handed out, some of them beyond the first chunk.
fn deadlines(count: usize) -> Deadlines {
    let deadlines = Deadlines::new(10, count).expect("memory");
    (0..count).for_each(|i| deadlines.ensure(i as NodeId + 1).expect("within the bound"));
    deadlines
}

#[test]
fn a_claimed_deadline_cannot_be_changed_and_a_changed_one_not_claimed() {
    let deadlines = deadlines(1);
    {
        assert_eq!(deadlines.load(1), NEVER, "what fresh memory says");
        deadlines.store(1, 100);
        assert_eq!(deadlines.change(1, 200, |seen| seen <= 99), Change::Later);
        assert!(!deadlines.claim(1, 100));
        assert_eq!(deadlines.change(1, 150, |seen| seen <= 99), Change::Earlier);
        assert_eq!(
            deadlines.change(1, 150, |seen| seen <= 99),
            Change::Later,
            "nothing to schedule"
        );
        assert_eq!(deadlines.change(1, 300, |seen| seen <= 150), Change::TooLate, "it has come");
        assert_eq!(deadlines.load(1), 150);
        assert!(deadlines.claim(1, 150));
        assert!(!deadlines.claim(1, 150));
        assert_eq!(deadlines.change(1, 300, |seen| seen == 0), Change::TooLate);
        deadlines.store(1, NEVER);
        assert_eq!(deadlines.change(1, 300, |seen| seen <= 200), Change::Earlier);
    }
}

#[test]
fn memory_is_two_words_per_node() {
    let deadlines = Deadlines::new(1_024, 1_024).expect("memory");
    assert_eq!(deadlines.allocated_bytes(), 16 * 1_024);
}

#[test]
fn a_look_at_a_block_finds_what_is_due_and_what_is_next() {
    let deadlines = deadlines(150);
    let expire = |block, fresh, now| {
        let mut due = Vec::new();
        let look = deadlines.look(Block(block), fresh, now);
        let next = deadlines.expire(look, now, |node, seen| {
            assert!(deadlines.claim(node, seen));
            due.push(node);
        });
        (due, next)
    };
    assert_eq!(expire(0, 150, 1_000), (vec![], NEVER), "fresh memory has nothing due");
    for node in 1..=150 {
        deadlines.store(node, u64::from(node) * 10);
    }
    deadlines.store(32, NEVER);
    assert_eq!(expire(0, 150, 29), (vec![1, 2], 30));
    assert_eq!(expire(0, 150, 150), ((3..=15).collect(), 160));
    assert_eq!(expire(1, 150, 310), ((17..=31).collect(), NEVER));
    assert_eq!(expire(2, 34, 10_000), (vec![33, 34], NEVER), "the others are not handed out");
    assert_eq!(expire(2, 150, 0), (vec![], 350));
    assert_eq!(expire(3, 40, 10_000), (vec![], NEVER), "none of it is");
    assert_eq!(expire(9, 150, 1_495), ((145..=149).collect(), 1_500));
}

#[test]
fn what_is_settled_is_not_changed_any_more_and_is_due() {
    let deadlines = deadlines(1);
    deadlines.store(1, 10);
    assert!(!deadlines.mark_past(1, |seen| seen <= 9));
    assert_eq!(deadlines.change(1, 20, |seen| seen <= 9), Change::Later);
    assert!(deadlines.mark_past(1, |seen| seen <= 20) && deadlines.mark_past(1, |_| false));
    assert_eq!(deadlines.change(1, 30, |_| false), Change::TooLate);
    let mut due = vec![];
    let look = deadlines.look(Block(0), 1, 20);
    deadlines.expire(look, 20, |node, seen| due.push((node, deadlines.claim(node, seen))));
    assert_eq!(due, [(1, true)]);
}

#[test]
fn a_deadline_that_was_changed_before_its_claim_counts_as_next() {
    let deadlines = deadlines(2);
    {
        deadlines.store(1, 10);
        deadlines.store(2, 900);
        let look = deadlines.look(Block(0), 2, 20);
        let next = deadlines.expire(look, 20, |node, seen| {
            assert_eq!(deadlines.change(node, 500, |seen| seen <= 9), Change::Later);
            assert!(!deadlines.claim(node, seen));
        });
        assert_eq!(next, 500);
    }
}
