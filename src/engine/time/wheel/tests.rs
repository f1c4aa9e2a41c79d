//! The wheel against a plain list of deadlines.

use super::{hand::Hand, looking::Looking, *};
use crate::engine::{
    index::word::NodeId,
    time::deadlines::{BLOCK, Change, Deadlines},
};
use crate::process::clock::DEAD;
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU32, AtomicU64 as Clock},
    thread,
};

const DAY: u64 = 24 * 60 * 60 * 1000;
/// Milliseconds.
const TICK: u64 = 4;
const LEVELS: usize = Scale::MILLIS.levels;
const FOREVER: u32 = u32::MAX;

/// A wheel and the deadlines of nodes `1..=nodes`, all handed out.
struct Timers {
    wheel: Wheel,
    deadlines: Deadlines,
    nodes: NodeId,
}

impl Timers {
    fn new(nodes: NodeId, now: u64) -> Self {
        Self::by(Scale::MILLIS, nodes, now)
    }

    fn by(scale: Scale, nodes: NodeId, now: u64) -> Self {
        let (wheel, deadlines) = (
            Wheel::new(nodes as usize, nodes as usize, scale, now),
            Deadlines::new(nodes as usize, nodes as usize),
        );
        let (wheel, deadlines) = (wheel.expect("memory"), deadlines.expect("memory"));
        (1..=nodes).for_each(|node| deadlines.store(node, DEAD));
        Self { wheel, deadlines, nodes }
    }

    fn set(&self, node: NodeId, deadline: u64) {
        self.deadlines.store(node, deadline);
        self.wheel.schedule(Block::of(node), deadline);
    }

    fn change(&self, node: NodeId, deadline: u64, now: u64) -> Change {
        let change = self.deadlines.change(node, deadline, |seen| seen <= now);
        if change == Change::Earlier {
            self.wheel.schedule(Block::of(node), deadline);
        }
        change
    }

    /// Advances, and calls `claimed` with each node that was due.
    fn advance(&self, now: u64, mut budget: u32, mut claimed: impl FnMut(NodeId, u64)) -> Advance {
        let due = |node, seen| {
            if self.deadlines.claim(node, seen) {
                claimed(node, seen);
            }
        };
        let Self { wheel, deadlines, nodes } = self;
        wheel.advance(now, &mut budget, Looking { deadlines, nodes: *nodes, now, due })
    }

    /// Returns all nodes that come up.
    fn due(&self, now: u64) -> Vec<NodeId> {
        let mut nodes = Vec::new();
        assert_eq!(self.advance(now, FOREVER, |node, _| nodes.push(node)), Advance::Done);
        nodes.sort_unstable();
        nodes
    }

    /// Returns the tick at which a deadline that is set now has to come up.
    fn tick(&self, deadline: u64) -> u64 {
        self.wheel.hands.scale.tick_of(deadline)
    }
}

/// Returns a duration of a random order of magnitude, from 1 ms to 200 days.
fn any_span(rng: &mut SmallRng) -> u64 {
    let most = (200 * DAY) as f64;
    most.powf(rng.random_range(0.0..=1.0)) as u64
}

/// One long life of a wheel.
fn against_the_list(seed: u64, scale: Scale, nodes: NodeId, pick: fn(&mut SmallRng) -> u64) {
    let unit = 1 << scale.tick;
    let mut rng = SmallRng::seed_from_u64(seed);
    let blocks = Block::count(nodes as usize);
    let mut now = any_span(&mut rng);
    let timers = Timers::by(scale, nodes, now);
    // Pending nodes, each with its deadline and the tick at which it has to come up.
    let mut pending = BTreeMap::<NodeId, (u64, u64)>::new();
    let (mut came, mut changed) = (0, 0);
    for _ in 0..40_000 {
        let node = rng.random_range(1..=nodes);
        match rng.random_range(0..20) {
            0..=9 => {
                // Sometimes one that is past.
                let deadline = match rng.random_range(0..20) {
                    0 => now.saturating_sub(pick(&mut rng)).max(1),
                    _ => now + pick(&mut rng),
                };
                // The node's previous entry has left, and the wheel was not told.
                pending.insert(node, (deadline, timers.tick(deadline)));
                timers.set(node, deadline);
            }
            10..=16 => {
                let deadline = now + pick(&mut rng);
                let tick = timers.tick(deadline);
                match (timers.change(node, deadline, now), pending.get_mut(&node)) {
                    (Change::TooLate, before) => assert!(before.is_none_or(|it| it.0 <= now)),
                    (change, Some(before)) => {
                        assert!(before.0 > now);
                        assert_eq!(change == Change::Earlier, deadline < before.0);
                        *before = (deadline, tick);
                        changed += 1;
                    }
                    (_, None) => panic!("node {node} was changed and has no deadline"),
                }
            }
            17..=18 => {
                if let Some((deadline, _)) = pending.remove(&node) {
                    assert!(timers.deadlines.claim(node, deadline));
                }
            }
            _ => {
                now += pick(&mut rng) / 4;
                let budget = if rng.random() { FOREVER } else { rng.random_range(1..10) };
                let (mut rounds, mut in_round) = (0, 0);
                let most_rounds = blocks / budget as usize + 1;
                loop {
                    let done = timers.advance(now, budget, |node, deadline| {
                        let (expected, _) = pending.remove(&node).expect("comes up once");
                        assert_eq!(deadline, expected);
                        assert!(deadline <= now, "node {node} came up before its time");
                        in_round += 1;
                        came += 1;
                    });
                    assert!(in_round <= u64::from(budget) * BLOCK as u64, "budget {budget}");
                    in_round = 0;
                    rounds += 1;
                    assert!(rounds <= most_rounds, "advance does not come to an end");
                    if done == Advance::Done {
                        break;
                    }
                    assert!(timers.wheel.next_due().is_some_and(|next| next <= now));
                }
                let late = pending.iter().find(|(_, it)| it.1 <= now / unit);
                assert!(late.is_none(), "at {now}: {late:?}");
                let left = timers.wheel.next_due().filter(|next| next / unit <= now / unit);
                assert_eq!(left, None, "nothing that has come is left at {now}");
            }
        }
        if let Some(first) = pending.values().map(|it| it.1).min() {
            let next = timers.wheel.next_due().expect("something is scheduled");
            let came = now / unit;
            assert!(next <= first.max(came) * unit, "wakes up at {next} for tick {first}");
        }
    }
    assert!(came > 1_000 && changed > 100, "{came} came up, {changed} were changed: too few");
    // In the end all nodes come up, in order, if time goes from each `next_due` to the next.
    let mut hops = 0;
    while let Some(next) = timers.wheel.next_due() {
        if next / unit > now / unit {
            let early = timers.advance(next - 1, FOREVER, |node, _| panic!("{node}"));
            assert_eq!(early, Advance::Done);
        }
        for node in timers.due(next) {
            let (deadline, tick) = pending.remove(&node).expect("comes up once");
            assert!((deadline..deadline + unit).contains(&next) || tick <= next / unit);
        }
        hops += 1;
        assert!(hops < 1_000_000, "the wheel does not run empty");
    }
    assert_eq!(pending, BTreeMap::new());
}

#[test]
fn like_a_list_with_few_nodes() {
    for seed in 0..8 {
        against_the_list(seed, Scale::MILLIS, 50, any_span);
        against_the_list(seed, Scale::NANOS, 50, |rng| any_span(rng) * 99_999);
    }
}

#[test]
fn like_a_list_with_many_nodes() {
    // More than 64 blocks: two words per slot.
    for seed in 0..4 {
        against_the_list(seed, Scale::MILLIS, 5_000, any_span);
        against_the_list(seed, Scale::NANOS, 5_000, any_span);
    }
}

#[test]
fn like_a_list_with_deadlines_that_are_near() {
    for seed in 0..4 {
        against_the_list(seed, Scale::MILLIS, 300, |rng| rng.random_range(1..1_200));
        against_the_list(seed, Scale::NANOS, 300, |rng| rng.random_range(1..300));
    }
}

#[test]
fn a_deadline_comes_up_with_the_first_tick_that_is_not_before_it() {
    for now in [0, 1, 8, 511, 512, 40_000, 7 * DAY + 12_345] {
        for span in (1..1_200).chain([32_767, 32_768, 32_769, 3 * DAY, 98 * DAY, 500 * DAY]) {
            let timers = Timers::new(1, now);
            timers.set(1, now + span);
            let at = (now + span).next_multiple_of(TICK);
            // In one jump, so that everything in between has to be skipped.
            assert_eq!(timers.due(now + span - 1), [], "{span} ms from {now}");
            assert_eq!(timers.due(at), [1], "{span} ms from {now}");
        }
    }
}

#[test]
fn who_sleeps_until_the_next_time_wakes_once_per_level() {
    for span in [1, 63 * TICK, 64 * TICK, 30_000, 31 * 60_000, 20 * DAY, 45 * DAY] {
        for now in [0, 777, DAY + 5_003] {
            let timers = Timers::new(1, now);
            assert_eq!(timers.wheel.next_due(), None);
            timers.set(1, now + span);
            let mut wakes = 0;
            loop {
                let next = timers.wheel.next_due().expect("it has not come up");
                wakes += 1;
                if !timers.due(next).is_empty() {
                    assert!((now + span..now + span + TICK).contains(&next));
                    break;
                }
            }
            assert!(wakes <= LEVELS, "{wakes} wakes for {span} ms");
            assert_eq!(timers.wheel.next_due(), None);
        }
    }
}

#[test]
fn a_later_deadline_needs_no_word_to_the_wheel() {
    let timers = Timers::new(1, 0);
    timers.set(1, 100);
    for now in (0..100_000).step_by(50) {
        assert_eq!(timers.change(1, now + 100, now), Change::Later);
        assert_eq!(timers.due(now), []);
    }
    assert_eq!(timers.due(100_049), []);
    assert_eq!(timers.due(100_052), [1]);
}

#[test]
fn the_end_of_time_is_only_far_away() {
    let timers = Timers::new(3, 1_000);
    timers.set(1, NEVER - 2 * TICK);
    timers.set(2, NEVER);
    timers.set(3, 2_000);
    assert_eq!(timers.due(50 * 365 * DAY), [3]);
    let next = timers.wheel.next_due().expect("it is still there");
    assert!(next > 50 * 365 * DAY);
    assert_eq!(timers.due(NEVER - TICK), [1]);
    assert_eq!(timers.wheel.next_due(), None);
}

#[test]
fn a_visitor_that_panics_loses_nothing() {
    let timers = Timers::new(3, 0);
    (1..=3).for_each(|node| timers.set(node, 80));
    let panicking =
        AssertUnwindSafe(|| timers.advance(80, FOREVER, |_, _| panic!("in a listener")));
    assert!(catch_unwind(panicking).is_err());
    assert_eq!(timers.due(80), [2, 3]);
}

#[test]
fn a_million_deadlines_on_a_few_wheels() {
    const WHEELS: usize = 8;
    const EACH: NodeId = 125_000;
    const SPREAD: u64 = 2_000;
    let wheels: Vec<_> = (0..WHEELS).map(|_| Timers::new(EACH, 0)).collect();
    let came: Vec<_> = (0..WHEELS * EACH as usize).map(|_| AtomicU32::new(0)).collect();
    let clock = Clock::new(0);
    let come = |now: u64, budget: u32| {
        for (i, timers) in wheels.iter().enumerate() {
            let _ = timers.advance(now, budget, |node, deadline| {
                assert!(deadline <= now);
                came[i * EACH as usize + node as usize - 1].fetch_add(1, Ordering::Relaxed);
            });
        }
    };
    // Two threads set deadlines while time goes on, and advance a little after each.
    thread::scope(|scope| {
        for part in 0..2 {
            let (wheels, clock, come) = (&wheels, &clock, &come);
            scope.spawn(move || {
                let mut rng = SmallRng::seed_from_u64(part);
                for node in (1..=EACH).filter(|node| u64::from(*node) % 2 == part) {
                    let now = clock.fetch_add(1, Ordering::Relaxed) / 100;
                    for timers in wheels {
                        timers.set(node, now + rng.random_range(1..SPREAD));
                    }
                    if node % 16 == 0 {
                        come(now, 4);
                    }
                }
            });
        }
    });
    let now = clock.into_inner() / 100;
    for (i, timers) in wheels.iter().enumerate() {
        assert!(timers.wheel.next_due().is_some(), "wheel {i}");
    }
    come(now, FOREVER);
    let before = came.iter().filter(|came| came.load(Ordering::Relaxed) > 0).count();
    assert!((1..came.len()).contains(&before), "{before} have come up before the end");
    come(now + SPREAD + TICK, FOREVER);
    assert!(came.iter().all(|came| came.load(Ordering::Relaxed) == 1));
}

#[test]
fn memory_is_less_than_three_bytes_per_node() {
    for nodes in [4_096, 57_344, 1 << 20] {
        let wheel = Wheel::new(nodes, nodes, Scale::MILLIS, 0).expect("memory");
        assert!(wheel.allocated_bytes() < 3 * nodes, "{nodes} nodes");
    }
}

/// As in a child of `fork`: threads that have taken blocks, or stored deadlines, have stopped.
#[test]
fn what_threads_of_another_process_had_in_hand_comes_up() {
    for nodes in [20, 5_000] {
        let timers = Timers::new(nodes, 0);
        timers.set(1, 40);
        timers.deadlines.store(nodes, 40);
        let Timers { wheel, deadlines, .. } = &timers;
        wheel.make_ready(Block::of(1));
        let looking =
            Looking { deadlines, nodes, now: 0, due: |_, _| unreachable!("nothing is due") };
        let hand = Hand::of(wheel, looking);
        assert_eq!(hand.reach_for(&wheel.ready[0], 1), 1);
        std::mem::forget(hand);
        assert_eq!(wheel.taken() - wheel.let_go(), 1);
        assert!(!wheel.is_inherited());
        wheel.hands.process.store(u64::MAX, Ordering::Relaxed);
        assert!(wheel.is_inherited());
        for _ in 0..2 {
            wheel.inherit(Block::count(nodes as usize));
            assert_eq!((wheel.is_inherited(), wheel.taken()), (false, wheel.let_go()));
        }
        assert_eq!(timers.due(39), []);
        assert_eq!(timers.due(40), [1, nodes]);
    }
}
