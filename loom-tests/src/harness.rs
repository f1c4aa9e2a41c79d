//! What a model runs in.

use larder::doors;
use std::{
    cell::OnceCell,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex,
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
    setup: impl Fn() -> C + Copy + Send + Sync + 'static,
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
/// could see, so it adds nothing to explore. (Counter and slots are no part of the model, hence
/// std's.)
///
/// The threads outlive the check: loom's `join` does not wait for thread-local values to be
/// dropped, so a thread that may end could stay pinned throughout the check.
fn once<C: 'static, R: 'static, const N: usize>(
    setup: impl Fn() -> C + Copy + Send + Sync + 'static,
    threads: [fn(&C) -> R; N],
    check: fn(&C, [R; N]),
) {
    let context = Arc::new(reporting(setup));
    let passed = Arc::new(AtomicUsize::new(0));
    let main = loom::thread::current();
    let (handles, slots): (Vec<_>, Vec<_>) = threads
        .into_iter()
        .enumerate()
        .map(|(before, body)| {
            let slot = Arc::new(Mutex::new(None));
            let handle = loom::thread::spawn({
                let (context, passed) = (Arc::clone(&context), Arc::clone(&passed));
                let (slot, main) = (Arc::clone(&slot), main.clone());
                move || {
                    let pass = || {
                        passed.fetch_add(1, Relaxed);
                        main.unpark();
                        loom::thread::park();
                    };
                    doors::register();
                    pass();
                    let result = reporting(|| body(&context));
                    drop(context);
                    *slot.lock().expect("no panic") = Some(result);
                    pass();
                }
            });
            park_until(|| passed.load(Relaxed) > before);
            (handle, slot)
        })
        .unzip();
    for handle in &handles {
        handle.thread().unpark();
    }
    loom::explore();
    park_until(|| passed.load(Relaxed) == 2 * N);
    loom::stop_exploring();
    let result = |i: usize| slots[i].lock().expect("no panic").take().expect("all have passed");
    let results = std::array::from_fn(result);
    let context = Arc::into_inner(context).expect("all have dropped theirs");
    reporting(|| check(&context, results));
    reporting(|| drop(context));
    for handle in handles {
        handle.thread().unpark();
        handle.join().expect("a panic ends the model before");
    }
}

fn park_until(condition: impl Fn() -> bool) {
    while !condition() {
        loom::thread::park();
    }
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
