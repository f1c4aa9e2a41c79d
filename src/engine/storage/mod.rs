//! What is kept for each node: its key and value, and the columns beside them.
//!
//! A column has one element per node number, in chunks that never move. Most columns are made when
//! they are first needed.
//!
//! - `chunked.rs`: storage that grows and never moves
//! - `once_box.rs`: a value that is made when it is first needed
//! - `nodes.rs`: keys and values
//! - `weights.rs`: what entries weigh and cost
//! - `generations.rs`: how often each node was filled, of which versions consist
//! - `moved_out.rs`: the nodes whose key and value were moved out
//! - `parts.rs`: which optional parts a cache has, in one word

pub(crate) mod chunked;
pub(crate) mod generations;
pub(crate) mod moved_out;
pub(crate) mod nodes;
pub(crate) mod once_box;
pub(crate) mod parts;
pub(crate) mod weights;
