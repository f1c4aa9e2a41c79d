//! Maintenance of a cache, and counts and properties of its entries.
//!
//! - `passes.rs`: removing expired and invalidated entries, dropping dead ones, paying a debt
//! - `census.rs`: the number of entries
//! - `inspect.rs`: properties of entries, one by one

mod census;
pub(crate) mod inspect;
pub(crate) mod passes;
