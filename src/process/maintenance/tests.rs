use super::*;
use crate::ManualClock;
use std::{
    sync::{
        atomic::AtomicBool,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{JoinHandle, ThreadId},
};

/// Longer than any expected event takes.
const LIMIT: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A maintainer of one test, and the threads that it has started.
struct Harness {
    maintainer: &'static Maintainer,
    threads: &'static Mutex<Vec<JoinHandle<()>>>,
}

impl Harness {
    fn new() -> Self {
        // Without workers, the timer's thread passes all tasks.
        Self::with_workers(0)
    }

    fn with_workers(most: usize) -> Self {
        let threads: &'static Mutex<Vec<JoinHandle<()>>> = Box::leak(Box::default());
        let spawn = Box::leak(Box::new(move |maintainer: &'static Maintainer| {
            let handle = thread::spawn(|| maintainer.run());
            let thread = handle.thread().clone();
            threads.lock().unwrap().push(handle);
            Ok(thread)
        }));
        let workers = Box::leak(Box::new(Pool::new("test", most, Some(PATIENCE))));
        Self { maintainer: Box::leak(Box::new(Maintainer::new(workers, spawn))), threads }
    }

    fn register(&self, task: &Arc<Script>) -> Registration {
        self.register_as(task, Code::Own)
    }

    fn register_as(&self, task: &Arc<Script>, code: Code) -> Registration {
        let task = Arc::downgrade(task) as Weak<dyn Task>;
        self.maintainer.register(task, Clock::default(), code).unwrap()
    }

    /// Returns how many slots the timer has examined.
    fn looks(&self) -> u64 {
        self.maintainer.state().agenda.looks
    }

    fn wake_ups(&self) -> u64 {
        self.maintainer.wake_ups.load(Relaxed)
    }

    /// Waits for the end of every thread that was started, and returns their number.
    fn join(&self) -> usize {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap());
        let count = threads.len();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        count
    }
}

/// A task that reports each pass and runs a closure.
struct Script {
    passed: Mutex<Sender<ThreadId>>,
    body: Box<dyn Fn() -> Next + Send + Sync>,
}

impl Task for Script {
    fn pass(&self) -> Next {
        let next = (self.body)();
        // Not every test listens to the end.
        let _ = self.passed.lock().unwrap().send(thread::current().id());
        next
    }
}

fn script(body: impl Fn() -> Next + Send + Sync + 'static) -> (Arc<Script>, Receiver<ThreadId>) {
    let (sender, passes) = channel();
    (Arc::new(Script { passed: Mutex::new(sender), body: Box::new(body) }), passes)
}

fn pass(passes: &Receiver<ThreadId>) -> ThreadId {
    passes.recv_timeout(LIMIT).expect("a pass")
}

#[test]
fn one_thread_from_the_first_task_to_the_last_again_and_again() {
    let harness = Harness::new();
    for _ in 0..3 {
        let (one, ones) = script(|| Next::Idle);
        let (other, others) = script(|| Next::Idle);
        let first = harness.register(&one);
        let second = harness.register(&other);
        let thread = pass(&ones);
        assert_eq!(pass(&others), thread);
        drop(first);
        second.notify();
        assert_eq!(pass(&others), thread);
        drop(second);
        assert_eq!(harness.join(), 1);
        assert!(harness.maintainer.state().timer.is_none());
        assert!(ones.try_recv().is_err(), "passed without a reason, or after it was gone");
    }
}

#[test]
fn a_task_may_come_while_the_thread_is_about_to_end() {
    let harness = Harness::new();
    let alone = Arc::new(Mutex::new(()));
    for _ in 0..200 {
        let alone = Arc::clone(&alone);
        let (task, passes) = script(move || {
            let _alone = alone.try_lock().expect("no other thread passes anything");
            Next::Idle
        });
        let _registration = harness.register(&task);
        pass(&passes);
    }
    harness.join();
    assert_eq!(harness.maintainer.panics.load(Relaxed), 0);
}

#[test]
fn a_pass_that_parks_uses_up_no_wake_up_of_another_task() {
    let harness = Harness::new();
    let (quiet, quiets) = script(|| Next::Idle);
    let first = harness.register(&quiet);
    pass(&quiets);
    let (go, goes) = channel::<()>();
    let (parking, parks) = channel();
    let state = Mutex::new((goes, parking));
    let (parker, parked) = script(move || {
        let (goes, parking) = &*state.lock().unwrap();
        goes.recv().unwrap();
        // Perhaps the pass of the registration.
        thread::park_timeout(Duration::ZERO);
        parking.send(()).unwrap();
        thread::park();
        Next::Idle
    });
    let _second = harness.register(&parker);
    go.send(()).unwrap();
    parks.recv_timeout(LIMIT).expect("to begin");
    first.notify();
    pass(&parked);
    pass(&quiets);
}

#[test]
fn the_earliest_task_is_passed_first() {
    let clock = Clock::default();
    // Tries longer times, until both tasks are registered before one of them is due.
    for millis in (0..).map(|attempt| 20 << attempt) {
        let harness = Harness::new();
        let (order, came) = channel();
        let due = |millis| clock.deadline_after(Duration::from_millis(millis));
        let (late, early) = (due(2 * millis), due(millis));
        let registered = [("late", late), ("early", early)].map(|(name, due)| {
            let (clock, order) = (clock.clone(), Mutex::new(order.clone()));
            let begun = AtomicBool::new(false);
            let (task, passes) = script(move || {
                if !begun.swap(true, Relaxed) {
                    return Next::At(due);
                }
                order.lock().unwrap().send((name, clock.now() >= due)).unwrap();
                Next::Idle
            });
            let registration = harness.register(&task);
            pass(&passes);
            (task, passes, registration)
        });
        let in_time = clock.now() < early;
        let came = [(); 2].map(|()| came.recv_timeout(LIMIT).unwrap());
        drop(registered);
        harness.join();
        if in_time {
            assert_eq!(came, [("early", true), ("late", true)]);
            return;
        }
    }
}

#[test]
fn an_earlier_request_wakes_the_timer_and_a_later_one_does_not() {
    let harness = Harness::new();
    let clock = Clock::default();
    let in_an_hour = clock.deadline_after(HOUR);
    let (task, passes) = script(move || Next::At(in_an_hour));
    let registration = harness.register(&task);
    pass(&passes);
    registration.wake_by(clock.deadline_after(Duration::from_millis(1)));
    pass(&passes);
    // From here on the thread parks, and wakes up for requests.
    while registration.slot.alarm.time() != in_an_hour {
        yield_now();
    }
    assert!(!registration.slot.alarm.ask(in_an_hour));
    assert!(registration.slot.alarm.ask(in_an_hour - 1));
    assert!(!registration.slot.alarm.ask(in_an_hour - 1));
    drop(registration);
    harness.join();
}

#[test]
fn an_idle_task_does_not_wake_the_timer() {
    const EVENTS: u64 = 8;
    let harness = Harness::new();
    let (idle, idles) = script(|| Next::Idle);
    let _idle = harness.register(&idle);
    pass(&idles);
    let clock = Clock::default();
    let (busy, events) = script(move || Next::At(clock.deadline_after(Duration::from_millis(15))));
    let busy = (harness.register(&busy), busy);
    let before = harness.wake_ups();
    (0..EVENTS).for_each(|_| _ = pass(&events));
    let wake_ups = harness.wake_ups() - before;
    // One for each, and those of the two registrations.
    assert!((EVENTS - 1..=EVENTS + 2).contains(&wake_ups), "{wake_ups}");
    assert!(idles.try_recv().is_err());
    drop((busy, _idle));
    harness.join();
}

#[test]
fn tasks_that_want_more_take_turns() {
    let harness = Harness::new();
    let left = Mutex::new(100);
    let (greedy, greedies) = script(move || {
        let mut left = left.lock().unwrap();
        *left -= 1;
        if *left > 0 { Next::More } else { Next::Idle }
    });
    let greedy = (harness.register(&greedy), greedy);
    (0..100).for_each(|_| _ = pass(&greedies));
    drop(greedy);
    harness.join();
    assert!(greedies.try_recv().is_err());
}

#[test]
fn the_last_handle_may_be_dropped_in_a_pass() {
    struct Owner(Mutex<Option<Registration>>, Mutex<Receiver<()>>, Mutex<Sender<ThreadId>>);
    impl Task for Owner {
        fn pass(&self) -> Next {
            self.1.lock().unwrap().recv().expect("the other handle is dropped first");
            Next::More
        }
    }
    impl Drop for Owner {
        fn drop(&mut self) {
            self.2.lock().unwrap().send(thread::current().id()).unwrap();
        }
    }
    let harness = Harness::new();
    let (go, gone) = channel();
    let (sender, dropped) = channel();
    let owner = Arc::new(Owner(Mutex::new(None), Mutex::new(gone), Mutex::new(sender)));
    let task = Arc::downgrade(&owner) as Weak<dyn Task>;
    *owner.0.lock().unwrap() =
        Some(harness.maintainer.register(task, Clock::default(), Code::Own).unwrap());
    // The pass has begun when the thread has a handle.
    while Arc::strong_count(&owner) == 1 {
        yield_now();
    }
    drop(owner);
    let thread = harness.threads.lock().unwrap()[0].thread().id();
    go.send(()).unwrap();
    assert_eq!(dropped.recv_timeout(LIMIT), Ok(thread));
    assert_eq!(harness.join(), 1);
}

#[test]
fn a_panic_in_a_pass_stops_no_other_task() {
    struct Spiteful;
    impl Drop for Spiteful {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("again"));
        }
    }
    let harness = Harness::new();
    // Without the message that `panic!` prints.
    let (bad, _) = script(|| std::panic::resume_unwind(Box::new(Spiteful)));
    let (good, goods) = script(|| Next::Idle);
    let bad = (harness.register(&bad), bad);
    let good = (harness.register(&good), good);
    pass(&goods);
    // Either may be first, and the bad one is passed again a second later.
    while harness.maintainer.panics.load(Relaxed) == 0 {
        yield_now();
    }
    let panics = harness.maintainer.panics.load(Relaxed);
    bad.0.notify();
    good.0.notify();
    pass(&goods);
    while harness.maintainer.panics.load(Relaxed) == panics {
        yield_now();
    }
    assert!(matches!(bad.0.slot.clock.until(bad.0.slot.alarm.time()), Until::In(_) | Until::Past));
    drop((bad, good));
    harness.join();
}

/// The one test with the maintainer of the process, which manual clocks know.
#[test]
fn advancing_a_manual_clock_wakes_the_timer() {
    let manual = ManualClock::new();
    let clock = Clock::from(&manual);
    let times = clock.clone();
    let (task, passes) = script(move || Next::At(times.deadline_after(HOUR)));
    let registration = register(Arc::downgrade(&task) as Weak<dyn Task>, clock, Code::Own).unwrap();
    for _ in 0..3 {
        let thread = pass(&passes);
        assert_ne!(thread, thread::current().id());
        // The pass reports its time before it returns when it wants the next one.
        while registration.slot.alarm.time() == NEVER {
            yield_now();
        }
        manual.advance(HOUR);
    }
    pass(&passes);
}

#[test]
fn a_registration_fails_without_a_thread() {
    static MAINTAINER: Maintainer =
        Maintainer::new(&WORKERS_OF_ALL, &|_| Err(io::ErrorKind::OutOfMemory.into()));
    let (task, passes) = script(|| Next::Idle);
    let task = Arc::downgrade(&task) as Weak<dyn Task>;
    let refused = MAINTAINER.register(task, Clock::default(), Code::Own).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::OutOfMemory);
    assert!(MAINTAINER.state().agenda.is_empty() && passes.try_recv().is_err());
}

#[test]
fn a_wake_up_examines_only_slots_that_are_due() {
    const TASKS: usize = 5_000;
    const EVENTS: u64 = 50;
    let harness = Harness::new();
    let clock = Clock::default();
    let in_an_hour = clock.deadline_after(HOUR);
    let (passed, passes) = channel();
    // All tasks wait for an hour, except one that waits for a millisecond, repeatedly.
    let waiting: Vec<_> = (0..TASKS)
        .map(|_| {
            let passed = Mutex::new(passed.clone());
            let (task, _) = script(move || {
                let _ = passed.lock().unwrap().send(());
                Next::At(in_an_hour)
            });
            (harness.register(&task), task)
        })
        .collect();
    (0..TASKS).for_each(|_| passes.recv_timeout(LIMIT).unwrap());
    let (busy, events) = script(move || Next::At(clock.deadline_after(Duration::from_millis(1))));
    let busy = (harness.register(&busy), busy);
    pass(&events);
    let before = harness.looks();
    (0..EVENTS).for_each(|_| _ = pass(&events));
    let looks = harness.looks() - before;
    // One to find it due and one to put it back, and the rest of the registrations.
    assert!(looks <= 4 * EVENTS, "{looks} looks for {EVENTS} events");
    // A writer that requests a pass causes the examination of one slot; a writer that requests a
    // later pass than the one due, of none.
    drop(busy);
    let before = harness.looks();
    waiting[0].0.wake_by(in_an_hour + 1);
    waiting[1].0.notify();
    passes.recv_timeout(LIMIT).unwrap();
    let looks = harness.looks() - before;
    assert!(looks <= 8, "{looks} looks for one request");
    drop(waiting);
    harness.join();
}

#[test]
fn a_task_that_blocks_delays_no_other_however_many_do() {
    const BLOCKED: usize = 20;
    let harness = Harness::with_workers(64);
    let (begun, begins) = channel();
    let (open, opens) = channel::<()>();
    let opens = Arc::new(Mutex::new(opens));
    let blocked: Vec<_> = (0..BLOCKED)
        .map(|_| {
            let (begun, opens) = (Mutex::new(begun.clone()), Arc::clone(&opens));
            let (task, _) = script(move || {
                begun.lock().unwrap().send(()).unwrap();
                let _ = opens.lock().unwrap().recv();
                Next::Idle
            });
            (harness.register_as(&task, Code::Foreign), task)
        })
        .collect();
    (0..BLOCKED).for_each(|_| begins.recv_timeout(LIMIT).unwrap());
    for code in [Code::Foreign, Code::Own] {
        let (other, passes) = script(|| Next::Idle);
        let registration = harness.register_as(&other, code);
        pass(&passes);
        registration.notify();
        pass(&passes);
    }
    // A task passes again for requests made while it blocked, and ended registrations are removed.
    blocked[0].0.notify();
    drop(open);
    begins.recv_timeout(LIMIT).unwrap();
    drop(blocked);
    harness.join();
    assert!(harness.maintainer.state().agenda.is_empty());
}

#[test]
fn a_registration_may_end_while_its_task_is_passed_by_a_worker() {
    let harness = Harness::with_workers(2);
    let (begun, begins) = channel();
    let (open, opens) = channel::<()>();
    let inside = Mutex::new((begun, opens));
    let (task, passes) = script(move || {
        let (begun, opens) = &*inside.lock().unwrap();
        begun.send(()).unwrap();
        let _ = opens.recv();
        Next::More
    });
    let registration = harness.register_as(&task, Code::Foreign);
    begins.recv_timeout(LIMIT).unwrap();
    drop(registration);
    drop(open);
    pass(&passes);
    assert_eq!(harness.join(), 1);
    assert!(begins.try_recv().is_err(), "passed after its end");
}
