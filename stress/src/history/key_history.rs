//! The events of one key, by value.

use super::{Event, InTime, Millis, Time, ValueId, Violation, What};
use std::collections::HashMap;

/// An event's interval, or what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) begin: Time,
    pub(super) end: Time,
}

/// All that is known of one value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    pub(super) id: ValueId,
    pub(super) write: Span,
    /// The first end of the operations that wrote or saw it: from here on it had been there.
    pub(super) first_end: Time,
    /// Their last begin: until here it had not gone for good.
    pub(super) last_begin: Time,
    /// When it was removed, or another was made of it.
    pub(super) removed: Option<Span>,
    /// Since when it was being loaded, if it was.
    pub(super) loaded_since: Option<Time>,
    /// Whether it was certainly there at some time: it was not loaded, or it was seen.
    pub(super) certain: bool,
    /// What it was made of in one step, if it was.
    pub(super) made_of: Option<ValueId>,
    /// Whether no time went by while it was made of another.
    pub(super) in_time: bool,
    /// Whether it has the key's tag.
    pub(super) is_tagged: bool,
    /// When it ends, by what its write said.
    pub(super) until: Millis,
}

impl Life {
    /// Whether it was there from its first end to its last begin.
    pub(super) fn is_forward(&self) -> bool {
        self.first_end < self.last_begin
    }

    /// Whether an event with this value has found it in the cache, and not got it from its load.
    pub(super) fn is_seen_by(&self, event: &Event) -> bool {
        match event.what {
            What::Hit(_) | What::Removed(_) | What::Drained(_) | What::Replaced { .. } => true,
            What::Answered(_) => self.loaded_since.is_none() || self.write.end < event.begin,
            _ => false,
        }
    }
}

impl Event {
    pub(super) fn span(&self) -> Span {
        Span { begin: self.begin, end: self.end }
    }

    /// Whether the key was absent at some moment of it, whatever it had.
    pub(super) fn sees_absence(&self) -> bool {
        match self.what {
            What::Miss
            | What::StillNone
            | What::NothingRemoved
            | What::Invalidated
            | What::Cleared => true,
            What::Inserted(_)
            | What::InsertedTagged(_)
            | What::Added(_)
            | What::Replaced { .. }
            | What::Refused
            | What::Hit(_)
            | What::Loaded { .. }
            | What::Answered(_)
            | What::Present
            | What::OtherThan(_)
            | What::Touched
            | What::Removed(_)
            | What::Drained(_)
            | What::TagInvalidated
            | What::Culled
            | What::LoadsEnded => false,
        }
    }

    /// Whether what was loaded before is gone after it.
    pub(super) fn is_write(&self) -> bool {
        match self.what {
            What::Inserted(_)
            | What::InsertedTagged(_)
            | What::Added(_)
            | What::Replaced { .. }
            | What::Removed(_)
            | What::Invalidated
            | What::NothingRemoved
            | What::Cleared => true,
            What::TagInvalidated
            | What::Drained(_)
            | What::Culled
            | What::LoadsEnded
            | What::Loaded { .. }
            | What::Refused
            | What::Hit(_)
            | What::Answered(_)
            | What::Present
            | What::OtherThan(_)
            | What::Touched
            | What::StillNone
            | What::Miss => false,
        }
    }

    /// Whether it keeps what is being loaded from being stored, and may leave what has been.
    pub(super) fn ends_loads_only(&self) -> bool {
        matches!(self.what, What::TagInvalidated | What::Culled | What::LoadsEnded)
    }

    /// Whether it may keep what is being loaded from being stored.
    pub(super) fn may_end_loads(&self) -> bool {
        // An `add` ends the loads of its key before it knows whether it will be refused; a
        // computation when it has decided, and then it may find the key changed.
        let perhaps = matches!(self.what, What::Refused | What::StillNone | What::OtherThan(_));
        perhaps || self.is_write() || self.ends_loads_only()
    }
}

/// Gathers what the events say of each value, in no particular order.
pub(super) fn lives(events: &[Event]) -> Result<HashMap<ValueId, Life>, Violation> {
    let mut lives = HashMap::new();
    for event in events {
        if let Some(id) = event.what.written() {
            let write = event.span();
            let loaded_since = match event.what {
                What::Loaded { since, .. } => Some(since),
                _ => None,
            };
            let life = Life {
                id,
                write,
                first_end: write.end,
                last_begin: write.begin,
                removed: None,
                loaded_since,
                certain: loaded_since.is_none(),
                made_of: event.what.seen(),
                in_time: !matches!(event.what, What::Replaced { in_time: InTime::Perhaps, .. }),
                is_tagged: matches!(event.what, What::InsertedTagged(_)),
                until: event.until,
            };
            let other = lives.insert(id, life);
            assert!(other.is_none(), "value {id} was written twice");
        }
    }
    for event in events {
        let Some(id) = event.what.seen() else { continue };
        let life = lives.get_mut(&id).ok_or(Violation::NeverWritten(*event))?;
        if event.end < life.write.begin {
            return Err(Violation::FromTheFuture(*event));
        }
        if !life.is_seen_by(event) {
            continue;
        }
        life.certain = true;
        life.first_end = life.first_end.min(event.end);
        life.last_begin = life.last_begin.max(event.begin);
        if let What::Removed(_) | What::Drained(_) | What::Replaced { .. } = event.what
            && life.removed.replace(event.span()).is_some()
        {
            return Err(Violation::RemovedTwice(*event));
        }
    }
    for event in events {
        if let What::Hit(id) | What::Answered(id) = event.what
            && let life = &lives[&id]
            && life.is_seen_by(event)
            && life.removed.is_some_and(|removed| removed.end < event.begin)
        {
            return Err(Violation::AfterRemoval(*event));
        }
    }
    Ok(lives)
}
