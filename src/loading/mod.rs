//! Loading: the operations that get a value or make one, one load per key at a time.
//!
//! `engine/singleflight/` is the protocol, and `driver/` the way from a request to its answer. This
//! folder has the kinds of questions (`question.rs`) and the methods that ask them: in threads
//! (`sync.rs`), in futures (`future.rs`, `detached.rs`), about several keys at once (`many.rs`),
//! and without a loader (`guarded.rs`), where the caller gets the lead itself (`guard.rs`).

mod detached;
pub(crate) mod driver;
mod future;
mod guard;
mod guarded;
mod many;
mod question;
mod sync;

#[cfg(feature = "manager")]
pub(crate) use detached::assert_spawner;
#[cfg(feature = "manager")]
pub(crate) use driver::{Asking, Detached, Seeking};
pub(crate) use driver::{Lookup, polling, run};
pub use guard::{LoadGuard, LoadOutcome};
#[cfg(feature = "manager")]
pub(crate) use guarded::{Found, Guarded};
#[cfg(feature = "manager")]
pub(crate) use question::Wanted;
pub(crate) use question::{Always, Ask, Fallible, Optional, Question};
