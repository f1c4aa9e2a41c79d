//! What the management API says and takes, as JSON.
//!
//! Names are in snake case. Durations are seconds, as floating point numbers (`_seconds`), moments
//! are milliseconds since 1970 (`_ms`), sizes are bytes (`_bytes`). A ratio is `null` where nothing
//! was asked for.

mod health;
mod requests;

pub use health::{
    CacheHealth, CacheWindow, Health, HealthReason, HealthStatus, HealthSubject, Percentiles,
    Performance, Window, WindowCounts,
};
pub use requests::{
    Configure, Invalidate, InvalidateKey, InvalidatePath, InvalidatePrefix, InvalidateRule,
    InvalidateTag, InvalidateUser,
};

use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How all caches have done since the program started: `GET stats/`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Stats {
    /// When this was looked at.
    pub at_ms: u64,
    /// For how long the management API has been there.
    pub uptime_seconds: f64,
    /// All caches together.
    pub total: Counts,
    /// Each of them: the kinds first, then the others by name.
    pub caches: Vec<CacheStats>,
    /// Memory of the process and the machine.
    pub memory: Memory,
}

/// One cache of [`Stats`].
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct CacheStats {
    /// The cache's name.
    pub name: String,
    /// Its kind, which is `null` for caches of the program's own.
    pub kind: Option<String>,
    /// The most that it may hold at present, in its unit. 0 if it is switched off.
    pub capacity: u64,
    /// What its capacity and weight count.
    pub unit: Unit,
    /// How much of the capacity is used.
    pub weight: u64,
    /// How long an entry lives for which nothing else is said; `null` without end.
    pub ttl_seconds: Option<f64>,
    /// What has happened to it.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What a capacity counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Entries.
    Entries,
    /// Bytes of keys and values.
    Bytes,
}

/// What has happened to a cache, or to all of them.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Counts {
    /// Lookups that found their key.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// The share of lookups that found their key.
    pub hit_ratio: Option<f64>,
    /// Entries at present.
    pub entries: u64,
    /// Inserts of keys that were absent.
    pub inserts: u64,
    /// Inserts of keys that were present.
    pub updates: u64,
    /// Inserts that found no room.
    pub rejections: u64,
    /// Entries that made room.
    pub evictions: Evictions,
    /// Entries whose time was over.
    pub expirations: u64,
    /// Entries that were removed one by one.
    pub removals: u64,
    /// Entries that were invalidated together with others.
    pub invalidations: u64,
    /// Loaders that have run.
    pub loads: Loads,
    /// Refreshes of values that were there.
    pub refreshes: Refreshes,
    /// What the cache takes, structures and values.
    pub memory_bytes: u64,
    /// What its structures take, whether it is full or not.
    pub structures_bytes: u64,
    /// What keys and values take.
    pub values_bytes: u64,
}

/// Why entries made room.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Evictions {
    /// All together.
    pub total: u64,
    /// The cache was full.
    pub capacity: u64,
    /// The cache was made smaller.
    pub resize: u64,
}

/// What came of loaders.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Loads {
    /// Those that brought a value, or said that there is none.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
    /// How long all of them took together.
    pub seconds_total: f64,
}

/// What came of refreshes.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Refreshes {
    /// Those that brought a value.
    pub succeeded: u64,
    /// Those that did not.
    pub failed: u64,
}

/// Memory; `null` is what nobody knows.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Memory {
    /// What of the process is in memory.
    pub process_bytes: Option<u64>,
    /// All that the machine has.
    pub system_total_bytes: Option<u64>,
    /// What can be had without swapping.
    pub system_available_bytes: Option<u64>,
    /// The container's limit.
    pub container_limit_bytes: Option<u64>,
    /// What the container uses.
    pub container_used_bytes: Option<u64>,
    /// What all caches take.
    pub caches_bytes: u64,
}

/// What a token allows: `GET session/`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Session {
    /// What may be done; `null` for requests without a token, where one is needed.
    pub scope: Option<SessionScope>,
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionScope {
    /// To look at everything.
    Read,
    /// To change things, too.
    Admin,
}

impl From<super::Scope> for SessionScope {
    fn from(scope: super::Scope) -> Self {
        match scope {
            super::Scope::Read => Self::Read,
            super::Scope::Admin => Self::Admin,
        }
    }
}

/// A memoized function, or one that writes tables: an element of `GET functions/`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Function {
    /// Module path and name, or the name that its attribute says.
    pub name: String,
    /// What it is.
    pub kind: FunctionKind,
    /// The cache of its results; `null` if it writes.
    pub cache: Option<String>,
    /// The attribute's options, as they are written.
    pub options: String,
    /// Calls that found their result.
    pub hits: u64,
    /// Calls that did not.
    pub misses: u64,
    /// The share of calls that found their result.
    pub hit_ratio: Option<f64>,
    /// Runs of the function itself.
    pub loads: Loads,
    /// The tables that it reads.
    pub reads: Vec<String>,
    /// The tables that it writes.
    pub writes: Vec<String>,
    /// What is odd about its tables.
    pub warnings: Vec<String>,
}

/// What a function is, by its attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FunctionKind {
    /// `cache_result`
    Result,
    /// `cache_method_result`
    Method,
    /// `cache_query`
    Query,
    /// `cache_query` that writes tables, of which nothing is kept.
    Write,
    /// `cache_view`
    View,
}

/// What became of the requests of an HTTP rule: an element of `GET rules/`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Rule {
    /// The rule's name.
    pub rule: String,
    /// Requests that were answered with a fresh response.
    pub hits: u64,
    /// Requests that were answered with a stale response.
    pub stale: u64,
    /// Requests that were answered with a stale response in place of an error.
    pub stale_if_error: u64,
    /// Requests that the handler has answered.
    pub misses: u64,
    /// Requests that got what another request had the handler make.
    pub collapsed: u64,
    /// Requests for which the handler has confirmed what was stored.
    pub revalidated: u64,
    /// The share of requests that the handler was spared, of those that did not go past the cache.
    pub hit_ratio: Option<f64>,
    /// Requests that went past the cache, by the reason.
    pub bypassed: BTreeMap<String, u64>,
    /// Responses that were not stored, by the reason.
    pub unstored: BTreeMap<String, u64>,
    /// Responses that are stored.
    pub entries: u64,
    /// What they take.
    pub bytes: u64,
}

/// Keys of a cache: `GET keys/`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Keys {
    /// The cache's name.
    pub cache: String,
    /// The keys, those that are used most first.
    pub keys: Vec<Key>,
    /// Whether there are more than these.
    pub truncated: bool,
}

/// What is known of an entry beside its value.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Key {
    /// The key in words: `type#hash` where it has none, or where keys are hidden.
    pub key: String,
    /// The key's type.
    #[serde(rename = "type")]
    pub key_type: String,
    /// Its namespace, which is empty for views that name none.
    pub namespace: String,
    /// How often it was used since the cache last looked for entries to give up: 0 to 3, where 3 is
    /// 3 or more.
    pub uses: u32,
    /// How long ago it was written; `null` if nobody knows.
    pub age_seconds: Option<f64>,
    /// How long it has yet to live if nobody uses it; `null` without end.
    pub expires_in_seconds: Option<f64>,
    /// What it takes of the capacity.
    pub weight: u64,
}

/// What was cleared: `POST clear/` and `POST clear/{type}/`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Cleared {
    /// The caches.
    pub cleared: Vec<ClearedCache>,
}

/// A cache that was cleared.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct ClearedCache {
    /// Its name.
    pub cache: String,
    /// How many entries it had.
    pub entries: u64,
}

/// What was invalidated: the answer to `POST invalidate/`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Invalidated {
    /// How many entries and responses there were; `null` if they cannot be counted.
    pub matched: Option<u64>,
    /// Whether they were only counted.
    pub dry_run: bool,
}

/// The settings of a cache: the answer to `PUT config/`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Settings {
    /// The cache's name.
    pub cache: String,
    /// The most that it may hold, in its unit; less while memory is short.
    pub capacity: u64,
    /// What its capacity counts.
    pub unit: Unit,
    /// How long an entry lives for which nothing else is said; `null` without end.
    pub ttl_seconds: Option<f64>,
    /// Whether that counts from an entry's writing or from its last use.
    pub expiry: Expiry,
}

/// What an entry's time to live counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// The last write of its value.
    AfterWrite,
    /// Its last use.
    AfterAccess,
}

/// What `GET events/` sends each second, as the data of an event `sample`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Sample {
    /// As `GET stats/`.
    #[serde(flatten)]
    pub stats: Stats,
    /// The keys of each cache that are used most.
    pub hottest: Vec<Keys>,
}

/// An error, as RFC 9457 has it: `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Problem {
    /// `about:blank`: the status says what kind of error it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What is wrong, and what would not be.
    pub detail: String,
    /// Fields and parameters that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// A field of a body, or a parameter, that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct FieldError {
    /// Its name.
    pub field: String,
    /// What was said.
    pub value: String,
    /// What could have been.
    pub allowed: String,
}
