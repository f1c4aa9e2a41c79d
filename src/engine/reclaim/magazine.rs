//! Magazines: node numbers on their way between threads, many at a time.
//!
//! (The name and the idea are from Bonwick and Adams, "Magazines and Vmem", USENIX 2001: threads
//! keep small stocks and exchange them with a depot whole, so that the depot is touched once in so
//! many operations.)
//!
//! # Who may touch what
//!
//! A magazine is either *held* by one thread, as a [`Held`], or on one stack. The holder is the only
//! one to write its nodes and its counts; anybody may read the `next` of any magazine, and whoever
//! pops from a stack does.
//!
//! ```text
//! none --hold_empty--> held --push--> on a stack --pop--> held --release--> on the stack of empty ones
//! ```
//!
//! # Orderings
//!
//! Push is Release and pop is Acquire, and between them stand only read-modify-writes: who pops a
//! magazine sees what its last holder wrote into it, and what that one saw. The magazine is an atomic
//! array only because `next` is read by others; the rest is Relaxed.
//!
//! # ABA
//!
//! A head is 32 bits of magazine number and 32 bits that every change raises. So a pop that was
//! delayed while the same magazine left and came back fails, unless it slept through exactly a
//! multiple of 2^32 changes of one stack, each of which stands for many inserts.
//!
//! # Progress
//!
//! Lock-free: each failed swap is another's success.

use crate::{
    engine::{
        index::word::NodeId,
        storage::extents::{Element, Extents, OutOfMemory},
        testing::plant::{Bug, planted},
    },
    sync::{AtomicU32, AtomicU64, Ordering},
};

/// The most nodes that a magazine holds: with its counts it fills eight cache lines.
#[cfg(not(larder_loom))]
pub(crate) const MAGAZINE: u32 = 124;
/// Two, so that models reach full ones.
#[cfg(larder_loom)]
pub(crate) const MAGAZINE: u32 = 2;

#[derive(Debug)]
#[repr(C, align(64))]
struct Magazine {
    next: AtomicU32,
    /// How many nodes it has.
    len: AtomicU32,
    /// How many of them, the first ones, hold no key and value any more.
    dropped: AtomicU32,
    nodes: [AtomicU32; MAGAZINE as usize],
}

#[cfg(not(larder_loom))]
const _: () = assert!(size_of::<Magazine>() == 512);

// SAFETY: atomic integers only, and padding.
unsafe impl Element for Magazine {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        let zero = || AtomicU32::new(0);
        Self { next: zero(), len: zero(), dropped: zero(), nodes: std::array::from_fn(|_| zero()) }
    }
}

/// A magazine that one thread holds. To be pushed or released: a number that is dropped is lost.
#[derive(Debug)]
#[must_use = "a magazine that is dropped is lost"]
pub(crate) struct Held(u32);

/// The head of a stack of magazines.
#[derive(Debug)]
pub(crate) struct Stack(AtomicU64);

impl Stack {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Whether there was nothing on it a moment ago.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        Head(self.0.load(Ordering::Relaxed)).magazine() == 0
    }
}

/// What a stack's head held at one moment.
#[derive(Clone, Copy)]
struct Head(u64);

impl Head {
    fn magazine(self) -> u32 {
        self.0 as u32
    }

    fn moved_to(self, magazine: u32) -> Self {
        Head((self.0 >> 32).wrapping_add(1) << 32 | u64::from(magazine))
    }
}

/// The magazines of one shard.
#[derive(Debug)]
pub(crate) struct Magazines {
    store: Extents<Magazine>,
    /// Numbers up to this one exist.
    fresh: AtomicU32,
    empty: Stack,
    most: u32,
}

impl Magazines {
    /// Up to `most` magazines, with memory for `planned` of them.
    pub(crate) fn new(planned: u32, most: u32) -> Result<Self, OutOfMemory> {
        Ok(Self {
            store: Extents::new(planned as usize, most as usize)?,
            fresh: AtomicU32::new(0),
            empty: Stack::new(),
            most,
        })
    }

    /// Bytes that [`Magazines::new`] allocates.
    pub(crate) fn bytes(planned: u32) -> Option<usize> {
        Extents::<Magazine>::bytes(planned as usize)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.store.allocated_bytes()
    }

    #[inline(always)]
    fn at(&self, magazine: u32) -> &Magazine {
        debug_assert!(magazine != 0, "none has no storage");
        // SAFETY: numbers come from `hold_fresh`, which ensures this element before it gives one
        // out, and each way from there to here is a Release/Acquire pair.
        unsafe { self.store.get(magazine as usize - 1).as_ref() }
    }

    /// Holds a magazine without nodes. None if there is no memory for one.
    pub(crate) fn hold_empty(&self) -> Option<Held> {
        self.pop(&self.empty).or_else(|| self.hold_fresh())
    }

    #[cold]
    fn hold_fresh(&self) -> Option<Held> {
        let mut fresh = self.fresh.load(Ordering::Relaxed);
        loop {
            if fresh >= self.most {
                return None;
            }
            self.store.ensure(fresh as usize).ok()?;
            match self.fresh.compare_exchange(fresh, fresh + 1, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return Some(Held(fresh + 1)),
                Err(now) => fresh = now,
            }
        }
    }

    /// Gives back a magazine whose nodes are somewhere else now.
    pub(crate) fn release(&self, held: Held) {
        let magazine = self.at(held.0);
        magazine.len.store(0, Ordering::Relaxed);
        magazine.dropped.store(0, Ordering::Relaxed);
        self.push(&self.empty, held);
    }

    /// Puts a magazine on a stack.
    pub(crate) fn push(&self, stack: &Stack, held: Held) {
        let mut head = Head(stack.0.load(Ordering::Relaxed));
        loop {
            self.at(held.0).next.store(head.magazine(), Ordering::Relaxed);
            let new = head.moved_to(held.0);
            match stack.0.compare_exchange(head.0, new.0, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = Head(now),
            }
        }
    }

    /// Takes the topmost magazine of a stack.
    pub(crate) fn pop(&self, stack: &Stack) -> Option<Held> {
        // Acquire: pairs with `push`; the last holder is done with the magazine and its nodes.
        let order =
            if planted(Bug::FreeListRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
        let mut head = Head(stack.0.load(order));
        while head.magazine() != 0 {
            let next = self.at(head.magazine()).next.load(Ordering::Relaxed);
            match stack.0.compare_exchange(head.0, head.moved_to(next).0, order, order) {
                Ok(_) => return Some(Held(head.magazine())),
                Err(now) => head = Head(now),
            }
        }
        None
    }

    /// How many nodes it has.
    pub(crate) fn len(&self, held: &Held) -> u32 {
        self.at(held.0).len.load(Ordering::Relaxed)
    }

    /// The `i`-th of its nodes.
    pub(crate) fn node(&self, held: &Held, i: u32) -> NodeId {
        debug_assert!(i < self.len(held));
        self.at(held.0).nodes[i as usize].load(Ordering::Relaxed)
    }

    /// Makes it hold these nodes and no others; there must be room for them.
    pub(crate) fn fill(&self, held: &Held, nodes: impl Iterator<Item = NodeId>) {
        let magazine = self.at(held.0);
        let mut len = 0;
        for (place, node) in magazine.nodes.iter().zip(nodes) {
            place.store(node, Ordering::Relaxed);
            len += 1;
        }
        magazine.len.store(len, Ordering::Relaxed);
    }

    /// Its nodes.
    pub(crate) fn nodes(&self, held: &Held) -> impl Iterator<Item = NodeId> + '_ {
        let magazine = self.at(held.0);
        let nodes = &magazine.nodes[..magazine.len.load(Ordering::Relaxed) as usize];
        nodes.iter().map(|node| node.load(Ordering::Relaxed))
    }

    /// Takes the last node out.
    pub(crate) fn take_last(&self, held: &Held) -> Option<NodeId> {
        let last = self.len(held).checked_sub(1)?;
        let node = self.node(held, last);
        self.at(held.0).len.store(last, Ordering::Relaxed);
        Some(node)
    }

    /// The next node that still holds a key and value, which counts as dropped from now on.
    pub(crate) fn next_to_drop(&self, held: &Held) -> Option<NodeId> {
        let magazine = self.at(held.0);
        let dropped = magazine.dropped.load(Ordering::Relaxed);
        (dropped < self.len(held)).then(|| {
            magazine.dropped.store(dropped + 1, Ordering::Relaxed);
            self.node(held, dropped)
        })
    }

    /// Whether all nodes were given out by [`Magazines::next_to_drop`]; if so, that is forgotten.
    pub(crate) fn is_dropped(&self, held: &Held) -> bool {
        let magazine = self.at(held.0);
        let all = magazine.dropped.load(Ordering::Relaxed) == self.len(held);
        if all {
            magazine.dropped.store(0, Ordering::Relaxed);
        }
        all
    }

    /// Visits each node of a stack's magazines, and whether its key and value were dropped there;
    /// while nobody else uses the cache. Returns the number of magazines.
    pub(crate) fn for_each(&self, stack: &Stack, visit: &mut dyn FnMut(NodeId, bool)) -> u32 {
        let mut count = 0;
        let mut magazine = Head(stack.0.load(Ordering::Acquire)).magazine();
        while magazine != 0 {
            count += 1;
            let this = self.at(magazine);
            let dropped = this.dropped.load(Ordering::Relaxed);
            for i in 0..this.len.load(Ordering::Relaxed) {
                visit(this.nodes[i as usize].load(Ordering::Relaxed), i < dropped);
            }
            magazine = this.next.load(Ordering::Relaxed);
        }
        count
    }

    /// All magazines, and those that are empty; for the invariant checker.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn count(&self) -> (u32, u32) {
        (self.fresh.load(Ordering::Relaxed), self.for_each(&self.empty, &mut |_, _| ()))
    }
}
