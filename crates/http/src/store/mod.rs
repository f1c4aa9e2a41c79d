//! What is stored, and what makes it stale.

mod entry;
mod meter;
pub(crate) mod stamps;
mod template;

pub(crate) use entry::{Entry, Fit, Head, Stored, Variants};
pub(crate) use meter::{Class, Meter, Outcome};
pub(crate) use stamps::{Origin, Place, Stamps, Subject};
