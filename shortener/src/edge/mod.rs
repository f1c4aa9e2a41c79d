//! What is around all endpoints, and outside of the cache.
//!
//! From the client inwards: headers and limits (`headers.rs`), who it is (`account.rs`), clicks
//! (`counting.rs`), and then the cache with the handlers behind it.

mod account;
mod client;
mod counting;
mod headers;

pub(crate) use account::{Account, authenticate, cookie};
pub(crate) use client::{Client, Peer};
pub(crate) use counting::{Counting, count};
pub(crate) use headers::{Outer, outer, panicked};
