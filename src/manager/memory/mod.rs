//! How much memory there is, what of it the caches have, and what happens when it runs short.
//!
//! A [`MemoryProbe`] looks at the process, the container and the machine. `SystemProbe` is one,
//! with the feature `sysinfo`; [`Cgroup`] reads a container's limit without any crate. A
//! [`CacheManager`](super::CacheManager) takes a [`MemorySample`] every now and then, or when it is
//! [asked to](super::CacheManager::sample_memory), and makes its caches smaller if [too
//! much](PressureSettings) of the limit is in use.

mod bytes;
mod cgroup;
mod pressure;
mod probe;
mod reading;
mod sample;
mod settings;
#[cfg(feature = "sysinfo")]
mod system;
#[path = "../observability/memory_monitor.rs"]
mod watch;

pub(crate) use pressure::Share;
pub(crate) use watch::Watch;

pub use cgroup::Cgroup;
pub use pressure::PressureSettings;
pub use probe::MemoryProbe;
pub use reading::{ContainerMemory, MemoryReading, SystemMemory, Utilization, UtilizationSource};
pub use sample::{CacheUse, MemorySample, Pressure, PressureEvent, Resized};
pub use settings::MemorySettings;
#[cfg(feature = "sysinfo")]
pub use system::SystemProbe;
