//! One key of a view: inserting a value if it is absent, and computing a value from the present
//! one.

use super::{KeyOf, View};
use crate::{
    CasError, Entry, Version,
    compute::ops::compute::{CompResult, Op},
    engine::{ops::compute::Decision, storage::nodes},
    manager::{
        Key,
        entries::{
            key::{Query, StoredKey},
            value::StoredValue,
        },
    },
};
use equivalent::Equivalent;
use std::{convert::Infallible, fmt, future::Future, pin::pin, sync::Arc, time::Duration};

type Stored = nodes::Entry<StoredKey, StoredValue>;

/// A key of a view, for operations on its entry; comes from [`View::entry`].
#[must_use = "a selector by itself does nothing"]
pub struct ViewEntrySelector<'v, Q: ?Sized, V, T> {
    pub(super) view: &'v View<V, T>,
    pub(super) key: &'v Q,
}

impl<Q: fmt::Debug + ?Sized, V, T> fmt::Debug for ViewEntrySelector<'_, Q, V, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewEntrySelector").field("key", &self.key).finish_non_exhaustive()
    }
}

/// # Computing
///
/// These read a key, decide, and write it in one step: see [`ViewEntrySelector`]. A new value lives
/// as long as the view or the cache's settings say, and has the view's tags.
impl<V: Clone + Send + Sync + 'static, T> View<V, T> {
    /// Selects a key, to insert a value if it is absent, or to compute one from the present value.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let carts = CacheManager::new().view::<Vec<u32>>(CacheKind::Session).keyed::<u64>();
    /// let add = |item| {
    ///     carts.entry(&7).and_upsert_with(|cart| {
    ///         let mut cart = cart.map_or_else(Vec::new, |cart| cart.into_value());
    ///         cart.push(item);
    ///         cart
    ///     })
    /// };
    /// assert!(!add(1).is_old_value_replaced());
    /// assert_eq!(add(2).into_value(), [1, 2]);
    /// ```
    pub fn entry<'v, Q: KeyOf<T> + ?Sized>(&'v self, key: &'v Q) -> ViewEntrySelector<'v, Q, V, T> {
        ViewEntrySelector { view: self, key }
    }

    /// Replaces the value of a key and returns the old one; returns `None` and changes nothing if
    /// the key is absent: see [`Cache::replace`](crate::Cache::replace). Atomic. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User).keyed::<u64>();
    /// users.insert(&7, "Ada");
    /// assert_eq!((users.replace(&7, "Augusta"), users.replace(&8, "Grace")), (Some("Ada"), None));
    /// assert_eq!((users.get(&7), users.get(&8)), (Some("Augusta"), None));
    /// ```
    pub fn replace<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V) -> Option<V> {
        let mut old = None;
        self.compute(self.query(key), |found| {
            old = found.map(|(_, value)| value.clone());
            found.map_or(Decision::Keep, |(entry, _)| self.put_for(key, entry, value.clone()))
        });
        drop(value);
        old
    }

    /// Returns the value of a key, cloned, and its version, for
    /// [`compare_and_swap`](View::compare_and_swap). Counts like [`get`](View::get); see
    /// [`Cache::get_versioned`](crate::Cache::get_versioned). O(1).
    pub fn get_versioned<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Option<(V, Version)> {
        let (query, entries) = (self.query(key), &self.entries);
        let eq = |other: &StoredKey| query.equivalent(other);
        let clone = |entry: &Stored| Self::value_of(&entry.value);
        entries.engine().get_versioned(entries.hash(&query), eq, clone)
    }

    /// Sets the value of a key if it has not been written since its version was `expected`, and
    /// returns the new version: see [`Cache::compare_and_swap`](crate::Cache::compare_and_swap).
    /// Atomic. O(1).
    ///
    /// # Errors
    ///
    /// [`CasError::Absent`] or [`CasError::Changed`]. Then nothing has changed.
    ///
    /// ```
    /// use larder::{CasError, manager::{CacheKind, CacheManager}};
    ///
    /// let pages = CacheManager::new().view::<&str>(CacheKind::General).keyed::<String>();
    /// pages.insert("/", "draft");
    /// let (_, version) = pages.get_versioned("/").unwrap();
    /// let next = pages.compare_and_swap("/", version, "final").unwrap();
    /// assert_eq!(pages.compare_and_swap("/", version, "lost"), Err(CasError::Changed));
    /// assert_eq!(pages.get_versioned("/"), Some(("final", next)));
    /// ```
    pub fn compare_and_swap<Q: KeyOf<T> + ?Sized>(
        &self,
        key: &Q,
        expected: Version,
        value: V,
    ) -> Result<Version, CasError> {
        let (query, entries) = (self.query(key), &self.entries);
        let eq = |other: &StoredKey| query.equivalent(other);
        let put = |entry: &Stored| self.put_for(key, entry, value.clone());
        entries.engine().compare_and_swap(entries.hash(&query), eq, expected, put).into()
    }

    fn put_for<Q: KeyOf<T> + ?Sized>(
        &self,
        key: &Q,
        entry: &Stored,
        value: V,
    ) -> Decision<StoredKey, StoredValue> {
        let value = self.stored(self.query(key).bytes(), value, Duration::ZERO);
        Decision::PutOn(nodes::Entry { key: entry.key.clone(), value }, self.options)
    }

    /// Runs `Engine::compute` with `f`, which gets the entry and its value.
    fn compute<Q: Key + ?Sized>(
        &self,
        query: Query<'_, Q, V>,
        mut f: impl FnMut(Option<(&Stored, &V)>) -> Decision<StoredKey, StoredValue>,
    ) {
        let entries = &self.entries;
        entries.engine().compute(
            entries.hash(&query),
            |other| query.equivalent(other),
            |found| f(found.map(Self::with_value)),
        );
    }

    fn with_value(entry: &Stored) -> (&Stored, &V) {
        (entry, &entry.value.held_by_key().value)
    }
}

/// A selector behaves as an [`EntrySelector`](crate::EntrySelector): computations take no lock, a
/// closure runs again if another thread writes the key meanwhile, and the replaced value is the one
/// that the closure was called with. So if several threads add to one value, no addition is lost.
///
/// The key of an [`Entry`] is the stored form: a `String` for `str`.
///
/// ```
/// use larder::{manager::{CacheKind, CacheManager}, ops::compute::{CompResult, Op}};
///
/// let stock = CacheManager::new().view::<u32>(CacheKind::General).keyed::<String>();
/// stock.insert("nails", 2);
/// let take = |what| {
///     stock.entry(what).and_compute_with(|left| match left.map(|left| left.into_value()) {
///         None => Op::Nop,
///         Some(1) => Op::Remove,
///         Some(left) => Op::Put(left - 1),
///     })
/// };
/// assert!(matches!(take("nails"), CompResult::ReplacedWith(left) if *left.value() == 1));
/// assert!(matches!(take("nails"), CompResult::Removed(_)));
/// assert!(matches!(take("nails"), CompResult::StillNone(nails) if nails == "nails"));
/// ```
impl<Q: KeyOf<T> + ?Sized, V: Clone + Send + Sync + 'static, T> ViewEntrySelector<'_, Q, V, T> {
    /// Returns the key's entry; inserts `value` first if the key is absent.
    pub fn or_insert(self, value: V) -> Entry<Q::Stored, V> {
        self.or_insert_with(|| value)
    }

    /// Returns the key's entry; inserts the default value first if the key is absent.
    pub fn or_default(self) -> Entry<Q::Stored, V>
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Returns the key's entry; inserts what `init` returns first if the key is absent. This is a
    /// load, as by [`View::get_with`].
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub fn or_insert_with(self, init: impl FnOnce() -> V) -> Entry<Q::Stored, V> {
        let mut is_fresh = false;
        let value = self.view.get_with(self.key, || {
            is_fresh = true;
            init()
        });
        Entry::new(self.key.to_stored(), value, is_fresh)
    }

    /// Returns the key's entry; inserts what `init` returns first if the key is absent and `init`
    /// returns `Ok`.
    ///
    /// # Errors
    ///
    /// The error that `init` returns, or the `init` of the caller whose load this one waited for.
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub fn or_try_insert_with<E: Send + Sync + 'static>(
        self,
        init: impl FnOnce() -> Result<V, E>,
    ) -> Result<Entry<Q::Stored, V>, Arc<E>> {
        let mut is_fresh = false;
        let value = self.view.try_get_with(self.key, || {
            is_fresh = true;
            init()
        })?;
        Ok(Entry::new(self.key.to_stored(), value, is_fresh))
    }

    /// Returns the key's entry; inserts what `init` returns first if the key is absent and `init`
    /// returns `Some`.
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub fn or_optionally_insert_with(
        self,
        init: impl FnOnce() -> Option<V>,
    ) -> Option<Entry<Q::Stored, V>> {
        let mut is_fresh = false;
        let value = self.view.optionally_get_with(self.key, || {
            is_fresh = true;
            init()
        })?;
        Some(Entry::new(self.key.to_stored(), value, is_fresh))
    }

    /// Sets the value of the key to what `f` returns for its entry, or for `None`. `f` may run more
    /// than once.
    pub fn and_upsert_with(
        self,
        mut f: impl FnMut(Option<Entry<Q::Stored, V>>) -> V,
    ) -> Entry<Q::Stored, V> {
        let result = self.and_compute_with(move |old| Op::Put(f(old)));
        result.into_entry().expect("what was put is there, or was")
    }

    /// Calls `f` with the key's entry, or `None`, and does what it returns: puts a value, removes
    /// the key, or changes nothing. `f` may run more than once.
    pub fn and_compute_with(
        self,
        mut f: impl FnMut(Option<Entry<Q::Stored, V>>) -> Op<V>,
    ) -> CompResult<Q::Stored, V> {
        let Ok(result) = self.and_try_compute_with(move |entry| Ok::<_, Infallible>(f(entry)));
        result
    }

    /// [`and_compute_with`](Self::and_compute_with) with a closure that may fail.
    ///
    /// # Errors
    ///
    /// The error that `f` returns. Then nothing has changed.
    pub fn and_try_compute_with<E>(
        self,
        mut f: impl FnMut(Option<Entry<Q::Stored, V>>) -> Result<Op<V>, E>,
    ) -> Result<CompResult<Q::Stored, V>, E> {
        let mut answer = None;
        self.view.compute(self.view.query(self.key), |found| {
            let (decision, result) = match f(found.map(|(_, value)| self.found(value))) {
                Ok(op) => {
                    let (decision, result) = self.follow(op, found);
                    (decision, Ok(result))
                }
                Err(error) => (Decision::Keep, Err(error)),
            };
            answer = Some(result);
            decision
        });
        // Before the result is taken: if the drop of `f` panics, the result is dropped as well.
        drop(f);
        answer.expect("the closure has run")
    }

    fn found(&self, value: &V) -> Entry<Q::Stored, V> {
        Entry::new(self.key.to_stored(), value.clone(), false)
    }

    /// Returns the decision for an operation, and the result if it succeeds.
    fn follow(
        &self,
        op: Op<V>,
        found: Option<(&Stored, &V)>,
    ) -> (Decision<StoredKey, StoredValue>, CompResult<Q::Stored, V>) {
        let Self { view, key } = *self;
        match (op, found) {
            (Op::Put(value), found) => {
                let query = view.query(key);
                let stored = view.stored(query.bytes(), value.clone(), Duration::ZERO);
                let owned = found.map_or_else(|| query.to_stored(), |(entry, _)| entry.key.clone());
                let entry = nodes::Entry { key: owned, value: stored };
                let result = Entry::put(key.to_stored(), value, found.is_some());
                (Decision::PutOn(entry, view.options), result)
            }
            (Op::Remove, Some((_, old))) => {
                (Decision::Remove, CompResult::Removed(self.found(old)))
            }
            (Op::Nop, Some((_, old))) => (Decision::Keep, CompResult::Unchanged(self.found(old))),
            (Op::Remove | Op::Nop, None) => {
                (Decision::Keep, CompResult::StillNone(key.to_stored()))
            }
        }
    }
}

/// # In futures
///
/// Like the methods of the same names without `_async`. The closures return futures, which run
/// without pinning a thread. They run again each time another caller writes the key meanwhile.
impl<Q: KeyOf<T> + ?Sized, V: Clone + Send + Sync + 'static, T> ViewEntrySelector<'_, Q, V, T> {
    /// Returns the key's entry; inserts the output of `init` first if the key is absent. Otherwise
    /// `init` is not polled.
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub async fn or_insert_with_async(self, init: impl Future<Output = V>) -> Entry<Q::Stored, V> {
        let (init, mut is_fresh) = (pin!(init), false);
        let init = async {
            is_fresh = true;
            init.await
        };
        let value = self.view.get_with_async(self.key, init).await;
        Entry::new(self.key.to_stored(), value, is_fresh)
    }

    /// Returns the key's entry; inserts the output of `init` first if the key is absent and the
    /// output is `Ok`.
    ///
    /// # Errors
    ///
    /// The error that `init` returns, or the `init` of the caller whose load this one waited for.
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub async fn or_try_insert_with_async<E: Send + Sync + 'static>(
        self,
        init: impl Future<Output = Result<V, E>>,
    ) -> Result<Entry<Q::Stored, V>, Arc<E>> {
        let (init, mut is_fresh) = (pin!(init), false);
        let init = async {
            is_fresh = true;
            init.await
        };
        let value = self.view.try_get_with_async(self.key, init).await?;
        Ok(Entry::new(self.key.to_stored(), value, is_fresh))
    }

    /// Returns the key's entry; inserts the output of `init` first if the key is absent and the
    /// output is `Some`.
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub async fn or_optionally_insert_with_async(
        self,
        init: impl Future<Output = Option<V>>,
    ) -> Option<Entry<Q::Stored, V>> {
        let (init, mut is_fresh) = (pin!(init), false);
        let init = async {
            is_fresh = true;
            init.await
        };
        let value = self.view.optionally_get_with_async(self.key, init).await?;
        Some(Entry::new(self.key.to_stored(), value, is_fresh))
    }

    /// Sets the value of the key to what `f` returns for its entry, or for `None`. `f` may run more
    /// than once.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// # futures::executor::block_on(async {
    /// let visits = CacheManager::new().view::<u32>(CacheKind::Session).keyed::<u64>();
    /// let visit = async |old: Option<larder::Entry<u64, u32>>| old.map_or(1, |old| old.value() + 1);
    /// assert_eq!(visits.entry(&7).and_upsert_with_async(visit).await.into_value(), 1);
    /// assert_eq!(visits.entry(&7).and_upsert_with_async(visit).await.into_value(), 2);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `f` panics, or there is no memory for versions: 8 bytes for each entry that the shard is
    /// planned for.
    pub async fn and_upsert_with_async<F: Future<Output = V>>(
        self,
        f: impl FnMut(Option<Entry<Q::Stored, V>>) -> F,
    ) -> Entry<Q::Stored, V> {
        let put = |value| Ok::<_, Infallible>(Op::Put(value));
        let Ok(result) = self.compute_async(f, put).await;
        result.into_entry().expect("what was put is there, or was")
    }

    /// Calls `f` with the key's entry, or `None`, and does what its future returns. `f` may run more
    /// than once.
    ///
    /// # Panics
    ///
    /// As for [`and_upsert_with_async`](Self::and_upsert_with_async).
    pub async fn and_compute_with_async<F: Future<Output = Op<V>>>(
        self,
        f: impl FnMut(Option<Entry<Q::Stored, V>>) -> F,
    ) -> CompResult<Q::Stored, V> {
        let Ok(result) = self.compute_async(f, Ok::<_, Infallible>).await;
        result
    }

    /// [`and_compute_with_async`](Self::and_compute_with_async) with a closure that may fail.
    ///
    /// # Errors
    ///
    /// The error that `f` returns. Then nothing has changed.
    ///
    /// # Panics
    ///
    /// As for [`and_upsert_with_async`](Self::and_upsert_with_async).
    pub async fn and_try_compute_with_async<E, F: Future<Output = Result<Op<V>, E>>>(
        self,
        f: impl FnMut(Option<Entry<Q::Stored, V>>) -> F,
    ) -> Result<CompResult<Q::Stored, V>, E> {
        self.compute_async(f, |result| result).await
    }

    async fn compute_async<E, F: Future>(
        self,
        mut f: impl FnMut(Option<Entry<Q::Stored, V>>) -> F,
        op: impl Fn(F::Output) -> Result<Op<V>, E>,
    ) -> Result<CompResult<Q::Stored, V>, E> {
        let Self { view, key } = self;
        let (query, engine) = (view.query(key), view.entries.engine());
        let hash = view.entries.hash(&query);
        loop {
            let eq = |other: &StoredKey| query.equivalent(other);
            let copy = |entry: &Stored| self.found(View::<V, T>::with_value(entry).1);
            let (old, seen) = engine.peek_versioned(hash, eq, copy).unzip();
            assert_ne!(
                seen,
                Some(Version::NONE),
                "no memory for the versions of a shard's entries"
            );
            let (op, mut answer) = (op(f(old).await)?, None);
            let as_seen = engine.compute_as_seen(hash, eq, seen, |found| {
                let (decision, result) =
                    self.follow(op.clone(), found.map(View::<V, T>::with_value));
                answer = Some(result);
                decision
            });
            if let (true, Some(answer)) = (as_seen, answer) {
                return Ok(answer);
            }
        }
    }
}
