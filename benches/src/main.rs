//! Measures `larder` beside its peers: throughput, latency, hit ratio, memory, and the bound.

mod alloc;
mod bound;
mod cli;
mod data;
mod expiry;
mod growth;
mod headline;
mod kinds;
mod latency;
mod memo;
mod memory;
mod peers;
mod plot;
mod progress;
mod replay;
mod report;
mod sizes;
mod stats;
mod table;
mod telemetry;
mod tenants;
mod throughput;
mod trace;
mod versions;
mod workload;

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
