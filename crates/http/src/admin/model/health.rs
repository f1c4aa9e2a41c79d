//! Whether the caches are well, and how they have done lately.

use serde::Serialize;
use utoipa::ToSchema;

/// Whether the caches are well: `GET health/`, with status 200, or 503 if it is critical.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Health {
    /// The worst of all.
    pub status: HealthStatus,
    /// What is not well.
    pub reasons: Vec<HealthReason>,
    /// Each cache.
    pub caches: Vec<CacheHealth>,
}

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// As it should be.
    Healthy,
    /// It does its work, and somebody should look at it.
    Degraded,
    /// It is of little use, or soon will be.
    Critical,
}

/// Something that is not well.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct HealthReason {
    /// The cache; `null` if it is not about one of them.
    pub cache: Option<String>,
    /// How bad it is.
    pub status: HealthStatus,
    /// What it is about.
    pub what: HealthSubject,
    /// What was found: a share, a number per minute, seconds.
    pub value: f64,
    /// What would have been well.
    pub bound: f64,
    /// The same in words.
    pub detail: String,
}

/// What a [`HealthReason`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HealthSubject {
    /// Too few lookups find their key.
    HitRatio,
    /// Entries make room for others too often.
    Evictions,
    /// Nearly all memory is used.
    Memory,
    /// The maintenance thread is late.
    MaintenanceLate,
    /// Anything else.
    Other,
}

/// How well one cache is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct CacheHealth {
    /// The cache's name.
    pub name: String,
    /// How well it is.
    pub status: HealthStatus,
}

/// How the caches have done lately: `GET performance/`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Performance {
    /// The last 1, 5 and 15 minutes.
    pub windows: Vec<Window>,
}

/// The last minutes, of all caches.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Window {
    /// How long the window is meant to be: 60, 300 or 900.
    pub window_seconds: u64,
    /// All caches together.
    pub total: WindowCounts,
    /// Each of them.
    pub caches: Vec<CacheWindow>,
}

/// The last minutes of one cache.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct CacheWindow {
    /// The cache's name.
    pub name: String,
    /// What has happened to it.
    #[serde(flatten)]
    pub counts: WindowCounts,
}

/// What has happened in the last minutes.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct WindowCounts {
    /// How long the window is: less than it is meant to be while the cache is young.
    pub over_seconds: f64,
    /// Lookups, with and without success.
    pub gets: u64,
    /// The share of them that found their key.
    pub hit_ratio: Option<f64>,
    /// Lookups each second.
    pub gets_per_second: f64,
    /// Lookups, inserts, updates and removals each second.
    pub operations_per_second: f64,
    /// Loaders that have run to their end.
    pub loads: u64,
    /// Those of them that failed.
    pub load_failures: u64,
    /// How long loads took; `null` if there were none.
    pub load_seconds: Option<Percentiles>,
    /// Lookups that were spared a load.
    pub loads_avoided: u64,
    /// How long these loads would have taken, at the mean of those that ran.
    pub saved_seconds: f64,
}

/// How long something took, rounded up to the next power of two of microseconds.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Percentiles {
    /// Half took no longer.
    pub p50: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
}
