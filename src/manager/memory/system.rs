//! The memory as the operating system reports it.

use super::{cgroup::Cgroup, probe::MemoryProbe, reading::MemoryReading};
use std::{
    fmt,
    sync::{Mutex, PoisonError},
};
use sysinfo::{MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};

/// Reads the memory of the process, the container and the machine.
///
/// The container's limit is the one of its control group, see [`Cgroup`]; the crate `sysinfo` reads
/// process and machine. A reading takes about a tenth of a millisecond on Linux.
///
/// ```
/// use larder::manager::memory::{MemoryProbe, SystemProbe};
///
/// let reading = SystemProbe::new().read();
/// if let Some(system) = reading.system {
///     assert!(system.available <= system.total);
/// }
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "sysinfo")))]
pub struct SystemProbe {
    /// Locked while the system is read: one reading at a time.
    system: Mutex<System>,
    process: Option<Pid>,
    cgroup: Cgroup,
}

impl SystemProbe {
    /// Creates a probe of this process.
    #[must_use]
    pub fn new() -> Self {
        Self::with_cgroup(Cgroup::new())
    }

    /// Creates a probe that reads the container's limit by `cgroup`.
    #[must_use]
    pub fn with_cgroup(cgroup: Cgroup) -> Self {
        Self {
            system: Mutex::new(System::new_with_specifics(RefreshKind::nothing())),
            process: sysinfo::get_current_pid().ok(),
            cgroup,
        }
    }
}

impl Default for SystemProbe {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryProbe for SystemProbe {
    fn read(&self) -> MemoryReading {
        // A reading that panicked leaves old numbers at worst, and all are read again.
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reading = MemoryReading::default();
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        // `sysinfo` reports 0 on a system that it does not support.
        if system.total_memory() > 0 {
            reading = reading.with_system(system.total_memory(), system.available_memory());
        }
        if let Some(pid) = self.process {
            let kind = ProcessRefreshKind::nothing().with_memory().without_tasks();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, kind);
            reading.resident = system.process(pid).map(sysinfo::Process::memory);
        }
        reading.container = self.cgroup.memory();
        reading
    }
}

impl fmt::Debug for SystemProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemProbe").field("cgroup", &self.cgroup).finish_non_exhaustive()
    }
}
