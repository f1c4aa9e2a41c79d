//! Doors into the engine for the models in `loom-tests/`: a cache of exactly the measures that a
//! model asks for, and single protocols for what would be too much with a cache around it.
//!
//! Thin on purpose: a model has to run the engine's own code.

use crate::{
    Cache, EvictionPolicy, Maintenance, ManualClock, RemovalCause,
    alarm::{Alarm, Asked},
    clock::{Clock, DEAD, NEVER},
    engine::{
        Engine,
        index::word::Layout,
        load::refresh::Begun,
        policy::budget::{Budget, Credit, Credits},
        reclaim::{
            epoch::pin,
            recycle::{NodePlan, Recycler},
        },
        shards::plan::{Growth, Plan, ShardPlan},
        singleflight::{flight::Outcome, parker},
        storage::{
            late::Late,
            parts::{Part, Parts},
        },
        time::{
            deadlines::{Block, Change, Deadlines, Looking},
            lifetimes::{By, Life, Lifetimes},
            postpone::PutOff,
            timing::{Extent, Timing},
            wheel::{Scale, Wheel},
        },
    },
    listener::Listener,
    loading::Spawner,
    requests::{Link, Linked, Requests},
    sync::{
        Arc, AtomicU32,
        Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
        fence,
    },
};
use std::{future::Future, hash::BuildHasher, pin::Pin, time::Duration};

/// Polls a future to its end, as a thread does that waits for a load.
pub fn block_on<F: Future>(future: F) -> F::Output {
    parker::block_on(future)
}

/// The measures of a cache with one shard.
#[derive(Clone, Copy, Debug)]
pub struct Tiny {
    /// Entries.
    pub capacity: u32,
    /// An even number.
    pub sets: usize,
    /// All the nodes there are.
    pub nodes: u32,
    /// Retired nodes that make a batch. More than there are nodes: nothing is recycled.
    pub batch: u32,
}

impl Tiny {
    /// Builds the cache.
    ///
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn cache<K, V, S>(self, hasher: S) -> Cache<K, V, S> {
        self.build(hasher, None, None)
    }

    /// The same with a listener.
    ///
    /// # Panics
    ///
    /// As there.
    pub fn listening<K: 'static, V: 'static, S>(
        self,
        hasher: S,
        listener: impl Fn(&K, &V, RemovalCause) + Send + Sync + 'static,
    ) -> Cache<K, V, S> {
        self.build(hasher, Some(Listener::new(listener)), None)
    }

    /// Builds a cache that hands tasks to a spawner.
    ///
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn spawning<K, V, S>(
        self,
        hasher: S,
        spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync + 'static,
    ) -> Cache<K, V, S> {
        self.build(hasher, None, Some(Spawner::new(spawn)))
    }

    fn build<K, V, S>(
        self,
        hasher: S,
        listener: Option<Listener<K, V>>,
        spawner: Option<Spawner>,
    ) -> Cache<K, V, S> {
        let Self { capacity, sets, nodes, batch } = self;
        let layout = Layout::for_nodes(nodes).expect("few nodes");
        let plan = node_plan(nodes, batch);
        let shard = ShardPlan {
            weighted: false,
            growth: Growth::Never,
            rules: EvictionPolicy::default(),
            probation: None,
            capacity,
            sets,
            layout,
            planned_nodes: nodes,
            nodes: plan,
        };
        // Every storey is like the ground floor.
        let next = |plan: &Plan, _| Ok(plan.clone());
        let entries = capacity.into();
        let plan = Plan { capacity: entries, entries, shards: 1, shard, next };
        Cache::from_parts(
            Engine::new(&plan, None, None, listener, Lifetimes::endless(Clock::default()))
                .expect("memory"),
            hasher,
            None,
            Maintenance::Manual,
            spawner,
        )
    }
}

/// As few nodes as models have are better not kept in stock.
fn node_plan(max_nodes: u32, batch: u32) -> NodePlan {
    NodePlan { max_nodes, batch, stocking: 0 }
}

/// Registers this thread with the collector, which is not what a model is about and takes more
/// steps than most operations.
pub fn register() {
    drop(pin());
}

/// Lets the collector hand back every batch for which no thread is pinned.
pub fn collect() {
    // It does so when the epoch has advanced twice since the batch was sealed.
    for _ in 0..3 {
        pin().guard.flush();
    }
}

/// Puts a storey on top of what there is.
///
/// # Panics
///
/// If there is no memory for it.
pub fn grow<K, V, S>(cache: &Cache<K, V, S>) {
    let common = &cache.engine().common;
    common.grow(common.storeys.height(), 0, Growth::Never).expect("memory");
}

/// Does what the sweep has to do now.
pub fn sweep<K, V, S>(cache: &Cache<K, V, S>) {
    let common = &cache.engine().common;
    while common.watch().is_some_and(|groups| common.sweep_some(groups)) {}
}

/// Does a step of the sweep, if there is one.
pub fn sweep_once<K, V, S>(cache: &Cache<K, V, S>) {
    let common = &cache.engine().common;
    if let Some(groups) = common.groups.get() {
        common.sweep_some(groups);
    }
}

/// Whether lookups look for stale entries.
pub fn is_armed<K, V, S>(cache: &Cache<K, V, S>) -> bool {
    cache.engine().common.watch().is_some()
}

/// Loads a key's value anew, as if it were old: if it is there, and nobody loads it.
pub fn refresh<S: BuildHasher>(
    cache: &Cache<u32, u32, S>,
    key: u32,
    init: impl FnOnce() -> u32,
) -> Option<u32> {
    let (hash, eq) = (cache.hash(&key), |other: &u32| *other == key);
    let node = cache.engine().node_of(hash, eq)?;
    let Begun::Here(refresh) = cache.engine().refresh(hash, &eq, &|| key, node) else {
        return None;
    };
    match refresh.conclude(|| key, Outcome::Value(init()), Duration::ZERO) {
        Outcome::Value(value) => Some(value),
        Outcome::Nothing | Outcome::Error(_) => None,
    }
}

/// A budget and the credits of its shards.
#[derive(Debug)]
pub struct BudgetDoor {
    budget: Budget,
    credits: Vec<Credits>,
}

impl BudgetDoor {
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn new(capacity: u64, shards: usize) -> Self {
        let budget = Budget::new(capacity, shards, 64).expect("memory");
        Self { budget, credits: (0..shards).map(|_| Credits::new()).collect() }
    }

    /// Whether shard `own` got a credit.
    pub fn take(&self, own: usize) -> bool {
        self.budget.take(own, &self.credits[own], 1, |other| &self.credits[other]).amount() == 1
    }

    /// Gives a credit to shard `own`, as for an entry that was removed.
    pub fn give(&self, own: usize) {
        self.budget.give(own, &self.credits[own], Credit::of_removed_entry(1));
    }

    /// Credits that nobody has taken.
    pub fn unused(&self) -> u64 {
        self.budget.unused(self.credits.iter())
    }
}

/// The node numbers of one shard, without nodes.
#[derive(Debug)]
pub struct RecyclerDoor(Arc<Recycler>);

impl RecyclerDoor {
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn new(nodes: u32, batch: u32, drops: bool) -> Self {
        Self::with(node_plan(nodes, batch), drops)
    }

    /// One whose threads keep free nodes.
    ///
    /// # Panics
    ///
    /// If there is no memory for it.
    pub fn stocking(nodes: u32, batch: u32) -> Self {
        Self::with(NodePlan { stocking: u32::MAX, ..node_plan(nodes, batch) }, false)
    }

    fn with(plan: NodePlan, drops: bool) -> Self {
        Self(Arc::new(Recycler::new(plan, drops).expect("memory")))
    }

    /// Takes a node that nobody else has.
    pub fn alloc(&self) -> Option<u32> {
        let number = pin().number;
        let own = self.0.alloc_from_stock(number).map(|(node, _)| node);
        own.or_else(|| self.0.alloc_beyond_stock(number, |_| Ok(())))
    }

    /// Pins, and gives a node back: to be reused after a grace period.
    pub fn retire(&self, node: u32) {
        let pin = pin();
        self.0.retire(node, pin.number, &pin.guard);
    }

    /// Pins, and seals what any thread has retired.
    pub fn seal_all(&self) {
        self.0.seal_all(&pin().guard);
    }

    /// Has `f` drop what a dead node holds.
    pub fn drop_one(&self, f: impl FnMut(u32)) {
        self.0.drop_dead(1, f);
    }
}

/// An alarm, and work of two writers.
#[derive(Debug)]
pub struct AlarmDoor {
    alarm: Alarm,
    work: [AtomicU32; 2],
}

impl AlarmDoor {
    /// A pass is due by `time`.
    pub fn new(time: u64) -> Self {
        Self { alarm: Alarm::new(time), work: [AtomicU32::new(0), AtomicU32::new(0)] }
    }

    /// Leaves work and asks for a pass; whether the thread has to be woken for it.
    pub fn write(&self, writer: usize, time: u64) -> bool {
        self.work[writer].store(1, Relaxed);
        self.alarm.ask(time) == Asked::Wake
    }

    /// One pass; whose work it saw.
    pub fn pass(&self) -> [bool; 2] {
        self.alarm.begin_pass();
        let seen = [0, 1].map(|writer| self.work[writer].load(Relaxed) == 1);
        self.alarm.end_pass(NEVER);
        seen
    }

    /// When the next pass is due.
    pub fn time(&self) -> u64 {
        self.alarm.latest_time()
    }
}

/// Requests for two things, and the work that two writers leave for each.
#[derive(Debug)]
pub struct RequestsDoor {
    requests: Requests<Requested>,
    things: [Arc<Requested>; 2],
}

#[derive(Debug)]
struct Requested {
    link: Link<Self>,
    work: [AtomicU32; 2],
}

impl Linked for Requested {
    fn link(&self) -> &Link<Self> {
        &self.link
    }
}

impl RequestsDoor {
    /// Nothing is left to be done.
    #[allow(clippy::new_without_default, reason = "made by models only")]
    pub fn new() -> Self {
        let thing = || {
            let work = [AtomicU32::new(0), AtomicU32::new(0)];
            Arc::new(Requested { link: Link::new(), work })
        };
        Self { requests: Requests::new(), things: [thing(), thing()] }
    }

    /// Leaves work for a thing, and has it looked at.
    pub fn leave(&self, thing: usize, writer: usize) {
        let thing = &self.things[thing];
        thing.work[writer].store(1, Relaxed);
        self.requests.push(thing);
    }

    /// Takes all requests; whose work for what it saw.
    pub fn look(&self) -> [[bool; 2]; 2] {
        let mut seen = [[false; 2]; 2];
        self.requests.take(|thing| {
            let at = usize::from(Arc::ptr_eq(&thing, &self.things[1]));
            seen[at] = [0, 1].map(|writer| thing.work[writer].load(Relaxed) == 1);
        });
        seen
    }
}

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
        let _ = self.0.amend(1, shortened);
    }

    /// A read after which the entry may idle until `idle`.
    pub fn read(&self, idle: u64) {
        let seen = self.0.deadlines.load_to_move(1);
        if seen < idle && self.0.put_off(1, seen, idle) == PutOff::Ask {
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
        let _ = self.0.put_off_by(1, rule);
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

/// An entry whose node is replaced by values that keep its time, while it is touched. It is in the one slot of
/// an index; its nodes are 1, 2 and so on, each used once.
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
        self.deadlines.load(node) <= now && self.deadlines.settle(node, |seen| seen <= now)
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

/// A value that appears when it is first needed.
#[derive(Debug, Default)]
pub struct LateDoor(Late<u32>);

impl LateDoor {
    /// Makes the value, if it is not there.
    pub fn make(&self) {
        let _ = self.0.get_or_try_make(|| Ok::<_, ()>(1));
    }

    /// Whether the value is there; if not, who makes it sees what this thread has done.
    pub fn is_there_or_precede(&self) -> bool {
        self.0.get_or_precede().is_some()
    }
}

/// An optional part of a cache, and two words that say that it is used.
#[derive(Debug)]
pub struct PartsDoor {
    parts: Parts,
    part: Late<u32>,
    used: [AtomicU32; 2],
}

impl PartsDoor {
    /// The part is not there yet.
    #[allow(clippy::new_without_default, reason = "made by models only")]
    pub fn new() -> Self {
        let used = [AtomicU32::new(0), AtomicU32::new(0)];
        Self { parts: Parts::new([]), part: Late::new(), used }
    }

    /// Makes the part if it is not there, and uses it.
    pub fn use_it(&self, user: usize) {
        let _ = self.parts.make(Part::Times, &self.part, || Ok::<_, ()>(1));
        self.used[user].store(1, Release);
    }

    /// Whether a thread that has learned of its use finds that the cache has it; true if it is not used.
    pub fn is_found_by_who_knows(&self, user: usize) -> bool {
        self.used[user].load(Acquire) == 0
            || self.parts.now().has(Part::Times) && self.part.get().is_some()
    }
}
