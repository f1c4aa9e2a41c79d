//! Giving way at bad moments. On few cores threads are interrupted too seldom by themselves.

use std::{cell::Cell, thread};

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Chooses this thread's moments, anew for each thread and round.
pub fn seed(seed: u64) {
    STATE.set(seed | 1);
}

/// Lets another thread run, once in `n` calls on average; never before [`seed`].
fn one_in(n: u64) {
    // A thread that ends may come here after its thread-local values are gone.
    let state = STATE.try_with(Cell::get).unwrap_or(0);
    if state != 0 {
        // xorshift64 (Marsaglia, 2003).
        let mut next = state;
        next ^= next << 13;
        next ^= next >> 7;
        next ^= next << 17;
        STATE.set(next);
        if (next >> 32).is_multiple_of(n) {
            thread::yield_now();
        }
    }
}

/// Gives way now and then: for user code that the cache calls.
pub fn seldom() {
    one_in(256);
}

/// Has every thread give way now and then at the stop points of the engine, if there are any.
pub fn install() {
    #[cfg(larder_hooks)]
    larder::hooks::install(|_| one_in(64));
}
