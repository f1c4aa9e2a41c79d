//! Memory: how much there is, how much the caches use, and what happens when it runs short.
//!
//! A [`MemoryProbe`] reads the memory of the process, the container and the machine. `SystemProbe`
//! is one, with the feature `sysinfo`; [`Cgroup`] reads a container's limit and needs no feature. A
//! [`CacheManager`](super::CacheManager) takes a [`MemorySample`] at intervals, or when
//! [`sample_memory`](super::CacheManager::sample_memory) is called, and shrinks its caches if [too
//! much](PressureSettings) of the limit is in use.

mod bytes;
mod cgroup;
pub(super) mod pressure;
mod probe;
mod reading;
mod sample;
mod settings;
#[cfg(feature = "sysinfo")]
mod system;

pub use cgroup::Cgroup;
pub use pressure::PressureSettings;
pub use probe::MemoryProbe;
pub use reading::{ContainerMemory, MemoryReading, SystemMemory, Utilization, UtilizationSource};
pub use sample::{CacheUse, MemorySample, Pressure, PressureEvent, Resized};
pub use settings::MemorySettings;
#[cfg(feature = "sysinfo")]
pub use system::SystemProbe;
