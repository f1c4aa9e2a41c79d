//! How long entries live: rules, deadlines, and when to look for those that are past.
//!
//! - `options.rs`: what a caller says of the time of one entry
//! - `lifetimes.rs`: the rules of a cache, and what both come to for one entry
//! - `soft.rs`: what an entry is before it expires: fresh, due or stale
//! - `deadlines.rs`: the column of deadlines, and who may change one
//! - `extend.rs`: reads that extend a deadline, against calls that set another end
//! - `wheel.rs`, `wheel/`: the timer wheel over blocks of nodes
//! - `timing.rs`: what a shard knows about time, put together

pub(crate) mod deadlines;
pub(crate) mod extend;
pub(crate) mod lifetimes;
pub(crate) mod options;
pub(crate) mod soft;
pub(crate) mod timing;
pub(crate) mod wheel;
