//! What the documentation of the crate `cached` promises for memoized functions, in larder's words.
//! The source of each test is named above it: "attribute" is the page of the attribute macro
//! `cached`, "module" that of the module `proc_macro`, "once" that of the attribute macro `once`,
//! all at docs.rs/cached.

use larder::{ManualClock, cache_method_result, cache_result, manager};
use std::{
    sync::{
        LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

/// A manager of all tests here, with a clock that they move in turns.
///
/// Those that do not move it use the manager all the same, and see to it that it is this one.
static CLOCK: LazyLock<Mutex<ManualClock>> = LazyLock::new(|| {
    let clock = ManualClock::new();
    let mut idle = manager::CacheSettings::new(100);
    idle.expiry = manager::ExpiryMode::AfterAccess;
    idle.time_to_live = Some(Duration::from_secs(60));
    idle.jitter = 0.0;
    let manager = manager::CacheManager::builder()
        .clock(&clock)
        .named("of-one", manager::CacheSettings::new(1))
        .named("idle", idle)
        .build();
    manager::set_global(manager).expect("nobody has used it before");
    Mutex::new(clock)
});

fn clock() -> MutexGuard<'static, ManualClock> {
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs of a function.
struct Runs(AtomicU32);

impl Runs {
    const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// One more; how many there were.
    fn count(&self) -> u32 {
        self.0.fetch_add(1, SeqCst)
    }

    fn so_far(&self) -> u32 {
        self.0.load(SeqCst)
    }
}

static KEYED: Runs = Runs::new();

#[cache_result(cache = named("of-one"), ttl = "60s")]
fn keyed(a: usize, b: usize) -> usize {
    KEYED.count();
    a + b
}

/// module, second example: size 1, a time of 60 s, and a key of both arguments.
#[test]
fn a_size_a_time_and_a_key_of_all_arguments() {
    let clock = clock();
    let runs_of = |a, b| {
        let before = KEYED.so_far();
        assert_eq!(keyed(a, b), a + b);
        KEYED.so_far() - before
    };
    assert_eq!((runs_of(1, 2), runs_of(1, 2)), (1, 0));
    clock.advance(Duration::from_secs(61));
    assert_eq!((runs_of(1, 2), runs_of(1, 2)), (1, 0));
    // Another key takes the only place.
    assert_eq!((runs_of(2, 1), runs_of(1, 2)), (1, 1));
}

static IDLE: Runs = Runs::new();

#[cache_result(cache = named("idle"))]
fn idle(a: u32) -> u32 {
    IDLE.count();
    a
}

/// attribute, `refresh` (once `time_refresh`): whether hits begin the time to live anew. Here that
/// is a cache's setting.
#[test]
fn hits_begin_the_time_anew_where_the_cache_says_so() {
    let clock = clock();
    for _ in 0..4 {
        assert_eq!(idle(1), 1);
        clock.advance(Duration::from_secs(40));
    }
    assert_eq!(IDLE.so_far(), 1);
    clock.advance(Duration::from_secs(40));
    assert_eq!((idle(1), IDLE.so_far()), (1, 2));
}

static RESULTS: Runs = Runs::new();

#[cache_result]
fn only_ok(fail: bool) -> Result<u32, ()> {
    let run = RESULTS.count();
    if fail { Err(()) } else { Ok(run) }
}

/// attribute, `result`: only `Ok` is kept. No option is needed for it.
#[test]
fn of_results_only_ok_is_kept() {
    LazyLock::force(&CLOCK);
    assert_eq!((only_ok(true), only_ok(true)), (Err(()), Err(())));
    assert_eq!((only_ok(false), only_ok(false)), (Ok(2), Ok(2)));
}

static OPTIONS: Runs = Runs::new();

#[cache_result]
fn only_some(none: bool) -> Option<u32> {
    let run = OPTIONS.count();
    (!none).then_some(run)
}

/// attribute, `option`: only `Some` is kept. No option is needed for it.
#[test]
fn of_options_only_some_is_kept() {
    LazyLock::force(&CLOCK);
    assert_eq!((only_some(true), only_some(true)), (None, None));
    assert_eq!((only_some(false), only_some(false)), (Some(2), Some(2)));
}

static CONVERTED: Runs = Runs::new();

#[cache_result(key = "{a}{b}")]
fn converted(a: &str, b: &str, ignored: f32) -> usize {
    CONVERTED.count();
    a.len() + b.len() + ignored as usize
}

/// attribute, `key` and `convert`: an expression makes the key of the arguments. (In the
/// documentation's example that is `format!("{}{}", a, b)`, which takes ("ab", "c") for ("a",
/// "bc"); a template keeps them apart.)
#[test]
fn the_key_can_be_said() {
    LazyLock::force(&CLOCK);
    assert_eq!((converted("ab", "c", 0.0), converted("ab", "c", 5.0)), (3, 3));
    assert_eq!((converted("a", "bc", 1.0), CONVERTED.so_far()), (4, 2));
}

#[cache_result(key = |pairs| pairs.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>())]
fn by_closure(pairs: &[(&str, f64)]) -> f64 {
    pairs.iter().map(|(_, value)| value).sum()
}

/// attribute, `convert`: with any code in it.
#[test]
fn the_key_can_be_computed() {
    LazyLock::force(&CLOCK);
    assert_eq!(by_closure(&[("a", 1.0), ("b", 2.0)]), 3.0);
    assert_eq!(by_closure(&[("a", 7.0), ("b", 2.0)]), 3.0);
    assert_eq!(by_closure(&[("b", 2.0)]), 2.0);
}

static SYNC: Runs = Runs::new();
static OPEN: AtomicBool = AtomicBool::new(false);

#[cache_result]
fn synchronized(key: u32) -> u32 {
    SYNC.count();
    while key == 1 && !OPEN.load(SeqCst) {
        std::thread::yield_now();
    }
    key
}

/// attribute, `sync_writes = "by_key"`: one run per key at a time, and other keys do not wait.
/// Without being asked.
#[test]
fn runs_are_synchronized_by_key() {
    LazyLock::force(&CLOCK);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| synchronized(1))).collect();
        while synchronized::stats().misses < 3 {
            std::thread::yield_now();
        }
        assert_eq!(synchronized(2), 2);
        OPEN.store(true, SeqCst);
        assert!(calls.into_iter().all(|call| call.join().unwrap() == 1));
    });
    assert_eq!(SYNC.so_far(), 2);
}

/// attribute, `sync_writes` of recursive functions: locks the cache, so that they deadlock. Here
/// they do not, and who waits for itself is told so.
#[test]
fn recursion_does_not_deadlock() {
    LazyLock::force(&CLOCK);
    #[cache_result]
    fn factorial(n: u64) -> u64 {
        if n == 0 { 1 } else { n * factorial(n - 1) }
    }
    #[cache_result]
    fn endless(n: u64) -> u64 {
        endless(n) + 1
    }
    assert_eq!(factorial(10), 3_628_800);
    let panic = std::panic::catch_unwind(|| endless(1)).unwrap_err();
    assert!(panic.downcast_ref::<String>().map_or_else(
        || panic.downcast_ref::<&str>().is_some_and(|text| text.contains("recursive load")),
        |text| text.contains("recursive load")
    ));
}

static FALLBACK: Runs = Runs::new();

#[cache_result(ttl = "1m", stale_if_error = "1h")]
fn with_fallback() -> Result<u32, String> {
    match FALLBACK.count() {
        0 => Ok(7),
        _ => Err("down".to_owned()),
    }
}

/// attribute, `result_fallback`: if the function fails after its result has expired, the old one is
/// returned. (There it excludes `sync_writes`, and knows no end.)
#[test]
fn an_expired_result_is_better_than_an_error() {
    let clock = clock();
    assert_eq!(with_fallback(), Ok(7));
    clock.advance(Duration::from_secs(61));
    assert_eq!((with_fallback(), FALLBACK.so_far()), (Ok(7), 2));
    clock.advance(Duration::from_secs(61 * 60));
    assert!(with_fallback().is_err());
}

static PRIMED: Runs = Runs::new();

#[cache_result]
fn primed(key: u32) -> u32 {
    key + PRIMED.count()
}

/// module, "prime": a function beside each runs it and sets what is kept. Here `refresh`.
#[test]
fn what_is_kept_can_be_set_by_running_again() {
    LazyLock::force(&CLOCK);
    assert_eq!((primed(10), primed(10)), (10, 10));
    assert_eq!((primed::refresh(10), primed(10)), (11, 11));
}

/// module, "no cache": a function beside each runs it and leaves the cache alone. Here `uncached`.
#[test]
fn the_function_itself_can_be_called() {
    LazyLock::force(&CLOCK);
    #[cache_result]
    fn squared(n: u32) -> u32 {
        n * n
    }
    assert_eq!((squared::uncached(3), squared::peek(3)), (9, None));
    let stats = squared::stats();
    assert_eq!((stats.hits, stats.misses, stats.loads), (0, 0, 0));
}

/// attribute, `with_cached_flag`: whether a result was kept can be told. Here one asks first, or
/// looks at the statistics.
#[test]
fn whether_it_was_kept_can_be_told() {
    LazyLock::force(&CLOCK);
    #[cache_result]
    fn flagged(n: u32) -> u32 {
        n
    }
    assert_eq!((flagged::peek(1), flagged(1), flagged::peek(1)), (None, 1, Some(1)));
    assert_eq!((flagged::stats().hits, flagged::stats().misses), (0, 1));
}

static ONCE: Runs = Runs::new();

#[cache_result(skip(text))]
fn once(text: &str) -> String {
    ONCE.count();
    text.to_owned()
}

/// once: one value for all calls, whatever their arguments.
#[test]
fn all_calls_can_share_one_result() {
    LazyLock::force(&CLOCK);
    assert_eq!((once("a"), once("b"), ONCE.so_far()), ("a".to_owned(), "a".to_owned(), 1));
    assert!(once::invalidate());
    assert_eq!(once("b"), "b");
}

/// attribute: asynchronous functions as others.
#[tokio::test]
async fn functions_may_be_async() {
    LazyLock::force(&CLOCK);
    #[cache_result]
    async fn slow(n: u32) -> Result<u32, String> {
        tokio::task::yield_now().await;
        Ok(n)
    }
    assert_eq!((slow(1).await, slow(1).await, slow::stats().loads), (Ok(1), Ok(1), 1));
}

struct Calculator {
    factor: u32,
}

impl Calculator {
    #[cache_method_result(self_key = self.factor)]
    fn times(&self, n: u32) -> u32 {
        self.factor * n
    }
}

/// attribute, `in_impl`: methods. There `self` is no part of the key; here one has to say which
/// part of it is.
#[test]
fn methods_are_cached_by_what_they_are_called_on() {
    LazyLock::force(&CLOCK);
    assert_eq!((Calculator { factor: 2 }.times(3), Calculator { factor: 3 }.times(3)), (6, 9));
}

/// module: hits and misses can be asked for, and a cache be cleared, by the cache's own name. Here
/// by the function's.
#[test]
fn statistics_and_clearing_go_by_the_functions_name() {
    LazyLock::force(&CLOCK);
    #[cache_result]
    fn doubled(n: u32) -> u32 {
        2 * n
    }
    assert_eq!((doubled(1), doubled(1), doubled(2)), (2, 2, 4));
    assert_eq!((doubled::stats().hits, doubled::stats().misses), (1, 2));
    doubled::invalidate_all();
    assert_eq!((doubled::peek(1), doubled::peek(2)), (None, None));
}
