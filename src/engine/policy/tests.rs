use super::*;
use crate::engine::{
    extents::zeroed,
    word::{Layout, SLOTS},
};

/// All that the rings hold is a slot that was vacant and is claimed by an insert, which is stopped.
#[test]
fn an_eviction_does_not_wait_for_an_insert() {
    let layout = Layout::for_nodes(100).expect("few nodes");
    let index = Index::new(zeroed(2).expect("memory"), layout);
    let (probation, protected) = Policy::ring_lens(1);
    let ring = |len| Ring::new(zeroed(len).expect("memory"));
    let (policy, pace) = Policy::new(
        1,
        Growth::Never,
        EvictionPolicy::SegmentedLru,
        ring(probation),
        ring(protected),
    );
    let claim = |node| {
        let hash = u64::from(node);
        index.claim(0, hash, node, policy.now(&pace)).expect("a free slot")
    };

    let first = claim(1);
    assert!(index.decide(0, index.settled(0), &first));
    index.publish(&first);
    policy.link(&pace, &index, Segment::Probation, first.loc, &mut |_| unreachable!());
    assert!(index.remove(first.loc, index.word(first.loc)));
    for node in 2..=SLOTS as u32 {
        assert!(!claim(node).linked, "an empty slot is taken before the vacant one");
    }
    let stopped = claim(100);
    assert!(stopped.linked && stopped.loc == first.loc);

    assert!(
        policy
            .evict(
                &pace,
                &index,
                Search::Everywhere,
                &|_| Worth::Points(0),
                &mut |_| unreachable!()
            )
            .is_none()
    );
    let linked: Vec<_> = policy.linked().collect();
    assert_eq!(linked, [stopped.loc], "the insert counts on this ring entry");
}
