//! What operations are told, and what they answer.

/// Of [`EntrySelector::and_compute_with`](crate::EntrySelector::and_compute_with).
pub mod compute {
    use crate::Entry;

    /// What is to become of a key.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Op<V> {
        /// It stays as it is.
        Nop,
        /// It gets this value.
        Put(V),
        /// It goes, if it is there.
        Remove,
    }

    /// What has become of a key.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum CompResult<K, V> {
        /// It was absent and has this entry now.
        Inserted(Entry<K, V>),
        /// It was present and has this entry now.
        ReplacedWith(Entry<K, V>),
        /// It was present, with this entry, and is gone.
        Removed(Entry<K, V>),
        /// It was absent and still is.
        StillNone(K),
        /// It was present and still has this entry.
        Unchanged(Entry<K, V>),
    }

    impl<K, V> CompResult<K, V> {
        /// The entry that the result is about, if there is one.
        ///
        /// ```
        /// use larder::ops::compute::Op;
        /// let cache: larder::Cache<&str, u32> = larder::Cache::new(10);
        /// let result = cache.entry("one").and_compute_with(|_| Op::Put(1));
        /// assert_eq!(result.into_entry().map(|entry| entry.into_value()), Some(1));
        /// let result = cache.entry("two").and_compute_with(|_| Op::Remove);
        /// assert!(result.into_entry().is_none());
        /// ```
        #[must_use]
        pub fn into_entry(self) -> Option<Entry<K, V>> {
            match self {
                CompResult::Inserted(entry)
                | CompResult::ReplacedWith(entry)
                | CompResult::Removed(entry)
                | CompResult::Unchanged(entry) => Some(entry),
                CompResult::StillNone(_) => None,
            }
        }
    }
}
