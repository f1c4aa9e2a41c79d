//! The events of one key, by value.

use super::{Event, Time, ValueId, Violation, What};
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
}

impl Life {
    /// Whether it was there from its first end to its last begin.
    pub(super) fn is_forward(&self) -> bool {
        self.first_end < self.last_begin
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
            | What::Present
            | What::Removed(_) => false,
        }
    }
}

/// Gathers what the events say of each value, in no particular order.
pub(super) fn lives(events: &[Event]) -> Result<Vec<Life>, Violation> {
    let mut lives = HashMap::new();
    for event in events {
        if let What::Inserted(id) | What::Added(id) = event.what {
            let write = event.span();
            let (first_end, last_begin) = (write.end, write.begin);
            let life = Life { id, write, first_end, last_begin, removed: None };
            let other = lives.insert(id, life);
            assert!(other.is_none(), "value {id} was written twice");
        }
    }
    for event in events {
        let (What::Hit(id) | What::Removed(id)) = event.what else { continue };
        let life = lives.get_mut(&id).ok_or(Violation::NeverWritten(*event))?;
        if event.end < life.write.begin {
            return Err(Violation::FromTheFuture(*event));
        }
        life.first_end = life.first_end.min(event.end);
        life.last_begin = life.last_begin.max(event.begin);
        if let What::Removed(_) = event.what
            && life.removed.replace(event.span()).is_some()
        {
            return Err(Violation::RemovedTwice(*event));
        }
    }
    for event in events {
        if let What::Hit(id) = event.what
            && lives[&id].removed.is_some_and(|removed| removed.end < event.begin)
        {
            return Err(Violation::AfterRemoval(*event));
        }
    }
    Ok(lives.into_values().collect())
}
