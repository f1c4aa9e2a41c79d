//! How long entries live, by rules of the user.

use std::time::{Duration, Instant};

/// Decides for each entry how long it lives.
///
/// Given to [`CacheBuilder::expire_after`](crate::CacheBuilder::expire_after). Each method returns
/// how long the entry is to live from now on, or `None` for no limit of its own. A value that is to
/// live for zero when it is written is not stored, and its key is absent afterwards. Whatever it
/// says, the cache's [`time_to_live`](crate::CacheBuilder::time_to_live) and
/// [`time_to_idle`](crate::CacheBuilder::time_to_idle) hold, too: the earliest end counts. An entry
/// that was [given a time](crate::Cache::insert_with_ttl) by a caller has that instead, and is not
/// asked about, until its value is replaced.
///
/// The methods run in the thread that uses the cache, while it is pinned: they should be quick. One
/// that panics leaves the cache as it was.
///
/// ```
/// use larder::{Cache, Expiry, ManualClock};
/// use std::time::{Duration, Instant};
///
/// struct ByLength;
///
/// impl Expiry<u32, String> for ByLength {
///     fn expire_after_create(&self, _: &u32, value: &String, _: Instant) -> Option<Duration> {
///         Some(Duration::from_secs(value.len() as u64))
///     }
/// }
///
/// let clock = ManualClock::new();
/// let cache = Cache::builder().max_capacity(10).clock(&clock).expire_after(ByLength).build();
/// cache.insert(1, "short".to_owned());
/// cache.insert(2, "quite a bit longer".to_owned());
/// clock.advance(Duration::from_secs(6));
/// assert!(!cache.contains_key(&1) && cache.contains_key(&2));
/// ```
pub trait Expiry<K, V>: Send + Sync {
    /// Called when a key that was absent, or expired, is inserted. No limit, by default.
    fn expire_after_create(&self, key: &K, value: &V, created_at: Instant) -> Option<Duration> {
        let _ = (key, value, created_at);
        None
    }

    /// Called when a lookup has found the entry, which has `remaining` to live. By default nothing
    /// changes.
    fn expire_after_read(
        &self,
        key: &K,
        value: &V,
        read_at: Instant,
        remaining: Option<Duration>,
        last_modified_at: Instant,
    ) -> Option<Duration> {
        let _ = (key, value, read_at, last_modified_at);
        remaining
    }

    /// Called when a key that is present gets another value; the old one had `remaining` to live.
    /// By default that is not changed.
    fn expire_after_update(
        &self,
        key: &K,
        value: &V,
        updated_at: Instant,
        remaining: Option<Duration>,
    ) -> Option<Duration> {
        let _ = (key, value, updated_at);
        remaining
    }
}
