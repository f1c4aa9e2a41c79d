//! From a call to its result: a lookup, and a load if there is no result.
//!
//! The key borrows the arguments, which the function needs if there is no result. So a call has two
//! steps: [`look_up`] borrows the key only during the call; after a miss it returns a [`Turn`],
//! which owns its key, so that the arguments can be moved.
//!
//! Loads are those of `loading/driver/`: one per key, superseded by every invalidation of the key or
//! of a tag meanwhile. A [`Turn`] is a request that may start from an old result: one that is due, or
//! that is stale and returned only if the function fails. The load *replaces* it, as a refresh does
//! (`engine/load/fill.rs`).

use super::{
    function::{Declared, Function, FunctionHome},
    shape::Shape,
    tables::{self, Table},
    writes,
};
use crate::{
    engine::{
        invalidate::tags::Tags,
        ops::insert::EntryOptions,
        shards::{stats::Event, tiers::NodeRef},
        time::soft::{Freshness, rested_until},
    },
    loading::driver::{
        Asking, Conclude, Detach, Detached, Engine, Lead, Lookup, LookupOf, Outcome, Request,
        Seeking, Unused, load, polling::Map,
    },
    manager::{
        Followed, Key, Lazy, Query, StoredKey, StoredValue, Tag, Timed,
        telemetry::{self, LoadSpan},
    },
};
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    time::{Duration, Instant},
};

/// A result in its stored form: another type than the values of views.
pub(super) struct StoredResult<V>(V);

/// The outcome of [`look_up`].
#[derive(Debug)]
pub enum Looked<S: Shape> {
    /// The result.
    Found(S::Output),
    /// There is no result, or it is to be loaded again.
    Missing(Turn<S>),
}

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

/// Looks the result of a call up.
#[inline(always)]
pub fn look_up<S: Shape, Q: Key>(function: &'static Function, _: S, key: &Q) -> Looked<S> {
    let Declared { refresh, stale_if_error, .. } = function.declared();
    if refresh.is_some() || stale_if_error.is_some() {
        return look_up_aged(function, key);
    }
    let home = function.home();
    let query = query::<S, Q>(home, key);
    let found = home.entries.get_ref(&query, |stored| {
        // Cheap, since the thread is pinned already.
        home.count(Event::Hit);
        value_of::<S>(stored)
    });
    match found {
        Some(value) => Looked::Found(S::join(value)),
        None => Looked::Missing(Turn::missing(function, query, Start::Absent)),
    }
}

#[inline(never)]
fn look_up_aged<S: Shape, Q: Key>(function: &'static Function, key: &Q) -> Looked<S> {
    let home = function.home();
    let query = query::<S, Q>(home, key);
    let entries = &home.entries;
    let eq = |other: &StoredKey| equivalent::Equivalent::equivalent(&query, other);
    let found = entries.engine().get_at(entries.hash(&query), eq, |entry| {
        match held::<S>(&entry.value).times.freshness(&home.clock) {
            Freshness::Fresh => Some(Ok(value_of::<S>(&entry.value))),
            Freshness::Due => Some(Err(entry.value.clone())),
            Freshness::Stale => None,
        }
    });
    match found {
        Some((Some(Ok(value)), _)) => {
            home.count(Event::Hit);
            Looked::Found(S::join(value))
        }
        Some((Some(Err(stored)), node_ref)) => {
            Looked::Missing(Turn::new(function, query, Start::Old(stored, node_ref)))
        }
        Some((None, _)) | None => Looked::Missing(Turn::missing(function, query, Start::Absent)),
    }
}

/// Returns the result of a call, if it is stored and fresh. Counts neither as use nor as hit or
/// miss.
pub fn peek<S: Shape, Q: Key>(function: &'static Function, _: S, key: &Q) -> Option<S::Output> {
    if writes::may_be_writing(function.declared().reads) {
        return None;
    }
    let home = function.home();
    let query = query::<S, Q>(home, key);
    let entries = &home.entries;
    let found = entries.peek(&query)?;
    is_fresh::<S>(home, &found).then(|| S::join(value_of::<S>(&found)))
}

/// Removes the result of a call, and supersedes its load. Returns whether there was a result.
pub fn invalidate<S: Shape, Q: Key>(function: &'static Function, _: S, key: &Q) -> bool {
    let home = function.home();
    home.entries.invalidate(&query::<S, Q>(home, key))
}

/// Removes all results. Loads that run at that moment store theirs where no lookup finds them.
pub fn invalidate_all(function: &'static Function) {
    function.home().namespace.incr_version();
}

/// Returns a turn that loads the result, also if it is stored.
pub fn refresh<S: Shape, Q: Key>(function: &'static Function, _: S, key: &Q) -> Turn<S> {
    let home = function.home();
    let turn = Turn::missing(function, query::<S, Q>(home, key), Start::Forced);
    // A load that began before this call may return an older result.
    home.entries.engine().supersede_load(turn.hash);
    turn
}

/// Returns `body`. Tells the compiler the type of the block, and so what its `?` returns.
pub fn future_of<T, F: Future<Output = T>>(body: F) -> F {
    body
}

/// The default of `when`.
pub fn always<V>(_: &V) -> bool {
    true
}

#[inline(always)]
pub(super) fn query<'q, S: Shape, Q: Key>(
    home: &FunctionHome,
    key: &'q Q,
) -> Query<'q, Q, StoredResult<S::Value>> {
    Query::new(home.namespace.space(), key)
}

#[inline(always)]
fn held<S: Shape>(stored: &StoredValue) -> &Timed<StoredResult<S::Value>> {
    stored.held().expect("the key says of what type its value is")
}

#[inline(always)]
fn value_of<S: Shape>(stored: &StoredValue) -> S::Value {
    held::<S>(stored).value.0.clone()
}

/// Whether a result is not past its time, and kept for want of better only.
fn is_fresh<S: Shape>(home: &FunctionHome, stored: &StoredValue) -> bool {
    held::<S>(stored).times.freshness(&home.clock) != Freshness::Stale
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
        function.home().count(Event::Miss);
        Self::new(function, query, start)
    }

    fn new<Q: Key>(
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
        let entries = &self.function.home().entries;
        let tables = tables::tag_slots(tables, tags.len(), entries);
        let tags = tags.iter().map(|tag| entries.tag_slot(&Tag::new(tag.as_str())));
        self.tags = Tags::new(tags.chain(tables));
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
                    let refresh_after = turn.function.declared().refresh;
                    let until = rested_until(&turn.home().clock, refresh_after);
                    held::<S>(old).times.rest(until);
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
        let (home, hash) = (self.turn.home(), self.turn.hash);
        let (eq, key) = (|key: &StoredKey| self.is(key), || self.to_key());
        match engine.post_refresh(hash, &eq, &key, *node_ref, Self::REFRESHES) {
            Some(mut lead) => {
                home.count(Event::Miss);
                lead.set_old(old.clone());
                Lookup::Old(lead)
            }
            None => {
                home.count(Event::Hit);
                Lookup::Found(old.clone())
            }
        }
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
