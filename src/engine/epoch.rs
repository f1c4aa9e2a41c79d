//! This thread's standing in the engine: its participant in epoch-based reclamation, and the
//! number under which it counts.
//!
//! All caches of a process share one collector of their own, so that a reader's occasional walk
//! over the participants meets only threads that use a cache. (Epoch-based reclamation: Fraser,
//! "Practical lock-freedom", 2004; the implementation is crossbeam-epoch.)
//!
//! # Thread numbers
//!
//! Each thread counts on a line of its own and keeps a stock of nodes of its own, without locked
//! instructions (`stripes.rs`), so a number belongs to one living thread at a time. It is claimed from a bitmap
//! when a thread first uses a cache and given back when the thread ends. Claiming is a
//! compare-and-swap with Acquire, giving back a Release: the next owner goes on where the last one
//! stopped. Threads beyond [`MAX_THREADS`] get no number and do with locked instructions.

use crossbeam_epoch::{Collector, Guard, LocalHandle};

/// Living threads that can have a number.
#[cfg(not(larder_loom))]
pub(crate) const MAX_THREADS: u32 = 4096;
/// As many as loom can have, with its main thread.
#[cfg(larder_loom)]
pub(crate) const MAX_THREADS: u32 = 4;

/// Under which number a thread counts, if it got one.
///
/// Kept as a place in chunks of doubling length, since that is how counters are stored: chunk `c`
/// has `FIRST_CHUNK << c` places, and finding one's counters on a hit must take no arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    chunk: u32,
    place: u32,
}

/// Places of the first chunk.
pub(crate) const FIRST_CHUNK: usize = if cfg!(larder_loom) { 4 } else { 8 };
/// Chunks that hold all places; one more is never filled and stands for "no number".
pub(crate) const CHUNKS: usize = (MAX_THREADS as usize / FIRST_CHUNK).ilog2() as usize + 1;

impl Number {
    const NONE: Number = Number { chunk: CHUNKS as u32, place: 0 };

    fn new(number: u32) -> Self {
        let first = FIRST_CHUNK as u32;
        let chunk = (number / first + 1).ilog2();
        Number { chunk, place: number - first * ((1 << chunk) - 1) }
    }

    /// Whether it is one of the `count` lowest.
    #[inline]
    pub(crate) fn is_below(self, count: u32) -> bool {
        self.number().is_some_and(|number| number < count)
    }

    fn number(self) -> Option<u32> {
        (self != Self::NONE).then(|| FIRST_CHUNK as u32 * ((1 << self.chunk) - 1) + self.place)
    }

    /// The chunk, at most [`CHUNKS`], and the place within it, below its length.
    #[inline(always)]
    pub(crate) fn place(self) -> (usize, usize) {
        (self.chunk as usize, self.place as usize)
    }
}

/// What a thread is to the engine.
#[derive(Debug)]
pub(crate) struct Local {
    handle: LocalHandle,
    number: Number,
}

impl Local {
    #[cold]
    fn register() -> Self {
        Self {
            handle: collector().register(),
            number: numbers::claim().map_or(Number::NONE, Number::new),
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Some(number) = self.number.number() {
            numbers::give_back(number);
        }
    }
}

#[cfg(not(larder_loom))]
mod statics {
    use super::{Collector, Local};
    use std::sync::LazyLock;

    static COLLECTOR: LazyLock<Collector> = LazyLock::new(Collector::new);

    pub(super) fn collector() -> &'static Collector {
        &COLLECTOR
    }

    thread_local! {
        pub(super) static LOCAL: Local = Local::register();
    }
}

#[cfg(larder_loom)]
mod statics {
    use super::{Collector, Local};

    loom::lazy_static! {
        static ref COLLECTOR: Collector = Collector::new();
    }

    pub(super) fn collector() -> &'static Collector {
        &COLLECTOR
    }

    loom::thread_local! {
        pub(super) static LOCAL: Local = Local::register();
    }
}

use statics::{LOCAL, collector};

/// A thread that is pinned, and the number under which it counts.
#[derive(Debug)]
pub(crate) struct Pin {
    /// Until it is dropped, nothing that this thread can reach is recycled.
    pub(crate) guard: Guard,
    pub(crate) number: Number,
}

/// Pins the calling thread.
#[inline(always)]
pub(crate) fn pin() -> Pin {
    // Returns, instead of taking what is to be done while pinned: the captures of a closure that a
    // cold path may call, too, would all be kept in memory.
    LOCAL
        .try_with(|local| Pin { guard: local.handle.pin(), number: local.number })
        .unwrap_or_else(|_| pin_past_destruction())
}

/// For a thread whose thread-local values have been destroyed: with a passing participant, which stays
/// as long as it is pinned, and without a number.
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

    pub(super) fn claim() -> Option<u32> {
        TAKEN.iter().enumerate().find_map(|(i, word)| {
            let mut taken = word.load(Ordering::Relaxed);
            loop {
                let bit = (!taken).trailing_zeros();
                if bit == 64 {
                    return None;
                }
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

    pub(super) fn give_back(number: u32) {
        let (word, bit) = (number as usize / 64, number % 64);
        TAKEN[word].fetch_and(!(1 << bit), Ordering::Release);
    }

    #[cfg(test)]
    mod tests {
        use super::super::{CHUNKS, FIRST_CHUNK, MAX_THREADS, Number};

        #[test]
        fn every_number_has_a_place_of_its_own() {
            let mut seen = std::collections::HashSet::new();
            for number in 0..MAX_THREADS {
                let (chunk, place) = Number::new(number).place();
                assert!(chunk < CHUNKS && place < FIRST_CHUNK << chunk, "number {number}");
                assert!(seen.insert((chunk, place)), "number {number}");
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

/// In models each thread has a number of its own for good: how they are handed on is not what models
/// are about.
#[cfg(larder_loom)]
mod numbers {
    use super::MAX_THREADS;
    use std::sync::atomic::{AtomicU32, Ordering};

    loom::lazy_static! {
        static ref NEXT: AtomicU32 = AtomicU32::new(0);
    }

    pub(super) fn claim() -> Option<u32> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        (number < MAX_THREADS).then_some(number)
    }

    pub(super) fn give_back(_: u32) {}
}
