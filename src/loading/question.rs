//! The kinds of questions about a key: for a value, for a value or an error, for a value or
//! nothing.

use super::driver::{Conclude, Detach, Lookup, Request};
use crate::{
    Cache,
    engine::{
        Engine,
        load::{fill::Unused, lead::Lead, refresh::Need},
        ops::insert::EntryOptions,
        singleflight::flight::Outcome,
    },
};
use equivalent::Equivalent;
use std::{
    borrow::{Borrow, Cow},
    convert::Infallible,
    hash::{BuildHasher, Hash},
    marker::PhantomData,
    sync::Arc,
    time::Duration,
};

/// A kind of question.
pub(crate) trait Question<V> {
    /// What the loader returns.
    type Loaded;
    type Answer;

    /// Whether a load without a value counts as failed.
    const FAILS: bool = false;

    fn outcome(loaded: Self::Loaded) -> Outcome<V>;

    /// Returns whether the loader has returned a value.
    fn is_value(loaded: &Self::Loaded) -> bool;

    /// Returns the answer for a value.
    fn found(value: V) -> Self::Answer;

    /// Returns the answer for an outcome; `None` if a question of another kind has led the load and
    /// its outcome does not answer this one.
    fn answer(outcome: Outcome<V>) -> Option<Self::Answer>;
}

/// A question for a value.
pub(crate) enum Always {}
/// A question for a value or nothing.
pub(crate) enum Optional {}
/// A question for a value or an error of type `E`.
pub(crate) struct Fallible<E>(PhantomData<E>);
/// A question without a loader, for a value that another caller has loaded.
pub(super) enum ByHand {}

impl<V> Question<V> for Always {
    type Loaded = V;
    type Answer = V;

    fn outcome(value: V) -> Outcome<V> {
        Outcome::Value(value)
    }

    fn is_value(_: &V) -> bool {
        true
    }

    fn found(value: V) -> V {
        value
    }

    fn answer(outcome: Outcome<V>) -> Option<V> {
        match outcome {
            Outcome::Value(value) => Some(value),
            Outcome::Nothing | Outcome::Error(_) => None,
        }
    }
}

impl<V> Question<V> for Optional {
    type Loaded = Option<V>;
    type Answer = Option<V>;

    fn outcome(loaded: Option<V>) -> Outcome<V> {
        loaded.map_or(Outcome::Nothing, Outcome::Value)
    }

    fn is_value(loaded: &Option<V>) -> bool {
        loaded.is_some()
    }

    fn found(value: V) -> Option<V> {
        Some(value)
    }

    fn answer(outcome: Outcome<V>) -> Option<Option<V>> {
        match outcome {
            Outcome::Value(value) => Some(Some(value)),
            Outcome::Nothing => Some(None),
            Outcome::Error(_) => None,
        }
    }
}

impl<V, E: Send + Sync + 'static> Question<V> for Fallible<E> {
    type Loaded = Result<V, E>;
    type Answer = Result<V, Arc<E>>;

    const FAILS: bool = true;

    fn outcome(loaded: Result<V, E>) -> Outcome<V> {
        loaded.map_or_else(|error| Outcome::Error(Arc::new(error)), Outcome::Value)
    }

    fn is_value(loaded: &Result<V, E>) -> bool {
        loaded.is_ok()
    }

    fn found(value: V) -> Result<V, Arc<E>> {
        Ok(value)
    }

    fn answer(outcome: Outcome<V>) -> Option<Result<V, Arc<E>>> {
        match outcome {
            Outcome::Value(value) => Some(Ok(value)),
            Outcome::Nothing => None,
            Outcome::Error(error) => error.downcast().ok().map(Err),
        }
    }
}

impl<V> Question<V> for ByHand {
    type Loaded = Infallible;
    type Answer = V;

    fn outcome(loaded: Infallible) -> Outcome<V> {
        match loaded {}
    }

    fn is_value(loaded: &Infallible) -> bool {
        match *loaded {}
    }

    fn found(value: V) -> V {
        value
    }

    fn answer(outcome: Outcome<V>) -> Option<V> {
        <Always as Question<V>>::answer(outcome)
    }
}

/// A key whose value is to be loaded.
pub(crate) trait Wanted<K> {
    type Borrowed: Hash + Equivalent<K> + ?Sized;

    fn borrowed(&self) -> &Self::Borrowed;
    fn to_key(&self) -> K;
    fn into_key(self) -> K;

    /// Returns the options of the loaded entry.
    fn options(&self) -> EntryOptions {
        EntryOptions::BY_RULE
    }
}

pub(super) struct OwnedKey<K>(pub(super) K);

impl<K: Hash + Eq + Clone> Wanted<K> for OwnedKey<K> {
    type Borrowed = K;

    fn borrowed(&self) -> &K {
        &self.0
    }

    fn to_key(&self) -> K {
        self.0.clone()
    }

    fn into_key(self) -> K {
        self.0
    }
}

impl<K, Q> Wanted<K> for Cow<'_, Q>
where
    K: Borrow<Q>,
    Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
{
    type Borrowed = Q;

    fn borrowed(&self) -> &Q {
        self
    }

    fn to_key(&self) -> K {
        Q::to_owned(self)
    }

    fn into_key(self) -> K {
        self.into_owned()
    }
}

pub(super) struct ByRef<'q, Q: ?Sized>(pub(super) &'q Q);

impl<K, Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized> Wanted<K> for ByRef<'_, Q> {
    type Borrowed = Q;

    fn borrowed(&self) -> &Q {
        self.0
    }

    fn to_key(&self) -> K {
        self.0.to_owned()
    }

    fn into_key(self) -> K {
        self.0.to_owned()
    }
}

/// An owned key, and the options of the entry that is loaded for it.
pub(crate) struct KeyWithOptions<K> {
    key: K,
    options: EntryOptions,
}

impl<K: Hash + Eq + Clone> Wanted<K> for KeyWithOptions<K> {
    type Borrowed = K;

    fn borrowed(&self) -> &K {
        &self.key
    }

    fn to_key(&self) -> K {
        self.key.clone()
    }

    fn into_key(self) -> K {
        self.key
    }

    fn options(&self) -> EntryOptions {
        self.options
    }
}

/// A question of kind `A` about a key `W` of a cache `C`, for a value that `P` accepts.
pub(crate) struct Ask<C, K, V, A, W, P = Any> {
    pub(super) cache: C,
    pub(crate) key: W,
    accept: P,
    entries: PhantomData<fn() -> (K, V)>,
    question: PhantomData<fn() -> A>,
}

/// Decides which present values are accepted.
pub(crate) trait Accept<V> {
    fn accepts(&self, value: &V) -> bool;
}

/// Accepts every value.
pub(crate) struct Any;

impl<V> Accept<V> for Any {
    fn accepts(&self, _: &V) -> bool {
        true
    }
}

impl<V, P: Fn(&V) -> bool> Accept<V> for P {
    fn accepts(&self, value: &V) -> bool {
        self(value)
    }
}

impl<C, K, V, A, W> Ask<C, K, V, A, W> {
    pub(crate) fn new(cache: C, key: W) -> Self {
        Self::accepting(cache, key, Any)
    }
}

impl<C, K, V, A, W, P> Ask<C, K, V, A, W, P> {
    pub(super) fn accepting(cache: C, key: W, accept: P) -> Self {
        Self { cache, key, accept, entries: PhantomData, question: PhantomData }
    }
}

impl<C, K: Hash + Eq, V: Clone, A: Question<V>, W: Wanted<K>, P> Conclude
    for Ask<C, K, V, A, W, P>
{
    type Key = K;
    type Value = V;
    type Loaded = A::Loaded;
    type Answer = A::Answer;

    fn has_value(loaded: &A::Loaded) -> bool {
        A::is_value(loaded)
    }

    fn has_failed(loaded: &A::Loaded) -> bool {
        A::FAILS && !A::is_value(loaded)
    }

    /// Answers with the old value if there is no new one.
    fn conclude(
        self,
        mut lead: Lead<'_, K, V>,
        loaded: A::Loaded,
        took: Duration,
        unused: &mut Unused<K, V>,
    ) -> A::Answer {
        let (key, old) = (self.key, lead.take_old());
        let (outcome, options) = (A::outcome(loaded), key.options());
        match (lead.finish(|_| key.into_key(), outcome, &options, took, unused), old) {
            (Outcome::Value(value), old) => {
                unused.values.extend(old);
                A::found(value)
            }
            (Outcome::Nothing | Outcome::Error(_), Some(old)) => A::found(old),
            (landed, None) => {
                A::answer(landed).expect("the outcome answers the question it came from")
            }
        }
    }
}

impl<K, V, S, A, W, P> Request for Ask<&Cache<K, V, S>, K, V, A, W, P>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
    A: Question<V>,
    W: Wanted<K>,
    P: Accept<V>,
{
    type Alone = Infallible;

    fn hash(&self) -> u64 {
        self.cache.hash(self.key.borrowed())
    }

    fn is(&self, key: &K) -> bool {
        self.key.borrowed().equivalent(key)
    }

    fn to_key(&self) -> K {
        self.key.to_key()
    }

    fn into_key(self) -> K {
        self.key.into_key()
    }

    fn look<'e>(&self, engine: &'e Engine<K, V>) -> Lookup<'e, K, V> {
        self.cache.lookup(engine, &self.key)
    }

    fn accepts(&self, value: &V) -> bool {
        self.accept.accepts(value)
    }

    fn found(&self, value: V) -> A::Answer {
        A::found(value)
    }

    fn answer(&self, outcome: Outcome<V>) -> Option<A::Answer> {
        A::answer(outcome)
    }

    fn conclude_alone(self, alone: Infallible, _: A::Loaded) -> A::Answer {
        match alone {}
    }
}

impl<'c, K, V, S, A, W> Detach for Ask<&'c Cache<K, V, S>, K, V, A, W>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
    A: Question<V>,
    W: Wanted<K>,
{
    type Stays = &'c Cache<K, V, S>;
    type Sent = Ask<(), K, V, A, KeyWithOptions<K>>;
    type Again = Ask<&'c Cache<K, V, S>, K, V, A, KeyWithOptions<K>>;

    fn send(self) -> (Self::Stays, Self::Sent) {
        let options = self.key.options();
        (self.cache, Ask::new((), KeyWithOptions { key: self.key.into_key(), options }))
    }

    fn again(cache: Self::Stays, sent: Self::Sent) -> Self::Again {
        Ask::new(cache, sent.key)
    }
}

impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
{
    /// [`get`](Cache::get), for a caller that can load. `engine` is the cache's.
    pub(crate) fn lookup<'e, W: Wanted<K>>(
        &self,
        engine: &'e Engine<K, V>,
        key: &W,
    ) -> Lookup<'e, K, V> {
        if engine.refreshes() {
            return self.lookup_aged(engine, key);
        }
        self.get(key.borrowed()).map_or(Lookup::Absent, Lookup::Found)
    }

    #[inline(never)]
    fn lookup_aged<'e, W: Wanted<K>>(&self, engine: &'e Engine<K, V>, key: &W) -> Lookup<'e, K, V> {
        let hash = self.hash(key.borrowed());
        let eq = |other: &K| key.borrowed().equivalent(other);
        let found = engine.get_aged(hash, eq, |entry| entry.value.clone());
        let Some((value, need)) = found else { return Lookup::Absent };
        let Need::Refresh(node_ref) = need else { return Lookup::Found(value) };
        Lookup::of_old(value, engine.refresh(hash, &eq, &|| key.to_key(), node_ref))
    }
}
