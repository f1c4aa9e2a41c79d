//! What a model runs in.

use larder::doors;
use std::{
    cell::OnceCell,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{self, Sender},
    },
    thread,
    time::Instant,
};

/// Runs `setup`, then `threads` at once, then `check` with what they returned: for every
/// interleaving with at most `preemptions` switches away from a thread that could have gone on
/// (`LOOM_MAX_PREEMPTIONS` may lower that number).
///
/// Only the threads' functions are explored. What surrounds them (starting, registering with the
/// collector, ending) is done in one fixed order: it is crossbeam-epoch's and loom's business, and
/// has more steps than most operations.
///
/// # Panics
///
/// If a thread, the check or loom does, in any interleaving.
pub fn model<C: 'static, R: 'static, const N: usize>(
    preemptions: usize,
    setup: fn() -> C,
    threads: [fn(&C) -> R; N],
    check: fn(&C, [R; N]),
) {
    let executions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&executions);
    let started = Instant::now();
    in_own_thread(move || {
        let mut builder = loom::model::Builder::new();
        let allowed = builder.preemption_bound.unwrap_or(preemptions);
        builder.preemption_bound = Some(preemptions.min(allowed));
        builder.max_branches = 5_000;
        builder.expect_explicit_explore = true;
        builder.check(move || {
            count.fetch_add(1, Relaxed);
            once(setup, threads, check);
        });
    });
    let name = thread::current().name().unwrap_or("a model").to_owned();
    eprintln!("{name}: {} executions in {:.1?}", executions.load(Relaxed), started.elapsed());
}

/// One execution. Threads meet by parking, which loom does not take for an operation that others
/// could see, so it adds nothing to explore. (The counter is no part of the model, hence std's.)
fn once<C: 'static, R: 'static, const N: usize>(
    setup: fn() -> C,
    threads: [fn(&C) -> R; N],
    check: fn(&C, [R; N]),
) {
    let shared = Arc::new((reporting(setup), AtomicUsize::new(0)));
    let main = loom::thread::current();
    let handles = threads.map(|body| {
        let before = shared.1.load(Relaxed);
        let (inner, main) = (Arc::clone(&shared), main.clone());
        let handle = loom::thread::spawn(move || {
            let (context, passed) = &*inner;
            doors::register();
            passed.fetch_add(1, Relaxed);
            main.unpark();
            loom::thread::park();
            let result = reporting(|| body(context));
            if passed.fetch_add(1, Relaxed) + 1 == 2 * N {
                main.unpark();
            }
            loom::thread::park();
            drop(inner);
            result
        });
        while shared.1.load(Relaxed) == before {
            loom::thread::park();
        }
        handle
    });
    for handle in &handles {
        handle.thread().unpark();
    }
    loom::explore();
    while shared.1.load(Relaxed) < 2 * N {
        loom::thread::park();
    }
    loom::stop_exploring();
    let results = handles.map(|handle| {
        handle.thread().unpark();
        handle.join().expect("a panic ends the model before")
    });
    let (context, _) = Arc::into_inner(shared).expect("all threads have ended");
    reporting(|| check(&context, results));
    reporting(|| drop(context));
}

thread_local! {
    /// In threads that run a model: where to report a panic.
    static REPORT: OnceCell<Sender<thread::Result<()>>> = const { OnceCell::new() };
}

/// Runs `f` in a thread of its own, and panics if it or anything in [`reporting`] does.
fn in_own_thread(f: impl FnOnce() + Send + 'static) {
    let (report, outcome) = mpsc::channel();
    thread::spawn(move || {
        REPORT.with(|slot| slot.set(report.clone()).expect("a new thread"));
        reporting(f);
        // The receiver waits for as long as the model runs.
        let _ = report.send(Ok(()));
    });
    if let Err(payload) = outcome.recv().expect("the model ends one way or the other") {
        panic::resume_unwind(payload);
    }
}

/// Runs `f`. If it panics, reports that and stops this thread where it is: if the panic went on, it
/// would drop the participants of epoch-based reclamation when loom is gone already, and that
/// aborts the process.
fn reporting<R>(f: impl FnOnce() -> R) -> R {
    panic::catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|payload| {
        // As above.
        let _ = REPORT.with(|slot| slot.get().expect("runs a model").send(Err(payload)));
        loop {
            thread::park();
        }
    })
}
