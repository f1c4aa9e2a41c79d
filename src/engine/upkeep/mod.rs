//! What is done for a cache when no operation runs, and what it knows of its entries.
//!
//! - `passes.rs`: taking out what is expired or stale, dropping what is dead, paying a debt
//! - `census.rs`: how many entries there are
//! - `inspect.rs`: entries as they are, one by one

mod census;
pub(crate) mod inspect;
pub(crate) mod passes;
