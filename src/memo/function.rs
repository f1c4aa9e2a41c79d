//! The functions whose results are kept.

use super::{tables, writes};
use crate::{
    Clock,
    engine::{
        reclaim::epoch::pin,
        shards::stats::{Counters, Event},
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

/// What a function's attribute says of it.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// Where it is: module path and name.
    pub name: &'static str,
    /// Its attribute.
    pub attribute: &'static str,
    /// The cache that its results are kept in.
    pub cache: &'static str,
    /// How long they live, if not as long as the cache says.
    pub ttl: Option<Duration>,
    /// The share of that which is left to chance, if not what the cache says.
    pub jitter: Option<f64>,
    /// The age at which one caller loads anew.
    pub refresh: Option<Duration>,
    /// How long they are kept beyond their time, in case the function fails.
    pub stale_if_error: Option<Duration>,
    /// Part of the digests of its keys.
    pub version: u64,
    /// One load per key at a time.
    pub single_flight: bool,
    /// The tables that it reads, as its attribute's templates.
    pub reads: &'static [&'static str],
    /// The tables that it writes; if there are any it is not cached.
    pub writes: &'static [&'static str],
    /// Its options, as they are written.
    pub options: &'static str,
}

impl Declared {
    /// What is so if nothing is said.
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
}

/// A function whose results are kept, or that writes tables. One static each.
pub struct Function {
    declared: Declared,
    /// Whether its tables have been checked.
    checked: AtomicBool,
    /// The type that it is a method of, once that has been called.
    owner: OnceLock<&'static str>,
    home: OnceLock<Home>,
}

/// A function's place in its cache.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) cache: ManagedCache,
    pub(crate) entries: Entries,
    pub(crate) namespace: Namespace,
    pub(crate) clock: Clock,
    pub(crate) counters: Counters,
}

/// A function that is listed.
#[derive(Debug)]
pub struct Registered(pub &'static Function);

inventory::collect!(Registered);

impl Function {
    /// One that has not been called yet.
    #[must_use]
    pub const fn new(declared: Declared) -> Self {
        Self {
            declared,
            checked: AtomicBool::new(false),
            owner: OnceLock::new(),
            home: OnceLock::new(),
        }
    }

    /// The same function, a method of `T`.
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

    /// Its place in its cache, found at its first call.
    ///
    /// # Panics
    ///
    /// If there is no cache of the name that its attribute says.
    #[inline(always)]
    pub(crate) fn home(&self) -> &Home {
        match self.home.get() {
            Some(home) => home,
            None => self.find_home(),
        }
    }

    #[cold]
    #[inline(never)]
    fn find_home(&self) -> &Home {
        /// Names may be the same by request; namespaces must not be.
        static FUNCTIONS: AtomicU64 = AtomicU64::new(0);
        self.check_tables();
        self.home.get_or_init(|| {
            let Declared { name, cache, .. } = self.declared;
            let cache = global()
                .get_cache(cache)
                .unwrap_or_else(|error| panic!("the cached function {name}: {error}"));
            let number = FUNCTIONS.fetch_add(1, Relaxed);
            Home {
                namespace: cache.namespace(&format!("function {number} {name}")),
                clock: cache.entries().engine().lifetimes().clock.clone(),
                counters: Counters::new(),
                entries: cache.entries().clone(),
                cache,
            }
        })
    }

    /// At its first call, tells a subscriber what is wrong with its tables.
    pub(super) fn check_tables(&self) {
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

    /// What has happened so far.
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

impl Home {
    #[inline(always)]
    pub(crate) fn count(&self, event: Event) {
        self.counters.count(pin().number, event);
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

/// What has happened to one cached function since the program started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FunctionStats {
    /// Calls that found their result.
    pub hits: u64,
    /// Calls that did not: they ran the function, or waited for a call that did.
    pub misses: u64,
    /// Runs of the function itself that have come to an end.
    pub loads: u64,
    /// Runs among these that returned an error.
    pub load_failures: u64,
    /// How long all of these took together.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "load_time_seconds", serialize_with = "crate::types::seconds::serialize")
    )]
    pub load_time: Duration,
}

impl FunctionStats {
    /// The share of calls that found their result, from 0.0 to 1.0; 0.0 if there were none.
    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        match self.hits + self.misses {
            0 => 0.0,
            calls => self.hits as f64 / calls as f64,
        }
    }

    /// How long a run took in the mean; zero if there was none.
    #[must_use]
    pub fn mean_load_time(&self) -> Duration {
        let nanos = self.load_time.as_nanos().checked_div(self.loads.into()).unwrap_or(0);
        Duration::from_nanos(nanos as u64)
    }
}

/// A cached function of this program, or one that writes tables, and what has happened to it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FunctionInfo {
    /// Module path and name, or what the attribute's `name` says. Of a method, the type's too, once
    /// it has been called; until then that is `<_>`.
    pub name: String,
    /// Its attribute: `cache_result`, `cache_method_result`, `cache_query` or `cache_view`.
    pub attribute: &'static str,
    /// The cache that its results are kept in. Empty for a function that writes, of which nothing
    /// is kept.
    pub cache: &'static str,
    /// The attribute's options, as they are written.
    pub options: &'static str,
    /// The tables that it reads, as its attribute's templates.
    pub reads: &'static [&'static str],
    /// The tables that it writes; if there are any, nothing of it is kept.
    pub writes: &'static [&'static str],
    /// Hits, misses, loads. All zero for a function that writes.
    pub stats: FunctionStats,
    /// Tables that it reads and no function writes, or that it writes and no cached function reads,
    /// one sentence for each. A misspelt table is found so. What
    /// [`invalidate_table`](super::invalidate_table) was told of counts as written.
    pub warnings: Vec<String>,
}

/// Every cached function that is linked into this program, and every one that writes tables, called
/// or not, by name.
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

/// Removes all that the functions of this name have returned, as their companion `invalidate_all`
/// does; how many such functions there are. For those without companions, and for whoever knows
/// them from [`functions`]. O(functions).
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
        // What was never called has returned nothing.
        if let Some(home) = function.home.get() {
            home.namespace.incr_version();
        }
    }
    named
}

pub(super) fn all() -> impl Iterator<Item = &'static Function> {
    inventory::iter::<Registered>().map(|registered| registered.0)
}
