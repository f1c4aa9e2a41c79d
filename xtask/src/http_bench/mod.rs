//! `cargo xtask http-bench`: hits a second of the caching proxy beside nginx and varnish, and what the layer costs a
//! handler that answers from memory.
//!
//! wrk asks over the loopback interface, on the same cores as all servers. They take turns, one short round of each
//! after another, and the median of the rounds counts. That these were hits is checked: the origin is hardly asked.

mod servers;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use self::servers::Files;
use crate::command::Run;
use crate::http_conformance::server::Server;
use crate::{place, tools};

const ROUNDS: usize = 3;
const CONNECTIONS: &str = "64";
/// How many URLs there are where there is not one alone.
const URLS: &str = "10000";
/// How many of a million requests may go to the origin.
const MOST_ASKED: u64 = 1_000;

/// Which URLs are asked for, and how long their responses are.
#[derive(Clone, Copy, Debug)]
struct Load {
    kib: &'static str,
    urls: &'static str,
    order: &'static str,
}

const LOADS: [Load; 4] = [
    Load { kib: "1", urls: "1", order: "one" },
    Load { kib: "1", urls: URLS, order: "zipf" },
    Load { kib: "64", urls: "1", order: "one" },
    Load { kib: "64", urls: URLS, order: "zipf" },
];

pub(crate) fn run(seconds: u64) -> Result<()> {
    let bench = Bench::new(seconds)?;
    let files = Files::new(&bench.work)?;
    let work = &bench.work;
    let origin = servers::handler("origin", false, work)?;
    let proxies = [
        ("larder", servers::larder(&origin, work)?),
        ("nginx", servers::nginx(&origin, files.path(), work)?),
        ("varnish", servers::varnish(&origin, files.path(), work)?),
    ];
    println!("load average before: {}", load_average());
    println!("| requests a second | larder | nginx | varnish |\n|---|---|---|---|");
    for load in LOADS {
        let before = asked(&origin)?;
        for (name, server) in &proxies {
            bench.fill(server, load).with_context(|| format!("filling {name}"))?;
        }
        let filled = asked(&origin)?;
        ensure!(filled > before, "the origin was not asked, so nothing was cached");
        let (rates, requests) = bench.measure(&proxies, load)?;
        let missed = asked(&origin)? - filled;
        ensure!(
            missed * 1_000_000 <= MOST_ASKED * requests,
            "{missed} of {requests} requests were no hits"
        );
        println!("{}", row(load, &rates));
    }
    drop(proxies);
    let handlers =
        [("handler", origin), ("with the layer", servers::handler("cached", true, work)?)];
    println!("\n| requests a second | handler | with the layer |\n|---|---|---|");
    for load in LOADS {
        bench.fill(&handlers[1].1, load)?;
        println!("{}", row(load, &bench.measure(&handlers, load)?.0));
    }
    println!("\nload average after: {}", load_average());
    Ok(())
}

/// How wrk is run.
#[derive(Debug)]
struct Bench {
    wrk: PathBuf,
    script: PathBuf,
    work: PathBuf,
    seconds: u64,
}

impl Bench {
    fn new(seconds: u64) -> Result<Self> {
        let work = place::target().join("http-bench");
        fs::create_dir_all(&work)?;
        servers::build()?;
        let script = place::root().join("xtask/src/http_bench/urls.lua");
        Ok(Self { wrk: tools::debian("wrk", "wrk")?, script, work, seconds })
    }

    /// Asks for each URL.
    fn fill(&self, server: &Server, load: Load) -> Result<()> {
        let all = Load { order: "all", ..load };
        let least = load.urls.parse::<u64>()?;
        // A run begins the list anew, so one has to get through it.
        for seconds in [1, 4, 16] {
            if self.wrk(server, all, ["-t1", "-c16"], seconds)?.1 >= least {
                return Ok(());
            }
        }
        bail!("not all of {least} URLs were answered in 16 s")
    }

    /// The median rate of each server, and how many requests there were.
    fn measure(&self, servers: &[(&str, Server)], load: Load) -> Result<(Vec<f64>, u64)> {
        let (mut rates, mut all) = (vec![Vec::new(); servers.len()], 0);
        for round in 0..ROUNDS {
            for turn in 0..servers.len() {
                let which = (round + turn) % servers.len();
                let (name, server) = &servers[which];
                let connections = format!("-c{CONNECTIONS}");
                let (rate, requests) = self
                    .wrk(server, load, ["-t2", &connections], self.seconds)
                    .with_context(|| format!("asking {name}"))?;
                rates[which].push(rate);
                all += requests;
            }
        }
        Ok((rates.into_iter().map(median).collect(), all))
    }

    fn wrk(&self, server: &Server, load: Load, how: [&str; 2], seconds: u64) -> Result<(f64, u64)> {
        let run = Run::new(&self.wrk).args(how).arg(format!("-d{seconds}s"));
        let run = run.arg("-s").arg(&self.script).arg(server.base());
        outcome(&run.args(["--", load.kib, load.urls, load.order]).read()?)
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

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn row(load: Load, rates: &[f64]) -> String {
    let urls =
        if load.urls == "1" { "one URL".into() } else { format!("{} URLs, Zipf", load.urls) };
    let cells: String = rates.iter().map(|rate| format!(" {rate:.0} |")).collect();
    format!("| {} KiB, {urls} |{cells}", load.kib)
}

/// How often the origin's handler ran.
fn asked(origin: &Server) -> Result<u64> {
    let mut stream = TcpStream::connect(origin.authority())?;
    let host = origin.authority();
    write!(stream, "GET /asked HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.rsplit("\r\n\r\n").next().unwrap_or_default();
    body.trim().parse().with_context(|| format!("the origin answers {answer:?}"))
}

fn load_average() -> String {
    let text = fs::read_to_string(Path::new("/proc/loadavg")).unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
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
