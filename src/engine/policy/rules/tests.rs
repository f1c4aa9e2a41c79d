use super::*;
use crate::engine::{
    index::word::{Layout, SLOTS},
    storage::chunked::zeroed,
};

struct Model {
    index: Index,
    policy: Policy,
    state: PolicyState,
}

impl Model {
    fn new(capacity: u32) -> Self {
        let layout = Layout::for_nodes(1 << 12).expect("few nodes");
        let index = Index::new(zeroed(2).expect("memory"), layout);
        let (policy, state) = Policy::new(capacity, EvictionPolicy::SegmentedLru, None);
        Self { index, policy, state }
    }

    /// A member of set 0.
    fn add(&self, node: u32, standing: Standing) -> Loc {
        let home = self.index.home(0);
        let claim = self.index.claim(home, 0, node.into(), node).expect("a free slot");
        assert!(Index::decide(home, self.index.settled(home), &claim));
        self.policy.enter(&self.state, &self.index, &claim, standing);
        Index::publish(&claim);
        self.index.loc_claimed(&claim)
    }

    fn push(&self, segment: Segment, times: u32) {
        (0..times).for_each(|_| _ = self.policy.push(&self.state, segment));
    }

    fn next_due(&self) -> Option<Loc> {
        let mut visit = self.policy.visit(&self.state, &self.index, 0);
        visit.next_due(&|_| false).map(|victim| victim.loc)
    }

    fn standing(&self, loc: Loc) -> Standing {
        self.index.hints(loc).standing(loc.slot())
    }
}

fn probation(uses: u8) -> Standing {
    Standing { segment: Segment::Probation, uses, merit: 0 }
}

fn protected(uses: u8, merit: u8) -> Standing {
    Standing { segment: Segment::Protected, uses, merit }
}

#[test]
fn a_claim_that_is_not_published_is_nobody_to_evict() {
    let model = Model::new(100);
    model.index.claim(model.index.home(0), 0, 1, 1).expect("a free slot");
    model.push(Segment::Protected, 200);
    assert_eq!(model.next_due(), None);
    let mut visit = model.policy.visit(&model.state, &model.index, 0);
    assert!(visit.nearest(&|_| false).is_none());
}

#[test]
fn stays_end_after_so_many_pushes_and_last_longer_with_merit() {
    let model = Model::new(1_000);
    let plain = model.add(1, protected(0, 0));
    let worthy = model.add(2, protected(0, 2));
    model.push(Segment::Protected, 850);
    assert_eq!(model.next_due(), None, "not before nine tenths of the capacity");
    model.push(Segment::Protected, 100);
    assert_eq!(model.next_due(), Some(plain));
    assert!(model.index.remove(plain, model.index.word(plain)));
    model.push(Segment::Protected, 700);
    assert_eq!(model.next_due(), None);
    model.push(Segment::Protected, 250);
    assert_eq!(model.next_due(), Some(worthy));
}

#[test]
fn who_was_used_stays_and_earns_merit() {
    let model = Model::new(1_000);
    let once = model.add(1, probation(1));
    let twice = model.add(2, probation(2));
    let kept = model.add(3, protected(2, 0));
    model.push(Segment::Probation, 100);
    model.push(Segment::Protected, 1_000);
    assert_eq!(model.next_due(), None);
    assert_eq!(model.standing(once), Standing { merit: 1, ..probation(0) });
    assert_eq!(model.standing(twice), protected(0, 1));
    assert_eq!(model.standing(kept), protected(1, 1));
}

#[test]
fn merit_in_probation_outdoes_a_rival_without() {
    let model = Model::new(1_000);
    let rival = model.add(1, protected(0, 0));
    let young = model.add(2, Standing { merit: 1, ..probation(0) });
    model.push(Segment::Probation, 100);
    model.push(Segment::Protected, 850);
    assert_eq!(model.next_due(), Some(rival));
    assert_eq!(model.standing(young), protected(0, 1));
}

#[test]
fn probation_goes_before_protected() {
    let model = Model::new(1_000);
    let old = model.add(1, protected(0, 0));
    let new = model.add(2, probation(0));
    model.push(Segment::Probation, 30);
    model.push(Segment::Protected, 2_000);
    assert_eq!(model.next_due(), Some(new));
    assert!(model.index.remove(new, model.index.word(new)));
    assert_eq!(model.next_due(), Some(old));
}

#[test]
fn a_set_that_is_full_of_used_members_gives_one_in_the_end() {
    let model = Model::new(1_000);
    for node in 1..=SLOTS as u32 {
        model.add(node, protected(3, 3));
    }
    let mut visit = model.policy.visit(&model.state, &model.index, 0);
    assert!(visit.nearest(&|_| false).is_some());
    assert!(visit.nearest(&|_| true).is_none(), "all of them must stay");
}

#[test]
fn newcomers_are_judged_in_their_order_when_eight_others_have_come() {
    let model = Model::new(100);
    let add = |node, standing| model.add(node, standing);
    let next = || {
        let victim = model.policy.newcomer(&model.state, &model.index, &|_| false);
        victim.map(|victim| victim.loc)
    };
    let unused = add(1, probation(0));
    let (once, twice) = (add(2, probation(1)), add(3, probation(2)));
    let pinned = add(4, probation(0));
    for node in 5..=8 {
        assert_eq!(next(), None, "before newcomer {node}");
        add(node, probation(0));
    }
    assert_eq!(next(), Some(unused));
    assert_eq!(next(), None, "each is looked at once");
    let push = || model.state.newcomers.push(unused.0);
    push();
    assert_eq!((next(), model.standing(once)), (None, Standing { merit: 1, ..probation(0) }));
    push();
    assert_eq!((next(), model.standing(twice)), (None, protected(0, 1)));
    push();
    assert!(model.policy.newcomer(&model.state, &model.index, &|_| true).is_none());
    assert_eq!(model.standing(pinned), protected(0, 0), "it has to stay");
}

#[test]
fn a_newcomer_with_merit_outdoes_a_rival() {
    let model = Model::new(100);
    let rival = model.add(1, protected(0, 0));
    model.push(Segment::Protected, 85);
    let worthy = model.add(2, Standing { merit: 1, ..probation(0) });
    (3..=9).for_each(|node| _ = model.add(node, probation(0)));
    let victim = model.policy.newcomer(&model.state, &model.index, &|_| false);
    assert_eq!(victim.map(|victim| victim.loc), Some(rival));
    assert_eq!(model.standing(worthy), protected(0, 1));
}

#[test]
fn ghosts_admit_by_their_age_and_keep_merit_at_any() {
    let model = Model::new(1_000);
    let hints = model.index.set(0).hints.ghosts();
    let admit = |segment: Segment, evictions: u32| {
        let clock = &model.state.evictions[segment as usize];
        hints.leave(7, segment, 1, clock.load(Relaxed));
        clock.fetch_add(evictions * model.policy.eviction, Relaxed);
        model.policy.admit(&model.state, hints.take(7))
    };
    assert_eq!(admit(Segment::Probation, 800), protected(0, 2));
    assert_eq!(admit(Segment::Probation, 1_200), Standing { merit: 2, ..probation(0) });
    assert_eq!(admit(Segment::Protected, 1_200), Standing { merit: 2, ..probation(1) });
}

#[test]
fn young_ghosts_move_the_target() {
    let model = Model::new(1_000);
    let hints = model.index.set(0).hints.ghosts();
    let move_after = |segment: Segment, evictions: u32| {
        let (clock, target) = (&model.state.evictions[segment as usize], &model.state.target);
        let before = target.load(Relaxed);
        hints.leave(7, segment, 1, clock.load(Relaxed));
        clock.fetch_add(evictions * model.policy.eviction, Relaxed);
        model.policy.admit(&model.state, hints.take(7));
        i64::from(target.load(Relaxed)) - i64::from(before)
    };
    let push = i64::from(model.policy.push[0]);
    assert_eq!(move_after(Segment::Probation, 100), push);
    assert_eq!(move_after(Segment::Protected, 100), -push);
    assert_eq!(move_after(Segment::Probation, 400), 0);
    assert_eq!(move_after(Segment::Protected, 400), 0);
}
