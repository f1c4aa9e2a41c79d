//! From a [`Turn`] to the result of its call, by a load.
//!
//! Loads are those of `loading/driver/`: one per key, superseded by every invalidation of the key or
//! of a tag meanwhile. A turn is a request that may start from an old result: one that is due, or
//! that is stale and returned only if the function fails. The load *replaces* it, as a refresh does
//! (`engine/load/fill.rs`).

use super::{
    function::{Declared, Function, FunctionHome},
    lookup::{StoredResult, held, is_fresh, value_of},
    shape::Shape,
    tables::{self, Table},
};
use crate::{
    loading::driver::{
        Asking, Conclude, Detach, Detached, Engine, EntryOptions, Lead, Lookup, LookupOf, NodeRef,
        Outcome, Request, Seeking, Tags, Unused, load, polling::Map,
    },
    manager::{
        Followed, Key, Lazy, Query, StoredKey, StoredValue, Timed,
        telemetry::{self, LoadSpan},
    },
};
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    time::{Duration, Instant},
};

/// A call that has to load the result, or to wait for another call that loads it.
pub struct Turn<S: Shape> {
    function: &'static Function,
    key: StoredKey,
    hash: u64,
    /// The bytes that the key takes.
    bytes: usize,
    tags: Tags,
    start: Start,
    shape: PhantomData<fn() -> S>,
}

/// What a load starts from.
pub(super) enum Start {
    /// There is no result.
    Absent,
    /// A result that one caller is to load again.
    Old(StoredValue, NodeRef),
    /// The load is to replace any result.
    Forced,
    /// The call is within a write of what it reads: a stored result may be older than the write,
    /// and the loaded result is for this caller only.
    Within,
}

/// Returns `body`. Tells the compiler the type of the block, and so what its `?` returns.
pub fn future_of<T, F: Future<Output = T>>(body: F) -> F {
    body
}

/// The default of `when`.
pub fn always<V>(_: &V) -> bool {
    true
}

/// Returns the outcome of a run, for telemetry.
fn outcome<S: Shape>(split: &Result<S::Value, S::Rest>) -> telemetry::LoadStatus {
    match split {
        Ok(_) => telemetry::LoadStatus::Loaded,
        Err(_) if S::FAILS => telemetry::LoadStatus::Failed,
        Err(_) => telemetry::LoadStatus::Absent,
    }
}

/// Runs a function, and counts that.
fn run_once<S: Shape>(
    function: &'static Function,
    run: impl FnOnce() -> S::Output,
) -> Result<S::Value, S::Rest> {
    let started = Instant::now();
    let split = span(function).run(|| S::split(run()), outcome::<S>);
    function.home().count_load(started.elapsed(), S::FAILS && split.is_err());
    split
}

/// The same for one that returns a future.
fn run_async<S: Shape, F: Future<Output = S::Output>>(
    function: &'static Function,
    run: F,
) -> impl Future<Output = Result<S::Value, S::Rest>> + use<S, F> {
    Lazy::new(run, move |run| {
        let started = Instant::now();
        let run = Followed::new(Map::new(run, S::split), span(function), outcome::<S>);
        Map::new(run, move |split| {
            function.home().count_load(started.elapsed(), S::FAILS && split.is_err());
            split
        })
    })
}

/// What a subscriber is to know of a run.
fn span(function: &'static Function) -> LoadSpan {
    let Declared { name, ttl, .. } = *function.declared();
    LoadSpan::new(&function.home().cache, Some(name), ttl)
}

impl<S: Shape> Turn<S> {
    #[cold]
    #[inline(never)]
    pub(super) fn missing<Q: Key>(
        function: &'static Function,
        query: Query<'_, Q, StoredResult<S::Value>>,
        start: Start,
    ) -> Self {
        function.home().count_miss();
        Self::new(function, query, start)
    }

    /// Returns a turn that loads the result, also if it is stored.
    pub(super) fn forced<Q: Key>(
        function: &'static Function,
        query: Query<'_, Q, StoredResult<S::Value>>,
    ) -> Self {
        let turn = Self::missing(function, query, Start::Forced);
        // A load that began before this call may return an older result.
        turn.engine().supersede_load(turn.hash);
        turn
    }

    pub(super) fn new<Q: Key>(
        function: &'static Function,
        query: Query<'_, Q, StoredResult<S::Value>>,
        start: Start,
    ) -> Self {
        let hash = function.home().entries.hash(&query);
        let (key, bytes) = (query.to_stored(), query.bytes());
        Self { function, key, hash, bytes, tags: Tags::NONE, start, shape: PhantomData }
    }

    /// Adds tags and tables to the loaded result.
    ///
    /// # Panics
    ///
    /// If there are more than eight.
    #[must_use]
    pub fn tagged(mut self, tags: &[String], tables: &[Table]) -> Self {
        self.tags = tables::tags(tags, tables, &self.home().entries);
        self
    }

    /// Returns the result. Calls `run` if this call leads the load, and stores the result if `keep`
    /// returns true.
    #[cold]
    #[inline(never)]
    pub fn load(
        self,
        keep: impl FnOnce(&S::Value) -> bool,
        run: impl FnOnce() -> S::Output,
    ) -> S::Output {
        let function = self.function;
        load(self.engine(), self.seeking(keep), || run_once::<S>(function, run))
    }

    /// [`load`](Self::load) in a future, which runs `run` itself.
    pub fn load_async(
        self,
        keep: impl FnOnce(&S::Value) -> bool,
        run: impl Future<Output = S::Output>,
    ) -> impl Future<Output = S::Output> {
        let function = self.function;
        Asking::new(self.engine(), self.seeking(keep), run_async::<S, _>(function, run))
    }

    fn home(&self) -> &'static FunctionHome {
        self.function.home()
    }

    fn engine(&self) -> &'static Engine<StoredKey, StoredValue> {
        self.home().entries.engine()
    }

    fn seeking<C: FnOnce(&S::Value) -> bool>(self, keep: C) -> Seeking<'static, Call<S, C>> {
        Seeking::new(Call { turn: self, keep })
    }

    /// Returns the form in which the cache stores a value, and the options of its entry.
    fn store(&self, value: S::Value, took: Duration) -> (StoredValue, EntryOptions) {
        let lifetimes = self.home().entries.engine().lifetimes();
        let time = lifetimes.resolve(self.hash, self.function.declared().time());
        let held = Timed { value: StoredResult(value), times: lifetimes.moments(&time) };
        (StoredValue::new(held, self.bytes, took), EntryOptions { time, tags: self.tags })
    }
}

impl<S: Shape<Output: Send> + 'static> Turn<S> {
    /// [`load`](Self::load) with `run` in a task.
    ///
    /// # Panics
    ///
    /// If the cache has no spawner.
    pub fn load_detached<C, F>(self, keep: C, run: F) -> impl Future<Output = S::Output>
    where
        C: FnOnce(&S::Value) -> bool + Send + 'static,
        F: Future<Output = S::Output> + Send + 'static,
    {
        let spawner = self.home().entries.spawner().expect(
            "a function with `detached` needs a spawner, and the manager has none: give one to its \
             builder, by `.spawner(..)`, and the manager to `larder::manager::set_global`",
        );
        let function = self.function;
        Detached::new(self.engine(), spawner, self.seeking(keep), run_async::<S, _>(function, run))
    }
}

/// A turn, and whether its result is to be kept: the request of a call.
struct Call<S: Shape, C> {
    turn: Turn<S>,
    keep: C,
}

impl<S: Shape, C> Call<S, C> {
    fn is_forced(&self) -> bool {
        matches!(self.turn.start, Start::Forced)
    }
}

impl<S: Shape, C: FnOnce(&S::Value) -> bool> Conclude for Call<S, C> {
    type Key = StoredKey;
    type Value = StoredValue;
    type Loaded = Result<S::Value, S::Rest>;
    type Answer = S::Output;

    fn has_value(loaded: &Self::Loaded) -> bool {
        loaded.is_ok()
    }

    fn has_failed(loaded: &Self::Loaded) -> bool {
        S::FAILS && loaded.is_err()
    }

    fn conclude(
        self,
        mut lead: Lead<'_, StoredKey, StoredValue>,
        loaded: Self::Loaded,
        took: Duration,
        unused: &mut Unused<StoredKey, StoredValue>,
    ) -> S::Output {
        let (is_forced, Self { turn, keep }) = (self.is_forced(), self);
        let old = lead.take_old();
        // There is no such result any more.
        let forget = |lead: &Lead<'_, _, _>| {
            if old.is_some() {
                lead.engine().remove_loaded(turn.hash, |key| *key == turn.key);
            }
        };
        match loaded {
            Ok(value) => {
                let (stored, options) = turn.store(value.clone(), took);
                if keep(&value) {
                    lead.store(StoredKey::clone, stored, &options, took, unused);
                } else {
                    forget(&lead);
                    lead.land(Outcome::Value(stored));
                }
                S::join(value)
            }
            Err(rest) => match &old {
                Some(old) if S::FAILS && !is_forced => {
                    let value = value_of::<S>(old);
                    // The next refresh is put off.
                    held::<S>(old).times.rest(&turn.home().clock, &turn.function.declared().time());
                    lead.land(Outcome::Value(turn.store(value.clone(), took).0));
                    S::join(value)
                }
                _ => {
                    if !S::FAILS {
                        forget(&lead);
                    }
                    match S::share(&rest) {
                        Some(shared) => drop(lead.land(Outcome::Error(shared))),
                        // Each caller needs a rest of its own, so the next of them runs the
                        // function, and no more than one at a time.
                        None => drop(lead),
                    }
                    S::rest(rest)
                }
            },
        }
    }
}

impl<S: Shape, C: FnOnce(&S::Value) -> bool> Request for Call<S, C> {
    type Alone = ();

    const REFRESHES: bool = false;

    fn hash(&self) -> u64 {
        self.turn.hash
    }

    fn is(&self, key: &StoredKey) -> bool {
        self.turn.key == *key
    }

    fn to_key(&self) -> StoredKey {
        self.turn.key.clone()
    }

    fn into_key(self) -> StoredKey {
        self.turn.key
    }

    /// If there is an old result: finds out who is to load it anew.
    fn look<'c>(&self, engine: &'c Engine<StoredKey, StoredValue>) -> LookupOf<'c, Self> {
        let Start::Old(old, node_ref) = &self.turn.start else { return Lookup::Absent };
        let (eq, key) = (|key: &StoredKey| self.is(key), || self.to_key());
        let lead = engine.post_refresh(self.turn.hash, &eq, &key, *node_ref, Self::REFRESHES);
        match &lead {
            Some(_) => self.turn.home().count_miss(),
            None => self.turn.home().count_hit(),
        }
        Lookup::of_old(old.clone(), lead)
    }

    fn accepts(&self, stored: &StoredValue) -> bool {
        !self.is_forced() && is_fresh::<S>(self.turn.home(), stored)
    }

    fn found(&self, stored: StoredValue) -> S::Output {
        S::join(value_of::<S>(&stored))
    }

    fn answer(&self, outcome: Outcome<StoredValue>) -> Option<S::Output> {
        match outcome {
            Outcome::Value(stored) => Some(self.found(stored)),
            Outcome::Error(shared) => S::shared(&shared).map(S::rest),
            Outcome::Nothing => None,
        }
    }

    /// Within a write.
    fn alone(&self) -> Option<()> {
        matches!(self.turn.start, Start::Within).then_some(())
    }

    /// If the calls of the function do not wait for one another.
    fn alone_instead_of_waiting(&self) -> Option<()> {
        (!self.turn.function.declared().single_flight).then_some(())
    }

    fn conclude_alone(self, (): (), loaded: Self::Loaded) -> S::Output {
        loaded.map_or_else(S::rest, S::join)
    }
}

impl<S: Shape, C: FnOnce(&S::Value) -> bool> Detach for Call<S, C> {
    type Stays = ();
    type Sent = Self;
    type Again = Self;

    fn send(self) -> ((), Self) {
        ((), self)
    }

    fn again((): (), call: Self) -> Self {
        call
    }
}

impl<S: Shape> fmt::Debug for Turn<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("function", &self.function.declared().name)
            .finish_non_exhaustive()
    }
}
