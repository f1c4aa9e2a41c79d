//! One key: inserting if it is absent, and computing its value from the one that is there.

use crate::{
    Cache,
    compute::ops::compute::{CompResult, Op},
    engine::{ops::compute::Decision, storage::nodes},
    loading::{Always, Ask, Fallible, Lookup, Optional, Question, run},
};
mod detached;
mod future;

use equivalent::Equivalent;
use std::{
    borrow::{Borrow, Cow},
    convert::Infallible,
    fmt,
    hash::{BuildHasher, Hash},
    sync::Arc,
};

/// A copy of a key's entry, as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<K, V> {
    key: K,
    value: V,
    is_fresh: bool,
    is_old_value_replaced: bool,
}

impl<K, V> Entry<K, V> {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &V {
        &self.value
    }

    /// The value, by value.
    #[must_use]
    pub fn into_value(self) -> V {
        self.value
    }

    /// Whether the value comes from the call that returned this, and not from the cache.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Whether the value took the place of another.
    #[must_use]
    pub fn is_old_value_replaced(&self) -> bool {
        self.is_old_value_replaced
    }
}

impl<K: Clone, V: Clone> Entry<K, V> {
    fn found(entry: &nodes::Entry<K, V>) -> Self {
        Self::new(entry.key.clone(), entry.value.clone(), false)
    }
}

impl<K, V> Entry<K, V> {
    pub(crate) fn new(key: K, value: V, is_fresh: bool) -> Self {
        Self { key, value, is_fresh, is_old_value_replaced: false }
    }

    /// What has come of putting a value where there was one or none.
    pub(crate) fn put(key: K, value: V, is_old_value_replaced: bool) -> CompResult<K, V> {
        let entry = Self { key, value, is_fresh: true, is_old_value_replaced };
        if is_old_value_replaced {
            CompResult::ReplacedWith(entry)
        } else {
            CompResult::Inserted(entry)
        }
    }
}

/// A key of a cache, and what can be done with it: [`Cache::entry`].
#[must_use = "by itself it does nothing"]
pub struct EntrySelector<'c, K, Q: ToOwned + ?Sized, V, S> {
    cache: &'c Cache<K, V, S>,
    key: Cow<'c, Q>,
}

impl<K, Q, V, S> fmt::Debug for EntrySelector<'_, K, Q, V, S>
where
    Q: ToOwned + fmt::Debug + ?Sized,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntrySelector").field("key", &&*self.key).finish_non_exhaustive()
    }
}

/// # Computing
///
/// These read a key, decide and write it in one step: see [`EntrySelector`].
impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    /// Selects a key, to insert a value if it is absent, or to compute one from that which is
    /// there.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// assert_eq!(cache.entry("a").or_insert(1).into_value(), 1);
    /// let entry = cache.entry("a").and_upsert_with(|old| old.map_or(1, |entry| entry.value() + 1));
    /// assert_eq!(entry.into_value(), 2);
    /// ```
    pub fn entry(&self, key: K) -> EntrySelector<'_, K, K, V, S> {
        EntrySelector { cache: self, key: Cow::Owned(key) }
    }

    /// [`entry`](Cache::entry) with a borrowed key, which is made owned when it is needed.
    ///
    /// ```
    /// let cache: larder::Cache<String, u32> = larder::Cache::new(10);
    /// assert_eq!(cache.entry_by_ref("a").or_insert(1).key(), "a");
    /// ```
    pub fn entry_by_ref<'c, Q>(&'c self, key: &'c Q) -> EntrySelector<'c, K, Q, V, S>
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
    {
        EntrySelector { cache: self, key: Cow::Borrowed(key) }
    }

    /// Sets the value of a key that is present, and returns the old one; `None`, and nothing is
    /// changed, if it is absent. (A heavier value may have to have entries evicted, the old one as
    /// well; then it is absent, too.) Atomic. O(1).
    ///
    /// Counts as use, and neither as hit nor as miss. Key and value are cloned.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert(1, "one");
    /// assert_eq!((cache.replace(&1, "uno"), cache.replace(&2, "due")), (Some("one"), None));
    /// assert_eq!((cache.get(&1), cache.get(&2)), (Some("uno"), None));
    /// ```
    pub fn replace<Q>(&self, key: &Q, value: V) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let mut old = None;
        self.engine().compute(
            self.hash(key),
            |other| key.equivalent(other),
            |found| {
                old = found.map(|entry| entry.value.clone());
                found.map_or(Decision::Keep, |entry| {
                    Decision::Put(nodes::Entry { key: entry.key.clone(), value: value.clone() })
                })
            },
        );
        // Not behind the result: if that panics, the result would be leaked.
        drop(value);
        old
    }
}

/// # Inserting if absent
///
/// The `or_` methods are loads: one at a time per key, shared by all who ask for it meanwhile. They
/// are what [`get_with`](Cache::get_with) and its kin are, said another way, and count like those.
///
/// # Computing
///
/// The `and_` methods run a closure on what is there (what is expired is not), and put what it
/// returns in the place of exactly that. They take no lock: if another thread changes the key at
/// the same moment, *the closure runs again*, on what is there then. (Also a few times if memory
/// for the new value is not free yet.) Only the last run counts, so it must not do what may not be
/// done twice. That makes it atomic: the value that is replaced is the one that the closure saw.
///
/// - The closure runs while this thread is pinned: it may use the cache, but while it runs nothing
///   that is removed can be freed. One that writes its own key, whatever happens, runs forever.
/// - If it panics nothing has changed.
/// - What it puts is stored as by [`insert`](Cache::insert): its time begins anew, it may be
///   evicted at once, and it wins over a load that is under way.
/// - A computation is neither hit nor miss. A replacement counts as use, and one that changes
///   nothing does not, nor does it disturb a load that is under way.
///
/// - The forms with `_async` take a closure that returns a future. It runs unpinned, so it may take
///   its time; the more often others write the key meanwhile, the more often it runs again.
///
/// O(1) and the closure, for each time that it runs. Key and value are cloned for the closure, for
/// the cache and for the answer.
impl<K, Q, V, S> EntrySelector<'_, K, Q, V, S>
where
    // `ToOwned` says it, but compilers before 1.92 do not see it.
    K: Hash + Eq + Clone + Borrow<Q>,
    Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
    V: Clone,
    S: BuildHasher,
{
    /// The key's entry; if it is absent, `value` is inserted.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// assert!(cache.entry("a").or_insert(1).is_fresh());
    /// let entry = cache.entry("a").or_insert(2);
    /// assert_eq!((entry.is_fresh(), entry.into_value()), (false, 1));
    /// ```
    pub fn or_insert(self, value: V) -> Entry<K, V> {
        self.or_insert_with(|| value)
    }

    /// The key's entry; if it is absent, the default value is inserted.
    ///
    /// ```
    /// let cache: larder::Cache<_, Vec<u32>> = larder::Cache::new(10);
    /// assert_eq!(cache.entry("a").or_default().into_value(), []);
    /// ```
    pub fn or_default(self) -> Entry<K, V>
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// The key's entry; if it is absent, what `init` returns is inserted.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// assert_eq!(cache.entry("four").or_insert_with(|| 2 + 2).into_value(), 4);
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` does, or loads the same key.
    pub fn or_insert_with(self, init: impl FnOnce() -> V) -> Entry<K, V> {
        let (key, value, is_fresh) = self.get_or_load::<Always>(init);
        Entry::new(key, value, is_fresh)
    }

    /// The key's entry; if it is absent, what `init` returns is inserted, unless that is an error.
    ///
    /// # Errors
    ///
    /// What `init` returns: its caller's, and that of all who waited for it.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// let parse = |text: &'static str| cache.entry(text).or_try_insert_with(|| text.parse::<u32>());
    /// assert_eq!(parse("12").map(|entry| entry.into_value()), Ok(12));
    /// assert!(parse("twelve").is_err());
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` does, or loads the same key.
    pub fn or_try_insert_with<E>(
        self,
        init: impl FnOnce() -> Result<V, E>,
    ) -> Result<Entry<K, V>, Arc<E>>
    where
        E: Send + Sync + 'static,
    {
        let (key, answer, is_fresh) = self.get_or_load::<Fallible<E>>(init);
        answer.map(|value| Entry::new(key, value, is_fresh))
    }

    /// The key's entry; if it is absent, what `init` returns is inserted, if that is anything.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// let first = |word: &'static str| cache.entry(word).or_optionally_insert_with(|| word.chars().next());
    /// assert_eq!(first("larder").map(|entry| entry.into_value()), Some('l'));
    /// assert_eq!(first(""), None);
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` does, or loads the same key.
    pub fn or_optionally_insert_with(
        self,
        init: impl FnOnce() -> Option<V>,
    ) -> Option<Entry<K, V>> {
        let (key, answer, is_fresh) = self.get_or_load::<Optional>(init);
        answer.map(|value| Entry::new(key, value, is_fresh))
    }

    /// The key, the answer, and whether it comes from `init`.
    fn get_or_load<A: Question<V>>(self, init: impl FnOnce() -> A::Loaded) -> (K, A::Answer, bool) {
        let Self { cache, key } = self;
        let old = match cache.lookup(cache.engine(), &key) {
            Lookup::Found(value) => {
                // Not behind the result: if that panics, the result would be leaked.
                drop(init);
                return (key.into_owned(), A::found(value), false);
            }
            Lookup::Old(lead) => Some(lead),
            Lookup::Absent => None,
        };
        let (owned, mut is_fresh) = (Q::to_owned(&key), false);
        // If it brings no value, there may be an old one for want of better.
        let init = || {
            let loaded = init();
            is_fresh = A::is_value(&loaded);
            loaded
        };
        let answer = match old {
            Some(lead) => run(Ask::<_, K, V, A, _>::new(cache, key), lead, init),
            None => cache.load::<A>(key, init),
        };
        (owned, answer, is_fresh)
    }

    /// Sets the value of the key to what `f` makes of its entry, or of `None`.
    ///
    /// `f` may run more than once: see [above](#computing).
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// let visit = || cache.entry("visits").and_upsert_with(|old| old.map_or(1, |old| old.value() + 1));
    /// assert!(!visit().is_old_value_replaced());
    /// let entry = visit();
    /// assert!(entry.is_old_value_replaced());
    /// assert_eq!(entry.into_value(), 2);
    /// ```
    pub fn and_upsert_with(self, mut f: impl FnMut(Option<Entry<K, V>>) -> V) -> Entry<K, V> {
        let result = self.and_compute_with(move |old| Op::Put(f(old)));
        result.into_entry().expect("what was put is there, or was")
    }

    /// Does with the key what `f` says, which gets its entry or `None`: puts a value, removes it,
    /// or leaves it as it is.
    ///
    /// `f` may run more than once: see [above](#computing).
    ///
    /// ```
    /// use larder::{Cache, ops::compute::{CompResult, Op}};
    ///
    /// let stock = Cache::new(10);
    /// stock.insert("nails", 2_u32);
    /// let take = |what| {
    ///     stock.entry(what).and_compute_with(|left| match left.map(|entry| entry.into_value()) {
    ///         None => Op::Nop,
    ///         Some(1) => Op::Remove,
    ///         Some(left) => Op::Put(left - 1),
    ///     })
    /// };
    /// assert!(matches!(take("nails"), CompResult::ReplacedWith(left) if *left.value() == 1));
    /// assert!(matches!(take("nails"), CompResult::Removed(_)));
    /// assert!(matches!(take("nails"), CompResult::StillNone("nails")));
    /// ```
    pub fn and_compute_with(
        self,
        mut f: impl FnMut(Option<Entry<K, V>>) -> Op<V>,
    ) -> CompResult<K, V> {
        match self.and_try_compute_with(move |entry| Ok::<_, Infallible>(f(entry))) {
            Ok(result) => result,
            Err(never) => match never {},
        }
    }

    /// [`and_compute_with`](EntrySelector::and_compute_with) with a closure that may fail.
    ///
    /// # Errors
    ///
    /// What `f` returns. Nothing has changed then.
    ///
    /// ```
    /// use larder::{Cache, ops::compute::Op};
    ///
    /// let cache = Cache::new(10);
    /// cache.insert("counter", "seven".to_owned());
    /// let next = cache.entry("counter").and_try_compute_with(|old| {
    ///     let old = old.map_or(Ok(0), |entry| entry.value().parse::<u32>())?;
    ///     Ok::<_, std::num::ParseIntError>(Op::Put((old + 1).to_string()))
    /// });
    /// assert!(next.is_err());
    /// assert_eq!(cache.get("counter").as_deref(), Some("seven"));
    /// ```
    pub fn and_try_compute_with<E>(
        self,
        mut f: impl FnMut(Option<Entry<K, V>>) -> Result<Op<V>, E>,
    ) -> Result<CompResult<K, V>, E> {
        let Self { cache, key } = self;
        let mut answer = None;
        cache.engine().compute(
            cache.hash(&*key),
            |other| key.equivalent(other),
            |found| {
                let (decision, result) = match f(found.map(Entry::found)) {
                    Ok(op) => {
                        let (decision, result) = follow(op, found, || Q::to_owned(&key));
                        (decision, Ok(result))
                    }
                    Err(error) => (Decision::Keep, Err(error)),
                };
                answer = Some(result);
                decision
            },
        );
        // Not behind the result: if that panics, the result would be leaked.
        drop((f, key));
        answer.expect("the closure has run")
    }
}

/// What an operation on what was found comes to, and the answer if it succeeds.
fn follow<K: Clone, V: Clone>(
    op: Op<V>,
    found: Option<&nodes::Entry<K, V>>,
    key: impl Fn() -> K,
) -> (Decision<K, V>, CompResult<K, V>) {
    match (op, found) {
        (Op::Put(value), found) => {
            let new = nodes::Entry { key: key(), value: value.clone() };
            (Decision::Put(new), Entry::put(key(), value, found.is_some()))
        }
        (Op::Remove, Some(old)) => (Decision::Remove, CompResult::Removed(Entry::found(old))),
        (Op::Nop, Some(old)) => (Decision::Keep, CompResult::Unchanged(Entry::found(old))),
        (Op::Remove | Op::Nop, None) => (Decision::Keep, CompResult::StillNone(key())),
    }
}
