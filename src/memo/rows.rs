//! Calls of functions that read tables. Within a write of these tables, nothing is looked up and no
//! result is stored.

use super::{
    function::Function,
    load::{Looked, Start, Turn, look_up, query, refresh},
    shape::Shape,
    tables::Table,
    writes,
};
use crate::manager::Key;

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
