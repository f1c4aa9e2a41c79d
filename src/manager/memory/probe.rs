//! The interface of memory probes.

use super::reading::MemoryReading;
use std::{fmt::Debug, sync::Arc};

/// Reads how much memory there is and how much is in use: `SystemProbe` (feature `sysinfo`),
/// [`Cgroup`](super::Cgroup), or one made for tests.
///
/// ```
/// use larder::manager::memory::{MemoryProbe, MemoryReading};
///
/// #[derive(Debug)]
/// struct Calm;
///
/// impl MemoryProbe for Calm {
///     fn read(&self) -> MemoryReading {
///         MemoryReading::default().with_resident(1 << 20).with_container(1 << 30, None)
///     }
/// }
/// assert!(Calm.read().utilization(None).unwrap().share() < 0.01);
/// ```
pub trait MemoryProbe: Debug + Send + Sync {
    /// Reads the memory now. May take the time to read a few small files: it is called by a
    /// maintenance thread or by a caller that asks for a sample, never by an operation of a cache.
    fn read(&self) -> MemoryReading;
}

impl<P: MemoryProbe + ?Sized> MemoryProbe for Arc<P> {
    fn read(&self) -> MemoryReading {
        (**self).read()
    }
}
