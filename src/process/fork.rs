//! What a child of `fork` does to go on with caches.
//!
//! A child has its parent's memory and one of its threads, the one that forked. The others are as
//! if they had been stopped for good at that moment, each at some instruction. The engine's
//! protocols are made for that: a thread that stops at any instruction stops no other. What needs
//! more is done here, in two parts.
//!
//! *While forking*, by handlers of `pthread_atfork`: the forking thread holds the locks of the
//! background threads, so that in the child no other thread holds them and the data that they guard
//! is whole. The child's handler then only changes words ([`Maintainer::orphan`],
//! [`Pool::orphan`]): many children go on to `exec` at once, and little is safe between the two. It
//! starts no thread and allocates nothing.
//!
//! *When the child uses a cache*: [`catch_up`], once per child. It is called where most hits do not
//! pass: by the first lookup that reads the clock, the first task that registers or needs the timer
//! woken, the first batch of nodes that is sealed.
//!
//! - The pins of threads that the child does not have are ended (`epoch.rs`); otherwise no memory
//!   would be reclaimed any more.
//! - The timer is started, and looks at every task.
//! - Each pool starts a thread if jobs wait in its queue (`pool.rs`).
//!
//! Each wheel has all its blocks looked at before its first advance in the child: a thread of the
//! parent may have had some in hand, or have published an entry that it had not scheduled yet
//! (`wheel.rs`).
//!
//! The first sweep in the child looks at all entries again: an insert that another thread had under
//! way may have left one that had been invalidated before (`groups.rs`).
//!
//! Loads know in which process they began: no thread of a child waits for a leader that stayed
//! behind (`fill.rs`).
//!
//! The child has lost: batches and nodes that another thread had in hand, which is memory of at
//! most a few batches per thread; the credits of the entries that such threads were about to
//! insert; and the numbers of those threads.
//!
//! # Orderings
//!
//! The child begins with one thread, so what its handler writes happens before all that the child
//! does. Hence every access here is Relaxed.

use crate::sync::StaticU64;
use std::sync::atomic::Ordering::Relaxed;

/// The number of forks between the first process and this one, since handlers were registered.
static PROCESS: StaticU64 = StaticU64::new(0);
/// The last process that has caught up.
static CAUGHT_UP: StaticU64 = StaticU64::new(0);

/// Returns which process this is, counted from the one that registered the handlers. Changes in
/// children of `fork` only.
#[inline(always)]
pub(crate) fn process() -> u64 {
    PROCESS.load(Relaxed)
}

/// What a collector does in a child of `fork`.
#[cfg_attr(larder_loom, allow(dead_code, reason = "models do not fork"))]
#[derive(Debug)]
pub(crate) struct Collector {
    /// In the handler: notes that the child has this thread. Only changes words.
    pub(crate) survive: fn(),
    /// When the child first uses a cache: ends the pins of threads that the child does not have.
    pub(crate) bury: fn(),
}

/// Does, in a child, what is left to be done once.
#[inline]
pub(crate) fn catch_up() {
    if CAUGHT_UP.load(Relaxed) != process() {
        catch_up_once();
    }
}

#[cold]
#[inline(never)]
fn catch_up_once() {
    let process = process();
    // Relaxed: chooses the one thread that does it. Others go on and need not wait for it.
    if CAUGHT_UP.swap(process, Relaxed) != process {
        imp::revive();
    }
}

#[cfg_attr(larder_loom, allow(unused_imports, reason = "models do not fork"))]
pub(crate) use imp::{watch, watch_collector};

#[cfg(all(unix, not(larder_loom), not(miri)))]
mod imp {
    use super::{Collector, PROCESS};
    use crate::process::{
        clock,
        maintenance::{self, MAINTAINER},
        pool::{self, Pool, REFRESHES},
        sys,
    };
    use std::{
        cell::UnsafeCell,
        sync::{MutexGuard, Once, OnceLock, atomic::Ordering::Relaxed},
    };

    static COLLECTOR: OnceLock<Collector> = OnceLock::new();

    /// Registers the handlers of forks, and what a collector does in them.
    pub(crate) fn watch_collector(collector: Collector) {
        // Before the first thread pins, so a child without a collector here has no pins to end.
        let _ = COLLECTOR.set(collector);
        watch();
    }

    /// Registers the handlers of forks.
    pub(crate) fn watch() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // If there is no memory to note the handlers, forks are not noted.
            // SAFETY: the three are functions of this crate with the signature that is asked for,
            // and they stay for as long as the process.
            let _ = unsafe { sys::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
        });
    }

    static POOLS: [&Pool; 2] = [&maintenance::WORKERS_OF_ALL, &REFRESHES];

    /// What a thread holds while it forks.
    struct ForkGuards {
        state: MutexGuard<'static, maintenance::State>,
        queues: [MutexGuard<'static, pool::JobQueue>; 2],
    }

    /// Where the thread that forks keeps its guards.
    struct GuardCell(UnsafeCell<Option<ForkGuards>>);

    // SAFETY: only the thread that holds the maintainer's lock accesses the place, from before it
    // puts its guards there until it has taken them out again.
    unsafe impl Sync for GuardCell {}

    static GUARDS: GuardCell = GuardCell(UnsafeCell::new(None));

    extern "C" fn prepare() {
        let held = ForkGuards { state: MAINTAINER.hold(), queues: POOLS.map(Pool::hold) };
        // SAFETY: this thread holds the maintainer's lock, so no other thread accesses the place.
        unsafe { *GUARDS.0.get() = Some(held) };
    }

    extern "C" fn parent() {
        // SAFETY: this thread holds the maintainer's lock since `prepare`, so no other thread
        // accesses the place.
        drop(unsafe { (*GUARDS.0.get()).take() });
    }

    extern "C" fn child() {
        // SAFETY: this is the child's only thread, and it holds the maintainer's lock since
        // `prepare`.
        let held = unsafe { (*GUARDS.0.get()).take() };
        PROCESS.fetch_add(1, Relaxed);
        if let Some(collector) = COLLECTOR.get() {
            (collector.survive)();
        }
        clock::system::distrust();
        if let Some(mut held) = held {
            MAINTAINER.orphan(&mut held.state);
            for (pool, queue) in POOLS.into_iter().zip(&mut held.queues) {
                pool.orphan(queue);
            }
        }
    }

    #[cold]
    pub(crate) fn revive() {
        if let Some(collector) = COLLECTOR.get() {
            (collector.bury)();
        }
        MAINTAINER.revive();
        POOLS.into_iter().for_each(Pool::revive);
    }
}

#[cfg(not(all(unix, not(larder_loom), not(miri))))]
mod imp {
    #[cfg_attr(larder_loom, allow(dead_code, reason = "models do not fork"))]
    pub(crate) fn watch() {}

    #[allow(dead_code, reason = "without forks the collector has nothing to do")]
    pub(crate) fn watch_collector(_collector: super::Collector) {}

    pub(crate) fn revive() {}
}
