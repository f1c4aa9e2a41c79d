//! What a shard knows about time: its entries' deadlines, and when to look at them.
//!
//! A column beside the nodes, which comes with the cache if its rules say that entries expire, or
//! else with the first entry that is to. A cache without pays one load of a pointer per operation.
//! (Where it comes late, a node that was handed out before has no deadline, as fresh memory says;
//! and who gets a node from somebody who knew of the column knows of it, too.)
//!
//! What else there is to know of an entry is a column of its own, too, the *details*. Where all
//! entries have the same time to live, deadlines say it all, and it comes with the first entry that
//! is told something else. An entry whose details nobody has noted is as old as its deadline says.
//!
//! # Expiry
//!
//! A lookup that finds an entry whose deadline is past takes it for absent. To take it out is the
//! business of whoever advances the wheel, or evicts, replaces or removes it:
//!
//! 1. the wheel says which block to look at;
//! 2. for each node of it whose deadline is past: look where the node said it would go (`place`),
//!    and whether it is there;
//! 3. read the deadline again, which is that of what was seen in 2, or a later one, and claim it;
//! 4. take the word out of its slot by compare-and-swap.
//!
//! A node is placed before it is published, so who sees it in the index sees its place. Between 2
//! and 4 the node may leave; then the swap fails, and somebody else has told the listener. It does
//! not come back meanwhile: this thread is pinned (`sets.rs`, ABA).
//!
//! Who publishes an entry schedules it afterwards, so one that is not in the index yet when its
//! block is looked at is not forgotten.

use crate::{
    engine::{
        index::{prefetch::prefetch, word::NodeId},
        storage::{
            extents::{Element, Extents, OutOfMemory},
            late::Late,
        },
        time::{
            deadlines::{Block, Deadlines},
            lifetimes::{By, LATEST, Life},
            wheel::Wheel,
        },
    },
    process::clock::{Clock, DEAD, NEVER, PAST, Verdict, lease},
    sync::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    testing::plant::{Bug, planted},
};
use std::time::Duration;

/// What else there is to know about the life of a node's entry.
#[derive(Debug)]
struct Detail {
    /// The end and what it comes from, in one word: see [`word_of_end`].
    end: AtomicU64,
    written: AtomicU64,
}

/// And what there is in caches with an `Expiry`, with refreshes, or that keep what is expired.
#[derive(Debug)]
struct Extra {
    own: AtomicU64,
    /// What it took to load the value, in microseconds; 0 if it was not loaded.
    load: AtomicU32,
    /// Before when it is not to be refreshed.
    rested: AtomicU64,
    /// Its deadline, when that was settled; for caches that keep entries beyond it.
    settled: AtomicU64,
}

// SAFETY: atomic integers only, and padding.
unsafe impl Element for Detail {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Self { end: AtomicU64::new(0), written: AtomicU64::new(0) }
    }
}

// SAFETY: atomic integers only, and padding.
unsafe impl Element for Extra {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        let zero = || AtomicU64::new(0);
        Self { own: zero(), load: AtomicU32::new(0), rested: zero(), settled: zero() }
    }
}

/// Which details a cache's entries have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Their ends, and when they were written.
    Ends,
    /// Everything.
    All,
}

#[derive(Debug)]
struct Details {
    ends: Extents<Detail>,
    extras: Option<Extents<Extra>>,
}

impl Details {
    fn ensure(&self, node: NodeId) -> Result<(), OutOfMemory> {
        let at = node as usize - 1;
        self.ends.ensure(at)?;
        self.extras.as_ref().map_or(Ok(()), |extras| extras.ensure(at))
    }

    fn allocated_bytes(&self) -> usize {
        self.ends.allocated_bytes() + self.extras.as_ref().map_or(0, Extents::allocated_bytes)
    }
}

/// The bit that says that a caller gave the end.
const CALLER: u64 = LATEST + 1;

/// An end and what it comes from, as they are noted: fresh memory says that there is none, by rule.
fn word_of_end(life: Life) -> u64 {
    let by = if life.by == By::Caller { CALLER } else { 0 };
    LATEST.saturating_sub(life.end) | by
}

fn end_of_word(word: u64) -> (u64, By) {
    let by = if word & CALLER == 0 { By::Rule } else { By::Caller };
    match word & LATEST {
        0 => (NEVER, by),
        inverted => (LATEST - inverted, by),
    }
}

/// The times of one shard's entries.
#[derive(Debug)]
pub(crate) struct Timing {
    pub(crate) deadlines: Deadlines,
    details: Late<Details>,
    extent: Extent,
    planned: usize,
    max_nodes: usize,
    /// How long entries live whose details nobody has noted, in units of the clock.
    span: u64,
    /// Whether hits may go by their threads' leases.
    gives_leases: bool,
    /// Whether an entry has, or may have, an end that its deadline does not say.
    has_ends: AtomicBool,
    pub(crate) wheel: Wheel,
}

impl Timing {
    /// For entries that live for `span` units of the clock, if nothing else is noted.
    pub(crate) fn new(
        planned: usize,
        max_nodes: usize,
        clock: &Clock,
        span: u64,
        extent: Extent,
    ) -> Result<Self, OutOfMemory> {
        Ok(Self {
            deadlines: Deadlines::new(planned, max_nodes)?,
            details: Late::new(),
            extent,
            planned,
            max_nodes,
            span,
            gives_leases: clock.gives_leases(),
            has_ends: AtomicBool::new(false),
            wheel: Wheel::new(planned, max_nodes, clock.scale(), clock.now())?,
        })
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.deadlines.allocated_bytes()
            + self.details.get().map_or(0, Details::allocated_bytes)
            + self.wheel.allocated_bytes()
    }

    /// Makes room for details: before anything is noted that deadlines do not say.
    pub(crate) fn ensure_details(&self) -> Result<(), OutOfMemory> {
        let make = || {
            let ends = Extents::new(self.planned, self.max_nodes)?;
            let extras = match self.extent {
                Extent::Ends => None,
                Extent::All => Some(Extents::new(self.planned, self.max_nodes)?),
            };
            Ok(Details { ends, extras })
        };
        self.details.get_or_try_make(make).map(|_| ())
    }

    /// Says that entries may have ends of their own; before one gets it.
    pub(crate) fn announce_ends(&self) {
        if !self.has_ends() && !planted(Bug::EndsUnannounced) {
            self.has_ends.store(true, Ordering::Release);
        }
    }

    #[inline(always)]
    pub(crate) fn has_ends(&self) -> bool {
        self.has_ends.load(Ordering::Acquire)
    }

    #[inline(always)]
    fn detail(&self, node: NodeId) -> Option<&Detail> {
        // SAFETY: elements are atomic integers, which nobody moves or frees before `self`.
        self.details.get()?.ends.find(node as usize - 1).map(|detail| unsafe { detail.as_ref() })
    }

    #[inline]
    fn extra(&self, node: NodeId) -> Option<&Extra> {
        let extras = self.details.get()?.extras.as_ref()?;
        // SAFETY: as above.
        extras.find(node as usize - 1).map(|extra| unsafe { extra.as_ref() })
    }

    /// Asks for the lines of a node.
    #[inline(always)]
    pub(crate) fn prefetch(&self, node: NodeId) {
        self.deadlines.prefetch(node);
        if let Some(detail) = self.detail(node) {
            prefetch(detail);
        }
    }

    /// Gives an owned node its times, before it is published.
    #[inline]
    pub(crate) fn begin(&self, node: NodeId, life: Life) -> Result<(), OutOfMemory> {
        self.deadlines.ensure(node)?;
        if let Some(details) = self.details.get() {
            details.ensure(node)?;
            self.note(node, life);
            self.note_load(node, Duration::ZERO);
            self.rest(node, DEAD);
        }
        self.deadlines.store(node, life.deadline);
        self.wheel.prefetch(Block::of(node), life.deadline);
        Ok(())
    }

    /// Notes everything but the deadline of an owned node.
    #[inline]
    fn note(&self, node: NodeId, life: Life) {
        if let Some(detail) = self.detail(node) {
            detail.end.store(word_of_end(life), Ordering::Relaxed);
            detail.written.store(life.written, Ordering::Relaxed);
            self.note_own(node, life.own);
        }
    }

    /// The same for a node that is in the index, whose end others may be about to swap: by a swap,
    /// too, since loom takes a store to come between what another thread reads and what it puts
    /// there. Relaxed: the change of the deadline that follows is the Release (`postpone.rs`).
    pub(crate) fn note_anew(&self, node: NodeId, life: Life) {
        if let Some(detail) = self.detail(node) {
            detail.end.swap(word_of_end(life), Ordering::Relaxed);
            detail.written.store(life.written, Ordering::Relaxed);
            self.note_own(node, life.own);
        }
    }

    /// Notes the end of `new`, if it is that of `seen` as yet. Relaxed, as above.
    pub(crate) fn swap_end(&self, node: NodeId, seen: Life, new: Life) -> bool {
        let Some(detail) = self.detail(node) else { return true };
        let (seen, new) = (word_of_end(seen), word_of_end(new));
        if planted(Bug::ShortenBlind) {
            detail.end.store(new, Ordering::Relaxed);
            return true;
        }
        detail.end.compare_exchange(seen, new, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Notes what the user's own rules said last.
    pub(crate) fn note_own(&self, node: NodeId, own: u64) {
        if let Some(extra) = self.extra(node) {
            extra.own.store(!own, Ordering::Relaxed);
        }
    }

    /// Notes what it took to load the value of an owned node.
    pub(crate) fn note_load(&self, node: NodeId, took: Duration) {
        if let Some(extra) = self.extra(node) {
            let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
            extra.load.store(micros, Ordering::Relaxed);
        }
    }

    pub(crate) fn load(&self, node: NodeId) -> Duration {
        let micros = self.extra(node).map_or(0, |extra| extra.load.load(Ordering::Relaxed));
        Duration::from_micros(micros.into())
    }

    /// Has a node left alone by refreshes until a time. If it has another entry by now, that one's
    /// refresh may come that much later.
    pub(crate) fn rest(&self, node: NodeId, until: u64) {
        if let Some(extra) = self.extra(node) {
            extra.rested.store(until, Ordering::Relaxed);
        }
    }

    pub(crate) fn rested(&self, node: NodeId) -> u64 {
        self.extra(node).map_or(DEAD, |extra| extra.rested.load(Ordering::Relaxed))
    }

    /// Settles that the deadline of a node has come: nobody can change it any more.
    #[cold]
    pub(crate) fn settle(&self, node: NodeId, grace: u64, has_come: impl Fn(u64) -> bool) -> bool {
        if grace > 0
            && let Some(extra) = self.extra(node)
        {
            let seen = self.deadlines.load(node);
            if seen != PAST && seen != DEAD {
                // Should it be changed at this moment, the next one who settles it is right.
                extra.settled.store(seen, Ordering::Relaxed);
            }
        }
        self.deadlines.settle(node, has_come)
    }

    /// Whether the deadline of a node that was found in the index surely has not come, as this
    /// thread knows without asking the clock (`lease.rs`).
    #[inline(always)]
    pub(crate) fn surely_lives(&self, node: NodeId) -> bool {
        self.gives_leases && lease::covers(self.deadlines.load(node))
    }

    /// Has this thread know what the clock says for a while, if hits may go by that.
    #[inline]
    pub(crate) fn renew_lease(&self, clock: &Clock) {
        if self.gives_leases {
            clock.renew_lease();
        }
    }

    /// What the clock says of the deadline of a node that was found in the index. Past does not
    /// mean that this is settled. In one place, for all lookups.
    #[inline(never)]
    pub(crate) fn judge(&self, clock: &Clock, node: NodeId) -> Verdict {
        clock.judge(self.deadlines.load(node))
    }

    /// Whether somebody is about to take a node's entry out, since its time is over.
    pub(crate) fn is_claimed(&self, node: NodeId) -> bool {
        self.deadlines.load(node) == DEAD
    }

    /// When the entry of a node that is not claimed expires or has expired.
    pub(crate) fn expiry(&self, node: NodeId) -> u64 {
        match self.deadlines.load(node) {
            // Nothing is noted of one that ended when the clock began.
            PAST => self
                .extra(node)
                .map_or(PAST, |extra| extra.settled.load(Ordering::Relaxed).max(PAST)),
            deadline => deadline,
        }
    }

    /// The times of a node that is in the index.
    pub(crate) fn life(&self, node: NodeId) -> Life {
        let deadline = self.deadlines.load(node);
        match self.detail(node) {
            Some(detail) if detail.written.load(Ordering::Relaxed) != Life::ENDLESS.written => {
                let (end, by) = end_of_word(detail.end.load(Ordering::Relaxed));
                Life {
                    deadline,
                    end,
                    by,
                    own: self.extra(node).map_or(NEVER, |extra| !extra.own.load(Ordering::Relaxed)),
                    written: detail.written.load(Ordering::Relaxed),
                }
            }
            _ if deadline == NEVER => Life::ENDLESS,
            _ => {
                let written = deadline.saturating_sub(self.span);
                Life { deadline, end: deadline, written, ..Life::ENDLESS }
            }
        }
    }

    /// Spares the wheel the look at a node that this thread took out of the index. Not for one that
    /// was replaced: who has found it there may not come to think that its key is absent.
    #[inline]
    pub(crate) fn end(&self, node: NodeId) {
        self.deadlines.store(node, DEAD);
    }
}
