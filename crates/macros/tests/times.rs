//! Times: of results that live, are loaded anew, and are better than an error. One manager for all
//! tests of this file, with a clock that stands still.

use larder::{ManualClock, cache_result, manager};
use std::{
    sync::{
        LazyLock,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
        mpsc,
    },
    time::Duration,
};

/// Tests that move the clock take turns.
static CLOCK: LazyLock<std::sync::Mutex<ManualClock>> = LazyLock::new(|| {
    let clock = ManualClock::new();
    let manager = manager::CacheManager::builder()
        .clock(&clock)
        .named("reports", manager::CacheSettings::new(100))
        .named("settings", manager::CacheSettings::new(100).time_to_live(100 * SECOND))
        .build();
    manager::set_global(manager).expect("nobody has used it before");
    std::sync::Mutex::new(clock)
});

fn clock() -> std::sync::MutexGuard<'static, ManualClock> {
    CLOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

const SECOND: Duration = Duration::from_secs(1);

static NEXT: AtomicU32 = AtomicU32::new(0);

#[cache_result(ttl = "1m")]
fn next() -> u32 {
    NEXT.fetch_add(1, Relaxed)
}

#[test]
fn results_live_as_long_as_is_said() {
    let clock = clock();
    assert_eq!((next(), next()), (0, 0));
    clock.advance(59 * SECOND);
    assert_eq!(next(), 0);
    clock.advance(2 * SECOND);
    assert_eq!((next::peek(), next()), (None, 1));
}

#[cache_result]
fn by_cache(n: u32) -> u32 {
    NEXT.load(Relaxed) + n
}

#[test]
fn or_else_as_long_as_the_cache_says() {
    let clock = clock();
    by_cache(1);
    // The general cache: ten minutes, of which nothing is said to be left to chance beyond a share.
    let settings = manager::get_cache("general").unwrap().settings();
    let most = settings.time_to_live.unwrap();
    clock.advance(most.mul_f64(1.0 - settings.jitter) - SECOND);
    assert!(by_cache::peek(1).is_some());
    clock.advance(most);
    assert!(by_cache::peek(1).is_none());
}

#[cache_result(ttl = "100s", jitter = 0.5)]
fn scattered(n: u32) -> u32 {
    n
}

#[test]
fn a_share_of_that_is_left_to_chance() {
    let clock = clock();
    (0..100).for_each(|n| assert_eq!(scattered(n), n));
    clock.advance(49 * SECOND);
    assert!((0..100).all(|n| scattered::peek(n).is_some()));
    clock.advance(26 * SECOND);
    let left = (0..100).filter(|n| scattered::peek(*n).is_some()).count();
    assert!((10..90).contains(&left), "{left}");
    clock.advance(26 * SECOND);
    assert!((0..100).all(|n| scattered::peek(n).is_none()));
}

#[cache_result(cache = named("settings"), jitter = 0.5)]
fn scattered_by_cache(n: u32) -> u32 {
    n
}

#[test]
fn a_share_of_the_cache_s_time_follows_its_settings() {
    let clock = clock();
    (0..100).for_each(|n| assert_eq!(scattered_by_cache(n), n));
    clock.advance(40 * SECOND);
    assert!((0..100).all(|n| scattered_by_cache::peek(n).is_some()));
    let cache = manager::get_cache("settings").unwrap();
    cache.apply(&cache.settings().time_to_live(60 * SECOND)).unwrap();
    clock.advance(21 * SECOND);
    assert!((0..100).all(|n| scattered_by_cache::peek(n).is_none()));
}

#[cache_result(ttl = "100s", jitter = 0.5, stale_if_error = "10s")]
fn scattered_or_stale(n: u32) -> Result<u32, u32> {
    if BROKEN_TOO.load(Relaxed) { Err(n) } else { Ok(n) }
}

static BROKEN_TOO: AtomicBool = AtomicBool::new(false);

#[test]
fn each_result_is_stale_from_its_own_end_on_for_as_long_as_is_said() {
    let clock = clock();
    (0..20).for_each(|n| assert_eq!(scattered_or_stale(n), Ok(n)));
    BROKEN_TOO.store(true, Relaxed);
    let mut ends = [0; 20];
    for second in 1..=111 {
        clock.advance(SECOND);
        for n in 0..20 {
            let end = &mut ends[n as usize];
            match (scattered_or_stale::peek(n), scattered_or_stale(n)) {
                (Some(fresh), found) => assert_eq!((fresh, found, *end), (Ok(n), Ok(n), 0)),
                (None, Ok(_)) if *end == 0 => *end = second,
                (None, Ok(_)) => assert!(second < *end + 10, "{n}: {second}, from {end} on"),
                (None, Err(_)) => assert!(second >= *end + 9, "{n}: {second}, from {end} on"),
            }
        }
    }
    assert!(ends.iter().all(|end| (50..=101).contains(end)), "{ends:?}");
}

static RATE: AtomicU32 = AtomicU32::new(0);
static BROKEN: AtomicBool = AtomicBool::new(false);

#[cache_result(ttl = "1m", stale_if_error = "10m")]
fn rate() -> Result<u32, String> {
    if BROKEN.load(Relaxed) { Err("broken".to_owned()) } else { Ok(RATE.fetch_add(1, Relaxed)) }
}

#[test]
fn what_is_past_is_better_than_an_error() {
    let clock = clock();
    assert_eq!(rate(), Ok(0));
    BROKEN.store(true, Relaxed);
    clock.advance(61 * SECOND);
    assert_eq!(rate::peek(), None);
    assert_eq!((rate(), rate()), (Ok(0), Ok(0)));
    assert_eq!(rate::stats().load_failures, 2);
    // Who asks for a load gets what comes of it.
    assert_eq!(rate::refresh(), Err("broken".to_owned()));
    assert_eq!(rate(), Ok(0));
    BROKEN.store(false, Relaxed);
    assert_eq!((rate(), rate()), (Ok(1), Ok(1)));
    BROKEN.store(true, Relaxed);
    clock.advance(11 * 60 * SECOND + SECOND);
    assert!(rate().is_err());
}

static PAGE: AtomicU32 = AtomicU32::new(0);

#[cache_result(ttl = "1h", refresh = "1m")]
fn page(gate: &'static Gate) -> u32 {
    gate.pass();
    PAGE.fetch_add(1, Relaxed)
}

/// Lets a load through when it is told to.
#[derive(Hash, PartialEq, Eq, Clone)]
struct Gate;

static SHUT: AtomicBool = AtomicBool::new(false);
static ENTERED: AtomicU32 = AtomicU32::new(0);

impl Gate {
    fn pass(&self) {
        ENTERED.fetch_add(1, Relaxed);
        while SHUT.load(Relaxed) {
            std::thread::yield_now();
        }
    }
}

#[test]
fn one_caller_loads_anew_while_others_get_the_old() {
    let clock = clock();
    assert_eq!(page(&Gate), 0);
    clock.advance(61 * SECOND);
    SHUT.store(true, Relaxed);
    let (sender, refreshed) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| sender.send(page(&Gate)).unwrap());
        while ENTERED.load(Relaxed) < 2 {
            std::thread::yield_now();
        }
        assert_eq!((page(&Gate), page(&Gate)), (0, 0));
        SHUT.store(false, Relaxed);
    });
    assert_eq!(refreshed.recv(), Ok(1));
    assert_eq!(page(&Gate), 1);
    assert_eq!(page::stats().loads, 2);
}

static FLAKY: AtomicU32 = AtomicU32::new(0);

#[cache_result(ttl = "1h", refresh = "1m")]
fn flaky() -> Result<u32, &'static str> {
    match FLAKY.fetch_add(1, Relaxed) {
        1 => Err("flaked"),
        n => Ok(n),
    }
}

#[test]
fn a_refresh_that_fails_is_not_tried_again_at_once() {
    let clock = clock();
    assert_eq!(flaky(), Ok(0));
    clock.advance(61 * SECOND);
    // The second run fails: the old result stays, for this caller and for those of the next second.
    assert_eq!((flaky(), flaky(), flaky()), (Ok(0), Ok(0), Ok(0)));
    assert_eq!(flaky::stats().loads, 2);
    clock.advance(2 * SECOND);
    assert_eq!(flaky(), Ok(2));
}

static FLAKY_OFTEN: AtomicU32 = AtomicU32::new(0);

#[cache_result(ttl = "1h", refresh = "100ms")]
fn flaky_often() -> Result<u32, &'static str> {
    match FLAKY_OFTEN.fetch_add(1, Relaxed) {
        1 => Err("flaked"),
        n => Ok(n),
    }
}

#[test]
fn a_refresh_that_fails_rests_no_longer_than_its_age() {
    let clock = clock();
    assert_eq!(flaky_often(), Ok(0));
    clock.advance(SECOND / 10);
    assert_eq!((flaky_often(), flaky_often()), (Ok(0), Ok(0)));
    assert_eq!(flaky_often::stats().loads, 2);
    clock.advance(SECOND / 10);
    assert_eq!(flaky_often(), Ok(2));
}

static GONE: AtomicBool = AtomicBool::new(false);

#[cache_result(ttl = "1h", refresh = "1m")]
fn found() -> Option<u32> {
    (!GONE.load(Relaxed)).then_some(7)
}

#[test]
fn a_refresh_that_finds_nothing_has_found_that() {
    let clock = clock();
    assert_eq!(found(), Some(7));
    GONE.store(true, Relaxed);
    clock.advance(61 * SECOND);
    assert_eq!((found(), found::peek()), (None, None));
}

#[cache_result(cache = named("reports"), name = "the yearly report")]
fn report(year: u16) -> u16 {
    year
}

#[test]
fn functions_of_own_caches_are_listed_by_the_name_they_are_given() {
    let _clock = clock();
    assert_eq!((report(2024), report(2024)), (2024, 2024));
    assert_eq!(manager::get_cache("reports").unwrap().entry_count(), 1);
    let functions = manager::functions();
    let listed = functions.iter().find(|function| function.name == "the yearly report").unwrap();
    assert_eq!((listed.cache, listed.stats.hits, listed.stats.loads), ("reports", 1, 1));
    assert!(listed.stats.mean_load_time() > Duration::ZERO);
    // Those that have not been called are there, too.
    assert!(functions.iter().any(|function| function.name.ends_with("::never_called")));
}

#[cache_result]
#[allow(dead_code)]
fn never_called() -> u8 {
    0
}
