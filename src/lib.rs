//! A lock-free concurrent cache.
//!
//! ```
//! use larder::Cache;
//!
//! let cache: Cache<String, u32> = Cache::new(10_000);
//! cache.insert("answer".to_owned(), 42);
//! assert_eq!(cache.get("answer"), Some(42));
//! assert_eq!(cache.remove("answer"), Some(42));
//! assert_eq!(cache.get("answer"), None);
//! ```
//!
//! [`Cache`] is a handle: clone it into every thread. It holds at most
//! [`max_capacity`](CacheBuilder::max_capacity) entries and evicts those that it expects to be of
//! least use, by an adaptive, scan-resistant segmented LRU. Lookups take no lock, wait for no other
//! thread and, for keys that are in use, write nothing that other threads read; writers are
//! lock-free. How it is done is in the repository's `ARCHITECTURE.md`, protocol by protocol in the
//! sources of the engine.
//!
//! # Many caches
//!
//! Most applications have values of many types to keep. [`manager`] has five caches, each set up
//! for a way of use, any number of others, and typed views of them:
//!
#![cfg_attr(feature = "manager", doc = "```")]
#![cfg_attr(not(feature = "manager"), doc = "```ignore")]
//! use larder::manager::{CacheKind, CacheManager};
//!
//! let manager = CacheManager::new();
//! let profiles = manager.view::<String>(CacheKind::User).keyed::<u64>();
//! assert_eq!(profiles.get_with(&7, || "Ada".to_owned()), "Ada");
//! profiles.insert_with_ttl(&8, "Grace".to_owned(), std::time::Duration::from_secs(60));
//! assert_eq!(profiles.remove(&8).as_deref(), Some("Grace"));
//!
//! // All that is kept under these keys, stale at once.
//! profiles.invalidate_all();
//! assert_eq!(profiles.get(&7), None);
//! println!("{}", manager.health());
//! ```
//!
//! With the feature `macros`, attributes keep in these caches what functions return:
//!
#![cfg_attr(feature = "macros", doc = "```")]
#![cfg_attr(not(feature = "macros"), doc = "```ignore")]
//! #[larder::cache_query(reads("users"), ttl = "5m")]
//! fn profile(id: u64) -> Option<String> {
//!     Some(format!("user {id}"))
//! }
//!
//! #[larder::cache_query(writes("users"))]
//! fn rename(id: u64, name: &str) {
//!     println!("user {id} is {name} from now on");
//! }
//!
//! assert_eq!((profile(7), profile(7)), (Some("user 7".to_owned()), Some("user 7".to_owned())));
//! rename(7, "Ada"); // what was read of the table is stale
//! profile::invalidate(7);
//! assert_eq!(profile::stats().hits, 1);
//! ```
//!
//! The guides are in [`guide`]: the manager with its configuration, memory, health and metrics; the
//! attributes; the way from moka; and operation: thread pools, clocks, stacks, destructors,
//! platforms.
//!
//! # Consistency
//!
//! - Per key, [`get`](Cache::get), [`insert`](Cache::insert), [`add`](Cache::add) and
//!   [`remove`](Cache::remove) are linearizable, as long as nothing is evicted. An entry may be
//!   evicted at any time; a value that was replaced, removed or evicted never comes back.
//! - What happened before an `insert` in its thread is visible to each thread that gets the value.
//! - The number of entries never exceeds the capacity, not for a moment.
//! - [`invalidate_all`](Cache::invalidate_all) and [`invalidate_tag`](Cache::invalidate_tag) are,
//!   for each key, a removal at some moment of the call; not for all keys the same moment.
//! - [`entry_count`](Cache::entry_count), [`iter`](Cache::iter), [`stats`](Cache::stats) and
//!   [`invalidate_entries_if`](Cache::invalidate_entries_if) are weakly consistent: exact while no
//!   other thread writes, and otherwise a view in which concurrent writes may or may not show.
//! - Sequences are not atomic. `if cache.get(k).is_none() { cache.insert(k, v) }` may overwrite
//!   what another thread inserted in between; [`add`](Cache::add) does not. Whatever depends on
//!   what is there is one step with [`entry`](Cache::entry), [`replace`](Cache::replace),
//!   [`incr`](Cache::incr) or [`compare_and_swap`](Cache::compare_and_swap).
//! - [`get_with`](Cache::get_with) and its kin run one load per key at a time. A write of the key
//!   while it is loaded wins: what is loaded is then not stored.
//!
//! # Memory and destructors
//!
//! Readers may be looking at a value while it is removed, so values are dropped later: a few by
//! each later write to the same shard, the rest by [`run_pending_tasks`](Cache::run_pending_tasks)
//! or with the cache. A lookup never drops the values of other keys. While a thread stays inside
//! one operation or keeps a [`Pinned`], of whatever cache of the process, nothing removed since is
//! freed; memory then grows to one and a half times the capacity and, per shard, 8,192 entries more
//! (or 496 per core, if those are more; or as many as make 1 MiB, if those are fewer, yet at least
//! 256). Beyond that inserts are rejected until the thread goes on.
//!
//! # Threads, and children of `fork`
//!
//! Caches with something to expire, and those that refresh values, share a few threads of the
//! process: [`Maintenance`] says which. They start when they are needed and end by themselves;
//! nothing has to be shut down.
//!
//! A process may `fork` at any time, also while its threads use caches; where `pthread_atfork`
//! exists, that is on Unix, the child may use them, too. Expiry is right from its first lookup. Its
//! threads start with its first write to a cache that has something to expire, its first lookup of
//! an entry that can expire, or [`run_pending_tasks`](Cache::run_pending_tasks), whichever comes
//! first; until then nothing happens in the background, so a child that calls `exec` starts none.
//! What the parent's other threads were doing at the moment of the fork they do not do in the
//! child: an insert under way is either there or not, a load is begun anew by the next caller that
//! needs it, and of an event that was being told the listener may have seen half. Nodes and batches
//! that they had in hand are lost to the child, a few kilobytes per thread. So are the places for
//! what they were about to insert, which count as entries: 64 per thread at most, more where
//! entries have weights. A thread of the parent that was using a lock of the application's, in a
//! listener or loader, holds it for ever in the child, as after any `fork`; the same goes for the
//! locks around the settings and numbers of a [`manager`], for the moment of a call. The guide
//! [`operation`](guide::operation) lists them.
//!
//! # User code
//!
//! `Hash`, `Eq`, `Clone` and `Drop` of keys and values may panic, and so may loaders: the cache
//! stays usable, its counters right, and nothing is leaked. They must not be called back into the
//! same cache for the same key from `Eq`, nor may a loader load its own key; everything else,
//! recursion included, is allowed.
//!
//! # Cargo features
//!
//! `manager` is on by default. With `default-features = false` there is [`Cache`] alone, which
//! builds in less time. The other features turn on what they need.
//!
//! | feature | for |
//! |---|---|
//! | `manager` | [`manager`]: five kinds of caches, named ones, typed views; on by default |
//! | `macros` | the attributes `cache_result`, `cache_method_result` and `cache_query` |
//! | `config` | the manager's settings from TOML and the environment, and reloading them |
//! | `sysinfo` | the memory of the process and the machine in the manager's samples |
//! | `metrics` | the caches' numbers for a recorder of the crate metrics |
//! | `tracing` | what the manager does, for a subscriber of the crate tracing |
//! | `serde` | statistics, health, performance, memory, cached functions, serialized: durations as seconds |
#![cfg_attr(not(feature = "manager"), doc = "\n[`manager`]: #cargo-features")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(test(attr(deny(warnings))))]

#[cfg(not(target_has_atomic = "64"))]
compile_error!("larder needs atomics of 64 bits, which this target does not have");

mod builder;
mod cache;
mod checks;
mod compute;
mod engine;
pub mod future;
mod loading;
#[cfg(feature = "manager")]
#[cfg_attr(docsrs, doc(cfg(feature = "manager")))]
pub mod manager;
#[cfg(feature = "macros")]
pub mod memo;
mod process;
mod sync;
#[cfg_attr(not(larder_hooks), allow(unreachable_pub, reason = "its stop points are exported"))]
mod testing;
mod types;

pub use builder::CacheBuilder;
pub use cache::{
    Cache,
    inspect::{Drain, Keys, Metadata},
    iter::Iter,
    pinned::Pinned,
    stats::{CacheStats, LoadTimes},
    weak::WeakCache,
};
pub use compute::{Entry, EntrySelector, Integer, ops};
pub use equivalent::Equivalent;
#[cfg(feature = "macros")]
pub use larder_macros::{cache_method_result, cache_query, cache_result};
pub use loading::{LoadGuard, LoadOutcome};
pub use process::{
    clock::{Clock, ManualClock},
    maintenance::Maintenance,
};
#[cfg(feature = "serde")]
use types::seconds;
pub use types::{
    error::{BuildError, ResizeError, TooManyTags},
    eviction::EvictionPolicy,
    expiry::Expiry,
    hashing::{DefaultHasher, RandomState},
    limits::Limits,
    pending::Pending,
    removal::RemovalCause,
    version::{CasError, Version},
};

/// Guides: what is too long for the page of one item.
#[cfg(any(doc, doctest))]
pub mod guide {
    #[doc = include_str!("../docs/from-moka.md")]
    pub mod from_moka {}
    // Its examples need more features than its text.
    #[cfg(any(
        all(not(doctest), feature = "manager"),
        all(
            feature = "config",
            feature = "metrics",
            feature = "serde",
            feature = "sysinfo",
            feature = "tracing"
        )
    ))]
    #[doc = include_str!("../docs/manager.md")]
    pub mod manager {}
    // The examples are tested with the package of the attributes.
    #[cfg(all(not(doctest), feature = "macros"))]
    #[doc = include_str!("../docs/memoize.md")]
    pub mod memoize {}
    #[doc = include_str!("../docs/operation.md")]
    pub mod operation {}
}

/// Stop points for tests of progress.
#[cfg(larder_hooks)]
#[doc(hidden)]
pub use testing::hooks;

/// The engine's insides, for models.
#[cfg(larder_loom)]
#[doc(hidden)]
pub use checks::doors;
