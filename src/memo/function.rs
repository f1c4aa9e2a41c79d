//! The functions whose results are cached.

use super::{tables, writes};
use crate::{
    CacheStats, Clock,
    engine::{
        reclaim::epoch::pin,
        shards::stats::{Counters, Event},
        time::options::{TimeOptions, Ttl},
    },
    manager::{Entries, ManagedCache, Namespace, global, telemetry},
};
use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// The options of a function's attribute.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// The function's module path and name.
    pub name: &'static str,
    /// The name of the attribute.
    pub attribute: &'static str,
    /// The cache that stores the results.
    pub cache: &'static str,
    /// The results' time to live; `None`: as the cache's settings say.
    pub ttl: Option<Duration>,
    /// The share of the time to live that is random; `None`: as the cache's settings say.
    pub jitter: Option<f64>,
    /// The age at which one caller loads a result again.
    pub refresh: Option<Duration>,
    /// How long results stay beyond their time to live, in case the function fails.
    pub stale_if_error: Option<Duration>,
    /// A part of the digests of the function's keys.
    pub version: u64,
    /// Whether one load per key runs at a time.
    pub single_flight: bool,
    /// The templates of the tables that the function reads.
    pub reads: &'static [&'static str],
    /// The templates of the tables that the function writes; if there are any, it is not cached.
    pub writes: &'static [&'static str],
    /// The options, as they are written.
    pub options: &'static str,
}

impl Declared {
    /// The defaults of all options.
    pub const DEFAULT: Declared = Declared {
        name: "",
        attribute: "",
        cache: "",
        ttl: None,
        jitter: None,
        refresh: None,
        stale_if_error: None,
        version: 1,
        single_flight: true,
        reads: &[],
        writes: &[],
        options: "",
    };

    /// Returns the options for the time of results.
    pub(super) fn time(&self) -> TimeOptions {
        TimeOptions {
            ttl: self.ttl.map_or(Ttl::ByRule, Ttl::For),
            jitter: self.jitter,
            refresh_after: self.refresh,
            grace: self.stale_if_error,
            ..TimeOptions::BY_RULE
        }
    }
}

/// A function whose results are cached, or that writes tables; one static for each.
pub struct Function {
    declared: Declared,
    /// Whether its tables have been checked.
    checked: AtomicBool,
    /// The type that the function is a method of; set by the first call.
    owner: OnceLock<&'static str>,
    home: OnceLock<FunctionHome>,
}

/// The cache and the namespace of a function, and its counters.
#[derive(Debug)]
pub(crate) struct FunctionHome {
    pub(crate) cache: ManagedCache,
    pub(crate) entries: Entries,
    pub(crate) namespace: Namespace,
    pub(crate) clock: Clock,
    pub(crate) counters: Counters,
}

/// A function in the list of all functions.
#[derive(Debug)]
pub struct Registered(pub &'static Function);

inventory::collect!(Registered);

impl Function {
    /// Creates a function that has not been called yet.
    #[must_use]
    pub const fn new(declared: Declared) -> Self {
        Self {
            declared,
            checked: AtomicBool::new(false),
            owner: OnceLock::new(),
            home: OnceLock::new(),
        }
    }

    /// Returns this function, after noting that it is a method of `T`.
    #[inline]
    pub fn of<T: ?Sized>(&self) -> &Self {
        if self.owner.get().is_none() {
            self.owner.get_or_init(std::any::type_name::<T>);
        }
        self
    }

    pub(crate) fn declared(&self) -> &Declared {
        &self.declared
    }

    /// Returns the function's cache and namespace, which the first call creates.
    ///
    /// # Panics
    ///
    /// If the cache that the attribute names does not exist.
    #[inline(always)]
    pub(crate) fn home(&self) -> &FunctionHome {
        match self.home.get() {
            Some(home) => home,
            None => self.find_home(),
        }
    }

    #[cold]
    #[inline(never)]
    fn find_home(&self) -> &FunctionHome {
        /// Numbers the namespaces, since two functions may have the same name.
        static FUNCTIONS: AtomicU64 = AtomicU64::new(0);
        self.check_tables();
        self.home.get_or_init(|| {
            let Declared { name, cache, .. } = self.declared;
            let cache = global()
                .get_cache(cache)
                .unwrap_or_else(|error| panic!("the cached function {name}: {error}"));
            let number = FUNCTIONS.fetch_add(1, Relaxed);
            FunctionHome {
                namespace: cache.namespace(&format!("function {number} {name}")),
                clock: cache.entries().engine().lifetimes().clock.clone(),
                counters: Counters::new(),
                entries: cache.entries().clone(),
                cache,
            }
        })
    }

    /// Reports the warnings about the function's tables to a subscriber, at the first call.
    pub(super) fn check_tables(&self) {
        // Relaxed: the flag only keeps other callers from reporting again.
        if !self.checked.load(Relaxed) && !self.checked.swap(true, Relaxed) {
            for warning in self.warnings() {
                telemetry::tables(&self.name(), &warning);
            }
        }
    }

    fn warnings(&self) -> Vec<String> {
        let Declared { reads, writes, .. } = self.declared;
        if reads.is_empty() && writes.is_empty() {
            return Vec::new();
        }
        tables::warnings(self, &writes::reported())
    }

    /// Returns the statistics of the function.
    #[must_use]
    pub fn stats(&self) -> FunctionStats {
        self.home.get().map_or_else(FunctionStats::default, |home| {
            let totals = home.counters.totals();
            let total = |event: Event| totals[event as usize];
            FunctionStats {
                hits: total(Event::Hit),
                misses: total(Event::Miss),
                loads: total(Event::Load),
                load_failures: total(Event::LoadFailure),
                load_time: Duration::from_nanos(total(Event::LoadNanos)),
            }
        })
    }

    fn name(&self) -> String {
        let Declared { name, .. } = self.declared;
        match (name.rsplit_once("::<_>::"), self.owner.get()) {
            (Some((_, method)), Some(owner)) => format!("{owner}::{method}"),
            _ => name.to_owned(),
        }
    }
}

impl FunctionHome {
    #[inline(always)]
    pub(crate) fn count_hit(&self) {
        self.counters.count(pin().number, Event::Hit);
    }

    pub(crate) fn count_miss(&self) {
        self.counters.count(pin().number, Event::Miss);
    }

    pub(crate) fn count_load(&self, took: Duration, failed: bool) {
        let number = pin().number;
        self.counters.count(number, Event::Load);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.counters.add(number, Event::LoadNanos, nanos);
        if failed {
            self.counters.count(number, Event::LoadFailure);
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("declared", &self.declared)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// The statistics of one cached function since the program started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FunctionStats {
    /// Calls that found their result.
    pub hits: u64,
    /// Calls that did not: each ran the function or waited for a call that ran it.
    pub misses: u64,
    /// Completed runs of the function itself.
    pub loads: u64,
    /// Runs among these that returned an error.
    pub load_failures: u64,
    /// The total time of these runs.
    #[cfg_attr(feature = "serde", serde(rename = "load_time_seconds", with = "crate::seconds"))]
    pub load_time: Duration,
}

impl FunctionStats {
    /// Returns the share of calls that found their result, from 0.0 to 1.0; 0.0 if there were none.
    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        self.of_cache().hit_ratio()
    }

    /// Returns the mean time of a run; zero if there was none.
    #[must_use]
    pub fn mean_load_time(&self) -> Duration {
        self.of_cache().mean_load_time()
    }

    fn of_cache(&self) -> CacheStats {
        let Self { hits, misses, loads, load_time, .. } = *self;
        CacheStats { hits, misses, loads, load_time, ..CacheStats::default() }
    }
}

/// A cached function of this program, or one that writes tables, and its statistics.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FunctionInfo {
    /// Module path and name, or the attribute's `name`. The name of a method has the type as well,
    /// which is `<_>` until its first call.
    pub name: String,
    /// The attribute: `cache_result`, `cache_method_result`, `cache_query` or `cache_view`.
    pub attribute: &'static str,
    /// The cache that stores the results. Empty for a function that writes, whose results are not
    /// cached.
    pub cache: &'static str,
    /// The attribute's options, as they are written.
    pub options: &'static str,
    /// The templates of the tables that the function reads.
    pub reads: &'static [&'static str],
    /// The templates of the tables that it writes; if there are any, its results are not cached.
    pub writes: &'static [&'static str],
    /// Hits, misses and loads; all 0 for a function that writes.
    pub stats: FunctionStats,
    /// One sentence for each table that it reads and no function writes, or that it writes and no
    /// cached function reads: such a table may be misspelt. A table given to
    /// [`invalidate_table`](super::invalidate_table) counts as written.
    pub warnings: Vec<String>,
}

/// Returns all functions of this program that are cached or write tables, called or not, ordered by
/// name.
///
/// ```
/// #[larder::cache_result(ttl = "5m", cache = "analytics")]
/// fn sum_to(n: u64) -> u64 {
///     (1..=n).sum()
/// }
///
/// assert_eq!((sum_to(4), sum_to(4)), (10, 10));
/// let functions = larder::manager::functions();
/// let listed = functions.iter().find(|function| function.name.ends_with("::sum_to")).unwrap();
/// assert_eq!((listed.cache, listed.options), ("analytics", "ttl = \"5m\", cache = \"analytics\""));
/// assert_eq!((listed.stats.hits, listed.stats.misses), (1, 1));
/// ```
#[must_use]
pub fn functions() -> Vec<FunctionInfo> {
    let mut functions: Vec<_> = all()
        .map(|function| FunctionInfo {
            name: function.name(),
            attribute: function.declared.attribute,
            cache: function.declared.cache,
            options: function.declared.options,
            reads: function.declared.reads,
            writes: function.declared.writes,
            stats: function.stats(),
            warnings: function.warnings(),
        })
        .collect();
    functions.sort_by(|one, other| one.name.cmp(&other.name));
    functions
}

/// Removes all results of the functions of this name, as their companion `invalidate_all` does.
/// Returns the number of such functions. For functions without companions, and for names that come
/// from [`functions`]. O(functions).
///
/// ```
/// use larder::{cache_method_result, manager};
///
/// trait Store {
///     fn price(&self, id: u64) -> u64;
/// }
///
/// struct Shop;
///
/// impl Store for Shop {
///     #[cache_method_result(skip(self), companions = false, name = "prices")]
///     fn price(&self, id: u64) -> u64 {
///         10 * id
///     }
/// }
///
/// assert_eq!((Shop.price(7), Shop.price(7)), (70, 70));
/// assert_eq!((manager::invalidate_function("prices"), Shop.price(7)), (1, 70));
/// let functions = manager::functions();
/// assert_eq!(functions.iter().find(|function| function.name == "prices").unwrap().stats.misses, 2);
/// assert_eq!(manager::invalidate_function("price"), 0);
/// ```
pub fn invalidate_function(name: &str) -> usize {
    let mut named = 0;
    for function in all().filter(|function| function.name() == name) {
        named += 1;
        // A function that was never called has no results.
        if let Some(home) = function.home.get() {
            home.namespace.incr_version();
        }
    }
    named
}

pub(super) fn all() -> impl Iterator<Item = &'static Function> {
    inventory::iter::<Registered>().map(|registered| registered.0)
}
