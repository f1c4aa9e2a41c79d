//! The memory at one moment, and what was done about it.

use super::{
    bytes::Bytes,
    reading::{MemoryReading, Utilization},
};
use crate::manager::{CacheKind, CacheMemory};
use std::{fmt, time::Instant};

/// A manager's sample of the memory. Comes from
/// [`CacheManager::memory`](crate::manager::CacheManager::memory).
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MemorySample {
    /// When the sample was taken, by the manager's clock.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "seconds_ago", serialize_with = "crate::types::seconds::ago")
    )]
    pub taken: Instant,
    /// What the probe has read.
    pub reading: MemoryReading,
    /// The utilization of the limit that is closest; `None` if unknown.
    pub utilization: Option<Utilization>,
    /// The caches: the kinds first, then the others by name, as they were before the sample resized
    /// them.
    pub caches: Vec<CacheUse>,
    /// What the manager did about the utilization.
    pub pressure: Pressure,
}

impl MemorySample {
    /// Returns the bytes that all caches take together.
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

/// What one cache uses: part of a [`MemorySample`].
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CacheUse {
    /// The cache's name.
    pub name: String,
    /// The cache's kind; `None` for named caches.
    pub kind: Option<CacheKind>,
    /// The bytes that the cache takes.
    pub memory: CacheMemory,
    /// The number of entries.
    pub entries: u64,
    /// The current capacity: entries, or bytes if the settings have `max_bytes`.
    pub capacity: u64,
    /// The share of the configured capacity that this is: less than 1.0 while memory is short.
    pub share: f64,
}

/// What a manager did about a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Pressure {
    /// Nothing: [`PressureSettings::enabled`](super::PressureSettings::enabled) is false.
    Off,
    /// Nothing: the limit or the use is unknown.
    Unknown,
    /// Nothing: memory is not short, and no cache is to grow back yet.
    Calm,
    /// Caches shrank: memory is short.
    Shrank,
    /// Caches grew back: memory is no longer short.
    Grew,
    /// Nothing: memory is short, and no cache may shrink any more.
    Exhausted,
}

/// A change of a cache's capacity because of memory pressure, or that none was possible.
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
        /// When it happened, by the manager's clock.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "seconds_ago", serialize_with = "crate::types::seconds::ago")
        )]
        at: Instant,
        /// The utilization at that moment.
        utilization: Utilization,
    },
}

/// A cache's capacity before and after.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Resized {
    /// When it happened, by the manager's clock.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "seconds_ago", serialize_with = "crate::types::seconds::ago")
    )]
    pub at: Instant,
    /// The cache's name.
    pub cache: String,
    /// The share of the configured capacity that the cache had before.
    pub from: f64,
    /// The share that it has now.
    pub to: f64,
    /// The new capacity: entries, or bytes if the settings have `max_bytes`.
    pub capacity: u64,
    /// The utilization that was the reason.
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
