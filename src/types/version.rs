//! Versions, and why a write that depends on one did not happen.

use std::{error::Error, fmt};

/// Which write of a key a value comes from: [`Cache::get_versioned`](crate::Cache::get_versioned).
///
/// Versions of one cache are equal only if they are of the same write. Nothing else can be said of
/// them: they have no order, and mean nothing to another cache.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    shard: u32,
    node: u32,
    generation: u64,
}

impl Version {
    /// That of no entry: there is no node 0.
    pub(crate) const NONE: Version = Version { shard: 0, node: 0, generation: 0 };

    pub(crate) fn new(shard: usize, node: u32, generation: u64) -> Self {
        Self { shard: shard as u32, node, generation }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({}.{}.{})", self.shard, self.node, self.generation)
    }
}

/// Why [`Cache::compare_and_swap`](crate::Cache::compare_and_swap) changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CasError {
    /// The key is absent: removed, evicted or expired.
    Absent,
    /// The key has been written since.
    Changed,
}

impl Error for CasError {}

impl fmt::Display for CasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => {
                "the key is absent: it was removed, evicted or has expired since its version was read"
            }
            Self::Changed => "the key has been written since its version was read; read it again",
        })
    }
}
