//! At most one run of a cached function for a key at any moment, whatever comes of those before it:
//! errors that cannot be shared, panics, futures that are dropped.

use futures::{executor::block_on, future::join_all};
use larder::{cache_result, manager::FunctionStats};
use std::{
    future::{Future, poll_fn},
    io,
    panic::catch_unwind,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

/// Counts runs.
#[derive(Debug)]
struct Runs {
    alive: AtomicU32,
    most: AtomicU32,
    begun: AtomicU32,
}

/// A run that has not ended.
struct Alive {
    runs: &'static Runs,
    number: u32,
}

impl Runs {
    const fn none() -> Self {
        Self { alive: AtomicU32::new(0), most: AtomicU32::new(0), begun: AtomicU32::new(0) }
    }

    fn begin(&'static self) -> Alive {
        let number = self.begun.fetch_add(1, SeqCst);
        let before = self.alive.fetch_add(1, SeqCst);
        self.most.fetch_max(before + 1, SeqCst);
        Alive { runs: self, number }
    }

    /// Asserts that so many have run, one after the other.
    fn assert_in_turn(&self, begun: u32) {
        assert_eq!((self.most.load(SeqCst), self.begun.load(SeqCst)), (1, begun), "{self:?}");
    }
}

impl Alive {
    /// Ends when all calls have missed, and gives others the opportunity to run.
    fn linger(&self, stats: fn() -> FunctionStats) {
        while stats().misses < CALLS.into() {
            thread::yield_now();
        }
        for _ in 0..100 {
            if self.runs.alive.load(SeqCst) > 1 {
                break;
            }
            thread::yield_now();
        }
    }

    /// The same for tasks of one thread.
    async fn linger_async(&self) {
        let mut polls = 0;
        poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls < 4 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.runs.alive.fetch_sub(1, SeqCst);
    }
}

const CALLS: u32 = 16;

fn call_at_once<R: Send>(call: impl Fn(u32) -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let call = &call;
        let calls: Vec<_> = (0..CALLS).map(|by| scope.spawn(move || call(by))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    })
}

fn numbers(results: Vec<Result<u32, io::Error>>) -> Vec<u32> {
    let mut numbers: Vec<_> = results
        .into_iter()
        .map(|result| result.unwrap_err().to_string().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers
}

static THREADS: Runs = Runs::none();

#[cache_result]
fn down(_key: u32) -> Result<u32, io::Error> {
    let run = THREADS.begin();
    run.linger(down::stats);
    Err(io::Error::other(run.number.to_string()))
}

#[test]
fn after_errors_in_threads() {
    // Each caller has the error of its own run.
    assert_eq!(numbers(call_at_once(|_| down(1))), (0..CALLS).collect::<Vec<_>>());
    THREADS.assert_in_turn(CALLS);
}

static TASKS: Runs = Runs::none();

#[cache_result]
async fn down_async(_key: u32) -> Result<u32, io::Error> {
    let run = TASKS.begin();
    run.linger_async().await;
    Err(io::Error::other(run.number.to_string()))
}

#[test]
fn after_errors_in_futures() {
    let results = block_on(join_all((0..CALLS).map(|_| down_async(1))));
    assert_eq!(numbers(results), (0..CALLS).collect::<Vec<_>>());
    TASKS.assert_in_turn(CALLS);
}

static RECOVERING: Runs = Runs::none();

#[cache_result]
async fn recovering(key: u32) -> Result<u32, io::Error> {
    let run = RECOVERING.begin();
    run.linger_async().await;
    if run.number < 3 { Err(io::Error::other("down")) } else { Ok(key + run.number) }
}

#[test]
fn until_one_succeeds_whose_result_is_shared() {
    let results = block_on(join_all((0..CALLS).map(|_| recovering(10))));
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 3);
    assert!(results.into_iter().flatten().all(|result| result == 13));
    RECOVERING.assert_in_turn(4);
}

static STALE: Runs = Runs::none();

/// Tasks that find an error while there are threads that wait, too.
#[cache_result(tags("down"), when = |_| false)]
async fn never_kept(key: u32) -> Result<u32, io::Error> {
    let run = STALE.begin();
    run.linger_async().await;
    if run.number < 2 { Err(io::Error::other("down")) } else { Ok(key + run.number) }
}

#[test]
fn what_is_not_kept_is_shared_all_the_same() {
    let results = block_on(join_all((0..CALLS).map(|_| never_kept(10))));
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 2);
    assert!(results.into_iter().flatten().all(|result| result == 12));
    STALE.assert_in_turn(3);
    assert!(never_kept::peek(10).is_none());
}

static PANICS: Runs = Runs::none();

#[cache_result]
fn panics(_key: u32) -> Result<u32, io::Error> {
    let run = PANICS.begin();
    run.linger(panics::stats);
    panic!("run {}", run.number)
}

#[test]
fn after_panics() {
    let results = call_at_once(|_| catch_unwind(|| panics(1)));
    assert!(results.into_iter().all(|result| result.is_err()));
    PANICS.assert_in_turn(CALLS);
}

static DROPPED: Runs = Runs::none();

#[cache_result]
async fn dropped(key: u32) -> u32 {
    let run = DROPPED.begin();
    if run.number == 0 {
        std::future::pending::<()>().await;
    }
    key
}

/// Notes how many runs have not ended whenever it is woken.
struct AliveWhenWoken(Mutex<Vec<u32>>);

impl Wake for AliveWhenWoken {
    fn wake(self: Arc<Self>) {
        self.0.lock().unwrap().push(DROPPED.alive.load(SeqCst));
    }
}

#[test]
fn after_a_future_that_was_dropped() {
    let mut lead: Pin<Box<dyn Future<Output = u32>>> = Box::pin(dropped(1));
    assert!(lead.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let woken = Arc::new(AliveWhenWoken(Mutex::default()));
    let waker = Waker::from(Arc::clone(&woken));
    let mut waiter = Box::pin(dropped(1));
    assert!(waiter.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(lead);
    assert_eq!(*woken.0.lock().unwrap(), [0], "when the lead was passed on");
    assert_eq!(block_on(waiter), 1);
    DROPPED.assert_in_turn(2);
}
