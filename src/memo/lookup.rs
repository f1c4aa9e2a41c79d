//! From a call to its stored result, or to a [`Turn`] that loads it.
//!
//! The key borrows the arguments, which the function needs if there is no result. So a call has two
//! steps: [`look_up`] borrows the key only during the call; after a miss it returns a [`Turn`],
//! which owns its key, so that the arguments can be moved.
//!
//! Within a write of the tables that a function reads, nothing is looked up and no result is stored
//! ([`look_up_rows`]).

use super::{
    function::{Declared, Function, FunctionHome},
    load::{Start, Turn},
    shape::Shape,
    tables::Table,
    writes,
};
use crate::manager::{Freshness, Key, Query, StoredKey, StoredValue, Timed};
use equivalent::Equivalent;

/// A result in its stored form: another type than the values of views.
pub(super) struct StoredResult<V>(pub(super) V);

/// The outcome of [`look_up`].
#[derive(Debug)]
pub enum Looked<S: Shape> {
    /// The result.
    Found(S::Output),
    /// There is no result, or it is to be loaded again.
    Missing(Turn<S>),
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
        home.count_hit();
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
    let eq = |other: &StoredKey| query.equivalent(other);
    let found = entries.engine().get_at(entries.hash(&query), eq, |entry| {
        match freshness::<S>(home, &entry.value) {
            Freshness::Fresh => Some(Ok(value_of::<S>(&entry.value))),
            Freshness::Due => Some(Err(entry.value.clone())),
            Freshness::Stale => None,
        }
    });
    match found {
        Some((Some(Ok(value)), _)) => {
            home.count_hit();
            Looked::Found(S::join(value))
        }
        Some((Some(Err(stored)), node_ref)) => {
            Looked::Missing(Turn::new(function, query, Start::Old(stored, node_ref)))
        }
        Some((None, _)) | None => Looked::Missing(Turn::missing(function, query, Start::Absent)),
    }
}

/// [`look_up`] for a function that reads `tables`. Finds nothing within a write of these.
#[inline(always)]
pub fn look_up_rows<S: Shape, Q: Key>(
    function: &'static Function,
    shape: S,
    key: &Q,
    tables: impl FnOnce() -> Vec<Table>,
) -> Looked<S> {
    match within(function, key, tables) {
        Some(turn) => Looked::Missing(turn),
        None => look_up(function, shape, key),
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
    let found = home.entries.peek(&query)?;
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
    Turn::forced(function, query::<S, Q>(function.home(), key))
}

/// [`refresh`] for a function that reads `tables`. Stores nothing within a write of these.
pub fn refresh_rows<S: Shape, Q: Key>(
    function: &'static Function,
    shape: S,
    key: &Q,
    tables: impl FnOnce() -> Vec<Table>,
) -> Turn<S> {
    within(function, key, tables).unwrap_or_else(|| refresh(function, shape, key))
}

/// Returns a turn that runs alone, if the call is within a write of what it reads.
#[inline(always)]
fn within<S: Shape, Q: Key>(
    function: &'static Function,
    key: &Q,
    tables: impl FnOnce() -> Vec<Table>,
) -> Option<Turn<S>> {
    if !writes::is_within() || !writes::is_writing(&tables()) {
        return None;
    }
    Some(Turn::missing(function, query::<S, Q>(function.home(), key), Start::Within))
}

#[inline(always)]
fn query<'q, S: Shape, Q: Key>(
    home: &FunctionHome,
    key: &'q Q,
) -> Query<'q, Q, StoredResult<S::Value>> {
    Query::new(home.namespace.space(), key)
}

#[inline(always)]
pub(super) fn held<S: Shape>(stored: &StoredValue) -> &Timed<StoredResult<S::Value>> {
    stored.held_by_key()
}

#[inline(always)]
pub(super) fn value_of<S: Shape>(stored: &StoredValue) -> S::Value {
    held::<S>(stored).value.0.clone()
}

#[inline(always)]
fn freshness<S: Shape>(home: &FunctionHome, stored: &StoredValue) -> Freshness {
    held::<S>(stored).times.freshness(&home.clock)
}

/// Returns whether a result is not past its time, and kept for want of better only.
pub(super) fn is_fresh<S: Shape>(home: &FunctionHome, stored: &StoredValue) -> bool {
    freshness::<S>(home, stored) != Freshness::Stale
}
