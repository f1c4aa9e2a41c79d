//! `cargo xtask http-bench`: hits a second of the caching proxy beside nginx and varnish, and what
//! the layer costs a handler that answers from memory.
//!
//! wrk asks over the loopback interface. It and all servers are bound to the same two processors
//! (taskset), and each server has two threads. They take turns, a round of a few seconds each, and
//! the median of the rounds counts. That these were hits is checked: the origin is hardly asked.

mod machine;
mod processor;
mod servers;
mod wrk;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use self::servers::Programs;
use self::wrk::{Round, Wrk};
use crate::place;
use crate::server::{Server, Warden};
use crate::thousands::thousands;

/// How many URLs there are where there is not one alone.
const URLS: u64 = 10_000;
/// How many of a million requests may go to the origin.
const MOST_ASKED: u64 = 1_000;

/// What the command line asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long wrk asks one server in one round.
    pub(crate) seconds: u64,
    pub(crate) rounds: usize,
    /// The names of the rows of each table; all if there are none.
    pub(crate) rows: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seconds: 2, rounds: 5, rows: Vec::new() }
    }
}

/// One row of a table: which URLs are asked for, and how long their responses are.
#[derive(Clone, Copy, Debug)]
struct Load {
    name: &'static str,
    kib: u64,
    urls: u64,
    order: &'static str,
}

const LOADS: [Load; 4] = [
    Load { name: "1k-one", kib: 1, urls: 1, order: "one" },
    Load { name: "1k-zipf", kib: 1, urls: URLS, order: "zipf" },
    Load { name: "64k-one", kib: 64, urls: 1, order: "one" },
    Load { name: "64k-zipf", kib: 64, urls: URLS, order: "zipf" },
];

/// The names of the rows.
pub(crate) fn rows() -> impl Iterator<Item = &'static str> {
    LOADS.iter().map(|load| load.name)
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let cores = machine::cores()?;
    let (programs, wrk) = (Programs::get()?, Wrk::new(&cores)?);
    let bench = Bench { options, wrk };
    let work = place::target().join("http-bench");
    fs::create_dir_all(&work)?;
    // What nginx and varnish cache is kept in memory, if there is a directory for that.
    let shared = Path::new("/dev/shm");
    let parent = if shared.is_dir() { shared } else { &work };
    // Ends last, since what is declared first is dropped last.
    let warden = Warden::within(parent, "larder-http-bench")?;
    let start = servers::Start { programs: &programs, cores: &cores, work: &work, warden: &warden };
    let versions = [
        ("nginx", programs.nginx_version()),
        ("varnish", programs.varnish_version()),
        ("wrk", bench.wrk.version()),
    ];
    println!("{}", machine::describe(&cores, versions)?);

    let origin = start.handler("origin", false)?;
    let proxies = [
        ("larder", start.larder(&origin)?),
        ("nginx", start.nginx(&origin)?),
        ("varnish", start.varnish(&origin)?),
    ];
    bench.table(&proxies, &origin)?;
    drop(proxies);
    let cached = start.handler("cached", true)?;
    bench.table(&[("with the layer", cached), ("handler", origin)], None)
}

#[derive(Debug)]
struct Bench<'a> {
    options: &'a Options,
    wrk: Wrk,
}

impl Bench<'_> {
    /// Prints what the servers do. With an origin, that they do not ask it is checked.
    fn table<'o>(
        &self,
        servers: &[(&str, Server)],
        origin: impl Into<Option<&'o Server>>,
    ) -> Result<()> {
        let origin = origin.into();
        let rows = &self.options.rows;
        let names: String = servers.iter().map(|(name, _)| format!(" {name} |")).collect();
        println!("\nload average before: {}\n", machine::load_average());
        println!(
            "| requests a second (processor time of the server for one) |{names} to the best other |"
        );
        println!("|---|{}---|", "---|".repeat(servers.len()));
        for load in
            LOADS.iter().filter(|load| rows.is_empty() || rows.iter().any(|it| it == load.name))
        {
            let before = origin.map(asked).transpose()?;
            for (name, server) in servers {
                self.wrk.fill(server, load).with_context(|| format!("filling {name}"))?;
            }
            let filled = origin.map(asked).transpose()?;
            ensure!(
                origin.is_none() || filled > before,
                "the origin was not asked: nothing was cached"
            );
            let medians = self.measure(servers, load)?;
            if let (Some(origin), Some(filled)) = (origin, filled) {
                let missed = asked(origin)? - filled;
                let all: u64 = medians.iter().map(|round| round.requests).sum();
                ensure!(
                    missed * 1_000_000 <= MOST_ASKED * all,
                    "{missed} of {all} requests were no hits"
                );
            }
            println!("{}", row(load, &medians));
        }
        println!("\nload average after: {}", machine::load_average());
        Ok(())
    }

    /// The medians of each server, and how many requests there were in all its rounds.
    fn measure(&self, servers: &[(&str, Server)], load: &Load) -> Result<Vec<Round>> {
        let mut rounds = vec![Vec::new(); servers.len()];
        for round in 0..self.options.rounds {
            for turn in 0..servers.len() {
                let which = (round + turn) % servers.len();
                let (name, server) = &servers[which];
                let asking = self.wrk.round(server, load, self.options.seconds);
                rounds[which].push(asking.with_context(|| format!("asking {name}"))?);
            }
        }
        Ok(rounds.iter().map(|rounds| medians(rounds)).collect())
    }
}

/// The median of each number, and the sum of the requests.
fn medians(rounds: &[Round]) -> Round {
    let median = |number: fn(&Round) -> f64| {
        let mut numbers: Vec<_> = rounds.iter().map(number).collect();
        numbers.sort_by(f64::total_cmp);
        numbers[numbers.len() / 2]
    };
    let requests = rounds.iter().map(|round| round.requests).sum();
    Round { rate: median(|round| round.rate), time: median(|round| round.time), requests }
}

/// The first server is ours.
fn row(load: &Load, medians: &[Round]) -> String {
    let Load { kib, urls, .. } = load;
    let urls =
        if *urls == 1 { "one URL".into() } else { format!("{} URLs, Zipf", thousands(*urls)) };
    let cell = |round: &Round| {
        format!(" {} ({:.1} µs) |", thousands(round.rate.round() as u64), round.time)
    };
    let cells: String = medians.iter().map(cell).collect();
    let others = medians[1..].iter().map(|round| round.rate).fold(0.0, f64::max);
    format!("| {kib} KiB, {urls} |{cells} {:.2} |", medians[0].rate / others)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn round(rate: f64, time: f64) -> Round {
        Round { rate, time, requests: 10 }
    }

    #[test]
    fn each_number_has_its_own_median() {
        let rounds = [round(3.0, 1.0), round(1.0, 2.0), round(2.0, 9.0)];
        assert_eq!(medians(&rounds), Round { rate: 2.0, time: 2.0, requests: 30 });
    }

    #[test]
    fn a_row_compares_the_first_with_the_best_of_the_others() {
        let medians = [round(3e3, 1.25), round(1e3, 2.0), round(2e3, 3.0)];
        let expected = "| 1 KiB, 10,000 URLs, Zipf | 3,000 (1.2 µs) | 1,000 (2.0 µs) | 2,000 (3.0 µs) | 1.50 |";
        assert_eq!(row(&LOADS[1], &medians), expected);
    }
}
