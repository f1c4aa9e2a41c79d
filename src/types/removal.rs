//! Why values leave a cache.

/// Why a value left a cache, or never got into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemovalCause {
    /// It had to make room for another.
    Size,
    /// Its time was over.
    Expired,
    /// Somebody removed its key: [`Cache::remove`](crate::Cache::remove),
    /// [`Cache::invalidate`](crate::Cache::invalidate),
    /// [`Op::Remove`](crate::ops::compute::Op::Remove).
    Explicit,
    /// Its key has another value now.
    Replaced,
    /// It was invalidated together with others:
    /// [`Cache::invalidate_all`](crate::Cache::invalidate_all),
    /// [`Cache::invalidate_tag`](crate::Cache::invalidate_tag),
    /// [`Cache::invalidate_entries_if`](crate::Cache::invalidate_entries_if).
    Invalidated,
    /// There was no room for it: it was not stored.
    Rejected,
}

impl RemovalCause {
    /// Whether the cache decided it, and not the user: [`Size`](Self::Size) or
    /// [`Expired`](Self::Expired).
    ///
    /// ```
    /// use larder::RemovalCause;
    /// assert!(RemovalCause::Size.was_evicted());
    /// assert!(!RemovalCause::Replaced.was_evicted());
    /// ```
    #[must_use]
    pub fn was_evicted(self) -> bool {
        matches!(self, RemovalCause::Size | RemovalCause::Expired)
    }
}
