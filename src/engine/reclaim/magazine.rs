//! Magazines: batches of node numbers on their way between threads.
//!
//! (The name and the idea are from Bonwick and Adams, "Magazines and Vmem", USENIX 2001: threads
//! keep small thread caches and exchange whole ones with a depot, so that the depot is touched once
//! in many operations.)
//!
//! # Who may touch what
//!
//! A magazine is either held by one thread, as a [`HeldMagazine`], or on one stack. Only the holder
//! writes its nodes and counts. Any thread may read the `next` of any magazine; a thread that pops
//! from a stack does.
//!
//! ```text
//! none --------------> held   hold_empty, if no magazine is empty
//! held --------------> stack  push
//! stack -------------> held   pop
//! held --------------> empty  release: pushed on the stack of empty ones
//! empty -------------> held   hold_empty: popped from there
//! ```
//!
//! # Orderings
//!
//! Push is Release and pop is Acquire, and between them are only read-modify-writes: a thread that
//! pops a magazine sees what its last holder wrote into it, and what that one had seen. `next` is
//! atomic because other threads read it while the holder writes; the other fields are atomic only
//! because a magazine is shared. All of them are Relaxed: the holder is alone, and a `next` that
//! was read too early or too late makes the swap of the head fail.
//!
//! # ABA
//!
//! A head is 32 bits of magazine number and 32 bits that every change raises. So a pop that was
//! delayed while the same magazine left and came back fails, unless the delay spans exactly a
//! multiple of 2^32 changes of one stack, each of which stands for many inserts.
//!
//! # Progress
//!
//! Lock-free: a swap fails only if another thread's has succeeded.

use crate::{
    engine::{
        index::word::NodeId,
        storage::chunked::{Chunked, Element, OutOfMemory},
    },
    sync::{AtomicU32, AtomicU64, Ordering},
    testing::plant::{Bug, planted},
};
#[cfg(not(larder_loom))]
use std::ptr;

/// The capacity of a magazine: with its counts it fills eight cache lines.
#[cfg(not(larder_loom))]
pub(crate) const MAGAZINE: u32 = 124;
/// The capacity of a magazine: two, so that models reach full ones.
#[cfg(larder_loom)]
pub(crate) const MAGAZINE: u32 = 2;

#[derive(Debug)]
#[repr(C, align(64))]
struct Magazine {
    next: AtomicU32,
    /// The number of its nodes.
    len: AtomicU32,
    /// The number of nodes, from the first on, that hold no key and value any more.
    dropped: AtomicU32,
    nodes: [AtomicU32; MAGAZINE as usize],
}

#[cfg(not(larder_loom))]
const _: () = assert!(size_of::<Magazine>() == 512);

// SAFETY: atomic integers, for which zero is valid, and padding.
unsafe impl Element for Magazine {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        let zero = || AtomicU32::new(0);
        Self { next: zero(), len: zero(), dropped: zero(), nodes: std::array::from_fn(|_| zero()) }
    }
}

/// A magazine that one thread holds. It has to be pushed or released; if it is dropped, it is lost.
#[derive(Debug)]
#[must_use = "a magazine that is dropped is lost"]
pub(crate) struct HeldMagazine(u32);

/// The head of a stack of magazines.
#[derive(Debug)]
pub(crate) struct Stack(AtomicU64);

impl Stack {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Returns whether the stack was empty a moment ago.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: a hint; the caller that goes on pops.
        Head(self.0.load(Ordering::Relaxed)).magazine() == 0
    }
}

/// A value of a stack's head: a magazine, or 0, and the number of changes.
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

/// Copies words by ordinary accesses, which compilers merge.
///
/// # Safety
///
/// No other thread writes `from`, and none accesses the words of `to` that are written.
#[cfg(not(larder_loom))]
unsafe fn copy(from: &[AtomicU32], to: &[AtomicU32]) {
    let to = &to[..from.len()];
    // SAFETY: both slices are valid for `from.len()` words, which have the representation of a
    // `u32` and interior mutability. The caller guarantees that there is no race, and so they do
    // not overlap, either: `to` is written.
    unsafe {
        ptr::copy_nonoverlapping(
            from.as_ptr().cast::<u32>(),
            to.as_ptr().cast::<u32>().cast_mut(),
            from.len(),
        );
    }
}

/// Copies words, as models see it.
#[cfg(larder_loom)]
unsafe fn copy(from: &[AtomicU32], to: &[AtomicU32]) {
    for (from, to) in from.iter().zip(to) {
        to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// The magazines of one shard.
#[derive(Debug)]
pub(crate) struct Magazines {
    store: Chunked<Magazine>,
    /// The highest number that was handed out.
    fresh: AtomicU32,
    empty: Stack,
    most: u32,
}

impl Magazines {
    /// Makes room for up to `most` magazines, with memory for `planned` of them.
    pub(crate) fn new(planned: u32, most: u32) -> Result<Self, OutOfMemory> {
        Ok(Self {
            store: Chunked::new(planned as usize, most as usize)?,
            fresh: AtomicU32::new(0),
            empty: Stack::new(),
            most,
        })
    }

    /// Returns the number of bytes that [`Magazines::new`] allocates.
    pub(crate) fn bytes(planned: u32) -> Option<usize> {
        Chunked::<Magazine>::bytes(planned as usize)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.store.allocated_bytes()
    }

    #[inline(always)]
    fn at(&self, magazine: u32) -> &Magazine {
        debug_assert!(magazine != 0, "none has no storage");
        // SAFETY: numbers come from `hold_fresh`, which ensures this element before it hands one
        // out, and each way from there to here passes a Release and an Acquire.
        unsafe { self.store.get(magazine as usize - 1).as_ref() }
    }

    /// Takes a magazine without nodes. Returns `None` if there is no memory for one.
    pub(crate) fn hold_empty(&self) -> Option<HeldMagazine> {
        self.pop(&self.empty).or_else(|| self.hold_fresh())
    }

    #[cold]
    fn hold_fresh(&self) -> Option<HeldMagazine> {
        // Relaxed: checked by the compare-exchange below.
        let mut fresh = self.fresh.load(Ordering::Relaxed);
        loop {
            if fresh >= self.most {
                return None;
            }
            self.store.ensure(fresh as usize).ok()?;
            // AcqRel: chooses the one thread that gets the number; the chunk was ensured by this
            // thread, above. Failure, Relaxed: tries the next number.
            match self.fresh.compare_exchange(fresh, fresh + 1, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return Some(HeldMagazine(fresh + 1)),
                Err(now) => fresh = now,
            }
        }
    }

    /// Gives back a magazine whose nodes were taken over by the caller.
    pub(crate) fn release(&self, held: HeldMagazine) {
        let magazine = self.at(held.0);
        // Relaxed, both: the push is the Release.
        magazine.len.store(0, Ordering::Relaxed);
        magazine.dropped.store(0, Ordering::Relaxed);
        self.push(&self.empty, held);
    }

    /// Puts a magazine on a stack.
    pub(crate) fn push(&self, stack: &Stack, held: HeldMagazine) {
        // Relaxed: the number is only stored in `next`, and checked by the compare-exchange.
        let mut head = Head(stack.0.load(Ordering::Relaxed));
        loop {
            // Relaxed: the compare-exchange below publishes it. A pop that reads `next` at this
            // moment has an old head, and fails.
            self.at(held.0).next.store(head.magazine(), Ordering::Relaxed);
            let new = head.moved_to(held.0);
            // Release: pairs with the Acquires in `pop`; nodes, counts and `next` are visible.
            // Failure, Relaxed: as for the load above.
            match stack.0.compare_exchange(head.0, new.0, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = Head(now),
            }
        }
    }

    /// Takes the topmost magazine of a stack.
    pub(crate) fn pop(&self, stack: &Stack) -> Option<HeldMagazine> {
        // Acquire, all three: pairs with the Release in `push`; `next` and the magazine's storage
        // are visible, and the last holder is done with the magazine and its nodes.
        let order =
            if planted(Bug::FreeListRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
        let mut head = Head(stack.0.load(order));
        while head.magazine() != 0 {
            // Relaxed: acquired with the head, or the compare-exchange fails ("ABA").
            let next = self.at(head.magazine()).next.load(Ordering::Relaxed);
            match stack.0.compare_exchange(head.0, head.moved_to(next).0, order, order) {
                Ok(_) => return Some(HeldMagazine(head.magazine())),
                Err(now) => head = Head(now),
            }
        }
        None
    }

    // The accesses of a holder, up to `is_dropped`, are Relaxed: it is the only thread to write
    // these fields, and `pop` has acquired what holders before it wrote.

    /// Returns the number of nodes.
    pub(crate) fn len(&self, held: &HeldMagazine) -> u32 {
        self.at(held.0).len.load(Ordering::Relaxed)
    }

    /// Returns the `i`-th node.
    pub(crate) fn node(&self, held: &HeldMagazine, i: u32) -> NodeId {
        debug_assert!(i < self.len(held));
        self.at(held.0).nodes[i as usize].load(Ordering::Relaxed)
    }

    /// Replaces the nodes by these, of which there are at most [`MAGAZINE`].
    pub(crate) fn fill(&self, held: &HeldMagazine, nodes: impl Iterator<Item = NodeId>) {
        let magazine = self.at(held.0);
        let mut len = 0;
        for (place, node) in magazine.nodes.iter().zip(nodes) {
            place.store(node, Ordering::Relaxed);
            len += 1;
        }
        magazine.len.store(len, Ordering::Relaxed);
    }

    /// Replaces the nodes by those in two pieces, which have at most [`MAGAZINE`] together.
    ///
    /// # Safety
    ///
    /// No other thread writes the pieces.
    pub(crate) unsafe fn fill_from(&self, held: &HeldMagazine, pieces: [&[AtomicU32]; 2]) {
        let magazine = self.at(held.0);
        let [first, second] = pieces;
        let (front, back) = magazine.nodes.split_at(first.len());
        // SAFETY: the caller guarantees that no other thread writes the pieces, and only the holder
        // accesses the nodes of a magazine.
        unsafe {
            copy(first, front);
            copy(second, back);
        }
        magazine.len.store((first.len() + second.len()) as u32, Ordering::Relaxed);
    }

    /// Copies the nodes into `places`, and returns how many there are.
    ///
    /// # Safety
    ///
    /// No other thread accesses the places.
    pub(crate) unsafe fn copy_into(&self, held: &HeldMagazine, places: &[AtomicU32]) -> u32 {
        let magazine = self.at(held.0);
        let len = magazine.len.load(Ordering::Relaxed);
        // SAFETY: the caller guarantees that no other thread accesses the places, and only the
        // holder accesses the nodes of a magazine.
        unsafe { copy(&magazine.nodes[..len as usize], places) };
        len
    }

    /// Removes the last node.
    pub(crate) fn take_last(&self, held: &HeldMagazine) -> Option<NodeId> {
        let last = self.len(held).checked_sub(1)?;
        let node = self.node(held, last);
        self.at(held.0).len.store(last, Ordering::Relaxed);
        Some(node)
    }

    /// Returns the next node that still holds a key and value, and counts it as dropped.
    pub(crate) fn next_to_drop(&self, held: &HeldMagazine) -> Option<NodeId> {
        let magazine = self.at(held.0);
        let dropped = magazine.dropped.load(Ordering::Relaxed);
        (dropped < self.len(held)).then(|| {
            magazine.dropped.store(dropped + 1, Ordering::Relaxed);
            self.node(held, dropped)
        })
    }

    /// Returns whether [`Magazines::next_to_drop`] has returned all nodes. If so, resets its count.
    pub(crate) fn is_dropped(&self, held: &HeldMagazine) -> bool {
        let magazine = self.at(held.0);
        let all = magazine.dropped.load(Ordering::Relaxed) == self.len(held);
        if all {
            magazine.dropped.store(0, Ordering::Relaxed);
        }
        all
    }

    /// Calls `visit` with each node of a stack's magazines, and whether its key and value were
    /// dropped. Returns the number of magazines. Call while no other thread uses the cache.
    pub(crate) fn for_each(&self, stack: &Stack, visit: &mut dyn FnMut(NodeId, bool)) -> u32 {
        let mut count = 0;
        // Acquire: pairs with the Release in `push`. Relaxed, below: acquired with it.
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

    /// Returns the number of all magazines and of the empty ones, for the invariant checker.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn count(&self) -> (u32, u32) {
        // Relaxed: no other thread uses the cache.
        (self.fresh.load(Ordering::Relaxed), self.for_each(&self.empty, &mut |_, _| ()))
    }
}
