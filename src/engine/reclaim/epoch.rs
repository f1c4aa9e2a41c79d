//! What the engine has of this thread: its participant in epoch-based reclamation, and the number
//! under which it counts.
//!
//! All caches of a process share one collector, which is not crossbeam's default one, so that a
//! reader's occasional walk over the participants meets only threads that use a cache. (Epoch-based
//! reclamation: Fraser, "Practical lock-freedom", 2004; the implementation is crossbeam-epoch.)
//!
//! # Thread numbers
//!
//! Each thread counts on a line of its own and keeps a thread cache of nodes of its own, without
//! locked instructions (`per_thread.rs`), so a number belongs to one living thread at a time. It is
//! taken from a bitmap when a thread first uses a cache and given back when the thread ends. Taking
//! a number is a compare-and-swap with Acquire, giving it back a Release: the next owner goes on
//! where the last one stopped. Threads beyond [`MAX_THREADS`] get no number and use locked
//! instructions.
//!
//! A number that comes back between the load and the swap does no harm (ABA): taking a free one is
//! right whenever it succeeds. Lock-free: a failed swap is another thread's success.

use crossbeam_epoch::{Collector, Guard, LocalHandle};
use std::hint;

/// The maximum number of living threads that have a number.
#[cfg(not(larder_loom))]
pub(crate) const MAX_THREADS: u32 = 4096;
/// The maximum number of threads of a loom model, with its main thread.
#[cfg(larder_loom)]
pub(crate) const MAX_THREADS: u32 = 4;

/// The number under which a thread counts, if it got one.
///
/// It is kept as a place in chunks, since counters are stored like that: each chunk has as many
/// places as all before it together, and finding a thread's counters on a hit takes no arithmetic.
/// The chunk is the lower half of the word, the place within it, times [`UNIT`], the upper half:
/// with both in one word, a [`Pin`] is two words and stays in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(u64);

/// The number of places of the first chunk: one, since many caches are used by one thread.
const FIRST_CHUNK: usize = if cfg!(larder_loom) { 4 } else { 1 };

/// The size of which those of most values are a multiple, in bytes: then finding a thread's value
/// takes no multiplication.
const UNIT: usize = 128;

/// Returns the number of places of a chunk.
pub(crate) fn chunk_len(chunk: usize) -> usize {
    if chunk == 0 { FIRST_CHUNK } else { FIRST_CHUNK << (chunk - 1) }
}

/// The number of chunks that hold all places. One more is never filled and stands for "no number".
pub(crate) const CHUNKS: usize = (MAX_THREADS as usize / FIRST_CHUNK).ilog2() as usize + 1;

impl Number {
    const NONE: Number = Number::at(CHUNKS as u32, 0);

    const fn at(chunk: u32, place: u32) -> Self {
        Number((place as u64 * UNIT as u64) << 32 | chunk as u64)
    }

    fn new(number: u32) -> Self {
        let chunk = (number / FIRST_CHUNK as u32).checked_ilog2().map_or(0, |log| log + 1);
        Self::at(chunk, number - Self::first_of(chunk))
    }

    /// Returns the lowest number whose place is in a chunk.
    fn first_of(chunk: u32) -> u32 {
        if chunk == 0 { 0 } else { (FIRST_CHUNK as u32) << (chunk - 1) }
    }

    /// Returns whether this is one of the `count` lowest numbers.
    #[inline]
    pub(crate) fn is_below(self, count: u32) -> bool {
        self.number().is_some_and(|number| number < count)
    }

    fn number(self) -> Option<u32> {
        let place = self.offset(1) as u32;
        (self != Self::NONE).then(|| Self::first_of(self.chunk() as u32) + place)
    }

    /// Returns the chunk, at most [`CHUNKS`].
    #[inline(always)]
    pub(crate) fn chunk(self) -> usize {
        self.0 as u32 as usize
    }

    /// Returns the place within the chunk, which is less than the chunk's length, times `size`.
    #[inline(always)]
    pub(crate) fn offset(self, size: usize) -> usize {
        let units = (self.0 >> 32) as usize;
        if size.is_multiple_of(UNIT) { units * (size / UNIT) } else { units / UNIT * size }
    }
}

/// What the engine has of a thread.
#[derive(Debug)]
pub(crate) struct Local {
    handle: LocalHandle,
    number: Number,
}

impl Local {
    #[inline(always)]
    fn pin(&self) -> Pin {
        Pin { guard: self.handle.pin(), number: self.number }
    }

    #[cold]
    fn register() -> Self {
        let number = numbers::claim();
        let handle = collector().register();
        if let Some(number) = number {
            participants::enter(number, &handle);
        }
        Self { handle, number: number.map_or(Number::NONE, Number::new) }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        forget();
        if let Some(number) = self.number.number() {
            participants::leave(number);
            numbers::give_back(number);
        }
    }
}

/// The participants, by number: for children of `fork`, which do not have the parent's other
/// threads, but have their participants, pinned if they were pinned at the fork. (Threads without a
/// number are not listed, and neither are threads that were beginning or ending at the fork.)
#[cfg(all(unix, not(larder_loom), not(miri)))]
mod participants {
    use super::MAX_THREADS;
    use crate::process::{
        fork::{self, Collector},
        pool::caught,
    };
    use crossbeam_epoch::LocalHandle;
    use std::{
        cell::{Cell, UnsafeCell},
        mem::{ManuallyDrop, MaybeUninit},
        ptr,
        sync::atomic::{AtomicU64, Ordering, fence},
    };

    struct Participant {
        /// One more than the process in which the thread lives; 0 if there is no such thread.
        process: AtomicU64,
        /// A bitwise copy of the thread's handle; the thread drops the original.
        handle: UnsafeCell<MaybeUninit<LocalHandle>>,
    }

    // SAFETY: the handle is written only by the thread that has the number. It is read only by one
    // thread of a process that does not have that thread, after `process` has said so: no thread
    // writes it at that time.
    unsafe impl Sync for Participant {}

    static PARTICIPANTS: [Participant; MAX_THREADS as usize] = [const {
        Participant { process: AtomicU64::new(0), handle: UnsafeCell::new(MaybeUninit::uninit()) }
    }; MAX_THREADS as usize];

    thread_local! {
        /// This thread's number.
        static OWN: Cell<Option<u32>> = const { Cell::new(None) };
    }

    pub(crate) fn enter(number: u32, handle: &LocalHandle) {
        fork::watch_collector(Collector { survive, bury });
        let participant = &PARTICIPANTS[number as usize];
        // SAFETY: this thread has the number, so no other thread accesses the place. The copy is
        // not used in a process that has this thread, and never dropped.
        unsafe { ptr::copy_nonoverlapping(handle, (*participant.handle.get()).as_mut_ptr(), 1) };
        // Release: pairs with the Acquire in `bury`; a child that finds the process finds the
        // handle.
        participant.process.store(fork::process() + 1, Ordering::Release);
        OWN.set(Some(number));
    }

    pub(crate) fn leave(number: u32) {
        OWN.set(None);
        // Relaxed: the fence orders it.
        PARTICIPANTS[number as usize].process.store(0, Ordering::Relaxed);
        // SeqCst: keeps the store before the drop of the handle, which comes next, in the memory
        // that a child of `fork` gets.
        fence(Ordering::SeqCst);
    }

    /// Notes, in the handler of a child of `fork`, that the child has this thread.
    fn survive() {
        if let Some(number) = OWN.get() {
            let process = fork::process() + 1;
            // Relaxed: this is the child's only thread, and the handle is the one that it has
            // entered.
            PARTICIPANTS[number as usize].process.store(process, Ordering::Relaxed);
        }
    }

    /// Ends the pins of threads that a child of `fork` does not have. Runs once in each child.
    fn bury() {
        for participant in &PARTICIPANTS {
            // Acquire: pairs with the Release in `enter`; the handle is visible.
            let process = participant.process.load(Ordering::Acquire);
            if process == 0 || process == fork::process() + 1 {
                continue;
            }
            // Relaxed: one thread of the child runs this, once.
            participant.process.store(0, Ordering::Relaxed);
            // SAFETY: the handle was entered in another process, of whose threads this process has
            // only the one that forked, and `survive` has noted that one as this process's. No
            // thread gets the number, since it was not given back. The participant still exists,
            // since its handle was not dropped.
            let handle =
                unsafe { ManuallyDrop::new(ptr::read((*participant.handle.get()).as_ptr())) };
            // This is one guard more than the thread had. The thread's own guards are on a stack
            // that no thread returns to. They only count, so copies of this one are dropped in
            // their place.
            //
            // A thread that was ending its pin may have given up its last guard and not yet its
            // epoch. Then the end of this guard gives up the epoch. With debug assertions
            // crossbeam-epoch panics instead, and gives it up while it unwinds.
            let Some(guard) = caught(|| handle.pin()) else { continue };
            let guard = ManuallyDrop::new(guard);
            while handle.is_pinned() {
                // SAFETY: `is_pinned` says that the participant counts one more guard. Each copy
                // stands for one of these guards, and no other code drops any of them.
                drop(unsafe { ptr::read(&*guard) });
            }
        }
    }
}

#[cfg(not(all(unix, not(larder_loom), not(miri))))]
mod participants {
    use crossbeam_epoch::LocalHandle;

    pub(crate) fn enter(_: u32, _: &LocalHandle) {}

    pub(crate) fn leave(_: u32) {}
}

#[cfg(not(larder_loom))]
mod statics {
    use super::{Collector, Local};
    use std::{cell::Cell, ptr::NonNull, sync::LazyLock};

    static COLLECTOR: LazyLock<Collector> = LazyLock::new(Collector::new);

    pub(crate) fn collector() -> &'static Collector {
        &COLLECTOR
    }

    thread_local! {
        static LOCAL: Local = Local::register();

        /// The address of `LOCAL` while it exists: found without a check whether it was made or
        /// destroyed.
        static REGISTERED: Cell<Option<NonNull<Local>>> = const { Cell::new(None) };
    }

    /// Returns this thread's participant, if it has one already.
    #[inline(always)]
    pub(crate) fn registered<'p>() -> Option<&'p Local> {
        // SAFETY: the value was alive when its address was set, and thread-local values do not
        // move. Its destructor calls `forget` first, on this thread, and no caller keeps the
        // reference until then.
        REGISTERED.get().map(|local| unsafe { local.as_ref() })
    }

    /// Calls `f` with this thread's participant, which is made at the first call. Returns `None` if
    /// it was destroyed.
    pub(crate) fn register<R>(f: impl FnOnce(&Local) -> R) -> Option<R> {
        let made = |local: &Local| {
            REGISTERED.set(Some(NonNull::from(local)));
            f(local)
        };
        LOCAL.try_with(made).ok()
    }

    /// Forgets this thread's participant, which is about to be destroyed.
    pub(crate) fn forget() {
        REGISTERED.set(None);
    }
}

#[cfg(larder_loom)]
mod statics {
    use super::{Collector, Local};

    loom::lazy_static! {
        static ref COLLECTOR: Collector = Collector::new();
    }

    pub(crate) fn collector() -> &'static Collector {
        &COLLECTOR
    }

    loom::thread_local! {
        static LOCAL: Local = Local::register();
    }

    pub(crate) fn registered<'p>() -> Option<&'p Local> {
        None
    }

    pub(crate) fn register<R>(f: impl FnOnce(&Local) -> R) -> Option<R> {
        LOCAL.try_with(f).ok()
    }

    pub(crate) fn forget() {}
}

use statics::{collector, forget, register, registered};

/// A thread that is pinned, and the number under which it counts.
#[derive(Debug)]
pub(crate) struct Pin {
    /// Until it is dropped, no node that this thread can reach is recycled.
    pub(crate) guard: Guard,
    pub(crate) number: Number,
}

/// Pins the calling thread.
#[inline(always)]
pub(crate) fn pin() -> Pin {
    // Returns a guard and takes no closure: the captures of a closure that a cold path may call,
    // too, would all be kept in memory.
    let pin = match registered() {
        // The check lets the compiler leave out, in `LocalHandle::pin`, what only a guard within
        // another one needs.
        Some(local) if !local.handle.is_pinned() => local.pin(),
        _ => pin_seldom(),
    };
    // SAFETY: a guard without a collector comes from `crossbeam_epoch::unprotected` only.
    unsafe { hint::assert_unchecked(pin.guard.collector().is_some()) };
    pin
}

/// Pins a thread that is pinned already, or that is not registered.
#[cold]
#[inline(never)]
fn pin_seldom() -> Pin {
    match registered() {
        Some(local) => local.pin(),
        None => register(Local::pin).unwrap_or_else(pin_past_destruction),
    }
}

/// Pins a thread whose thread-local values have been destroyed: without a number, and with a
/// participant that exists only for this pin.
#[cold]
#[inline(never)]
fn pin_past_destruction() -> Pin {
    Pin { guard: collector().register().pin(), number: Number::NONE }
}

#[cfg(not(larder_loom))]
mod numbers {
    use super::MAX_THREADS;
    use std::sync::atomic::{AtomicU64, Ordering};

    static TAKEN: [AtomicU64; MAX_THREADS as usize / 64] =
        [const { AtomicU64::new(0) }; MAX_THREADS as usize / 64];

    pub(crate) fn claim() -> Option<u32> {
        TAKEN.iter().enumerate().find_map(|(i, word)| {
            let mut taken = word.load(Ordering::Relaxed);
            loop {
                let bit = (!taken).trailing_zeros();
                if bit == 64 {
                    return None;
                }
                // Acquire: pairs with the Release in `give_back`; what the number's last owner
                // wrote is visible. Failure, Relaxed: the word is only compared again.
                match word.compare_exchange(
                    taken,
                    taken | 1 << bit,
                    Ordering::Acquire,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => return Some(i as u32 * 64 + bit),
                    Err(now) => taken = now,
                }
            }
        })
    }

    pub(crate) fn give_back(number: u32) {
        let (word, bit) = (number as usize / 64, number % 64);
        // Release: pairs with the Acquire in `claim`; what this thread wrote under its number is
        // visible to the next owner.
        TAKEN[word].fetch_and(!(1 << bit), Ordering::Release);
    }

    #[cfg(test)]
    mod tests {
        use super::super::{CHUNKS, MAX_THREADS, Number, UNIT, chunk_len};

        #[test]
        fn every_number_has_a_place_of_its_own() {
            let mut seen = std::collections::HashSet::new();
            for number in 0..MAX_THREADS {
                let (chunk, place) = (Number::new(number).chunk(), Number::new(number).offset(1));
                assert!(chunk < CHUNKS && place < chunk_len(chunk), "number {number}");
                assert!(seen.insert((chunk, place)), "number {number}");
                for size in [UNIT, 8 * UNIT, 24] {
                    assert_eq!(Number::new(number).offset(size), place * size, "number {number}");
                }
                assert_eq!(Number::new(number).number(), Some(number));
            }
            assert_eq!(Number::NONE.number(), None);
        }

        #[test]
        fn a_number_has_one_owner_at_a_time() {
            let numbers: Vec<_> = (0..200).map(|_| super::claim().expect("not used up")).collect();
            let distinct: std::collections::HashSet<_> = numbers.iter().collect();
            assert_eq!(distinct.len(), numbers.len());
            for number in numbers {
                super::give_back(number);
            }
        }
    }
}

/// In models each thread keeps its number: models do not check how numbers are handed on.
#[cfg(larder_loom)]
mod numbers {
    use super::MAX_THREADS;
    use std::sync::atomic::{AtomicU32, Ordering};

    loom::lazy_static! {
        static ref NEXT: AtomicU32 = AtomicU32::new(0);
    }

    pub(crate) fn claim() -> Option<u32> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        (number < MAX_THREADS).then_some(number)
    }

    pub(crate) fn give_back(_: u32) {}
}
