//! Calls of functions that read tables: within a write of these nothing is looked up, and nothing
//! is kept.

use super::{
    function::Function,
    load::{Looked, Start, Turn, look_up, query, refresh},
    shape::Shape,
    tables::Table,
    writes,
};
use crate::manager::Key;

/// [`look_up`] for a function that reads `tables`: within a write of these nothing is found.
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

/// [`refresh`] for a function that reads `tables`: within a write of these, nothing is kept.
pub fn refresh_rows<S: Shape, Q: Key>(
    function: &'static Function,
    shape: S,
    key: &Q,
    tables: impl FnOnce() -> Vec<Table>,
) -> Turn<S> {
    within(function, key, tables).unwrap_or_else(|| refresh(function, shape, key))
}

/// The turn of a call within a write of what it reads.
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
