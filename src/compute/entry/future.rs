//! The same in futures, of any runtime or none.

use super::{Entry, EntrySelector, follow};
use crate::{
    compute::ops::compute::{CompResult, Op},
    loading::{
        Always, Fallible, Optional,
        driver::{Conclude, Inquiry, Request, polling::Map},
    },
    types::version::Version,
};
use equivalent::Equivalent;
use pin_project_lite::pin_project;
use std::{
    borrow::Borrow,
    convert::Infallible,
    future::Future,
    hash::{BuildHasher, Hash},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// # In futures
///
/// As the methods of the same name without `_async`. The `or_` methods share loads with those and
/// with [`get_with_async`](crate::Cache::get_with_async), whose rules hold. All may be dropped at
/// any time, and nothing has changed then.
impl<K, Q, V, S> EntrySelector<'_, K, Q, V, S>
where
    // See the impl without futures.
    K: Hash + Eq + Clone + Borrow<Q>,
    Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
    V: Clone,
    S: BuildHasher,
{
    /// The key's entry; if it is absent, the value of `init` is inserted, which is not polled
    /// otherwise.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::Cache::new(10);
    /// let entry = cache.entry("four").or_insert_with_async(async { 2 + 2 }).await;
    /// assert!(entry.is_fresh());
    /// assert_eq!(entry.into_value(), 4);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` does, or loads the same key.
    pub fn or_insert_with_async(
        self,
        init: impl Future<Output = V>,
    ) -> impl Future<Output = Entry<K, V>> {
        Map::new(
            OrInsert::new(self.cache.asking::<Always, _, _>(self.key, init)),
            |(key, value, is_fresh)| Entry::new(key, value, is_fresh),
        )
    }

    /// The key's entry; if it is absent, the value of `init` is inserted, unless it is an error.
    ///
    /// # Errors
    ///
    /// What `init` returns: its caller's, and that of all who waited for it.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::Cache::new(10);
    /// let entry = cache.entry("12").or_try_insert_with_async(async { "12".parse::<u32>() }).await;
    /// assert_eq!(entry.map(|entry| entry.into_value()), Ok(12));
    /// assert!(cache.entry("").or_try_insert_with_async(async { "".parse::<u32>() }).await.is_err());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` does, or loads the same key.
    pub fn or_try_insert_with_async<E>(
        self,
        init: impl Future<Output = Result<V, E>>,
    ) -> impl Future<Output = Result<Entry<K, V>, Arc<E>>>
    where
        E: Send + Sync + 'static,
    {
        Map::new(
            OrInsert::new(self.cache.asking::<Fallible<E>, _, _>(self.key, init)),
            |(key, answer, is_fresh)| answer.map(|value| Entry::new(key, value, is_fresh)),
        )
    }

    /// The key's entry; if it is absent, the value of `init` is inserted, if it is any.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::Cache::new(10);
    /// let none = cache.entry("").or_optionally_insert_with_async(async { "".chars().next() }).await;
    /// assert!(none.is_none() && !cache.contains_key(""));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` does, or loads the same key.
    pub fn or_optionally_insert_with_async(
        self,
        init: impl Future<Output = Option<V>>,
    ) -> impl Future<Output = Option<Entry<K, V>>> {
        Map::new(
            OrInsert::new(self.cache.asking::<Optional, _, _>(self.key, init)),
            |(key, answer, is_fresh)| answer.map(|value| Entry::new(key, value, is_fresh)),
        )
    }

    /// Sets the value of the key to what `f` makes of its entry, or of `None`.
    ///
    /// `f` may run more than once: see [above](#computing).
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::Cache::new(10);
    /// let visit = async |old: Option<larder::Entry<_, u32>>| old.map_or(1, |old| old.value() + 1);
    /// assert_eq!(cache.entry("visits").and_upsert_with_async(visit).await.into_value(), 1);
    /// assert_eq!(cache.entry("visits").and_upsert_with_async(visit).await.into_value(), 2);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `f` does, or there is no memory for versions: 8 bytes for each entry that the shard is
    /// planned for.
    pub async fn and_upsert_with_async<F: Future<Output = V>>(
        self,
        f: impl FnMut(Option<Entry<K, V>>) -> F,
    ) -> Entry<K, V> {
        let put = |value| Ok::<_, Infallible>(Op::Put(value));
        let Ok(result) = self.compute_async(f, put).await;
        result.into_entry().expect("what was put is there, or was")
    }

    /// Does with the key what `f` says, which gets its entry or `None`: puts a value, removes it,
    /// or leaves it as it is.
    ///
    /// `f` may run more than once: see [above](#computing).
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use larder::{Cache, ops::compute::{CompResult, Op}};
    ///
    /// let stock = Cache::new(10);
    /// stock.insert("nails", 1_u32);
    /// let take = async |left: Option<larder::Entry<&str, u32>>| match left.map(|left| left.into_value()) {
    ///     None => Op::Nop,
    ///     Some(1) => Op::Remove,
    ///     Some(left) => Op::Put(left - 1),
    /// };
    /// let taken = stock.entry("nails").and_compute_with_async(take).await;
    /// assert!(matches!(taken, CompResult::Removed(_)));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`and_upsert_with_async`](EntrySelector::and_upsert_with_async).
    pub async fn and_compute_with_async<F: Future<Output = Op<V>>>(
        self,
        f: impl FnMut(Option<Entry<K, V>>) -> F,
    ) -> CompResult<K, V> {
        let Ok(result) = self.compute_async(f, Ok::<_, Infallible>).await;
        result
    }

    /// [`and_compute_with_async`](EntrySelector::and_compute_with_async) with a closure that may
    /// fail.
    ///
    /// # Errors
    ///
    /// What `f` returns. Nothing has changed then.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use larder::{Cache, ops::compute::Op};
    ///
    /// let cache = Cache::new(10);
    /// cache.insert("counter", "seven".to_owned());
    /// let next = cache.entry("counter").and_try_compute_with_async(async |old: Option<larder::Entry<_, String>>| {
    ///     let old = old.map_or(Ok(0), |entry| entry.value().parse::<u32>())?;
    ///     Ok::<_, std::num::ParseIntError>(Op::Put((old + 1).to_string()))
    /// });
    /// assert!(next.await.is_err());
    /// assert_eq!(cache.get("counter").as_deref(), Some("seven"));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`and_upsert_with_async`](EntrySelector::and_upsert_with_async).
    pub async fn and_try_compute_with_async<E, F: Future<Output = Result<Op<V>, E>>>(
        self,
        f: impl FnMut(Option<Entry<K, V>>) -> F,
    ) -> Result<CompResult<K, V>, E> {
        self.compute_async(f, |result| result).await
    }

    /// Does what `op` makes of the answer of `f`'s future. (To wrap that in a future of our own
    /// would make it twice as large.)
    async fn compute_async<E, F: Future>(
        self,
        mut f: impl FnMut(Option<Entry<K, V>>) -> F,
        op: impl Fn(F::Output) -> Result<Op<V>, E>,
    ) -> Result<CompResult<K, V>, E> {
        let Self { cache, key } = self;
        let hash = cache.hash(&*key);
        let answer = loop {
            let eq = |other: &K| key.equivalent(other);
            let (old, seen) = cache.engine().peek_versioned(hash, eq, Entry::found).unzip();
            assert_ne!(
                seen,
                Some(Version::NONE),
                "no memory for the versions of a shard's entries"
            );
            let (op, mut answer) = (op(f(old).await)?, None);
            let as_seen = cache.engine().compute_as_seen(hash, eq, seen, |found| {
                let (decision, result) = follow(op.clone(), found, || Q::to_owned(&key));
                answer = Some(result);
                decision
            });
            if let (true, Some(answer)) = (as_seen, answer) {
                break answer;
            }
        };
        // Not behind the result: if that panics, the result would be leaked.
        drop((f, key));
        Ok(answer)
    }
}

pin_project! {
    /// Asks about a key, and says of the answer to which key it belongs and whether it comes from
    /// the loader.
    pub(super) struct OrInsert<I>
    where
        I: Inquiry,
    {
        #[pin]
        inquiry: I,
        // Once the key is known to be absent, or its value to be old.
        key: Option<KeyOf<I>>,
    }
}

type KeyOf<I> = <<I as Inquiry>::Request as Conclude>::Key;
type AnswerOf<I> = <<I as Inquiry>::Request as Conclude>::Answer;

impl<I: Inquiry> OrInsert<I> {
    pub(super) fn new(inquiry: I) -> Self {
        Self { inquiry, key: None }
    }
}

impl<I: Inquiry + Future<Output = AnswerOf<I>>> Future for OrInsert<I> {
    type Output = (KeyOf<I>, AnswerOf<I>, bool);

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some((request, value)) = this.inquiry.as_mut().look() {
            let answer = request.found(value);
            return Poll::Ready((request.into_key(), answer, false));
        }
        if let (None, Some(request)) = (&this.key, this.inquiry.request()) {
            *this.key = Some(request.to_key());
        }
        let answer = ready!(this.inquiry.as_mut().poll(context));
        let key = this.key.take().expect("it was there before the answer");
        Poll::Ready((key, answer, this.inquiry.has_loaded()))
    }
}
