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

#[cfg(test)]
pub(crate) mod tests {
    use std::process::Command;

    use super::*;

    /// Runs an ignored test in a process of its own: the counter sees all threads, and tests run
    /// side by side.
    pub(crate) fn alone(test: &str) {
        let program = std::env::current_exe().expect("a test is a program");
        let output = Command::new(program)
            .args(["--exact", test, "--ignored", "--test-threads=1"])
            .output()
            .expect("it can be run again");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    fn allocations_are_counted_and_given_back() {
        alone("memory::alloc::tests::counts");
    }

    #[test]
    #[ignore = "runs alone, started by the test above"]
    fn counts() {
        let (with, grown, without) = live_during(|live| {
            let mut block: Vec<u8> = Vec::with_capacity(1_000);
            let with = live();
            block.reserve_exact(3_000);
            let grown = live();
            drop(std::hint::black_box(block));
            (with, grown, live())
        });
        assert_eq!((with, grown, without), (1_000, 3_000, 0));
        assert_eq!(live_during(|live| live()), 0, "what happens in between is not counted");
    }
}
