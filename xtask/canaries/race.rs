//! A data race: two threads add to one word with nothing that orders them.
//! ThreadSanitizer has to report it.

use std::cell::UnsafeCell;
use std::thread;

struct Shared(UnsafeCell<u64>);

// SAFETY: none; this is the bug.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared(UnsafeCell::new(0));

fn main() {
    let work = || {
        for _ in 0..10_000 {
            let word = SHARED.0.get();
            // SAFETY: none; this is the bug.
            unsafe { word.write_volatile(word.read_volatile() + 1) };
        }
    };
    let threads = [thread::spawn(work), thread::spawn(work)];
    for thread in threads {
        thread.join().unwrap();
    }
}
