//! What is stored, and what makes it stale.

mod content;
mod entry;
mod meter;
mod quota;
pub(crate) mod stamps;
mod template;

pub(crate) use content::{Content, Unread};
pub(crate) use entry::{Entry, Fit, Head, Stored, Variants};
pub(crate) use meter::{EntryClass, Meter, Outcome};
pub(crate) use quota::Quota;
pub(crate) use stamps::{Provenance, StampSlot, Stamps, Subject};
