//! Stress programs: `history` asks of every answer of a busy cache whether it was possible, `drops`
//! counts destructors.
//!
//! Built with `--cfg larder_internals`, they also validate the engine from inside after each round.
//! With `--cfg larder_hooks` besides, threads give way at random within the engine's protocols,
//! which makes rare interleavings frequent. `cargo xtask tsan` and `cargo xtask asan` run them
//! under sanitizers.

pub mod census;
pub mod hashing;
pub mod history;
pub mod hours;
pub mod jitter;
pub mod record;
pub mod round;

use std::sync::{Mutex, PoisonError};

/// What the program is about, to be said with a failure.
static NOW: Mutex<String> = Mutex::new(String::new());

/// Says what the program is about from now on, so that a failure can be repeated.
pub fn now_at(what: String) {
    *NOW.lock().unwrap_or_else(PoisonError::into_inner) = what;
}

/// Has a panic, in whichever thread, end the process after saying what the program was about: other
/// threads would wait for the one that panicked, or go on and bury it.
pub fn panics_are_fatal() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        die("a panic")
    }));
}

/// Reports a failure that a thread came upon, and ends the process.
pub fn die(what: &str) -> ! {
    eprintln!("FAILED: {what}, {}", NOW.lock().unwrap_or_else(PoisonError::into_inner));
    std::process::exit(1)
}
