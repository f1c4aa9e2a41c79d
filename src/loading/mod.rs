//! Loading: the operations that get a value or make one, one load per key at a time.
//!
//! `engine/flight.rs` and `engine/flights.rs` are the protocol. Here are the questions that one can
//! ask (a value, a value or an error, a value or nothing) and the way from a question to its
//! answer, for threads (`sync.rs`) and for futures (`future.rs`, `asking.rs`); for several keys at
//! once (`many.rs`); and for values that are there, but old (`refresh.rs`). Or without a loader
//! (`guarded.rs`): the caller gets the lead itself (`guard.rs`).

mod asking;
mod detached;
mod future;
mod guard;
mod guarded;
mod many;
pub(crate) mod polling;
mod refresh;
mod seeking;
mod sync;

pub(crate) use asking::Asking;
pub(crate) use detached::Detached;
#[cfg(feature = "manager")]
pub(crate) use detached::assert_spawner;
#[cfg(feature = "macros")]
pub(crate) use detached::slot;
pub use guard::{LoadGuard, LoadOutcome};
#[cfg(feature = "manager")]
pub(crate) use guarded::{Found, Guarded};
pub(crate) use refresh::Lookup;
use refresh::refreshed;

use crate::{
    Cache,
    engine::{
        Engine,
        load::refresh::Refresh,
        ops::insert::{EntryOptions, Load},
        singleflight::{
            flight::{Boarding, Leader, Outcome, Turn},
            reentrancy::Leading,
        },
        storage::nodes::Entry,
    },
};
use equivalent::Equivalent;
use std::{
    any::Any,
    borrow::{Borrow, Cow},
    hash::{BuildHasher, Hash},
    marker::PhantomData,
    ops::ControlFlow,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

/// A kind of question.
pub(crate) trait Question<V> {
    /// What its loader returns.
    type Loaded;
    type Answer;

    fn outcome(loaded: Self::Loaded) -> Outcome<V>;

    /// Whether the loader has brought a value.
    fn is_value(loaded: &Self::Loaded) -> bool;

    /// The answer if there is a value.
    fn found(value: V) -> Self::Answer;

    /// None if the outcome, of a load that another kind of question has led to, is no answer.
    fn answer(outcome: Outcome<V>) -> Option<Self::Answer>;
}

/// A question in a future, which knows where its answer comes from.
pub(crate) trait Inquiry {
    type Key;
    type Value;
    type Question: Question<Self::Value>;
    type Wanted: Wanted<Self::Key>;

    /// The key, until there is an answer.
    fn key(&self) -> Option<&Self::Wanted>;

    /// Whether the loader has brought a value.
    fn is_fresh(&self) -> bool;

    /// Looks the key up, if that was not done yet; gives it back with its value if there is one.
    /// Then the question is answered, and is not to be polled any more.
    fn look(self: Pin<&mut Self>) -> Option<(Self::Wanted, Self::Value)>;
}

/// A value, always.
pub(crate) enum Always {}
/// A value or nothing.
pub(crate) enum Optional {}
/// A value or an error of type `E`.
pub(crate) struct Fallible<E>(PhantomData<E>);

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

impl<V, E: Any + Send + Sync> Question<V> for Fallible<E> {
    type Loaded = Result<V, E>;
    type Answer = Result<V, Arc<E>>;

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

/// A key that is loaded for.
pub(crate) trait Wanted<K> {
    type Borrowed: Hash + Equivalent<K> + ?Sized;

    fn borrowed(&self) -> &Self::Borrowed;
    fn to_key(&self) -> K;
    fn into_key(self) -> K;

    /// What is to hold of the entry that is loaded.
    fn options(&self) -> EntryOptions {
        EntryOptions::BY_RULE
    }
}

struct Own<K>(K);

impl<K: Hash + Eq + Clone> Wanted<K> for Own<K> {
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

struct ByRef<'q, Q: ?Sized>(&'q Q);

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

/// `answer`, once the rest is dropped. Left to the end of the function that returns it, a
/// destructor that panics would leak the answer.
#[inline(always)]
fn without<T, A>(rest: T, answer: A) -> A {
    drop(rest);
    answer
}

/// The lead of a load.
enum Lead<'c, K, V> {
    /// Of a key that is absent.
    Absent(Leader<'c, K, V>),
    /// Of one whose value is there, but old.
    Old(V, Refresh<'c, K, V>),
}

impl<K, V> Lead<'_, K, V> {
    /// To be kept while the loader's code runs.
    fn leading(&self) -> Leading {
        match self {
            Lead::Absent(leader) => leader.leading(),
            Lead::Old(_, refresh) => refresh.leading(),
        }
    }
}

/// What is left to do when it is a caller's turn.
type Next<'c, K, V, A> = ControlFlow<A, Option<Leader<'c, K, V>>>;

impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
{
    fn board<W: Wanted<K>>(&self, hash: u64, key: &W) -> Boarding<'_, K, V> {
        self.engine().board(hash, &|other| key.borrowed().equivalent(other), &|| key.to_key())
    }

    /// The answer, if there is one; otherwise to load, or to start anew.
    fn next<'c, A: Question<V>, W: Wanted<K>>(
        &self,
        hash: u64,
        key: &W,
        turn: Turn<'c, K, V>,
    ) -> Next<'c, K, V, A::Answer> {
        let answer = match turn {
            Turn::Over(flight) => {
                flight.outcome().and_then(|outcome| A::answer(Outcome::clone(outcome)))
            }
            // Somebody may have stored it between the lookup and the boarding.
            Turn::Lead(leader) => {
                let eq = |other: &K| key.borrowed().equivalent(other);
                match self.engine().peek(hash, eq, |entry| entry.value.clone()) {
                    Some(value) => A::answer(leader.land(Outcome::Value(value))),
                    None => return ControlFlow::Continue(Some(leader)),
                }
            }
        };
        answer.map_or(ControlFlow::Continue(None), ControlFlow::Break)
    }
}

/// Stores what was loaded, if it is a value, and hands it to those who wait.
fn conclude<A: Question<V>, K: Hash + Eq, V: Clone>(
    engine: &Engine<K, V>,
    hash: u64,
    key: impl Wanted<K>,
    leader: Leader<'_, K, V>,
    outcome: Outcome<V>,
    took: Duration,
) -> A::Answer {
    engine.conclude([hash], |unused| {
        land::<A, _, _>(engine, hash, key, leader, outcome, took, unused)
    })
}

/// The same for what concludes several loads.
fn land<A: Question<V>, K: Hash + Eq, V: Clone>(
    engine: &Engine<K, V>,
    hash: u64,
    key: impl Wanted<K>,
    leader: Leader<'_, K, V>,
    outcome: Outcome<V>,
    took: Duration,
    unused: &mut Vec<Entry<K, V>>,
) -> A::Answer {
    // What is not needed is dropped when the load has landed: it may have a destructor.
    let (outcome, key) = match outcome {
        Outcome::Value(value) if !leader.post().is_superseded() => {
            let options = key.options();
            let entry = Entry { key: key.into_key(), value: value.clone() };
            let load = Load { post: leader.post(), replaces: None, options: &options, took };
            engine.fill(hash, entry, load, unused);
            (Outcome::Value(value), None)
        }
        Outcome::Error(error) => {
            let eq = |other: &K| key.borrowed().equivalent(other);
            let past = engine.or_past(hash, eq, &error, |entry| entry.value.clone());
            (past, Some((key, Some(error))))
        }
        outcome => (outcome, Some((key, None))),
    };
    let landed = leader.land(outcome);
    drop(key);
    A::answer(landed).expect("the outcome answers the question it came from")
}
