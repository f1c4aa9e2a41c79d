//! Why a cache, or a part of it, cannot be had as it was asked for.

use std::{error::Error, fmt};

/// Why [`Cache::set_max_capacity`](crate::Cache::set_max_capacity) refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResizeError {
    /// There is no room for so many entries, and no memory to make more.
    NoRoom {
        /// What was asked for.
        max_capacity: u64,
        /// The most that is possible now.
        room: u64,
    },
}

impl Error for ResizeError {}

impl fmt::Display for ResizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::NoRoom { max_capacity, room } = self;
        write!(
            f,
            "max_capacity: {max_capacity} is more than the {room} entries that there is room for, and the \
             memory for more cannot be had; ask for fewer"
        )
    }
}

/// Why [`CacheBuilder::try_build`](crate::CacheBuilder::try_build) refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// Nobody said how large the cache may become.
    NoCapacity,
    /// The number of shards is out of range.
    Shards {
        /// What was asked for.
        shards: usize,
        /// The most that is allowed.
        max: usize,
    },
    /// Each shard would be larger than the index can address.
    TooFewShards {
        /// What was asked for.
        shards: usize,
        /// The capacity that was asked for.
        max_capacity: u64,
        /// The fewest that would do.
        at_least: usize,
    },
    /// The share of the time to live that is left to chance is no share.
    Jitter {
        /// What was asked for.
        jitter: String,
    },
    /// The share that new keys have at first is none that the policy knows.
    NewKeyShare {
        /// What was asked for.
        share: String,
    },
    /// The factor of early refreshes is none.
    EarlyRefresh {
        /// What was asked for.
        beta: String,
    },
    /// The memory for that many entries cannot be had.
    EstimateOutOfMemory {
        /// The estimate that was given.
        estimated_entries: u64,
    },
    /// The memory for that capacity cannot be had.
    OutOfMemory {
        /// The capacity that was asked for.
        max_capacity: u64,
    },
}

impl Error for BuildError {}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCapacity => f.write_str(
                "max_capacity is not set: say how many entries the cache may hold (0 stores nothing)",
            ),
            Self::Shards { shards, max } => write!(
                f,
                "shards: {shards} is out of range; allowed are 1 to {max}, or leave it unset"
            ),
            Self::TooFewShards { shards, max_capacity, at_least } => write!(
                f,
                "shards: {shards} is too few for max_capacity {max_capacity}; \
                 at least {at_least} are needed, or leave it unset"
            ),
            Self::Jitter { jitter } => {
                write!(f, "jitter: {jitter} is out of range; allowed are 0.0 to 1.0")
            }
            Self::NewKeyShare { share } => write!(
                f,
                "new_key_share: {share} is out of range; allowed are 0.01 to 0.6, or leave it unset"
            ),
            Self::EarlyRefresh { beta } => write!(
                f,
                "early_refresh: {beta} is out of range; allowed are 0.0 and more, 1.0 is usual"
            ),
            Self::EstimateOutOfMemory { estimated_entries } => write!(
                f,
                "estimated_entries: the memory for {estimated_entries} entries cannot be had; \
                 estimate fewer, and the cache grows when it needs to"
            ),
            Self::OutOfMemory { max_capacity } => write!(
                f,
                "max_capacity: the memory for {max_capacity} entries cannot be had; ask for fewer"
            ),
        }
    }
}

/// Why [`Cache::insert_tagged`](crate::Cache::insert_tagged) refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooManyTags {
    /// How many there were.
    pub tags: usize,
    /// The most that are allowed.
    pub max: usize,
}

impl Error for TooManyTags {}

impl fmt::Display for TooManyTags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tags, max } = self;
        write!(f, "tags: {tags} are too many for one entry; allowed are 0 to {max}")
    }
}
