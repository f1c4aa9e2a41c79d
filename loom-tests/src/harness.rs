//! What a model runs in.

use larder::doors;
use std::{
    cell::OnceCell,
    panic,
    sync::{
        Arc, Once,
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
    check: fn(C, [R; N]),
) {
    let executions = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&executions);
    let started = Instant::now();
    until_panic(move || {
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
    check: fn(C, [R; N]),
) {
    let shared = Arc::new((setup(), AtomicUsize::new(0)));
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
            let result = body(context);
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
    check(context, results);
}

thread_local! {
    /// In threads that run a model: where to report a panic.
    static REPORT: OnceCell<Sender<Result<(), String>>> = const { OnceCell::new() };
}

/// Runs `f` in a thread of its own and panics if it panics, without unwinding it: the destructors of
/// a cache would go on with the model, and abort the process when loom refuses.
fn until_panic(f: impl FnOnce() + Send + 'static) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            print(info);
            REPORT.with(|report| {
                if let Some(report) = report.get() {
                    // The receiver waits for as long as the model runs.
                    let _ = report.send(Err(info.to_string()));
                    loop {
                        thread::park();
                    }
                }
            });
        }));
    });
    let (report, outcome) = mpsc::channel();
    thread::spawn(move || {
        REPORT.with(|slot| slot.set(report.clone()).expect("a new thread"));
        f();
        // As above.
        let _ = report.send(Ok(()));
    });
    match outcome.recv() {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => panic!("the model fails: {panic}"),
        Err(_) => unreachable!("the model ends neither way"),
    }
}
