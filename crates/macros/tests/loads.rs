//! Loads: one per key, and what wins over them.

use futures::executor::block_on;
use larder::cache_result;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
};

/// Holds loads until it is opened, and tells how many have come.
struct Gate {
    open: AtomicBool,
    entered: AtomicU32,
}

impl Gate {
    const fn shut() -> Self {
        Self { open: AtomicBool::new(false), entered: AtomicU32::new(0) }
    }

    /// The number of those who came before.
    fn pass(&self) -> u32 {
        let before = self.entered.fetch_add(1, SeqCst);
        while !self.open.load(SeqCst) {
            std::thread::yield_now();
        }
        before
    }

    fn wait_for(&self, entered: u32) {
        while self.entered.load(SeqCst) < entered {
            std::thread::yield_now();
        }
    }

    fn open(&self) {
        self.open.store(true, SeqCst);
    }
}

/// Waits until so many calls have missed: they wait for a load then, or are about to.
fn wait_for_misses(stats: fn() -> larder::manager::FunctionStats, misses: u64) {
    while stats().misses < misses {
        std::thread::yield_now();
    }
}

static SHARED: Gate = Gate::shut();

#[cache_result]
fn shared(key: u32) -> u32 {
    key + SHARED.pass()
}

#[test]
fn calls_for_one_key_share_one_run() {
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| shared(7))).collect();
        wait_for_misses(shared::stats, 4);
        SHARED.open();
        assert!(calls.into_iter().all(|call| call.join().unwrap() == 7));
    });
    assert_eq!(shared::stats().loads, 1);
}

static SEPARATE: Gate = Gate::shut();

#[cache_result(single_flight = false)]
fn separate(key: u32) -> u32 {
    key + SEPARATE.pass()
}

#[test]
fn unless_they_are_not_to_wait_for_each_other() {
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| separate(10))).collect();
        SEPARATE.wait_for(3);
        SEPARATE.open();
        let mut results: Vec<_> = calls.into_iter().map(|call| call.join().unwrap()).collect();
        results.sort_unstable();
        assert_eq!(results, [10, 11, 12]);
    });
    // One of them is kept.
    let kept = separate::peek(10).unwrap();
    assert!((10..13).contains(&kept));
    assert_eq!(separate(10), kept);
}

/// An invalidation during a load: whose load is not kept, and not given to who comes later.
macro_rules! invalidation_wins {
    ($test:ident, $function:ident, $gate:ident, [$($option:tt)*], $invalidate:expr) => {
        static $gate: Gate = Gate::shut();

        #[cache_result($($option)*)]
        fn $function(key: u32) -> u32 {
            key + $gate.pass()
        }

        #[test]
        fn $test() {
            std::thread::scope(|scope| {
                let first = scope.spawn(|| $function(100));
                $gate.wait_for(1);
                #[allow(clippy::redundant_closure_call)]
                ($invalidate)();
                let second = scope.spawn(|| $function(100));
                $gate.wait_for(2);
                $gate.open();
                assert_eq!((first.join().unwrap(), second.join().unwrap()), (100, 101));
            });
            assert_eq!($function::peek(100), Some(101));
        }
    };
}

invalidation_wins!(invalidate_wins_over_a_load, one, ONE, [], || one::invalidate(100));
invalidation_wins!(invalidate_all_wins_over_a_load, all, ALL, [], all::invalidate_all);
invalidation_wins!(a_tag_wins_over_a_load, tagged, TAGGED, [tags("key {key}")], || {
    larder::manager::get_cache("general").unwrap().invalidate_tag("key 100");
});

static REFRESHED: Gate = Gate::shut();

#[cache_result]
fn refreshed(key: u32) -> u32 {
    key + REFRESHED.pass()
}

#[test]
fn a_refresh_wins_over_a_load_that_began_before() {
    std::thread::scope(|scope| {
        let first = scope.spawn(|| refreshed(100));
        REFRESHED.wait_for(1);
        let second = scope.spawn(|| refreshed::refresh(100));
        REFRESHED.wait_for(2);
        REFRESHED.open();
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (100, 101));
    });
    assert_eq!(refreshed::peek(100), Some(101));
}

static CLONED: Gate = Gate::shut();
static FAILING: Gate = Gate::shut();

#[cache_result]
fn clonable(key: u32) -> Result<u32, String> {
    Err(format!("{key}.{}", CLONED.pass()))
}

/// An error that cannot be cloned.
#[derive(Debug, PartialEq)]
struct Failure(u32);

#[cache_result]
fn failing(_key: u32) -> Result<u32, Failure> {
    Err(Failure(FAILING.pass()))
}

#[test]
fn errors_are_shared_if_they_can_be() {
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| clonable(1))).collect();
        wait_for_misses(clonable::stats, 3);
        CLONED.wait_for(1);
        CLONED.open();
        for call in calls {
            assert!(call.join().unwrap().unwrap_err().starts_with("1."));
        }
    });
    assert_eq!(clonable::peek(1), None);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| failing(1))).collect();
        wait_for_misses(failing::stats, 3);
        FAILING.wait_for(1);
        FAILING.open();
        let mut errors: Vec<_> =
            calls.into_iter().map(|call| call.join().unwrap().unwrap_err().0).collect();
        errors.sort_unstable();
        assert_eq!(errors, [0, 1, 2], "each has its own");
    });
}

static PANICS: AtomicU32 = AtomicU32::new(0);

#[cache_result]
fn panicking(key: u32) -> u32 {
    assert!(PANICS.fetch_add(1, SeqCst) > 0, "the first run");
    key
}

#[test]
fn a_run_that_panics_leaves_nothing_behind() {
    assert!(std::panic::catch_unwind(|| panicking(1)).is_err());
    assert_eq!((panicking::peek(1), panicking(1), panicking(1)), (None, 1, 1));
    assert_eq!(PANICS.load(SeqCst), 2);
}

static DROPPED: Mutex<Option<tokio::sync::oneshot::Receiver<()>>> = Mutex::new(None);

#[cache_result]
async fn waiting(key: u32) -> u32 {
    let gate = DROPPED.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(gate) = gate {
        gate.await.unwrap();
    }
    key
}

#[tokio::test]
async fn a_future_that_is_dropped_leaves_the_load_to_the_next() {
    let (_sender, gate) = tokio::sync::oneshot::channel();
    *DROPPED.lock().unwrap() = Some(gate);
    let mut first = Box::pin(waiting(1));
    assert!(futures::poll!(&mut first).is_pending());
    let mut second = Box::pin(waiting(1));
    assert!(futures::poll!(&mut second).is_pending());
    drop(first);
    assert_eq!(second.await, 1);
    assert_eq!(waiting::stats().loads, 1);
}

#[cache_result(keep_err)]
fn kept_error(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("not {text} again"))
}

#[cache_result(keep_none)]
fn kept_nothing(text: &str) -> Option<char> {
    text.chars().next()
}

#[test]
fn errors_and_nothing_are_kept_on_request() {
    assert_eq!(
        (kept_error("x"), kept_error("x")),
        (Err("not x again".into()), Err("not x again".into()))
    );
    assert_eq!(kept_error::stats().loads, 1);
    assert_eq!(
        (kept_nothing(""), kept_nothing(""), kept_nothing::peek("")),
        (None, None, Some(None))
    );
    assert_eq!(kept_nothing::stats().loads, 1);
}

#[cache_result]
async fn large(key: usize) -> u8 {
    let state = [key as u8; 8 << 10];
    std::future::ready(()).await;
    state[key]
}

#[test]
fn a_future_is_not_much_larger_than_that_of_the_function_itself() {
    let (cached, uncached) = (size_of_val(&large(1)), size_of_val(&large::uncached(1)));
    assert!(cached < uncached + 1_024, "{cached} bytes, {uncached} for the function itself");
}

thread_local! {
    /// What this thread calls `asking` for.
    static LOADED: std::cell::Cell<Option<u32>> = const { std::cell::Cell::new(None) };
}

/// A value whose destructor asks for what its thread loads.
#[derive(Clone)]
struct Asking(u32);

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(key) = LOADED.take() {
            assert_eq!(asking(key).0, key);
        }
    }
}

#[cache_result(when = |value| value.0 % 3 > 0)]
fn asking(key: u32) -> Asking {
    Asking(key)
}

#[test]
fn destructors_of_other_results_run_when_a_load_has_landed() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for key in 1..5_000 {
            LOADED.set(Some(key));
            let value = asking(key);
            LOADED.set(None);
            assert_eq!(value.0, key);
            LOADED.set(Some(key - 1));
            let value = asking::refresh(key - 1);
            LOADED.set(None);
            assert_eq!(value.0, key - 1);
        }
        done.send(()).unwrap();
    });
    is_done.recv_timeout(std::time::Duration::from_secs(120)).expect("no load waits for itself");
}

#[cache_result]
async fn first_level(key: usize) -> u8 {
    large(key).await
}

#[cache_result]
async fn second_level(key: usize) -> Result<u8, std::io::Error> {
    Ok(first_level(key).await)
}

#[cache_result]
async fn third_level(key: usize) -> Option<u8> {
    second_level(key).await.ok()
}

#[cache_result(stale_if_error = "1m")]
async fn fourth_level(key: usize) -> Result<u8, String> {
    third_level(key).await.ok_or("absent".to_owned())
}

#[test]
fn a_future_grows_by_a_constant_with_each_function_that_calls_another() {
    let sizes = [
        size_of_val(&large::uncached(2)),
        size_of_val(&large(2)),
        size_of_val(&first_level(2)),
        size_of_val(&second_level(2)),
        size_of_val(&third_level(2)),
        size_of_val(&fourth_level(2)),
    ];
    assert!(sizes.windows(2).all(|pair| pair[1] <= pair[0] + 500), "{sizes:?}");
    assert!(size_of_val(&second_level::refresh(2)) <= sizes[3], "{sizes:?}");
    assert_eq!(block_on(fourth_level(2)), Ok(2));
}

#[cache_result(detached)]
async fn without_a_spawner(key: u32) -> u32 {
    key
}

#[test]
fn a_detached_function_of_a_manager_without_a_spawner_says_what_it_needs() {
    let call = std::panic::catch_unwind(|| block_on(without_a_spawner(1)));
    let payload = call.unwrap_err();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or(payload.downcast_ref::<&str>().copied()).unwrap();
    assert!(text.contains("`.spawner(..)`"), "{text}");
}
