//! wrk, which asks the servers.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use super::{Load, processor};
use crate::command::Run;
use crate::server::Server;
use crate::{place, tools};

const CONNECTIONS: u32 = 64;

/// How wrk is run.
#[derive(Debug)]
pub(super) struct Wrk {
    program: PathBuf,
    script: PathBuf,
    cores: String,
}

/// What came of a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Round {
    /// Requests a second.
    pub(super) rate: f64,
    pub(super) requests: u64,
    /// The server's processor time for a request, in microseconds.
    pub(super) time: f64,
}

impl Wrk {
    pub(super) fn new(cores: &str) -> Result<Self> {
        let script = place::root().join("xtask/src/http_bench/urls.lua");
        Ok(Self { program: tools::debian("wrk", "wrk")?, script, cores: cores.into() })
    }

    pub(super) fn version(&self) -> Run {
        Run::new(&self.program).arg("-v")
    }

    /// Asks for each URL at least once.
    pub(super) fn fill(&self, server: &Server, load: &Load) -> Result<()> {
        // A run begins the list anew, so one has to get through it.
        for seconds in [1, 4, 16] {
            let (_, requests) = self.ask(server, load, "all", [1, 16], seconds)?;
            if requests >= load.urls {
                return Ok(());
            }
        }
        bail!("not all of {} URLs were answered in 16 s", load.urls)
    }

    pub(super) fn round(&self, server: &Server, load: &Load, seconds: u64) -> Result<Round> {
        let before = processor::used(server.id())?;
        let (rate, requests) = self.ask(server, load, load.order, [2, CONNECTIONS], seconds)?;
        let used = processor::used(server.id())? - before;
        Ok(Round { rate, requests, time: used as f64 / requests.max(1) as f64 })
    }

    /// Requests a second, and how many there were.
    fn ask(
        &self,
        server: &Server,
        load: &Load,
        order: &str,
        [threads, connections]: [u32; 2],
        seconds: u64,
    ) -> Result<(f64, u64)> {
        let run = Run::new("taskset").args(["-c", &self.cores]).arg(&self.program);
        let run = run.arg(format!("-t{threads}")).arg(format!("-c{connections}"));
        let run = run.arg(format!("-d{seconds}s")).arg("-s").arg(&self.script);
        let (kib, urls) = (load.kib.to_string(), load.urls.to_string());
        outcome(&run.arg(server.base()).args(["--", &kib, &urls, order]).read()?)
    }
}

/// Requests a second, and how many there were.
fn outcome(printed: &str) -> Result<(f64, u64)> {
    for bad in ["Non-2xx or 3xx responses", "Socket errors"] {
        ensure!(!printed.contains(bad), "not all was answered well:\n{printed}");
    }
    let line = printed.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    let rate = line.with_context(|| format!("wrk tells no rate:\n{printed}"))?.trim().parse()?;
    let line = printed.lines().find_map(|line| line.trim().split_once(" requests in "));
    let requests = line.with_context(|| format!("wrk tells no count:\n{printed}"))?.0.parse()?;
    Ok((rate, requests))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_from_what_wrk_prints() {
        let printed = "  2 threads and 64 connections\n  61023 requests in 3.00s, 66.6MB read\n\
                       Requests/sec:  20341.55\nTransfer/sec:     22.2MB\n";
        assert_eq!(outcome(printed).unwrap(), (20341.55, 61023));
    }

    #[test]
    fn rates_of_errors_do_not_count() {
        let printed =
            "  9 requests in 3.00s, 1MB read\n  Non-2xx or 3xx responses: 9\nRequests/sec: 3\n";
        assert!(outcome(printed).is_err());
        assert!(outcome("Requests/sec: 3\n").is_err() && outcome("").is_err());
    }
}
