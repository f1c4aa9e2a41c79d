//! What a probe reads, and which of the limits is closest.

use super::bytes::Bytes;
use std::fmt;

/// Memory of the process, its container and the system, in bytes; `None` is unknown.
///
/// ```
/// use larder::manager::memory::{MemoryReading, UtilizationSource};
///
/// let reading = MemoryReading::default()
///     .with_resident(300 << 20)
///     .with_container(512 << 20, Some(460 << 20))
///     .with_system(16 << 30, 9 << 30);
/// let utilization = reading.utilization(None).unwrap();
/// assert_eq!(utilization.source, UtilizationSource::Container);
/// assert_eq!(utilization.to_string(), "the container uses 460 MiB of 512 MiB (89.8 %)");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MemoryReading {
    /// The resident memory of the process.
    pub resident: Option<u64>,
    /// The memory of the whole machine.
    pub system: Option<SystemMemory>,
    /// The container's limit; `None` also if the container has no limit.
    pub container: Option<ContainerMemory>,
}

/// Memory of the machine, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SystemMemory {
    /// The total memory.
    pub total: u64,
    /// The memory that is available without swapping.
    pub available: u64,
}

/// Memory of a container, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ContainerMemory {
    /// The maximum that the container may use.
    pub limit: u64,
    /// What the container uses, without cached files that the kernel can drop at once.
    pub used: Option<u64>,
}

impl ContainerMemory {
    /// Returns a number that orders containers by how close they are to their limits. Those of
    /// unknown use come last, ordered by limit, the smallest first.
    pub(super) fn nearness(&self) -> f64 {
        match self.used {
            Some(used) => used as f64 / self.limit as f64,
            None => -(self.limit as f64),
        }
    }
}

/// Which limit a [`Utilization`] refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum UtilizationSource {
    /// The limit configured for the process.
    Process,
    /// The container's limit.
    Container,
    /// The memory of the machine.
    System,
}

/// How much of the closest limit is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Utilization {
    /// The limit that is closest.
    pub source: UtilizationSource,
    /// The bytes in use.
    pub used: u64,
    /// The bytes allowed; never 0.
    pub limit: u64,
}

impl Utilization {
    fn new(source: UtilizationSource, used: u64, limit: u64) -> Option<Self> {
        (limit > 0).then_some(Self { source, used, limit })
    }

    /// Returns the share of the limit that is in use: 0.0 is nothing, 1.0 is all of it.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.used as f64 / self.limit as f64
    }
}

impl fmt::Display for Utilization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = match self.source {
            UtilizationSource::Process => "the process",
            UtilizationSource::Container => "the container",
            UtilizationSource::System => "the system",
        };
        let (used, limit) = (Bytes(self.used), Bytes(self.limit));
        write!(f, "{subject} uses {used} of {limit} ({:.1} %)", 100.0 * self.share())
    }
}

impl MemoryReading {
    /// Sets the resident memory of the process.
    #[must_use]
    pub fn with_resident(mut self, resident: u64) -> Self {
        self.resident = Some(resident);
        self
    }

    /// Sets the machine's memory.
    #[must_use]
    pub fn with_system(mut self, total: u64, available: u64) -> Self {
        self.system = Some(SystemMemory { total, available });
        self
    }

    /// Sets the container's limit, and its use, if known.
    #[must_use]
    pub fn with_container(mut self, limit: u64, used: Option<u64>) -> Self {
        self.container = Some(ContainerMemory { limit, used });
        self
    }

    /// Returns the utilization of the limit that is closest. The limits are `process_limit`, for
    /// the resident memory of the process; the container's; and the machine's memory, unless the
    /// container's limit is smaller. `None` if no limit is known, or no use.
    #[must_use]
    pub fn utilization(&self, process_limit: Option<u64>) -> Option<Utilization> {
        let process = process_limit.zip(self.resident).and_then(|(limit, resident)| {
            Utilization::new(UtilizationSource::Process, resident, limit)
        });
        let container = self.container.and_then(|container| {
            // The process is a part of the container, so its memory is a lower bound.
            let used = container.used.or(self.resident)?;
            Utilization::new(UtilizationSource::Container, used, container.limit)
        });
        let whole = self.system.and_then(|system| {
            let used = system.total.saturating_sub(system.available);
            Utilization::new(UtilizationSource::System, used, system.total)
        });
        let confined = |whole: &Utilization| container.is_some_and(|own| own.limit < whole.limit);
        let whole = whole.filter(|whole| !confined(whole));
        let utilizations = [process, container, whole];
        utilizations
            .into_iter()
            .flatten()
            .max_by(|one, other| one.share().total_cmp(&other.share()))
    }
}
