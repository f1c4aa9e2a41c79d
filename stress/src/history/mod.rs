//! Was this answer possible? A checker of what threads saw of a cache, key by key.
//!
//! Each operation is an [`Event`]: a key, what came out, and an interval: two readings of one
//! clock, taken before it began and after it had ended. An operation *takes effect* at one moment
//! within its interval. If one ended before another began, its effect came first; if they overlap,
//! either may have. Each value is written once, so a value that was seen tells which write it came
//! from.
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
//! # Loads
//!
//! A caller of `get_with` that runs its loader leaves two events: a miss, from its begin until its
//! loader begins, and [`What::Loaded`], from the end of its loader until its own. Within the latter
//! the value is written, if it is: it is not if a write of the key took effect since the load was
//! posted, which is some time within the former. So it counts as a write that may have been evicted
//! at once; but it ends the life of no other value unless it was seen. A write of another key with
//! the same hash may have kept it out, too; where there is none ([`Rules::Storing`]) it counts for
//! rule 6 if no write, and no `add` that is refused, overlaps the two. A caller of `get_or_guard`
//! that loads leaves the same two, with a hit for the miss if it is to replace a value.
//!
//! A caller that gets the value without running its loader has found it, or has waited for the load
//! of another ([`What::Answered`]). If it overlaps the load it may have waited, and then the value
//! need not have been in the cache. Otherwise it is a hit.
//!
//! 7. A value that was loaded is neither found nor answered by an operation that began after a
//!    write had ended that had begun after the loader had. Writes are inserts, successful adds, and
//!    removals and invalidations of all kinds, whether they found anything or not. Of those that
//!    concern groups (below) the same is asked if they ended before the loader did: what was stored
//!    before may not concern them.
//!
//! # Time
//!
//! Each event also says how late it was by the cache's own clock before it began (`now`, not later
//! than it was), and each write and each touch which end it gave to the entry (`until`, not
//! earlier).
//!
//! 8. A hit, and a removal that returns a value, come upon a value whose end is later than their
//!    `now`. Its end is what its write said, or a touch that may have come between: of these the
//!    latest, without those that ended before a touch began that ended before the hit began.
//!
//! # Computations
//!
//! A computation, `replace` or `compare_and_swap` that puts a value in the place of another is one
//! event ([`What::Replaced`]): it comes upon the old value and writes the new one, at one moment.
//! So the values that were made of each other, each of the one before, are a *chain*, between two
//! of which the key had no other value and was not absent. Rules 1 to 3 see it as one value, whose
//! zone is that of all its events. Two rules are about its inside:
//!
//! 9. Each value is removed or replaced in this way once at most. (Two computations from the same
//!    value: one of them is lost.)
//! 10. Of two values of a chain, every event of the first begins before any event of the second
//!     ends.
//!
//! If they hold there is a moment for each event of the chain, within its zone and in this order.
//! (The latest begin of all that concerns the values before is one for a replacement.) So with
//! evictions what was said of Gibbons and Korach holds as before.
//!
//! The cache says of one case that it is not so: what has its end, or loses it by the invalidation
//! of a tag, between a computation's last look and its write may be found absent and then replaced
//! all the same. So a replacement that overlaps such a thing is no link of a chain, and only rules
//! 9 and 10 are asked of it.
//!
//! A `compare_and_swap` that finds the key changed finds something ([`What::OtherThan`]), and
//!
//! 11. the value that it was to replace was not there from before its begin until after its end.
//!
//! # Groups
//!
//! `invalidate_tag` takes effect on each key at a moment of its own: if the key's value was written
//! with the tag, it is absent then ([`What::TagInvalidated`]). Nothing that was made of another
//! value has tags.
//!
//! 12. No value that was written with the tag was there from before its begin until after its end.
//!
//! `invalidate_entries_if` promises less, and so does a `drain` that goes through to its end: the
//! entry that was there at the begin goes, and one that replaces it meanwhile may stay
//! ([`What::Culled`]).
//!
//! 13. No value at all was there from before its begin until after its end. Exact for one such
//!     event, not for several during one replacement.
//!
//! All of them keep what is being loaded from being stored, on every key of the cache
//! ([`What::LoadsEnded`]).
//!
//! The cost is O(n log n) for the n events of a key, if few of its touches overlap.

mod chains;
mod check;
mod key_history;
mod loads;
#[cfg(test)]
mod tests;
mod times;

pub use check::check;

/// A moment of the clock.
pub type Time = u64;

/// A time of the cache's clock.
pub type Millis = u64;

/// The end of what does not end.
pub const NEVER: Millis = Millis::MAX;

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
    /// How late it was, by the cache's clock, before it began: or later.
    pub now: Millis,
    /// Of a write or a touch: when the entry ends, or before.
    pub until: Millis,
}

impl Event {
    /// One of a cache whose entries do not end.
    pub fn new(begin: Time, end: Time, what: What) -> Self {
        Self { begin, end, what, now: 0, until: NEVER }
    }
}

/// Whether time may have ended what a computation found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InTime {
    /// No time went by.
    Certainly,
    /// Some went by.
    Perhaps,
}

/// What came out of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// `insert` of this value. It may have been rejected, which looks like an eviction at once.
    Inserted(ValueId),
    /// The same, with the key's tag.
    InsertedTagged(ValueId),
    /// `add` or a computation of this value found the key absent.
    Added(ValueId),
    /// A computation put one value in the place of another, in one step.
    Replaced {
        /// What was there.
        old: ValueId,
        /// What was made of it.
        new: ValueId,
        /// Whether the cache's time went on meanwhile.
        in_time: InTime,
    },
    /// This value was loaded by a loader that began then, and stored if no write came in between.
    Loaded {
        /// The value.
        id: ValueId,
        /// When the loader began.
        since: Time,
    },
    /// `add` of another value was refused.
    Refused,
    /// A lookup found this value.
    Hit(ValueId),
    /// It was found, or somebody else's load brought it.
    Answered(ValueId),
    /// Something unknown was found.
    Present,
    /// Something unknown was found that is not this value.
    OtherThan(ValueId),
    /// Something unknown was found, and got another end.
    Touched,
    /// A lookup found nothing.
    Miss,
    /// A computation found nothing, and left it at that. If it found something at first, it may
    /// have kept what was being loaded from being stored.
    StillNone,
    /// `remove` returned this value.
    Removed(ValueId),
    /// `drain` has taken this value. Loads that have begun since `drain` was called may be stored
    /// after that.
    Drained(ValueId),
    /// `invalidate` found something.
    Invalidated,
    /// `remove` or `invalidate` found nothing.
    NothingRemoved,
    /// `invalidate_all`.
    Cleared,
    /// `invalidate_tag` of the key's tag.
    TagInvalidated,
    /// What was there at the begin was taken out, if it had not been replaced by then.
    Culled,
    /// What is being loaded is not stored.
    LoadsEnded,
}

impl What {
    /// The value that it came upon.
    fn seen(self) -> Option<ValueId> {
        match self {
            What::Hit(id)
            | What::Answered(id)
            | What::Removed(id)
            | What::Drained(id)
            | What::Replaced { old: id, .. } => Some(id),
            _ => None,
        }
    }

    /// The value that it wrote, perhaps.
    fn written(self) -> Option<ValueId> {
        match self {
            What::Inserted(id)
            | What::InsertedTagged(id)
            | What::Added(id)
            | What::Loaded { id, .. }
            | What::Replaced { new: id, .. } => Some(id),
            _ => None,
        }
    }

    fn is_about(self, id: ValueId) -> bool {
        self.seen() == Some(id) || self.written() == Some(id) || self == What::OtherThan(id)
    }
}

/// What a history has to obey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Entries may vanish at any moment.
    Evicting,
    /// Entries stay until they are removed.
    Keeping,
    /// And what is loaded is stored unless a write of the key overlaps: no two keys have one hash.
    Storing,
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
    /// The value of this event had been returned by a removal before, or replaced by a computation.
    RemovedTwice(Event),
    /// The value of this event had been removed before.
    AfterRemoval(Event),
    /// These two values were both there at a time.
    TwoValues(ValueId, ValueId),
    /// This value was seen both before and after the key was absent.
    BackFromAbsence(ValueId, Event),
    /// This value was seen both before and after that one.
    BackFromReplacement(ValueId, ValueId),
    /// The second was made of the first, in one step, and was seen before the first had gone.
    OutOfOrder(ValueId, ValueId),
    /// This value was seen both before and after this must have found it and taken it out, or found
    /// another.
    Outlived(ValueId, Event),
    /// Something was found when there cannot have been anything.
    NothingToFind(Event),
    /// A value must have been there, and nothing was found.
    Lost(Event),
    /// The value of this event was loaded before a write that came before it.
    LoadedBeforeWrite(Event),
    /// The end of the value of this event had come.
    Expired(Event),
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
        let about = |id: &ValueId| event.what.is_about(*id);
        let same = |at: &Event| at.what.seen().is_some_and(|id| event.what.is_about(id));
        // Of a chain only the first value is named.
        let links = |at: &Event| matches!(event.what, What::Replaced { .. }) && near(at);
        match self {
            Violation::TwoValues(a, b)
            | Violation::BackFromReplacement(a, b)
            | Violation::OutOfOrder(a, b) => about(a) || about(b),
            Violation::BackFromAbsence(id, at) | Violation::Outlived(id, at) => {
                about(id) || event == at || links(at)
            }
            Violation::NeverWritten(at)
            | Violation::FromTheFuture(at)
            | Violation::RemovedTwice(at)
            | Violation::AfterRemoval(at)
            | Violation::Expired(at) => same(at) || event.what == What::Touched,
            Violation::NothingToFind(at) | Violation::Lost(at) => near(at),
            Violation::LoadedBeforeWrite(at) => same(at) || event.may_end_loads() && near(at),
        }
    }
}
