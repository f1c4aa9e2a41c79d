//! An allocator that can count, for `memory`.
//!
//! It serves the whole program, the timed measurements too. Those pay for one load of a flag that
//! nobody writes and a branch that is always predicted, the same for every cache; the counter
//! itself is touched only inside [`live_during`].

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// The system's allocator with a counter beside it.
pub(crate) struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ON: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicI64 = AtomicI64::new(0);

/// Relaxed everywhere: the counter is read after the threads that allocate have been joined or have
/// come to rest, and publishes nothing.
#[inline]
fn count(bytes: i64) {
    if ON.load(Ordering::Relaxed) {
        LIVE.fetch_add(bytes, Ordering::Relaxed);
    }
}

// SAFETY: every method hands its arguments to `System` unchanged and returns what `System` returns,
// so that `System` keeps the contract; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller guarantees what `System` asks for, a layout of non-zero size.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller guarantees that `pointer` came from this allocator, hence from
        // `System`, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as i64 - layout.size() as i64);
        // SAFETY: the caller guarantees that `pointer` came from this allocator with this layout,
        // and that `new_size` is valid for its alignment.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

/// Counts while `work` runs. `work` gets a function that tells how many bytes were requested since
/// the begin and not given back, by all threads. One measurement at a time.
pub(crate) fn live_during<T>(work: impl FnOnce(&dyn Fn() -> i64) -> T) -> T {
    let before = LIVE.load(Ordering::Relaxed);
    assert!(!ON.swap(true, Ordering::Relaxed), "somebody else is counting");
    let result = work(&|| LIVE.load(Ordering::Relaxed) - before);
    ON.store(false, Ordering::Relaxed);
    result
}

/// Tests run side by side and all of them allocate: those that count take turns, and allow for
/// what the others do.
#[cfg(test)]
pub(crate) static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_allocations_are_counted_and_given_back() {
        const BYTES: usize = 1 << 30;
        let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (with, without) = live_during(|live| {
            // Reserved only; the pages are never touched.
            let block: Vec<u8> = Vec::with_capacity(BYTES);
            let with = live();
            drop(std::hint::black_box(block));
            (with, live())
        });
        let near = |bytes: i64, expected: i64| (bytes - expected).abs() < (BYTES / 2) as i64;
        assert!(near(with, BYTES as i64), "{with}");
        assert!(near(without, 0), "{without}");
    }
}
