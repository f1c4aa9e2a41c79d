//! What is kept for each node: its key and value, and the columns beside them.
//!
//! A column is an element per node number, in chunks that never move. Most come when they are first needed.
//!
//! - `extents.rs`: storage that grows and never moves
//! - `late.rs`: a value that comes when it is first needed
//! - `nodes.rs`: keys and values
//! - `weights.rs`: what entries weigh and cost
//! - `generations.rs`: how often each node was filled, which versions are made of
//! - `husks.rs`: the nodes whose key and value were moved out
//! - `parts.rs`: which optional parts a cache has, in one word

pub(crate) mod extents;
pub(crate) mod generations;
pub(crate) mod husks;
pub(crate) mod late;
pub(crate) mod nodes;
pub(crate) mod parts;
pub(crate) mod weights;
