//! What the shards of a cache share.

use crate::{
    engine::{
        invalidate::groups::Groups,
        policy::budget::Budget,
        shards::{listener::Listener, stats::Counters, tiers::Tiers},
        singleflight::{flight::Flight, flights::Flights, load_times::LoadTimeHistogram},
        storage::{once_box::OnceBox, parts::Parts, weights::Weigher},
        time::lifetimes::Lifetimes,
    },
    process::maintenance::Registration,
    sync::{AtomicU64, Weak},
    testing::background::Background,
};

/// The state that the operations on all shards share.
#[derive(Debug)]
pub(crate) struct Common<K, V> {
    /// A reference to itself, from which notices for the outbox are made.
    pub(crate) weak: Weak<Self>,
    pub(crate) parts: Parts,
    pub(crate) tiers: Tiers<K, V>,
    pub(crate) budget: Budget,
    pub(crate) counters: Counters,
    pub(crate) weigher: Option<Weigher<K, V>>,
    pub(crate) coster: Option<Weigher<K, V>>,
    pub(crate) listener: Option<Listener<K, V>>,
    pub(crate) lifetimes: Lifetimes<K, V>,
    /// The number of expirations that were counted at the last pass of the maintenance thread.
    pub(crate) expired: AtomicU64,
    /// The registration with the maintenance thread, if there is work for it.
    pub(crate) registration: OnceBox<Registration>,
    pub(crate) flights: Flights<Flight<K, V>>,
    /// Allocated apart, since loads write it and readers read the fields beside it.
    pub(crate) load_times: OnceBox<LoadTimeHistogram>,
    /// Made when everything is first invalidated, or a tag is first given.
    pub(crate) groups: OnceBox<Groups>,
    pub(crate) background: Background,
}
