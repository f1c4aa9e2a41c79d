//! Measures `larder` beside its peers: throughput, latency, hit ratio, memory, and the bound.
//!
//! Modules use those below them:
//!
//! - `cli`: the commands and their arguments.
//! - `summary`: several measurements at once, for the README and for a report.
//! - `throughput`, `latency`, `replay`, `memory`: the measurements beside the peers.
//! - `alone`: the measurements of larder alone.
//! - `peers`: the caches behind one trait.
//! - `load`, `output`, `parse`: what the caches are asked, how results are shown, numbers as text.

mod alone;
mod cli;
mod latency;
mod load;
mod memory;
mod output;
mod parse;
mod peers;
mod replay;
mod summary;
mod throughput;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
