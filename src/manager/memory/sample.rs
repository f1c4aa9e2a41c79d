//! What is known of the memory at one moment, and what was done about it.

use super::{
    bytes::Bytes,
    reading::{MemoryReading, Utilization},
};
use crate::manager::{CacheKind, CacheMemory};
use std::{fmt, time::Instant};

/// What a manager's look at the memory has found. Comes from
/// [`CacheManager::memory`](crate::manager::CacheManager::memory).
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MemorySample {
    /// When, by the manager's clock.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "seconds_ago", serialize_with = "crate::types::seconds::ago")
    )]
    pub taken: Instant,
    /// What the probe said.
    pub reading: MemoryReading,
    /// How much is used of the limit that is closest; `None` if unknown.
    pub utilization: Option<Utilization>,
    /// The caches: the kinds first, then the others by name. What is done about
    /// [`pressure`](Self::pressure) shows in the next sample.
    pub caches: Vec<CacheUse>,
    /// What followed from it.
    pub pressure: Pressure,
}

impl MemorySample {
    /// What all caches take.
    ///
    /// ```
    /// use larder::manager::CacheManager;
    ///
    /// let sample = CacheManager::new().sample_memory();
    /// assert!(sample.caches_total().structures > 0);
    /// assert_eq!(sample.caches_total().values, 0);
    /// ```
    #[must_use]
    pub fn caches_total(&self) -> CacheMemory {
        self.caches.iter().fold(CacheMemory::default(), |sum, cache| CacheMemory {
            structures: sum.structures + cache.memory.structures,
            values: sum.values + cache.memory.values,
        })
    }
}

/// What one cache takes.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CacheUse {
    /// Its name.
    pub name: String,
    /// Its kind; `None` for caches of your own.
    pub kind: Option<CacheKind>,
    /// Its bytes.
    pub memory: CacheMemory,
    /// How many entries it has.
    pub entries: u64,
    /// What it may hold at present: entries, or bytes if its settings say so.
    pub capacity: u64,
    /// Which share of its settings' capacity that is: less than 1.0 while memory is short.
    pub share: f64,
}

/// What followed from a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Pressure {
    /// Nothing, since nothing is to be done about pressure.
    Off,
    /// Nothing, since no limit is known, or nothing of what is used.
    Unknown,
    /// Nothing: memory is not short, or not any more and not yet so far from it that caches grow.
    Calm,
    /// Memory is short, and caches shrank.
    Shrank,
    /// Memory is plentiful again, and caches grew.
    Grew,
    /// Memory is short, and no cache may shrink any more.
    Exhausted,
}

/// Something that was done about pressure, or could not be.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "kind", rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum PressureEvent {
    /// A cache shrank.
    Shrank(Resized),
    /// A cache grew back.
    Grew(Resized),
    /// Memory is short from this sample on, and no cache may shrink any more.
    Exhausted {
        /// When, by the manager's clock.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "seconds_ago", serialize_with = "crate::types::seconds::ago")
        )]
        at: Instant,
        /// What was used.
        utilization: Utilization,
    },
}

/// A cache's capacity before and after.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Resized {
    /// When, by the manager's clock.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "seconds_ago", serialize_with = "crate::types::seconds::ago")
    )]
    pub at: Instant,
    /// The cache's name.
    pub cache: String,
    /// The share of its settings' capacity that it had.
    pub from: f64,
    /// The share that it has now.
    pub to: f64,
    /// Its capacity now: entries, or bytes if its settings say so.
    pub capacity: u64,
    /// What was used, and why.
    pub utilization: Utilization,
}

impl fmt::Display for PressureEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, resized) = match self {
            Self::Shrank(resized) => ("shrank", resized),
            Self::Grew(resized) => ("grew", resized),
            Self::Exhausted { utilization, .. } => {
                return write!(f, "no cache may shrink any more: {utilization}");
            }
        };
        let Resized { cache, from, to, utilization, .. } = resized;
        write!(f, "{cache} {verb} from {:.0} % to {:.0} %: {utilization}", 100.0 * from, 100.0 * to)
    }
}

impl fmt::Display for MemorySample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caches = self.caches_total();
        write!(
            f,
            "caches: {} of structures, {} of values",
            Bytes(caches.structures),
            Bytes(caches.values)
        )?;
        match &self.utilization {
            Some(utilization) => write!(f, "; {utilization}"),
            None => f.write_str("; no limit is known"),
        }
    }
}
