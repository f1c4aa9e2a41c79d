//! The errors of a manager.

use crate::{
    BuildError,
    manager::{SettingsError, ThresholdError},
};
use std::{error::Error, fmt, time::Duration};

/// Why a manager or one of its caches cannot be created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManagerError {
    /// A name that a cache cannot have.
    Name {
        /// The name that was asked for.
        name: String,
    },
    /// A cache of this name exists.
    Exists {
        /// The name that was asked for.
        name: String,
    },
    /// A setting of a cache is out of range.
    Settings {
        /// The name of the cache.
        name: String,
        /// What is wrong.
        source: SettingsError,
    },
    /// A setting of memory sampling is out of range.
    Memory(SettingsError),
    /// The settings of a cache do not fit together, or there is no memory.
    Build {
        /// The name of the cache.
        name: String,
        /// What is wrong.
        source: BuildError,
    },
    /// There is no cache of this name.
    Unknown(UnknownCache),
    /// The time between two samples is out of range.
    SampleEvery {
        /// The time that was asked for.
        interval: Duration,
    },
    /// A threshold of the manager is out of range.
    Thresholds {
        /// What is wrong.
        source: ThresholdError,
    },
    /// A threshold of a cache is out of range.
    ThresholdsOf {
        /// The name of the cache.
        name: String,
        /// What is wrong.
        source: ThresholdError,
    },
}

/// The error for a name that no cache has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownCache {
    /// The name that was asked for.
    pub name: String,
    /// The names of all caches.
    pub known: Vec<String>,
}

impl Error for ManagerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // `Unknown` shows the error that it wraps.
            Self::Name { .. }
            | Self::Exists { .. }
            | Self::Unknown(_)
            | Self::SampleEvery { .. } => None,
            Self::Settings { source, .. } | Self::Memory(source) => Some(source),
            Self::Build { source, .. } => Some(source),
            Self::Thresholds { source } | Self::ThresholdsOf { source, .. } => Some(source),
        }
    }
}

impl fmt::Display for ManagerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name } => write!(
                f,
                "{name:?} is not a valid cache name; allowed are 1 to 64 of a-z, 0-9, '_', '-' and '.', \
                 the first of them a letter"
            ),
            Self::Exists { name } => write!(f, "there is a cache called {name:?} already"),
            Self::Settings { name, source } => write!(f, "cache {name:?}: {source}"),
            Self::Memory(source) => write!(f, "memory: {source}"),
            Self::Build { name, source } => write!(f, "cache {name:?}: {source}"),
            Self::Unknown(unknown) => unknown.fmt(f),
            Self::SampleEvery { interval } => {
                write!(f, "sample_every: {interval:?} is out of range; allowed are 1 s to 60 s")
            }
            Self::Thresholds { source } => write!(f, "health thresholds: {source}"),
            Self::ThresholdsOf { name, source } => {
                write!(f, "health thresholds of cache {name:?}: {source}")
            }
        }
    }
}

impl From<UnknownCache> for ManagerError {
    fn from(error: UnknownCache) -> Self {
        Self::Unknown(error)
    }
}

impl Error for UnknownCache {}

impl fmt::Display for UnknownCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no cache called {:?}; there are {}", self.name, self.known.join(", "))
    }
}
