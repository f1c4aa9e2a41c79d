//! No data race: a word is handed over by release and acquire, and threads are joined by a scope.
//! ThreadSanitizer, with the suppressions, has to say nothing.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

struct Slot {
    value: UnsafeCell<u64>,
    full: AtomicBool,
}

// SAFETY: `value` belongs to the producer while `full` is false, else to the consumer.
unsafe impl Sync for Slot {}

fn main() {
    // A reference, so that the closures capture the slot and not its fields.
    let slot = &Slot { value: UnsafeCell::new(0), full: AtomicBool::new(false) };
    let wait_until = |full| {
        while slot.full.load(Ordering::Acquire) != full {
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..1_000 {
                wait_until(false);
                // SAFETY: empty, thus ours.
                unsafe { *slot.value.get() = round };
                slot.full.store(true, Ordering::Release);
            }
        });
        scope.spawn(|| {
            for round in 0..1_000 {
                wait_until(true);
                // SAFETY: full, thus ours.
                assert_eq!(unsafe { *slot.value.get() }, round);
                slot.full.store(false, Ordering::Release);
            }
        });
    });
}
