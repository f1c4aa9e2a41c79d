//! Clicks: counted outside of the cache, written in the background, many at a time.
//!
//! A redirect waits for nothing but room in a queue. When the queue is full, redirects wait until
//! there is room: a click more is worth a few milliseconds, and a database that is overloaded slows
//! its clients down, instead of losing what they did. Batches that fail are tried again until they
//! succeed. Whoever stops the service takes care that all of the queue is written before the
//! process ends.

mod lag;
mod visitor;
mod writer;

pub(crate) use visitor::{browser, country, referrer};
pub(crate) use writer::ClickQueue;

use crate::domain::Day;

/// Somebody has followed a short address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Click {
    pub(crate) url_id: i64,
    pub(crate) at_ms: i64,
    /// A host, or `direct`.
    pub(crate) referrer: String,
    /// Two capital letters, or `unknown`.
    pub(crate) country: String,
    pub(crate) browser: &'static str,
}

impl Click {
    pub(crate) fn day(&self) -> Day {
        Day::of_ms(self.at_ms)
    }
}
