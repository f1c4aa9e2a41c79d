//! Which key is where: the sets of one shard, and what the policy keeps beside them.
//!
//! - `sets.rs`: the protocol of slots and control words; one copy per key
//! - `sets/slots.rs`, `sets/control.rs`: the steps on slots and on control words
//! - `sets/walk.rs`: walks over all sets
//! - `word.rs`: what a slot and a control word say, packed
//! - `scan.rs`: the vector compare of a set's slots
//! - `hints.rs`, `ghosts.rs`: the second line of a set, which no answer depends on
//! - `prefetch.rs`: asks for a cache line

pub(crate) mod ghosts;
pub(crate) mod hints;
pub(crate) mod prefetch;
pub(crate) mod scan;
pub(crate) mod sets;
pub(crate) mod word;
