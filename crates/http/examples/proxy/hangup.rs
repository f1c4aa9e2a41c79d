//! Reads the rules again when the process receives SIGHUP.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::caching::Caching;

/// From now on, SIGHUP ends the program no longer.
pub(crate) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Reloads the rules from their file on each signal.
pub(crate) async fn reload_on(mut hangups: Signal, cache: Caching) {
    while hangups.recv().await.is_some() {
        match cache.reload() {
            Ok(()) => eprintln!("the rules have been read again"),
            Err(error) => eprintln!("the rules stay as they are: {error}"),
        }
    }
}
