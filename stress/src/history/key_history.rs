//! The events of one key, by value.

use super::{Event, Millis, Time, ValueId, Violation, What};
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
    pub(super) removed: Option<Span>,
    /// Since when it was being loaded, if it was.
    pub(super) loaded_since: Option<Time>,
    /// Whether it was certainly there at some time: it was not loaded, or it was seen.
    pub(super) certain: bool,
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
            What::Hit(_) | What::Removed(_) => true,
            What::Answered(_) => self.loaded_since.is_none() || self.write.end < event.begin,
            _ => false,
        }
    }
}

impl Event {
    fn span(&self) -> Span {
        Span { begin: self.begin, end: self.end }
    }

    /// Whether the key was absent at some moment of it.
    pub(super) fn sees_absence(&self) -> bool {
        match self.what {
            What::Miss | What::NothingRemoved | What::Invalidated | What::Cleared => true,
            What::Inserted(_)
            | What::Added(_)
            | What::Refused
            | What::Hit(_)
            | What::Loaded { .. }
            | What::Answered(_)
            | What::Present
            | What::Touched
            | What::Removed(_) => false,
        }
    }

    /// Whether it keeps what is being loaded from being stored.
    pub(super) fn is_write(&self) -> bool {
        match self.what {
            What::Inserted(_)
            | What::Added(_)
            | What::Removed(_)
            | What::Invalidated
            | What::NothingRemoved
            | What::Cleared => true,
            What::Loaded { .. }
            | What::Refused
            | What::Hit(_)
            | What::Answered(_)
            | What::Present
            | What::Touched
            | What::Miss => false,
        }
    }

    /// Whether a value came out.
    pub(super) fn returns_value(&self) -> bool {
        matches!(self.what, What::Hit(_) | What::Answered(_) | What::Removed(_))
    }

    /// The value that it wrote, perhaps, and since when that was loaded.
    fn written(&self) -> Option<(ValueId, Option<Time>)> {
        match self.what {
            What::Inserted(id) | What::Added(id) => Some((id, None)),
            What::Loaded { id, since } => Some((id, Some(since))),
            _ => None,
        }
    }
}

/// Gathers what the events say of each value, in no particular order.
pub(super) fn lives(events: &[Event]) -> Result<HashMap<ValueId, Life>, Violation> {
    let mut lives = HashMap::new();
    for event in events {
        if let Some((id, loaded_since)) = event.written() {
            let write = event.span();
            let life = Life {
                id,
                write,
                first_end: write.end,
                last_begin: write.begin,
                removed: None,
                loaded_since,
                certain: loaded_since.is_none(),
                until: event.until,
            };
            let other = lives.insert(id, life);
            assert!(other.is_none(), "value {id} was written twice");
        }
    }
    for event in events {
        let (What::Hit(id) | What::Answered(id) | What::Removed(id)) = event.what else { continue };
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
        if let What::Removed(_) = event.what
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
