//! One key of a cache for tasks.

use crate::{
    Entry, Equivalent,
    compute::ops::compute::{CompResult, Op},
};
use std::{
    borrow::Borrow,
    fmt,
    future::{Future, ready},
    hash::{BuildHasher, Hash},
    sync::Arc,
};

/// A key, and what can be done with it: [`Cache::entry`](super::Cache::entry).
#[must_use = "by itself it does nothing"]
pub struct EntrySelector<'c, K, Q: ToOwned + ?Sized, V, S>(
    pub(super) crate::EntrySelector<'c, K, Q, V, S>,
);

/// The name that moka gives an [`EntrySelector`] that owns its key.
pub type OwnedKeyEntrySelector<'c, K, V, S> = EntrySelector<'c, K, K, V, S>;

/// The name that moka gives an [`EntrySelector`] that borrows its key.
pub type RefKeyEntrySelector<'c, K, Q, V, S> = EntrySelector<'c, K, Q, V, S>;

/// # Inserting if absent
///
/// The `or_` methods are loads, which are shared with [`Cache::get_with`](super::Cache::get_with)
/// and its kin.
///
/// # Computing
///
/// The `and_` methods run a closure on what is there, and put what its future yields in the place
/// of exactly that. If another task or thread writes the key meanwhile, the closure runs again, on
/// what is there then; tasks do not wait for each other.
impl<K, Q, V, S> EntrySelector<'_, K, Q, V, S>
where
    // See `crate::EntrySelector`.
    K: Hash + Eq + Clone + Borrow<Q>,
    Q: Equivalent<K> + ToOwned<Owned = K> + Hash + ?Sized,
    V: Clone,
    S: BuildHasher,
{
    /// The key's entry; if it is absent, the default value is inserted.
    pub fn or_default(self) -> impl Future<Output = Entry<K, V>>
    where
        V: Default,
    {
        self.0.or_insert_with_async(async { V::default() })
    }

    /// The key's entry; if it is absent, `default` is inserted.
    pub fn or_insert(self, default: V) -> impl Future<Output = Entry<K, V>> {
        self.0.or_insert_with_async(ready(default))
    }

    /// The key's entry; if it is absent, the value of `init` is inserted, which is not polled
    /// otherwise.
    ///
    /// # Panics
    ///
    /// If `init` does, or loads the same key.
    pub fn or_insert_with(
        self,
        init: impl Future<Output = V>,
    ) -> impl Future<Output = Entry<K, V>> {
        self.0.or_insert_with_async(init)
    }

    /// The key's entry; if it is absent, the value of `init` is inserted, if it is any.
    ///
    /// # Panics
    ///
    /// If `init` does, or loads the same key.
    pub fn or_optionally_insert_with(
        self,
        init: impl Future<Output = Option<V>>,
    ) -> impl Future<Output = Option<Entry<K, V>>> {
        self.0.or_optionally_insert_with_async(init)
    }

    /// The key's entry; if it is absent, the value of `init` is inserted, unless it is an error.
    ///
    /// # Errors
    ///
    /// What `init` returns: its caller's, and that of all that waited for it.
    ///
    /// # Panics
    ///
    /// If `init` does, or loads the same key.
    pub fn or_try_insert_with<F, E>(
        self,
        init: F,
    ) -> impl Future<Output = Result<Entry<K, V>, Arc<E>>>
    where
        F: Future<Output = Result<V, E>>,
        E: Send + Sync + 'static,
    {
        self.0.or_try_insert_with_async(init)
    }

    /// Sets the value of the key to what `f` makes of its entry, or of `None`.
    ///
    /// # Panics
    ///
    /// As
    /// [`larder::EntrySelector::and_upsert_with_async`](crate::EntrySelector::and_upsert_with_async).
    pub fn and_upsert_with<F, Fut>(self, f: F) -> impl Future<Output = Entry<K, V>>
    where
        F: FnMut(Option<Entry<K, V>>) -> Fut,
        Fut: Future<Output = V>,
    {
        self.0.and_upsert_with_async(f)
    }

    /// Does with the key what `f` says, which gets its entry or `None`: puts a value, removes it,
    /// or leaves it.
    ///
    /// # Panics
    ///
    /// As [`and_upsert_with`](Self::and_upsert_with).
    pub fn and_compute_with<F, Fut>(self, f: F) -> impl Future<Output = CompResult<K, V>>
    where
        F: FnMut(Option<Entry<K, V>>) -> Fut,
        Fut: Future<Output = Op<V>>,
    {
        self.0.and_compute_with_async(f)
    }

    /// [`and_compute_with`](Self::and_compute_with) with a closure that may fail.
    ///
    /// # Errors
    ///
    /// What `f` returns. Nothing has changed then.
    ///
    /// # Panics
    ///
    /// As [`and_upsert_with`](Self::and_upsert_with).
    pub fn and_try_compute_with<F, Fut, E>(
        self,
        f: F,
    ) -> impl Future<Output = Result<CompResult<K, V>, E>>
    where
        F: FnMut(Option<Entry<K, V>>) -> Fut,
        Fut: Future<Output = Result<Op<V>, E>>,
    {
        self.0.and_try_compute_with_async(f)
    }
}

impl<K, Q, V, S> fmt::Debug for EntrySelector<'_, K, Q, V, S>
where
    Q: ToOwned + fmt::Debug + ?Sized,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
