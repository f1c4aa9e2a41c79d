//! The layer, and what all services of one layer share.

use crate::{
    invalidate::Invalidator, rules::Rules, semantics::CacheName, service::CacheService,
    stats::RuleStats, store::Stamps, table::Table, time::Time,
};
use arc_swap::ArcSwap;
use larder::{
    ManualClock,
    manager::{CacheManager, UnknownCache},
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tower_layer::Layer;

/// Caches the responses of a service, by rules, in the caches of a manager.
///
/// A layer for [`axum`](https://docs.rs/axum) and every tower service of [`http::Request`] and [`http::Response`].
/// Clones share everything, so one layer may stand before many routes.
#[derive(Clone)]
pub struct CacheLayer {
    shared: Arc<Shared>,
}

/// What the services of a layer share.
pub(crate) struct Shared {
    /// As whom the cache speaks in `Cache-Status`.
    pub(crate) name: CacheName,
    pub(crate) manager: CacheManager,
    pub(crate) table: ArcSwap<Table>,
    pub(crate) stamps: Stamps,
    pub(crate) time: Time,
    /// The last number of variants.
    ids: AtomicU64,
}

impl Shared {
    /// A number that nobody else gets.
    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Relaxed)
    }
}

impl CacheLayer {
    /// A layer with these rules, on the caches of `manager`.
    ///
    /// # Panics
    ///
    /// If a rule names a cache that the manager does not have.
    #[must_use]
    pub fn new(manager: &CacheManager, rules: Rules) -> Self {
        Self::builder(manager).rules(rules).build()
    }

    /// For layers with settings of their own.
    pub fn builder(manager: &CacheManager) -> CacheLayerBuilder {
        CacheLayerBuilder {
            manager: manager.clone(),
            rules: None,
            name: CacheName::new("larder").expect("it is visible ASCII"),
            clock: None,
        }
    }

    /// Puts other rules in the place of those that are in force, for requests that come from now on.
    ///
    /// What is stored stays, if it is under the key that its new rule would give it. Rules that have the names of
    /// earlier ones go on with their counts.
    ///
    /// # Errors
    ///
    /// If a rule names a cache that the manager does not have. Then nothing has changed.
    pub fn set_rules(&self, rules: Rules) -> Result<(), UnknownCache> {
        let previous = self.shared.table.load();
        let table = Table::new(&self.shared.manager, &self.shared.stamps, rules, Some(&previous))?;
        self.shared.table.store(Arc::new(table));
        Ok(())
    }

    /// What became of the requests of each rule, in the order of the rules. O(n) in the rules.
    #[must_use]
    pub fn stats(&self) -> Vec<RuleStats> {
        self.shared.table.load().states.iter().map(|state| RuleStats::of(state)).collect()
    }

    /// Makes what is stored stale.
    #[must_use]
    pub fn invalidator(&self) -> Invalidator {
        Invalidator::new(Arc::clone(&self.shared))
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = CacheService<S>;

    fn layer(&self, inner: S) -> CacheService<S> {
        CacheService::new(inner, Arc::clone(&self.shared))
    }
}

impl fmt::Debug for CacheLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

/// Puts a [`CacheLayer`] together; comes from [`CacheLayer::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct CacheLayerBuilder {
    manager: CacheManager,
    rules: Option<Rules>,
    name: CacheName,
    clock: Option<ManualClock>,
}

impl CacheLayerBuilder {
    /// What is cached, and how; [`Rules::default`] otherwise.
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = Some(rules);
        self
    }

    /// As whom the cache speaks in `Cache-Status`; `larder` otherwise.
    ///
    /// # Panics
    ///
    /// If the name is empty, or has other characters than visible ASCII and spaces.
    pub fn name(mut self, name: &str) -> Self {
        let checked = CacheName::new(name);
        self.name = checked.unwrap_or_else(|| {
            panic!("name: {name:?} does not fit: allowed are visible ASCII characters and spaces")
        });
        self
    }

    /// Has time go by a clock that the program moves, for tests. The manager's clock should be the same.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// Builds the layer.
    ///
    /// # Panics
    ///
    /// If a rule names a cache that the manager does not have.
    #[must_use]
    pub fn build(self) -> CacheLayer {
        let stamps = Stamps::new();
        let table = Table::new(&self.manager, &stamps, self.rules.unwrap_or_default(), None);
        let shared = Shared {
            name: self.name,
            table: ArcSwap::from_pointee(table.unwrap_or_else(|error| panic!("{error}"))),
            manager: self.manager,
            stamps,
            ids: AtomicU64::new(0),
            time: Time::new(self.clock),
        };
        CacheLayer { shared: Arc::new(shared) }
    }
}
