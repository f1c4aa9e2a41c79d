//! What is left to be done for a cache, done when the user says so.

use crate::{Cache, Pending};
use std::time::Duration;

impl<K, V, S> Cache<K, V, S> {
    /// Removes what is expired or invalidated, and frees the memory of removed entries that no
    /// other thread is looking at.
    ///
    /// Never needed for correctness: writers do it a little at a time. Useful when a cache goes
    /// quiet, or when destructors should run now. O(what waits + shards), and O(capacity) after
    /// [`invalidate_all`](Cache::invalidate_all) or [`invalidate_tag`](Cache::invalidate_tag).
    ///
    /// ```
    /// use std::sync::Arc;
    /// let (cache, value) = (larder::Cache::new(10), Arc::new(()));
    /// cache.insert(1, value.clone());
    /// cache.invalidate(&1);
    /// cache.run_pending_tasks();
    /// assert_eq!(Arc::strong_count(&value), 1);
    /// ```
    pub fn run_pending_tasks(&self) {
        self.engine().maintain();
    }

    /// Does the work of [`run_pending_tasks`](Cache::run_pending_tasks) for no longer than about
    /// `budget`, for threads that have other things to do.
    ///
    /// It works in steps of a few hundred entries at most, of some ten microseconds, does one of
    /// them at least, and looks at the system's clock in between. Destructors and the listener are
    /// part of a step, however long they take.
    ///
    /// ```
    /// use larder::{Cache, Maintenance, ManualClock, Pending};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let second = Duration::from_secs(1);
    /// let builder = Cache::builder().max_capacity(1_000).time_to_live(second).clock(&clock);
    /// let cache = builder.maintenance(Maintenance::Manual).build();
    /// cache.insert_many((0..1_000).map(|key| (key, key)));
    /// clock.advance(second);
    /// // Between two frames of a game, say.
    /// while cache.run_pending_tasks_for(Duration::from_micros(200)) == Pending::More {}
    /// assert_eq!(cache.entry_count(), 0);
    /// ```
    pub fn run_pending_tasks_for(&self, budget: Duration) -> Pending {
        self.engine().maintain_for(budget)
    }
}
