//! The driver of all loads: from a request to its answer.
//!
//! A caller looks its key up, joins the load of the key, and then waits, loads or is done. Threads,
//! futures, tasks, batches, guards and functions with attributes share this code. They differ in
//! their [`Request`]: which values it accepts, and what happens to a loaded value.
//!
//! - `seeking.rs`: from a request to an answer, or to the lead of a load
//! - `asking.rs`: a future that runs its loader itself
//! - `detached.rs`: a future whose loader runs in a task (`task.rs`), which it awaits (`slot.rs`)
//! - `polling.rs`: futures around futures

mod asking;
mod detached;
pub(crate) mod polling;
mod seeking;
mod slot;
mod task;

pub(crate) use asking::Asking;
pub(crate) use detached::{Detach, Detached};
pub(crate) use seeking::{Joined, Seeking};

/// The parts of requests and of what they store.
pub(crate) use crate::engine::{
    Engine,
    load::{fill::Unused, lead::Lead},
    singleflight::flight::Outcome,
};
/// The same for requests of functions with attributes.
#[cfg(feature = "macros")]
pub(crate) use crate::engine::{
    invalidate::tags::Tags, ops::insert::EntryOptions, shards::tiers::NodeRef,
};
use std::{pin::Pin, time::Duration};

/// What happens to the result of a loader.
pub(crate) trait Conclude: Sized {
    /// The key and the value of the cache's entries.
    type Key: Eq;
    type Value: Clone;
    /// What the loader returns.
    type Loaded;
    /// What the caller gets.
    type Answer;

    /// Returns whether the loader has returned a value.
    fn has_value(loaded: &Self::Loaded) -> bool;

    /// Returns whether the load counts as failed.
    fn has_failed(loaded: &Self::Loaded) -> bool;

    /// Ends the load, and answers its caller. Called within [`Engine::conclude`].
    fn conclude(
        self,
        lead: Lead<'_, Self::Key, Self::Value>,
        loaded: Self::Loaded,
        took: Duration,
        unused: &mut Unused<Self::Key, Self::Value>,
    ) -> Self::Answer;
}

/// A caller's request for the value of one key.
pub(crate) trait Request: Conclude {
    /// The state of a caller that loads without sharing the load.
    type Alone: Copy;

    /// Whether a load that replaces a value counts as a refresh.
    const REFRESHES: bool = true;

    fn hash(&self) -> u64;
    fn is(&self, key: &Self::Key) -> bool;
    fn to_key(&self) -> Self::Key;
    fn into_key(self) -> Self::Key;

    /// Looks the key up for the first time.
    fn look<'c>(&self, engine: &'c EngineOf<Self>) -> LookupOf<'c, Self>;

    /// Returns whether a present value is accepted.
    fn accepts(&self, _value: &Self::Value) -> bool {
        true
    }

    /// Returns the answer for a value.
    fn found(&self, value: Self::Value) -> Self::Answer;

    /// Returns the answer for the outcome of another caller's load; `None` if it does not answer
    /// the request.
    fn answer(&self, outcome: Outcome<Self::Value>) -> Option<Self::Answer>;

    /// Returns `Some` if the caller shares no load.
    fn alone(&self) -> Option<Self::Alone> {
        None
    }

    /// Returns `Some` if the caller waits for no other.
    fn alone_instead_of_waiting(&self) -> Option<Self::Alone> {
        None
    }

    /// Returns the answer of a caller that has loaded alone.
    fn conclude_alone(self, alone: Self::Alone, loaded: Self::Loaded) -> Self::Answer;
}

/// A request as a future, which knows the origin of its answer.
pub(crate) trait Inquiry {
    type Request: Request;

    /// Returns the request, before the first poll.
    fn request(&self) -> Option<&Self::Request>;

    /// Returns whether the loader has returned a value.
    fn has_loaded(&self) -> bool;

    /// Looks the key up, if that was not done yet, and returns the request with a present value.
    /// Then the request is answered, and must not be polled any more.
    fn look(self: Pin<&mut Self>) -> Option<(Self::Request, ValueOf<Self::Request>)>;
}

/// The values of the cache that is asked, its engine, and what a lookup finds there.
pub(crate) type ValueOf<R> = <R as Conclude>::Value;
pub(crate) type EngineOf<R> = Engine<<R as Conclude>::Key, ValueOf<R>>;
pub(crate) type LookupOf<'c, R> = Lookup<'c, <R as Conclude>::Key, ValueOf<R>>;

/// The result of the first lookup of a key by a caller that can load.
pub(crate) enum Lookup<'c, K, V> {
    Absent,
    Found(V),
    /// The caller is to load an old value again, which the lead has.
    Old(Lead<'c, K, V>),
}

impl<'c, K, V> Lookup<'c, K, V> {
    /// Returns what a caller does with an old value, if it has the `lead` of the load that replaces
    /// the value, or another caller has it.
    pub(crate) fn of_old(value: V, lead: Option<Lead<'c, K, V>>) -> Self {
        match lead {
            None => Self::Found(value),
            Some(mut lead) => {
                lead.set_old(value);
                Self::Old(lead)
            }
        }
    }
}

/// Drops `rest` and returns `answer`. If `rest` were dropped at the end of the function that
/// returns the answer, a destructor that panics would leak the answer.
#[inline(always)]
pub(super) fn without<T, A>(rest: T, answer: A) -> A {
    drop(rest);
    answer
}

/// Answers a request whose key was looked up and not found, by a load in this thread, or by another
/// caller's.
#[cold]
#[inline(never)]
pub(crate) fn load<'c, R: Request>(
    engine: &'c EngineOf<R>,
    mut seeking: Seeking<'c, R>,
    init: impl FnOnce() -> R::Loaded,
) -> R::Answer {
    match seeking.wait(engine) {
        Joined::Done(answer) => without((seeking, init), answer),
        Joined::Alone(alone) => {
            let loaded = init();
            seeking.request.conclude_alone(alone, loaded)
        }
        Joined::Lead(lead) => run(seeking.request, lead, init),
    }
}

/// Runs the loader of a request in this thread, and ends its load.
#[cold]
#[inline(never)]
pub(crate) fn run<R: Conclude>(
    request: R,
    lead: Lead<'_, R::Key, R::Value>,
    init: impl FnOnce() -> R::Loaded,
) -> R::Answer {
    let engine = lead.engine();
    let stopwatch = engine.time_load();
    let loaded = {
        let _leading = lead.leading();
        stopwatch.watch(init)
    };
    let took = stopwatch.stop(R::has_failed(&loaded));
    engine.conclude([lead.hash()], |unused| request.conclude(lead, loaded, took, unused))
}
