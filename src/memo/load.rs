//! From a call to its result: a lookup, and a load if there is no result.
//!
//! The key borrows the arguments, which the function needs if there is no result. So a call has two
//! steps: [`look_up`] borrows the key only during the call; after a miss it returns a [`Turn`],
//! which owns its key, so that the arguments can be moved.
//!
//! Loads are those of the engine (`engine/singleflight/`): one per key, superseded by every
//! invalidation of the key or of a tag meanwhile. The results of a function have two more times:
//! after `fresh_until` a result is returned only if the function fails; after `refresh_at` one of
//! the callers loads it again. In both cases the load *replaces* the old result, as a refresh does
//! (`engine/load/fill.rs`).

mod detached;
mod future;

use super::{
    function::{Declared, Function, Home},
    shape::{Form, Shape},
    tables::{self, Table},
    writes,
};
use crate::{
    engine::{
        invalidate::tags::Tags,
        load::refresh::REST,
        ops::insert::{EntryOptions, Load},
        shards::{stats::Event, tiers::NodeRef},
        singleflight::flight::{Boarding, Leader, Outcome, Turn as Flown},
        storage::nodes::Entry,
        time::lifetimes::Ttl,
    },
    manager::{
        Held, Key, Query, REFERENCES, StoredKey, StoredValue, Tag, Times,
        telemetry::{self, LoadSpan},
    },
    process::clock::NEVER,
    types::chance,
};
use std::{
    fmt,
    future::Future,
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// A result in its stored form.
pub(super) struct Kept<V> {
    value: V,
    fresh_until: u64,
    refresh_at: AtomicU64,
}

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
    start: Start<S::Value>,
}

/// What a load starts from.
pub(super) enum Start<V> {
    /// There is no result.
    Absent,
    /// A result that one caller is to load again.
    Old(V, NodeRef),
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
        kept::<S>(stored).value.clone()
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
        let kept = kept::<S>(&entry.value);
        let fresh = !home.clock.is_past(kept.fresh_until);
        fresh.then(|| (kept.value.clone(), home.clock.is_past(kept.refresh_at.load(Relaxed))))
    });
    match found {
        Some((Some((value, false)), _)) => {
            home.count(Event::Hit);
            Looked::Found(S::join(value))
        }
        Some((Some((value, true)), node_ref)) => {
            Looked::Missing(Turn::new(function, query, Start::Old(value, node_ref)))
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
    let eq = |other: &StoredKey| equivalent::Equivalent::equivalent(&query, other);
    let fresh = |entry: &Entry<StoredKey, StoredValue>| {
        let kept = kept::<S>(&entry.value);
        (!home.clock.is_past(kept.fresh_until)).then(|| kept.value.clone())
    };
    entries.engine().peek(entries.hash(&query), eq, fresh).flatten().map(S::join)
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
pub(super) fn query<'q, S: Shape, Q: Key>(home: &Home, key: &'q Q) -> Query<'q, Q, Kept<S::Value>> {
    Query::new(home.namespace.space(), key)
}

#[inline(always)]
fn kept<S: Shape>(stored: &StoredValue) -> &Kept<S::Value> {
    &stored.held::<Kept<S::Value>>().expect("the key says of what type its value is").value
}

/// Returns the outcome of a run, for telemetry.
fn outcome<S: Shape>(split: &Result<S::Value, S::Rest>) -> telemetry::Outcome {
    match split {
        Ok(_) => telemetry::Outcome::Loaded,
        Err(_) if S::FAILS => telemetry::Outcome::Failed,
        Err(_) => telemetry::Outcome::Absent,
    }
}

/// The lead of a load.
struct Lead<V> {
    leader: Leader<'static, StoredKey, StoredValue>,
    /// The old result and its node.
    old: Option<(V, NodeRef)>,
}

/// The next step of a turn.
enum Next<S: Shape> {
    Done(S::Output),
    Lead(Lead<S::Value>),
    /// Run the function for this caller only: the function has no single flight, or the call is
    /// within a write.
    Alone,
}

impl<S: Shape> Turn<S> {
    #[cold]
    #[inline(never)]
    pub(super) fn missing<Q: Key>(
        function: &'static Function,
        query: Query<'_, Q, Kept<S::Value>>,
        start: Start<S::Value>,
    ) -> Self {
        function.home().count(Event::Miss);
        Self::new(function, query, start)
    }

    fn new<Q: Key>(
        function: &'static Function,
        query: Query<'_, Q, Kept<S::Value>>,
        start: Start<S::Value>,
    ) -> Self {
        let hash = function.home().entries.hash(&query);
        let (key, bytes) = (query.to_stored(), query.bytes());
        Self { function, key, hash, bytes, tags: Tags::NONE, start }
    }

    /// Adds tags and tables to the loaded result.
    ///
    /// # Panics
    ///
    /// If there are more than eight.
    #[must_use]
    pub fn tagged(mut self, tags: &[String], tables: &[Table]) -> Self {
        let entries = &self.function.home().entries;
        let tables = tables::places(tables, tags.len(), entries);
        let tags = tags.iter().map(|tag| entries.place(&Tag::new(tag.as_str())));
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
        let lead = loop {
            let board = match self.refresh() {
                Some(next) => next,
                None => self.next(self.board().map(Boarding::turn_blocking)),
            };
            match board {
                Some(Next::Done(output)) => return output,
                Some(Next::Alone) => return self.alone(run),
                Some(Next::Lead(lead)) => break lead,
                None => {}
            }
        };
        let started = Instant::now();
        let stopwatch = self.home().entries.engine().time_load();
        let split = {
            let _leading = lead.leader.leading();
            stopwatch.watch(|| self.span().run(|| S::split(run()), outcome::<S>))
        };
        let took = stopwatch.stop(S::FAILS && split.is_err());
        self.end(lead, split, keep, started, took)
    }

    fn home(&self) -> &'static Home {
        self.function.home()
    }

    /// Opens the span of a run.
    fn span(&self) -> LoadSpan {
        let Declared { name, ttl, .. } = *self.function.declared();
        LoadSpan::new(&self.home().cache, Some(name), ttl)
    }

    fn eq(&self) -> impl Fn(&StoredKey) -> bool + '_ {
        |other| self.key == *other
    }

    /// If there is an old result, returns it, or the lead of the load that replaces it.
    #[allow(clippy::option_option)]
    fn refresh(&self) -> Option<Option<Next<S>>> {
        let Start::Old(value, node_ref) = &self.start else { return None };
        let engine = self.home().entries.engine();
        Some(Some(
            match engine.post_refresh(self.hash, &self.eq(), &|| self.key.clone(), *node_ref) {
                Some((leader, _)) => {
                    self.home().count(Event::Miss);
                    Next::Lead(Lead { leader, old: Some((value.clone(), *node_ref)) })
                }
                None => {
                    self.home().count(Event::Hit);
                    Next::Done(S::join(value.clone()))
                }
            },
        ))
    }

    /// Joins the load of the key; `None` for a call that runs the function alone.
    fn board(&self) -> Option<Boarding<'static, StoredKey, StoredValue>> {
        if matches!(self.start, Start::Within) {
            return None;
        }
        let engine = self.home().entries.engine();
        let boarding = engine.board(self.hash, &self.eq(), &|| self.key.clone());
        let waits = matches!(boarding, Boarding::Wait(_));
        (!waits || self.function.declared().single_flight).then_some(boarding)
    }

    /// Returns the next step after a turn; `None` to start again.
    fn next(&self, turn: Option<Flown<'static, StoredKey, StoredValue>>) -> Option<Next<S>> {
        let Some(turn) = turn else { return Some(Next::Alone) };
        match turn {
            Flown::Over(flight) => Some(Next::Done(match flight.outcome()? {
                Outcome::Value(stored) => S::join(kept::<S>(stored).value.clone()),
                Outcome::Error(shared) => S::rest(S::shared(shared)?),
                Outcome::Nothing => return None,
            })),
            Flown::Lead(leader) => Some(self.lead(leader)),
        }
    }

    fn lead(&self, leader: Leader<'static, StoredKey, StoredValue>) -> Next<S> {
        let home = self.home();
        let found =
            home.entries.engine().peek_at(self.hash, self.eq(), |entry| entry.value.clone());
        let Some((stored, node_ref)) = found else { return Next::Lead(Lead { leader, old: None }) };
        let kept = kept::<S>(&stored);
        let value = kept.value.clone();
        // Another caller may have stored it between the lookup and the boarding.
        if !home.clock.is_past(kept.fresh_until) && !matches!(self.start, Start::Forced) {
            leader.land(Outcome::Value(stored));
            return Next::Done(S::join(value));
        }
        Next::Lead(Lead { leader, old: Some((value, node_ref)) })
    }

    fn alone(&self, run: impl FnOnce() -> S::Output) -> S::Output {
        let started = Instant::now();
        let split = self.span().run(|| S::split(run()), outcome::<S>);
        self.ran_alone(started, split)
    }

    fn ran_alone(&self, started: Instant, split: Result<S::Value, S::Rest>) -> S::Output {
        self.home().count_load(started.elapsed(), S::FAILS && split.is_err());
        split.map_or_else(S::rest, S::join)
    }

    /// Stores the loaded result, and hands it to the waiting callers.
    fn end(
        self,
        lead: Lead<S::Value>,
        split: Result<S::Value, S::Rest>,
        keep: impl FnOnce(&S::Value) -> bool,
        started: Instant,
        took: Duration,
    ) -> S::Output {
        self.end_with(lead, split, keep, started, took, |output| output)
    }

    /// [`end`](Self::end) with `answer`, which is called when the load has landed, before listeners
    /// are notified of the removals.
    fn end_with<R>(
        self,
        lead: Lead<S::Value>,
        split: Result<S::Value, S::Rest>,
        keep: impl FnOnce(&S::Value) -> bool,
        started: Instant,
        took: Duration,
        answer: impl FnOnce(S::Output) -> R,
    ) -> R {
        let home = self.home();
        home.count_load(started.elapsed(), S::FAILS && split.is_err());
        let engine = home.entries.engine();
        let land = |unused: &mut _| answer(self.land(lead, split, keep, took, unused));
        engine.conclude([self.hash], land)
    }

    fn land(
        &self,
        lead: Lead<S::Value>,
        split: Result<S::Value, S::Rest>,
        keep: impl FnOnce(&S::Value) -> bool,
        took: Duration,
        unused: &mut Vec<Entry<StoredKey, StoredValue>>,
    ) -> S::Output {
        let home = self.home();
        match split {
            Ok(value) => {
                let (stored, ttl) = self.store(value.clone(), took);
                if !keep(&value) {
                    self.forget(&lead);
                } else if !lead.leader.post().is_superseded() {
                    let entries = &home.entries;
                    entries.start_maintenance();
                    let entry = Entry { key: self.key.clone(), value: stored.clone() };
                    let load = Load {
                        post: lead.leader.post(),
                        replaces: lead.old.as_ref().map(|(_, node_ref)| *node_ref),
                        options: &EntryOptions { ttl, tags: self.tags },
                        took,
                    };
                    entries.engine().fill(self.hash, entry, load, unused);
                }
                lead.leader.land(Outcome::Value(stored));
                S::join(value)
            }
            Err(rest) => match lead {
                Lead { leader, old: Some((value, _)) }
                    if S::FAILS && !matches!(self.start, Start::Forced) =>
                {
                    self.rest();
                    leader.land(Outcome::Value(self.store(value.clone(), took).0));
                    S::join(value)
                }
                lead => {
                    if !S::FAILS {
                        self.forget(&lead);
                    }
                    match S::share(&rest) {
                        Some(shared) => drop(lead.leader.land(Outcome::Error(shared))),
                        // Errors that cannot be shared: the next waiting caller runs the
                        // function, one at a time.
                        None => drop(lead.leader),
                    }
                    S::rest(rest)
                }
            },
        }
    }

    /// Removes the old result.
    fn forget(&self, lead: &Lead<S::Value>) {
        if lead.old.is_some() {
            self.home().entries.engine().remove_loaded(self.hash, self.eq());
        }
    }

    /// Postpones the next refresh of an old result, after a failure.
    fn rest(&self) {
        let home = self.home();
        let rested = home.clock.deadline_after(REST);
        home.entries.engine().peek(self.hash, self.eq(), |entry| {
            kept::<S>(&entry.value).refresh_at.store(rested, Relaxed);
        });
    }

    fn store(&self, value: S::Value, took: Duration) -> (StoredValue, Ttl) {
        let home = self.home();
        let Declared { ttl, jitter, refresh, stale_if_error, .. } = *self.function.declared();
        let own = ttl.is_some() || jitter.is_some() || stale_if_error.is_some();
        let after = |duration: Option<Duration>| {
            duration.map_or(NEVER, |duration| home.clock.deadline_after(duration))
        };
        let (mut fresh_until, mut stored_for) = (NEVER, Ttl::ByRule);
        if own {
            let settings = home.cache.settings();
            // Without grace, an idle time stays with the cache's rules; a grace needs a deadline.
            let by_settings = match stale_if_error {
                Some(_) => settings.time_to_live,
                None => settings.limits().0,
            };
            if let Some(ttl) = ttl.or(by_settings) {
                // Random bits: each `RandomState` has other keys.
                let bits = RandomState::new().hash_one(0);
                let ttl = chance::jittered(ttl, jitter.unwrap_or(settings.jitter), bits);
                if let Some(grace) = stale_if_error {
                    fresh_until = home.clock.deadline_after(ttl);
                    stored_for = Ttl::For(ttl.saturating_add(grace));
                } else {
                    stored_for = Ttl::For(ttl);
                }
            }
        }
        let refresh_at = AtomicU64::new(after(refresh));
        let bytes = self.bytes + REFERENCES + size_of::<Held<Kept<S::Value>>>();
        let held = Held { value: Kept { value, fresh_until, refresh_at }, times: Times::NEVER };
        (StoredValue::new(held, bytes, took), stored_for)
    }
}

impl<S: Shape> fmt::Debug for Turn<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("function", &self.function.declared().name)
            .finish_non_exhaustive()
    }
}
