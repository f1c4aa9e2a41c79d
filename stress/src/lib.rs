//! Stress programs: `history` asks of every answer of a busy cache whether it was possible, `drops`
//! counts destructors.
//!
//! Built with `--cfg larder_internals`, they also validate the engine from inside after each round.
//! With `--cfg larder_hooks` besides, threads give way at random within the engine's protocols,
//! which makes rare interleavings frequent. `cargo xtask tsan` and `cargo xtask asan` run them under
//! sanitizers.

pub mod census;
pub mod hashing;
pub mod history;
pub mod jitter;
pub mod record;
pub mod round;

/// Reports a failure that a thread came upon, and ends the process: other threads would go on and
/// bury it.
pub fn die(what: &str) -> ! {
    eprintln!("FAILED: {what}");
    std::process::exit(1)
}
