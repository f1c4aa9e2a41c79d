//! Who looks at the memory.

use super::reading::MemoryReading;
use std::{fmt::Debug, sync::Arc};

/// Says how much memory there is, and how much is used: `SystemProbe` (feature `sysinfo`), or one
/// made for tests.
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
    /// Looks now. May take as long as it takes to read a few small files; called by the maintenance
    /// thread or by who asks for a sample, never by those who use caches.
    fn read(&self) -> MemoryReading;
}

impl<P: MemoryProbe + ?Sized> MemoryProbe for Arc<P> {
    fn read(&self) -> MemoryReading {
        (**self).read()
    }
}
