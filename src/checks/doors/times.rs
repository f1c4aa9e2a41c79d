//! Doors to deadlines and to the timer wheel.

use crate::{
    ManualClock,
    engine::time::{
        deadlines::{Block, Change, Deadlines},
        extend::{Extended, IfLost},
        lifetimes::{By, Life},
        timing::{Extent, Timing},
        wheel::{Wheel, looking::Looking},
    },
    process::clock::{Clock, DEAD, scale::Scale},
    sync::{
        AtomicU32,
        Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
        fence,
    },
};

/// The times of one entry, that of node 1, which is in use and has no end.
#[derive(Debug)]
pub struct TimesDoor(Timing);

impl TimesDoor {
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn new(deadline: u64) -> Self {
        let clock = ManualClock::new().into();
        let timing = Timing::new(2, 2, &clock, 0, Extent::Ends).expect("memory");
        timing.ensure_details().expect("memory");
        timing.begin(1, Life { deadline, written: 1, ..Life::ENDLESS }).expect("memory");
        Self(timing)
    }

    /// Sets an end, and with it the deadline, which may be earlier.
    pub fn set_end(&self, deadline: u64, end: u64) {
        self.0.announce_ends();
        let life = Life { deadline, end, written: 1, ..Life::ENDLESS };
        let _ = self.0.set_end(1, life, |_| false);
    }

    /// Sets an end that stands in place of all rules.
    pub fn set_callers_end(&self, end: u64) {
        self.0.announce_ends();
        let life = Life { deadline: end, end, by: By::Caller, written: 1, ..Life::ENDLESS };
        let _ = self.0.set_end(1, life, |_| false);
    }

    /// Rules that change: the entry lives until `rule` at most.
    pub fn shorten(&self, rule: u64) {
        let shortened = |life: Life| {
            if life.by == By::Caller {
                return life.at_its_end();
            }
            let end = life.end.min(rule);
            Some(Life { deadline: life.deadline.min(end), end, ..life })
        };
        let _ = self.0.amend(1, IfLost::Again, shortened);
    }

    /// A read after which the entry may idle until `idle`.
    pub fn read(&self, idle: u64) {
        let seen = self.0.deadlines.load_to_move(1);
        if seen < idle && self.0.extend(1, seen, idle) == Extended::Ask {
            self.read_by_rule(idle);
        }
    }

    /// The same where it is known that entries may have ends.
    pub fn read_by_rule(&self, idle: u64) {
        let rule = |life: Life| {
            if life.by == By::Caller {
                return life.at_its_end();
            }
            let deadline = life.end.min(idle);
            (deadline != life.deadline).then_some(Life { deadline, ..life })
        };
        let _ = self.0.amend(1, IfLost::Leave, rule);
    }

    /// What lookups go by.
    pub fn deadline(&self) -> u64 {
        self.0.deadlines.load(1)
    }

    /// What reads go by.
    pub fn end(&self) -> u64 {
        self.0.life(1).end
    }
}

/// An entry whose node is replaced by values that keep its time, while it is touched. It is in the
/// one slot of an index; its nodes are 1, 2 and so on, each used once.
#[derive(Debug)]
pub struct HandingDoor {
    timing: Timing,
    slot: AtomicU32,
    fresh: AtomicU32,
}

impl HandingDoor {
    /// With an entry that has no end. There are `nodes` nodes.
    ///
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn new(nodes: usize) -> Self {
        let clock = Clock::from(ManualClock::new());
        let timing = Timing::new(nodes, nodes, &clock, 0, Extent::Ends).expect("memory");
        timing.ensure_details().expect("memory");
        timing.begin(1, Life { written: 1, ..Life::ENDLESS }).expect("memory");
        Self { timing, slot: AtomicU32::new(1), fresh: AtomicU32::new(2) }
    }

    /// Gives the entry an end: as `Engine::touch`.
    pub fn touch(&self, end: u64) {
        self.timing.announce_ends();
        let life = Life { deadline: end, end, by: By::Caller, written: 1, ..Life::ENDLESS };
        loop {
            let node = self.slot.load(Acquire);
            let _ = self.timing.set_end(node, life, |_| false);
            fence(SeqCst);
            if self.slot.load(Acquire) == node {
                return;
            }
        }
    }

    /// Replaces its value, which keeps the time: as `Shard::put`.
    ///
    /// # Panics
    ///
    /// If there is no node left.
    pub fn step(&self) {
        let new = self.fresh.fetch_add(1, Relaxed);
        loop {
            let old = self.slot.load(Acquire);
            let life = self.timing.life(old);
            let kept = match life.by {
                By::Caller => Life { deadline: life.end, ..life },
                By::Rule => life,
            };
            self.timing.begin(new, kept).expect("memory");
            if self.slot.compare_exchange(old, new, AcqRel, Relaxed).is_ok() {
                let _ = self.timing.hand_on(old, kept, new);
                return;
            }
        }
    }

    /// What lookups go by, and what reads go by.
    pub fn deadline_and_end(&self) -> (u64, u64) {
        let life = self.timing.life(self.slot.load(Acquire));
        (life.deadline, life.end)
    }
}

/// A timer wheel that begins at 0, and the deadlines of nodes, of which all are handed out. Times
/// are ticks; two levels of four; two nodes to a block.
#[derive(Debug)]
pub struct WheelDoor {
    wheel: Wheel,
    deadlines: Deadlines,
    nodes: u32,
}

impl WheelDoor {
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn new(nodes: u32) -> Self {
        Self::planned(nodes, nodes)
    }

    /// One without slots.
    ///
    /// # Panics
    ///
    /// As above.
    pub fn small(nodes: u32) -> Self {
        Self::planned(0, nodes)
    }

    fn planned(planned: u32, nodes: u32) -> Self {
        let (wheel, deadlines) = (
            Wheel::new(planned as usize, nodes as usize, Scale::MILLIS, 0),
            Deadlines::new(nodes as usize, nodes as usize),
        );
        let (wheel, deadlines) = (wheel.expect("memory"), deadlines.expect("memory"));
        (1..=nodes).for_each(|node| deadlines.store(node, DEAD));
        Self { wheel, deadlines, nodes }
    }

    /// Stores and schedules a deadline, as the owner of the node.
    pub fn set(&self, node: u32, deadline: u64) {
        self.deadlines.store(node, deadline);
        self.wheel.schedule(Block::of(node), deadline);
    }

    /// What becomes of a node's deadline when its entry leaves.
    pub fn end(&self, node: u32) {
        self.deadlines.store(node, DEAD);
    }

    /// Changes a deadline, and schedules it if it has to be. False if it was too late.
    pub fn change(&self, node: u32, deadline: u64, now: u64) -> bool {
        let change = self.deadlines.change(node, deadline, |seen| seen <= now);
        if change == Change::Earlier {
            self.wheel.schedule(Block::of(node), deadline);
        }
        change != Change::TooLate
    }

    /// Whether a lookup takes the entry of a node for absent.
    pub fn is_over(&self, node: u32, now: u64) -> bool {
        self.deadlines.load(node) <= now && self.deadlines.mark_past(node, |seen| seen <= now)
    }

    /// Claims what is due in up to `budget` blocks: node and deadline.
    pub fn advance(&self, now: u64, budget: u32) -> Vec<(u32, u64)> {
        let mut claimed = Vec::new();
        // How far it came is seen from what comes up later.
        self.advance_with(now, budget, |node, deadline| {
            if self.deadlines.claim(node, deadline) {
                claimed.push((node, deadline));
            }
        });
        claimed
    }

    fn advance_with(&self, now: u64, mut budget: u32, due: impl FnMut(u32, u64)) {
        let Self { wheel, deadlines, nodes } = self;
        let _ = wheel.advance(now, &mut budget, Looking { deadlines, nodes: *nodes, now, due });
    }

    /// An advance that finds none of the nodes in the index, so that it must not claim them.
    pub fn advance_over_absent(&self, now: u64) {
        self.advance_with(now, u32::MAX, |_, _| ());
    }

    /// The beginning of an advance, as of a thread that is stopped there.
    pub fn close(&self, now: u64) {
        self.wheel.close(now);
    }

    /// See [`WheelDoor::advance`]: when it has something to do next.
    pub fn next_due(&self) -> Option<u64> {
        self.wheel.next_due()
    }
}
