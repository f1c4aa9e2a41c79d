//! At most one loader of a key lives at any moment, whatever comes of those before it: panics,
//! futures that are dropped, errors and absent values that answer nothing to those who wait.

mod common;

use common::{PATIENCE, panic_of, validate};
use futures::executor::block_on;
use larder::Cache;
use std::{
    future::{Future, pending, ready},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

/// Counts the loaders that live.
#[derive(Debug, Default)]
struct Loaders {
    alive: AtomicU32,
    most: AtomicU32,
    begun: AtomicU32,
}

/// A loader that lives.
struct Alive<'l>(&'l Loaders);

impl Loaders {
    fn begin(&self) -> Alive<'_> {
        self.begun.fetch_add(1, SeqCst);
        let before = self.alive.fetch_add(1, SeqCst);
        self.most.fetch_max(before + 1, SeqCst);
        Alive(self)
    }

    fn begun(&self) -> u32 {
        self.begun.load(SeqCst)
    }

    fn assert_one_at_a_time(&self) {
        assert_eq!(self.most.load(SeqCst), 1, "{self:?}");
    }
}

impl Alive<'_> {
    /// Gives others the opportunity to begin.
    fn linger(&self) {
        for _ in 0..100 {
            if self.0.alive.load(SeqCst) > 1 {
                break;
            }
            thread::yield_now();
        }
    }
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, SeqCst);
    }
}

const THREADS: u64 = 8;

/// Has [`THREADS`] threads ask at once. The first loader does not end before all of them have
/// missed.
fn ask_at_once<R: Send>(
    cache: &Cache<u32, u32>,
    loaders: &Loaders,
    ask: impl Fn(u64, &dyn Fn() -> u32) -> R + Sync,
) -> Vec<R> {
    let load = || {
        let alive = loaders.begin();
        while cache.stats().misses < THREADS {
            thread::yield_now();
        }
        alive.linger();
        loaders.begun() - 1
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (ask, load) = (&ask, &load);
                scope.spawn(move || ask(thread, load))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn of_threads_whose_loaders_panic() {
    let (cache, loaders) = (Cache::new(10), Loaders::default());
    let got = ask_at_once(&cache, &loaders, |_, load| {
        panic_of(|| cache.get_with(1, || panic!("loader {}", load())))
    });
    loaders.assert_one_at_a_time();
    let mut panics: Vec<_> = got.into_iter().map(Option::unwrap).collect();
    panics.sort_unstable();
    assert_eq!(panics, (0..THREADS).map(|n| format!("loader {n}")).collect::<Vec<_>>());
    validate(&cache);
}

#[test]
fn of_threads_whose_errors_differ_in_type() {
    let (cache, loaders) = (Cache::new(10), Loaders::default());
    let got = ask_at_once(&cache, &loaders, |thread, load| match thread % 4 {
        0 => cache.try_get_with(1, || Err::<u32, u32>(load())).unwrap_err().to_string(),
        1 => cache.try_get_with(1, || Err::<u32, _>(load().to_string())).unwrap_err().to_string(),
        2 => format!("{:?}", cache.optionally_get_with(1, || (load() > 99).then_some(0))),
        _ => cache.try_get_with(1, || Err::<u32, _>(u64::from(load()))).unwrap_err().to_string(),
    });
    loaders.assert_one_at_a_time();
    assert_eq!(got.iter().filter(|got| *got == "None").count(), 2, "{got:?}");
    validate(&cache);
}

#[test]
fn of_threads_that_need_a_value_where_there_is_none() {
    let (cache, loaders) = (Cache::new(10), Loaders::default());
    let got = ask_at_once(&cache, &loaders, |thread, load| match thread % 2 {
        0 => cache.optionally_get_with(1, || {
            load();
            None
        }),
        _ => Some(cache.get_with(1, load)),
    });
    loaders.assert_one_at_a_time();
    let value = cache.get(&1).expect("somebody has loaded it");
    assert!(got.into_iter().all(|got| got.is_none_or(|got| got == value)));
    validate(&cache);
}

/// Notes how many loaders live whenever it is woken.
struct AliveWhenWoken(Arc<Loaders>, Mutex<Vec<u32>>);

impl Wake for AliveWhenWoken {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0.alive.load(SeqCst));
    }
}

/// What a waiter that is woken by `end`, which ends the leader that it waits for, finds alive at
/// that moment.
fn alive_when_woken(
    lead: impl Future<Output = u32>,
    loaders: &Arc<Loaders>,
    cache: &Cache<u32, u32>,
    end: impl FnOnce(Pin<Box<dyn Future<Output = u32> + '_>>),
) -> Vec<u32> {
    let mut lead: Pin<Box<dyn Future<Output = u32> + '_>> = Box::pin(lead);
    assert!(lead.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(loaders.alive.load(SeqCst), 1);
    let woken = Arc::new(AliveWhenWoken(Arc::clone(loaders), Mutex::default()));
    let mut waiter = pin!(cache.get_with_async(1, ready(2)));
    let waker = Waker::from(Arc::clone(&woken));
    assert!(waiter.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    end(lead);
    assert!(waiter.poll(&mut Context::from_waker(&waker)).is_ready());
    woken.1.lock().unwrap().clone()
}

#[test]
fn of_a_leader_that_is_dropped() {
    let (cache, loaders) = (Cache::new(10), Arc::new(Loaders::default()));
    let lead = cache.get_with_async(1, async {
        let _alive = loaders.begin();
        pending().await
    });
    assert_eq!(alive_when_woken(lead, &loaders, &cache, |lead| drop(lead)), [0]);
    validate(&cache);
}

#[test]
fn of_an_entrys_leader_that_is_dropped() {
    let (cache, loaders) = (Cache::new(10), Arc::new(Loaders::default()));
    let lead = async {
        let init = async {
            let _alive = loaders.begin();
            pending().await
        };
        cache.entry(1).or_insert_with_async(init).await.into_value()
    };
    assert_eq!(alive_when_woken(lead, &loaders, &cache, |lead| drop(lead)), [0]);
    validate(&cache);
}

#[test]
fn of_a_batch_that_is_dropped() {
    let (cache, loaders) = (Cache::new(10), Arc::new(Loaders::default()));
    let lead = async {
        let init = async |_: &[u32]| {
            let _alive = loaders.begin();
            pending::<Vec<_>>().await
        };
        cache.get_many_with_async([0, 1], init).await[1].unwrap()
    };
    assert_eq!(alive_when_woken(lead, &loaders, &cache, |lead| drop(lead)), [0]);
    validate(&cache);
}

/// A loader that keeps what it has when it panics, as futures that are no `async` blocks do.
struct Panicking<'l> {
    polls: u32,
    _alive: Alive<'l>,
}

impl Future for Panicking<'_> {
    type Output = u32;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        self.polls += 1;
        assert!(self.polls < 2, "the second poll");
        Poll::Pending
    }
}

#[test]
fn of_a_leader_that_panics() {
    let (cache, loaders) = (Cache::new(10), Arc::new(Loaders::default()));
    let lead = cache.get_with_async(1, Panicking { polls: 0, _alive: loaders.begin() });
    let alive = alive_when_woken(lead, &loaders, &cache, |mut lead| {
        let poll = || lead.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(panic_of(poll).as_deref(), Some("the second poll"));
    });
    assert_eq!(alive, [0]);
    validate(&cache);
}

/// A loader whose destructor asks for what it has loaded.
struct Asking<'c>(&'c Cache<u32, u32>);

impl Future for Asking<'_> {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        Poll::Ready(7)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        assert_eq!(self.0.get_with(1, || unreachable!("it has landed")), 7);
    }
}

#[test]
fn a_load_lands_before_what_is_left_of_its_loader_is_dropped() {
    let cache = Cache::new(10);
    assert_eq!(block_on(cache.get_with_async(1, Asking(&cache))), 7);
    validate(&cache);
}

/// Those who waited for a load that an invalidation has ended join the one that came after it, if
/// their leader is dropped, and do not run a loader beside it.
#[test]
fn of_a_load_that_was_superseded() {
    let (cache, loaders) = (Cache::new(10), Loaders::default());
    let mut context = Context::from_waker(Waker::noop());
    let mut lead = Box::pin(cache.get_with_async(1, pending()));
    assert!(lead.as_mut().poll(&mut context).is_pending());
    let waiter = |_| {
        Box::pin(cache.get_with_async(1, async {
            let _alive = loaders.begin();
            pending().await
        }))
    };
    let mut waiters: Vec<_> = (0..3).map(waiter).collect();
    for waiter in &mut waiters {
        assert!(waiter.as_mut().poll(&mut context).is_pending());
    }
    cache.invalidate(&1);
    let (result, load) = futures::channel::oneshot::channel();
    let mut next = Box::pin(cache.get_with_async(1, async {
        let _alive = loaders.begin();
        load.await.unwrap()
    }));
    assert!(next.as_mut().poll(&mut context).is_pending());
    drop(lead);
    for waiter in &mut waiters {
        assert!(waiter.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(loaders.begun(), 1);
    result.send(5).unwrap();
    assert_eq!(block_on(next), 5);
    assert!(waiters.into_iter().all(|waiter| block_on(waiter) == 5));
    loaders.assert_one_at_a_time();
    validate(&cache);
}

/// The same in threads, all of which wait while their leader panics.
#[test]
fn of_a_load_that_was_superseded_in_threads() {
    let (cache, loaders) = (Cache::new(10), Loaders::default());
    let (end_first, first_ends) = mpsc::channel::<()>();
    let (end_second, second_ends) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let (cache, loaders, begin) = (&cache, &loaders, &begin);
        let first = scope.spawn(move || {
            panic_of(|| {
                cache.get_with(1, || {
                    begin.send(()).unwrap();
                    first_ends.recv_timeout(PATIENCE).unwrap();
                    panic!("the first")
                })
            })
        });
        begun.recv_timeout(PATIENCE).unwrap();
        let waiters: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    cache.get_with(1, || {
                        let alive = loaders.begin();
                        alive.linger();
                        7
                    })
                })
            })
            .collect();
        while cache.stats().misses < 5 {
            thread::yield_now();
        }
        cache.invalidate(&1);
        let second = scope.spawn(move || {
            cache.get_with(1, || {
                let alive = loaders.begin();
                begin.send(()).unwrap();
                second_ends.recv_timeout(PATIENCE).unwrap();
                alive.linger();
                6
            })
        });
        begun.recv_timeout(PATIENCE).unwrap();
        end_first.send(()).unwrap();
        assert_eq!(first.join().unwrap().as_deref(), Some("the first"));
        end_second.send(()).unwrap();
        assert_eq!(second.join().unwrap(), 6);
        // One that had not begun to wait when the key was invalidated may have led before the
        // second came.
        assert!(waiters.into_iter().all(|waiter| matches!(waiter.join().unwrap(), 6 | 7)));
    });
    loaders.assert_one_at_a_time();
    validate(&cache);
}
