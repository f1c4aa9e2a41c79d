//! Counting in values.

use crate::{
    Cache,
    engine::{ops::compute::Decision, storage::nodes::Entry},
};
use equivalent::Equivalent;
use std::hash::{BuildHasher, Hash};

pub(crate) mod sealed {
    pub trait Sealed: Copy {
        fn plus(self, delta: Self) -> Self;
        fn minus(self, delta: Self) -> Self;
    }
}
use sealed::Sealed;

/// A value that [`Cache::incr`] can add to: the primitive integers, from `u8` to `u128`, from `i8`
/// to `i128`, `usize` and `isize`.
pub trait Integer: Sealed {}

macro_rules! integers {
    ($($integer:ty),*) => { $(
        impl Sealed for $integer {
            fn plus(self, delta: Self) -> Self {
                self.saturating_add(delta)
            }

            fn minus(self, delta: Self) -> Self {
                self.saturating_sub(delta)
            }
        }

        impl Integer for $integer {}
    )* };
}

integers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

/// # Counting
///
/// Atomic: however many threads count, none of their steps is lost. (Unless the key is removed,
/// expires or is evicted, or its new value is [rejected](crate::CacheStats::rejections): then it is
/// absent, and [`incr`](Cache::incr) says so.) Each step counts as use and as an update; it is no
/// hit and no miss.
///
/// An entry keeps its time to live, [the one of its own](Cache::insert_with_ttl) too, and its tags:
/// a count that began with a minute to live ends after that minute, however often it is
/// incremented. A step is a use that puts the end of an idle entry off. An
/// [`Expiry`](crate::Expiry) is asked as by any update.
///
/// ```
/// use larder::{Cache, ManualClock};
/// use std::time::Duration;
///
/// let (clock, minute) = (ManualClock::new(), Duration::from_secs(60));
/// let requests = Cache::builder().max_capacity(10).time_to_live(minute).clock(&clock).build();
/// requests.insert("Ada", 1);
/// clock.advance(minute / 2);
/// assert_eq!(requests.incr("Ada", 1), Some(2));
/// clock.advance(minute / 2);
/// assert_eq!(requests.incr("Ada", 1), None, "the next window");
/// ```
impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq + Clone,
    V: Integer,
    S: BuildHasher,
{
    /// Adds to the value of a key, which stops at the least or greatest value of its type instead
    /// of overflowing; returns the new value. `None` if the key is absent. O(1).
    ///
    /// ```
    /// let cache: larder::Cache<&str, u8> = larder::Cache::new(10);
    /// assert_eq!(cache.incr("hits", 1), None);
    /// cache.insert("hits", 250);
    /// assert_eq!((cache.incr("hits", 3), cache.incr("hits", 3)), (Some(253), Some(255)));
    /// ```
    pub fn incr<Q>(&self, key: &Q, delta: V) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.step(key, |value| value.plus(delta))
    }

    /// Subtracts from the value of a key, as [`incr`](Cache::incr) adds. O(1).
    ///
    /// ```
    /// let cache: larder::Cache<&str, u8> = larder::Cache::new(10);
    /// cache.insert("left", 3);
    /// assert_eq!((cache.decr("left", 2), cache.decr("left", 2)), (Some(1), Some(0)));
    /// ```
    pub fn decr<Q>(&self, key: &Q, delta: V) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.step(key, |value| value.minus(delta))
    }

    /// [`incr`](Cache::incr) of a key that is there; the value of one that is not becomes
    /// `initial`. Returns the new value. O(1).
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// for word in ["to", "be", "or", "not", "to", "be"] {
    ///     cache.incr_or_insert(word, 1_u32, 1);
    /// }
    /// assert_eq!((cache.get("to"), cache.get("not")), (Some(2), Some(1)));
    /// ```
    pub fn incr_or_insert(&self, key: K, delta: V, initial: V) -> V {
        let mut new = initial;
        self.engine().compute(
            self.hash(&key),
            |other| *other == key,
            |found| {
                new = found.map_or(initial, |entry| entry.value.plus(delta));
                let entry = Entry { key: key.clone(), value: new };
                if found.is_some() { Decision::Step(entry) } else { Decision::Put(entry) }
            },
        );
        new
    }

    fn step<Q>(&self, key: &Q, step: impl Fn(V) -> V) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let mut new = None;
        self.engine().compute(
            self.hash(key),
            |other| key.equivalent(other),
            |found| {
                new = found.map(|entry| step(entry.value));
                match (found, new) {
                    (Some(entry), Some(value)) => {
                        Decision::Step(Entry { key: entry.key.clone(), value })
                    }
                    _ => Decision::Keep,
                }
            },
        );
        new
    }
}
