//! Integers: adding and subtracting.

use super::{KeyOf, View};
use crate::{
    Integer,
    engine::{ops::compute::Decision, storage::nodes::Entry},
    manager::entries::value::Timed,
};
use equivalent::Equivalent;
use std::time::Duration;

/// # Counting
///
/// These are atomic and behave as [`Cache::incr`](crate::Cache::incr): the value saturates at the
/// bounds of its type; the entry keeps its time to live and its tags.
impl<V: Integer + Send + Sync + 'static, T> View<V, T> {
    /// Adds to the value of a key and returns the new one; `None` if the key is absent. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let clicks = CacheManager::new().view::<u32>(CacheKind::Analytics);
    /// assert_eq!(clicks.incr("b3", 1), None);
    /// clicks.insert("b3", 10);
    /// assert_eq!((clicks.incr("b3", 5), clicks.get("b3")), (Some(15), Some(15)));
    /// ```
    pub fn incr<Q: KeyOf<T> + ?Sized>(&self, key: &Q, delta: V) -> Option<V> {
        self.step(key, |value| value.plus(delta))
    }

    /// Subtracts from the value of a key and returns the new one; `None` if the key is absent.
    /// O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let left = CacheManager::new().view::<u32>(CacheKind::General);
    /// left.insert("tickets", 3);
    /// assert_eq!((left.decr("tickets", 2), left.decr("tickets", 2)), (Some(1), Some(0)));
    /// ```
    pub fn decr<Q: KeyOf<T> + ?Sized>(&self, key: &Q, delta: V) -> Option<V> {
        self.step(key, |value| value.minus(delta))
    }

    fn step<Q: KeyOf<T> + ?Sized>(&self, key: &Q, step: impl Fn(V) -> V) -> Option<V> {
        let query = self.query(key);
        let mut new = None;
        self.entries.engine().compute(
            self.entries.hash(&query),
            |other| query.equivalent(other),
            |found| {
                let held =
                    found.and_then(|entry| entry.value.held::<V>().map(|held| (entry, held)));
                new = held.map(|(_, held)| step(held.value));
                match (held, new) {
                    (Some((entry, held)), Some(value)) => {
                        let held = Timed { value, times: held.times.clone() };
                        let value = self.stored_held(query.bytes(), held, Duration::ZERO);
                        Decision::Step(Entry { key: entry.key.clone(), value })
                    }
                    _ => Decision::Keep,
                }
            },
        );
        new
    }
}
