//! Functions that are loaded in tasks of their own: whatever becomes of those who call them, a run
//! goes on; whatever becomes of its task, they have a result.

use futures::channel::oneshot;
use larder::{
    cache_method_result, cache_query, cache_result,
    manager::{self, CacheManager},
};
use std::{
    cell::RefCell,
    fmt::Debug,
    future::{Future, pending},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

type Call<'f, T> = Pin<Box<dyn Future<Output = T> + 'f>>;
type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    /// What this thread has spawned: each test has a runtime, which polls when it is told to.
    static TASKS: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
}

fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let spawn = |task| TASKS.with_borrow_mut(|tasks| tasks.push(task));
        manager::set_global(CacheManager::builder().spawner(spawn).build()).unwrap();
    });
}

fn take_tasks() -> Vec<Task> {
    TASKS.with_borrow_mut(std::mem::take)
}

/// Polls each task once.
fn run() {
    for mut task in take_tasks() {
        if poll(&mut task).is_none() {
            TASKS.with_borrow_mut(|tasks| tasks.push(task));
        }
    }
}

fn tasks() -> usize {
    TASKS.with_borrow(Vec::len)
}

fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    match Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// A call that has been polled once, and waits.
fn call<'f, T: Debug>(future: impl Future<Output = T> + 'f) -> Call<'f, T> {
    let mut call: Call<'_, T> = Box::pin(future);
    let polled = poll(&mut call);
    assert!(polled.is_none(), "{polled:?}");
    call
}

/// Notes that it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// A call that has been polled once, and waits to be woken.
struct Waiting<'f, T>(Pin<Box<dyn Future<Output = T> + 'f>>, Arc<Woken>);

impl<'f, T: Debug> Waiting<'f, T> {
    fn new(future: impl Future<Output = T> + 'f) -> Self {
        let mut waiting = Self(Box::pin(future), Arc::default());
        let polled = waiting.poll();
        assert!(polled.is_none(), "{polled:?}");
        waiting
    }

    fn poll(&mut self) -> Option<T> {
        let waker = Waker::from(Arc::clone(&self.1));
        match self.0.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    /// What a runtime gets that polls it only when it was woken.
    fn poll_if_woken(&mut self) -> Option<T> {
        assert!(self.1.0.swap(false, SeqCst), "it is not woken");
        self.poll()
    }
}

/// What comes of a call without anybody else's doing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    poll(&mut pin!(future)).expect("nothing to wait for")
}

fn panic_of<T>(f: impl FnOnce() -> T) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(f)).err()?;
    Some(match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
    })
}

/// A source that answers when it is told to, and counts how often it was asked.
#[derive(Clone, Default)]
struct Source {
    asked: Arc<AtomicU32>,
    answers: Arc<Mutex<Vec<oneshot::Receiver<u32>>>>,
}

impl Source {
    fn new() -> Self {
        start();
        Self::default()
    }

    /// Whoever asks next, after those who may already, gets what is sent.
    fn next(&self) -> oneshot::Sender<u32> {
        let (answer, asked) = oneshot::channel();
        self.answers.lock().unwrap().insert(0, asked);
        answer
    }

    async fn ask(&self) -> u32 {
        self.asked.fetch_add(1, SeqCst);
        let answer = self.answers.lock().unwrap().pop().expect("one more run than there should be");
        answer.await.expect("the source is broken")
    }

    fn asked(&self) -> u32 {
        self.asked.load(SeqCst)
    }
}

#[cache_result(detached, skip(source))]
async fn load(key: u32, source: Source) -> u32 {
    assert!(key < 100, "no such key");
    source.ask().await
}

#[test]
fn a_run_goes_on_when_its_callers_go_away() {
    let source = Source::new();
    let answer = source.next();
    let calls = [call(load(1, source.clone())), call(load(1, source.clone()))];
    run();
    drop(calls);
    answer.send(7).unwrap();
    run();
    assert_eq!((tasks(), source.asked(), load::peek(1)), (0, 1, Some(7)));
    assert_eq!((at_once(load(1, source)), tasks()), (7, 0), "a hit needs no task");
}

#[test]
fn a_caller_that_is_kept_and_not_polled_keeps_nobody_waiting() {
    let source = Source::new();
    let answer = source.next();
    let mut kept = call(load(2, source.clone()));
    let mut other = call(load(2, source.clone()));
    run();
    answer.send(7).unwrap();
    run();
    assert_eq!((poll(&mut other), source.asked()), (Some(7), 1));
    assert_eq!(poll(&mut kept), Some(7));
}

#[test]
fn what_is_never_polled_loads_nothing() {
    let source = Source::new();
    drop(load(3, source.clone()));
    assert_eq!((tasks(), source.asked()), (0, 0));
}

#[test]
fn a_panic_goes_on_in_its_caller_and_another_runs() {
    let source = Source::new();
    let (broken, answer) = (source.next(), source.next());
    let mut caller = call(load(4, source.clone()));
    let kept = call(load(4, source.clone()));
    let mut other = Waiting::new(load(4, source.clone()));
    run();
    drop(broken);
    run();
    assert!(panic_of(|| poll(&mut caller)).unwrap().contains("the source is broken"));
    // Not the first of those who wait: that one is kept and not polled.
    assert_eq!(other.poll_if_woken(), None);
    run();
    answer.send(7).unwrap();
    run();
    assert_eq!((other.poll_if_woken(), source.asked(), load::peek(4)), (Some(7), 2, Some(7)));
    drop(kept);
    let mut absent = call(load(100, source));
    run();
    assert_eq!(panic_of(|| poll(&mut absent)).as_deref(), Some("no such key"));
}

#[test]
fn a_task_that_its_runtime_drops_gives_the_run_back_where_it_was() {
    for polled in [false, true] {
        let key = 5 + u32::from(polled);
        let source = Source::new();
        let answer = source.next();
        let mut caller = call(load(key, source.clone()));
        if polled {
            run();
        }
        drop(take_tasks());
        assert_eq!(poll(&mut caller), None);
        let mut other = call(load(key, source.clone()));
        answer.send(7).unwrap();
        assert_eq!((poll(&mut caller), poll(&mut other)), (Some(7), Some(7)));
        assert_eq!((source.asked(), tasks(), load::peek(key)), (1, 0, Some(7)));
    }
}

#[test]
fn a_runtime_that_shuts_down_leaves_the_run_to_those_who_are_polled() {
    let source = Source::new();
    let answer = source.next();
    let kept = [call(load(7, source.clone())), call(load(7, source.clone()))];
    let mut last = Waiting::new(load(7, source.clone()));
    drop(take_tasks());
    assert_eq!(last.poll_if_woken(), None);
    run();
    answer.send(7).unwrap();
    run();
    assert_eq!((last.poll_if_woken(), source.asked()), (Some(7), 1));
    drop(kept);
}

#[test]
fn an_invalidation_wins_over_a_task() {
    let source = Source::new();
    let (old, new) = (source.next(), source.next());
    let mut before = call(load(8, source.clone()));
    run();
    load::invalidate(8);
    let mut after = call(load(8, source.clone()));
    run();
    old.send(1).unwrap();
    run();
    assert_eq!((poll(&mut before), load::peek(8)), (Some(1), None));
    new.send(2).unwrap();
    run();
    assert_eq!((poll(&mut after), load::peek(8)), (Some(2), Some(2)));
    // What is asked for by `refresh` is run by a task, too.
    let newest = source.next();
    let mut refreshed = call(load::refresh(8, source.clone()));
    assert_eq!(tasks(), 1);
    run();
    newest.send(3).unwrap();
    run();
    assert_eq!((poll(&mut refreshed), load::peek(8), source.asked()), (Some(3), Some(3), 3));
}

#[test]
fn a_spawner_that_panics_leaves_a_load_that_others_can_run() {
    let source = Source::new();
    let answer = source.next();
    let borrowed = TASKS.with_borrow(|_| panic_of(|| poll(&mut Box::pin(load(9, source.clone())))));
    assert!(borrowed.unwrap().contains("already"));
    let mut other = call(load(9, source.clone()));
    run();
    answer.send(7).unwrap();
    run();
    assert_eq!(poll(&mut other), Some(7));
}

#[cache_result(detached, when = |text: &String| !text.is_empty())]
async fn text(key: u32) -> Result<String, Arc<str>> {
    match key {
        0 => Ok(String::new()),
        1 => Err("none".into()),
        _ => Ok(key.to_string()),
    }
}

#[cache_result(detached)]
async fn line(key: u32) -> io::Result<String> {
    if key == 0 { Err(io::ErrorKind::NotFound.into()) } else { Ok(key.to_string()) }
}

#[test]
fn results_are_kept_as_they_would_be_without_a_task() {
    start();
    let finish = |mut calls: Vec<Call<'_, Result<String, Arc<str>>>>| {
        run();
        calls.iter_mut().map(|call| poll(call).unwrap()).collect::<Vec<_>>()
    };
    let calls = |key| vec![call(text(key)), call(text(key))];
    assert_eq!(finish(calls(7)), [Ok("7".to_owned()), Ok("7".to_owned())]);
    assert_eq!(finish(calls(0)), [Ok(String::new()), Ok(String::new())]);
    let errors = finish(calls(1));
    let [Err(first), Err(second)] = &errors[..] else { panic!("{errors:?}") };
    assert!(Arc::ptr_eq(first, second), "one error for both");
    assert_eq!([7, 0, 1].map(|key| text::peek(key).is_some()), [true, false, false]);
    assert_eq!((text::stats().loads, text::stats().load_failures), (3, 1));

    // An error that is not `Clone`: each runs the function, one after the other.
    let mut both = [call(line(0)), call(line(0))];
    run();
    assert!(poll(&mut both[0]).unwrap().is_err());
    assert!(poll(&mut both[1]).is_none());
    run();
    assert!(poll(&mut both[1]).unwrap().is_err());
    assert_eq!(line::stats().load_failures, 2);
}

#[derive(PartialEq, Eq, Hash)]
struct Shop(u32);

impl Shop {
    #[cache_method_result(detached, self_key = self.0)]
    async fn stock(self: Arc<Self>, item: String) -> usize {
        item.len() + self.0 as usize
    }
}

trait Named {
    async fn name(self: Arc<Self>, number: u32) -> String;
}

impl Named for Shop {
    #[cache_method_result(detached, companions = false, self_key = self.0)]
    async fn name(self: Arc<Self>, number: u32) -> String {
        format!("{number} of {}", self.0)
    }
}

static READS: AtomicU32 = AtomicU32::new(0);

#[cache_query(detached, reads("detached_links"))]
async fn links(of: &'static str) -> u32 {
    READS.fetch_add(1, SeqCst);
    of.len() as u32
}

#[cache_query(writes("detached_links"))]
async fn write_links() -> u32 {
    links("abc").await
}

#[test]
fn methods_and_queries_are_loaded_by_tasks() {
    start();
    let shop = Arc::new(Shop(1));
    let mut stock = call(Arc::clone(&shop).stock("tea".to_owned()));
    let mut name = call(Arc::clone(&shop).name(7));
    let mut read = call(links("abc"));
    assert_eq!(tasks(), 3);
    run();
    assert_eq!((poll(&mut stock), poll(&mut name).as_deref()), (Some(4), Some("7 of 1")));
    assert_eq!((poll(&mut read), links::peek("abc")), (Some(3), Some(3)));
    // Within a write a function runs for its caller alone, in place.
    assert_eq!((at_once(write_links()), tasks(), READS.load(SeqCst)), (3, 0, 2));
    assert_eq!(links::peek("abc"), None);
}

#[cache_result(detached)]
async fn recursive(key: u32) -> u32 {
    again(key).await
}

fn again(key: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(recursive(key))
}

#[cache_result(detached)]
async fn endless(_key: u32) -> u32 {
    pending().await
}

#[test]
fn a_function_that_calls_itself_with_the_same_arguments_panics() {
    start();
    let mut caller = call(recursive(1));
    run();
    assert!(panic_of(|| poll(&mut caller)).unwrap().contains("recursive load"));
    // One that hangs hangs in its task.
    let caller = call(endless(1));
    run();
    drop(caller);
    assert_eq!(tasks(), 1);
    drop(take_tasks());
}
