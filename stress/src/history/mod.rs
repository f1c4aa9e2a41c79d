//! Was this answer possible? A checker of what threads saw of a cache, key by key.
//!
//! Each operation is an [`Event`]: a key, what came out, and an interval: two readings of one clock,
//! taken before it began and after it had ended. An operation *takes effect* at one moment within
//! its interval. If one ended before another began, its effect came first; if they overlap, either
//! may have. Each value is written once, so a value that was seen tells which write it came from.
//!
//! # What is checked, in every history
//!
//! There has to be a moment for each operation so that, per key,
//!
//! 1. a hit, and a removal that returns a value, come upon the value of the last write before them;
//! 2. whatever comes upon an absent key does so when it is absent: misses, removals of nothing;
//! 3. removals and invalidations, `invalidate_all` included, leave the key absent, and a value that
//!    was removed, replaced or missing once is never seen again;
//! 4. each value is returned by one removal at most.
//!
//! A value may vanish at any moment (an eviction), so a key may always have become absent. Nothing
//! vanishing, the key is a register in the sense of Gibbons and Korach ("Testing shared memories",
//! 1997), whose criterion decides exactly whether such moments exist. The *zone* of a value is the
//! time between the first end and the last begin of the operations that wrote or saw it. If the
//! first end comes first, the zone is *forward*: the value was there all the time. So two forward
//! zones must not overlap, and no forward zone may contain all of the interval within which the key
//! was absent or had another value. Evictions only add places where the key may be absent.
//!
//! 5. Where something unknown has to be there (an `add` that is refused, an invalidation that
//!    succeeds, `contains_key`), some value must have been written before the end and not certainly
//!    be gone at the begin. This is necessary and not sufficient: several may use the same value.
//!    The caller is told how many refusals it cannot explain, as an `add` is also refused for want
//!    of room.
//!
//! # And where nothing is evicted
//!
//! 6. If a write ended before an operation that comes upon an absent key began, then a removal or
//!    invalidation of the key may have taken effect between the two: it ended after the last such
//!    write had begun, and began before the operation had ended. Necessary and not sufficient: a
//!    removal may be made to explain more than it did.
//!
//! The cost is O(n log n) for the n events of a key.

mod check;
mod key_history;
#[cfg(test)]
mod tests;

pub use check::check;

/// A moment of the clock.
pub type Time = u64;

/// A value: each is written once.
pub type ValueId = u64;

/// One operation on one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Before it began.
    pub begin: Time,
    /// After it had ended.
    pub end: Time,
    /// What came out.
    pub what: What,
}

/// What came out of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// `insert` of this value. It may have been rejected, which looks like an eviction at once.
    Inserted(ValueId),
    /// `add` of this value found the key absent.
    Added(ValueId),
    /// `add` of another value was refused.
    Refused,
    /// A lookup found this value.
    Hit(ValueId),
    /// Something unknown was found.
    Present,
    /// A lookup found nothing.
    Miss,
    /// `remove` returned this value.
    Removed(ValueId),
    /// `invalidate` found something.
    Invalidated,
    /// `remove` or `invalidate` found nothing.
    NothingRemoved,
    /// `invalidate_all`.
    Cleared,
}

impl What {
    /// The value that it names.
    fn value(self) -> Option<ValueId> {
        match self {
            What::Inserted(id) | What::Added(id) | What::Hit(id) | What::Removed(id) => Some(id),
            What::Refused
            | What::Present
            | What::Miss
            | What::Invalidated
            | What::NothingRemoved
            | What::Cleared => None,
        }
    }
}

/// What a history has to obey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Entries may vanish at any moment.
    Evicting,
    /// Entries stay until they are removed.
    Keeping,
}

/// What a history that is possible leaves open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Refusals of `add` when nothing can have been there: the cache had no room.
    pub unexplained_refusals: u64,
}

/// An answer that was not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// This was seen, and nobody ever wrote it.
    NeverWritten(Event),
    /// This was seen before its write began.
    FromTheFuture(Event),
    /// The value of this event had been returned by a removal before.
    RemovedTwice(Event),
    /// The value of this event had been removed before.
    AfterRemoval(Event),
    /// These two values were both there at a time.
    TwoValues(ValueId, ValueId),
    /// This value was seen both before and after the key was absent.
    BackFromAbsence(ValueId, Event),
    /// This value was seen both before and after that one.
    BackFromReplacement(ValueId, ValueId),
    /// Something was found when there cannot have been anything.
    NothingToFind(Event),
    /// A value must have been there, and nothing was found.
    Lost(Event),
}

impl Violation {
    /// Whether an event of the same key belongs to what is not possible: it is the one, or near it,
    /// or it is about one of the values.
    pub fn concerns(&self, event: &Event) -> bool {
        /// Readings of the clock: about as many operations of all threads.
        const NEAR: Time = 40;
        let near = |at: &Event| {
            event.end.saturating_add(NEAR) > at.begin && event.begin < at.end.saturating_add(NEAR)
        };
        let about = |id: &ValueId| event.what.value() == Some(*id);
        match self {
            Violation::TwoValues(a, b) | Violation::BackFromReplacement(a, b) => {
                about(a) || about(b)
            }
            Violation::BackFromAbsence(id, absence) => about(id) || event == absence,
            Violation::NeverWritten(at)
            | Violation::FromTheFuture(at)
            | Violation::RemovedTwice(at)
            | Violation::AfterRemoval(at) => event.what.value() == at.what.value(),
            Violation::NothingToFind(at) | Violation::Lost(at) => near(at),
        }
    }
}
