//! SIGINT and SIGTERM, which end the run as an error does: servers end, what was written is removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use signal_hook::consts::{SIGINT, SIGTERM};

/// Whether somebody wants the run to end. From its creation on, these signals no longer end the program by themselves.
#[derive(Debug)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub(super) fn watch() -> Result<Self> {
        let flag = Arc::<AtomicBool>::default();
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    /// An error once a signal has come.
    pub(super) fn check(&self) -> Result<()> {
        ensure!(!self.0.load(Ordering::Relaxed), "interrupted");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Run;

    #[test]
    fn signals_are_errors_and_do_not_end_the_program() {
        for signal in ["-INT", "-TERM"] {
            let interrupt = Interrupt::watch().unwrap();
            interrupt.check().unwrap();
            assert!(Run::new("kill").arg(signal).arg(std::process::id().to_string()).succeeds());
            // The signal is delivered to any thread of this program, at a time of the system's choice.
            while interrupt.check().is_ok() {
                std::thread::yield_now();
            }
        }
    }
}
