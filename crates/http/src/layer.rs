//! The layer, and what all services of one layer share.

use crate::{
    invalidate::Invalidator,
    rules::{Rule, Rules},
    semantics::CacheName,
    service::{CacheService, EmptyBody},
    stats::RuleStats,
    store::Stamps,
    table::{RuleState, Table},
    time::Time,
};
use arc_swap::ArcSwap;
#[cfg(feature = "config")]
use larder::manager::config::{ConfigError, ManagerConfig};
use larder::{
    ManualClock,
    manager::{CacheManager, UnknownCache},
};
use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use tower_layer::Layer;

/// Caches the responses of a service, by rules, in the caches of a manager.
///
/// A layer for [`axum`](https://docs.rs/axum) and every tower service of [`http::Request`] and
/// [`http::Response`]. Clones share everything, so one layer may stand before many routes.
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
    pub(crate) stamps: Arc<Stamps>,
    pub(crate) time: Time,
    /// Where in the caches the responses are, apart from those of all others.
    namespace: String,
    /// How an empty body is made, for requests that are sent again.
    pub(crate) empty_body: Option<EmptyBody>,
    /// The layer around it, if this is for a single route.
    around: Option<Arc<Shared>>,
    /// Those for single routes.
    routes: RwLock<Vec<Weak<Shared>>>,
    /// The last number of variants.
    ids: AtomicU64,
}

impl Shared {
    fn new(
        name: CacheName,
        manager: CacheManager,
        rules: Rules,
        stamps: Arc<Stamps>,
        time: Time,
        (empty_body, around): (Option<EmptyBody>, Option<Arc<Self>>),
    ) -> Result<Self, UnknownCache> {
        static LAYERS: AtomicU64 = AtomicU64::new(0);
        let namespace = format!("http-{}", LAYERS.fetch_add(1, Relaxed));
        let table = Table::new(&manager, &namespace, &stamps, rules, None)?;
        Ok(Self {
            name,
            table: ArcSwap::from_pointee(table),
            manager,
            stamps,
            time,
            namespace,
            empty_body,
            around,
            routes: RwLock::default(),
            ids: AtomicU64::new(0),
        })
    }

    /// What a single route has beneath this: a rule and responses of its own, and the same
    /// invalidations. None if the rule does not fit.
    pub(crate) fn route(self: &Arc<Self>, rule: Rule) -> Option<Arc<Self>> {
        // Rules that come meanwhile come to this route, too.
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let rules = Rules::builder().rule(rule).beneath(&self.table.load().rules).build().ok()?;
        let (stamps, beneath) = (Arc::clone(&self.stamps), Some(Arc::clone(self)));
        let (name, manager, time) = (self.name.clone(), self.manager.clone(), self.time.clone());
        let beneath = (self.empty_body.clone(), beneath);
        let route = Self::new(name, manager, rules, stamps, time, beneath).ok()?;
        let route = Arc::new(route);
        routes.retain(|route| route.strong_count() > 0);
        routes.push(Arc::downgrade(&route));
        Some(route)
    }

    /// Puts other rules in the place of those that are in force; those of single routes follow.
    fn set_rules(&self, rules: Rules) -> Result<(), UnknownCache> {
        let previous = self.table.load();
        let (manager, namespace) = (&self.manager, &self.namespace);
        let table = Table::new(manager, namespace, &self.stamps, rules, Some(&previous))?;
        self.table.store(Arc::new(table));
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let rules = &self.table.load().rules;
        for route in routes.iter().filter_map(Weak::upgrade) {
            let rules = route.table.load().rules.again_beneath(rules);
            // Nothing is wrong with a rule that was right, and its cache is there.
            _ = rules.map(|rules| route.set_rules(rules));
        }
        Ok(())
    }

    /// The layer that this is for, or that is around it.
    pub(crate) fn layer(self: &Arc<Self>) -> &Arc<Self> {
        self.around.as_ref().unwrap_or(self)
    }

    /// A number that nobody else gets.
    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Relaxed)
    }

    /// The rules that are in force, those of single routes included.
    pub(crate) fn states(&self) -> Vec<Arc<RuleState>> {
        let mut states = self.table.load().states.to_vec();
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        for route in routes.iter().filter_map(Weak::upgrade) {
            states.extend_from_slice(&route.table.load().states);
        }
        states
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
            empty_body: None,
        }
    }

    /// Puts other rules in the place of those that are in force, for requests that come from now
    /// on.
    ///
    /// What is stored stays, if it is under the key that its new rule would give it. Rules that
    /// have the names of earlier ones go on with their counts. The rules of
    /// [`cached`](crate::cached) handlers beneath the layer take over the scheme and the trusted
    /// fields.
    ///
    /// # Errors
    ///
    /// If a rule names a cache that the manager does not have. Then nothing has changed.
    pub fn set_rules(&self, rules: Rules) -> Result<(), UnknownCache> {
        self.shared.set_rules(rules)
    }

    /// Changes the rules to what is configured now: those that the program gave to the layer,
    /// changed by the section `http` of this configuration. Requests that come from now on find all
    /// of the new rules, those that are under way end by the old ones.
    ///
    /// It leaves the manager alone, which has a [reload](CacheManager::reload) of its own, and
    /// comes first: a rule may name a new cache.
    ///
    /// # Errors
    ///
    /// All that is wrong with the rules, the caches among it that the manager does not have. Then
    /// nothing has changed.
    ///
    /// ```
    /// use larder::manager::CacheManager;
    /// use larder_http::{CacheLayer, Rules};
    ///
    /// let read = |text: &str| larder_http::config().toml("larder.toml", text).build();
    /// let config = read("[http.rules.article]\npath = '/articles/{id}'\nttl = '5m'")?;
    /// let manager = CacheManager::from_config(&config)?;
    /// let layer = CacheLayer::new(&manager, Rules::from_config(&config)?);
    ///
    /// // While it runs, with what the file says by now:
    /// let config = read("[http.rules.article]\npath = '/articles/{id}'\nttl = '1m'")?;
    /// manager.reload(&config)?;
    /// layer.reload(&config)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "config")]
    #[cfg_attr(docsrs, doc(cfg(feature = "config")))]
    pub fn reload(&self, config: &ManagerConfig) -> Result<(), ConfigError> {
        let previous = self.shared.table.load();
        let rules = previous.rules.reconfigured(&self.shared.manager, config)?;
        self.set_rules(rules).expect("a manager keeps the caches that it has");
        Ok(())
    }

    /// What became of the requests of each rule, in the order of the rules, and then of those of
    /// [`cached`](crate::cached) handlers beneath the layer. O(n) in the rules.
    #[must_use]
    pub fn stats(&self) -> Vec<RuleStats> {
        self.shared.states().iter().map(|state| RuleStats::of(state)).collect()
    }

    pub(crate) fn into_shared(self) -> Arc<Shared> {
        self.shared
    }

    /// Brings the recorder of the crate `metrics` up to date with [`stats`](Self::stats): to be
    /// called before its numbers are rendered.
    ///
    /// | name | kind | labels |
    /// |---|---|---|
    /// | `http_cache_requests_total` | counter | `rule`; `outcome`: `hit`, `stale`, `stale-if-error`, `miss`, `collapsed`, `revalidated`, or `bypass` with a `reason` |
    /// | `http_cache_unstored_total` | counter | `rule`, `reason` |
    /// | `http_cache_stored_bytes` | gauge | `rule` |
    /// | `http_cache_stored_responses` | gauge | `rule` |
    #[cfg(feature = "metrics")]
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn publish_metrics(&self) {
        crate::telemetry::metrics::publish(&self.stats());
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
    empty_body: Option<EmptyBody>,
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

    /// Sets the clock of the layer, for tests: the program moves it. The manager's clock should be
    /// the same.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// Says how an empty body of a request is made, for requests that the cache sends a second
    /// time: without conditions, if the handler has answered a validation with a 304 that is about
    /// another response than the stored one (RFC 9111, 4.3.4). Otherwise what is stored is the
    /// answer once more, and leaves the cache. How axum's is made, the layer knows.
    ///
    /// ```
    /// use http_body_util::Empty;
    /// use larder::manager::CacheManager;
    /// use larder_http::CacheLayer;
    ///
    /// let layer = CacheLayer::builder(&CacheManager::new())
    ///     .empty_body(Empty::<bytes::Bytes>::new)
    ///     .build();
    /// # drop(layer);
    /// ```
    pub fn empty_body<Q: 'static>(mut self, make: fn() -> Q) -> Self {
        self.empty_body = Some(EmptyBody::new(make));
        self
    }

    /// Builds the layer.
    ///
    /// # Panics
    ///
    /// If a rule names a cache that the manager does not have.
    #[must_use]
    pub fn build(self) -> CacheLayer {
        let (rules, time) = (self.rules.unwrap_or_default(), Time::new(self.clock));
        let stamps = Arc::new(Stamps::new());
        let shared =
            Shared::new(self.name, self.manager, rules, stamps, time, (self.empty_body, None))
                .unwrap_or_else(|error| panic!("{error}"));
        CacheLayer { shared: Arc::new(shared) }
    }
}
