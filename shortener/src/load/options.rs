//! What can be asked for, and what is refused.

use std::path::PathBuf;
use std::time::Duration;

use super::mix::{Mix, MixError};
use super::plan::Arrivals;
use crate::count::Count;

/// Requests that one run plans at most: their times are kept in memory.
const MOST_REQUESTS: u64 = 50_000_000;

/// The options of `shortener load`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The service, as http://HOST:PORT
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub target: String,
    /// Ask a target that is not on this machine's loopback interface
    #[arg(long)]
    pub allow_remote: bool,
    /// Requests a second, whatever the service manages
    #[arg(long, value_name = "N", default_value = "1k")]
    pub rate: Count,
    /// Seconds that are measured
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub duration: f64,
    /// Seconds before them that are not
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    pub warm_up: f64,
    /// Requests before all others, as fast as the connections bring them
    #[arg(long, value_name = "N", default_value = "0")]
    pub warm_up_requests: Count,
    /// Measured requests at most
    #[arg(long, value_name = "N")]
    pub requests: Option<Count>,
    /// Connections; a request that finds none free waits, and the wait counts
    #[arg(long, value_name = "N", default_value = "64")]
    pub connections: Count,
    /// Seconds after which a request has failed
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub timeout: f64,
    /// When requests are due
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    pub arrivals: Arrivals,
    /// Shares of the endpoints: redirect, list, stats, analytics, profile, write, nothing
    #[arg(long, value_name = "NAME=SHARE,..", default_value_t = Mix::default())]
    pub mix: Mix,
    /// Exponent of the Zipf distribution over codes and users; 0 asks for all alike
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    pub zipf: f64,
    /// Users that take part
    #[arg(long, value_name = "N", default_value = "4")]
    pub users: Count,
    /// Without --seeded: URLs that are created to be asked for
    #[arg(long, value_name = "N", default_value = "200")]
    pub urls: Count,
    /// Users and codes are those of `shortener seed --users N --urls M`, given as N,M
    #[arg(long, value_name = "USERS,URLS", value_parser = seeded)]
    pub seeded: Option<Seeded>,
    /// With --seeded: the --seed of `shortener seed`
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The same number asks for the same
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub draws: u64,
    /// Writes the numbers as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Writes a plot of latency over time and by percentile
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// How much `shortener seed` wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeded {
    /// `--users`
    pub users: u64,
    /// `--urls`
    pub urls: u64,
}

fn seeded(text: &str) -> Result<Seeded, String> {
    let (users, urls) =
        text.split_once(',').ok_or_else(|| "two numbers are needed, as in 10k,1M".to_owned())?;
    let count = |text: &str| match text.parse() {
        Ok(Count(0)) => Err("0 is out of range; allowed are 1 and more".to_owned()),
        Ok(Count(count)) => Ok(count),
        Err(error) => Err(format!("{error}")),
    };
    Ok(Seeded { users: count(users)?, urls: count(urls)? })
}

/// Why no load was run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A number that makes no sense.
    #[error("--{option} {given} is out of range; allowed are {allowed}")]
    OutOfRange {
        /// The option's name.
        option: &'static str,
        /// What was given.
        given: String,
        /// What may be given.
        allowed: String,
    },
    /// The shares of the endpoints.
    #[error("--mix: {0}")]
    Mix(#[from] MixError),
    /// The target is no address of a service.
    #[error("--target `{given}`: {why}; allowed is http://HOST:PORT")]
    Target {
        /// What was given.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// The target is not on this machine.
    #[error(
        "--target `{given}` is {address}, which is not a loopback address; a load is for a service \
         of one's own, and --allow-remote says that it is"
    )]
    Remote {
        /// What was given.
        given: String,
        /// Where it leads.
        address: std::net::IpAddr,
    },
    /// The service did not answer while users were signed in.
    #[error("{what} failed: {why}")]
    Preparation {
        /// The request.
        what: String,
        /// The answer, or that there was none.
        why: String,
    },
    /// A file of results.
    #[error("writing {}: {source}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Options that have been checked, in the units the code uses.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) rate: f64,
    pub(super) warm_up: Duration,
    /// Sent before the plan begins.
    pub(super) warm_up_requests: usize,
    pub(super) measured: Duration,
    /// Requests of the plan.
    pub(super) requests: usize,
    pub(super) connections: usize,
    pub(super) timeout: Duration,
    pub(super) arrivals: Arrivals,
    pub(super) mix: Mix,
    pub(super) zipf: f64,
    pub(super) seed: u64,
}

impl Options {
    pub(super) fn check(&self) -> Result<Settings, LoadError> {
        let rate = count("rate", self.rate, 1, 10_000_000)? as f64;
        let warm_up = seconds("warm-up", self.warm_up, 0.0, 3_600.0)?;
        let measured = seconds("duration", self.duration, 0.001, 86_400.0)?;
        let most = match self.requests {
            Some(requests) => count("requests", requests, 1, MOST_REQUESTS)?,
            None => u64::MAX,
        };
        let planned = (measured.as_secs_f64() * rate).ceil() as u64;
        let warming = (warm_up.as_secs_f64() * rate).ceil() as u64;
        let requests = planned.min(most).saturating_add(warming);
        if requests > MOST_REQUESTS {
            return Err(LoadError::OutOfRange {
                option: "duration",
                given: format!("{} at this rate, which is {requests} requests,", self.duration),
                allowed: format!("{MOST_REQUESTS} requests"),
            });
        }
        if !(0.0..=4.0).contains(&self.zipf) {
            return Err(LoadError::OutOfRange {
                option: "zipf",
                given: self.zipf.to_string(),
                allowed: "0 to 4".into(),
            });
        }
        count("users", self.users, 1, 10_000)?;
        count("urls", self.urls, 1, 100_000)?;
        Ok(Settings {
            rate,
            warm_up,
            warm_up_requests: count("warm-up-requests", self.warm_up_requests, 0, MOST_REQUESTS)?
                as usize,
            measured,
            requests: requests as usize,
            connections: count("connections", self.connections, 1, 20_000)? as usize,
            timeout: seconds("timeout", self.timeout, 0.001, 600.0)?,
            arrivals: self.arrivals,
            mix: self.mix,
            zipf: self.zipf,
            seed: self.draws,
        })
    }
}

fn count(option: &'static str, given: Count, least: u64, most: u64) -> Result<u64, LoadError> {
    if (least..=most).contains(&given.0) {
        return Ok(given.0);
    }
    let allowed = format!("{least} to {most}");
    Err(LoadError::OutOfRange { option, given: given.to_string(), allowed })
}

fn seconds(option: &'static str, given: f64, least: f64, most: f64) -> Result<Duration, LoadError> {
    if (least..=most).contains(&given) {
        return Ok(Duration::from_secs_f64(given));
    }
    let allowed = format!("{least} to {most} seconds");
    Err(LoadError::OutOfRange { option, given: given.to_string(), allowed })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    pub(crate) fn options(line: &str) -> Options {
        Line::try_parse_from(["load"].into_iter().chain(line.split_whitespace())).unwrap().options
    }

    #[test]
    fn a_run_is_bounded_in_time_and_count() {
        let settings = options("--rate 2k --duration 5 --warm-up 1").check().unwrap();
        assert_eq!(settings.requests, 12_000);
        let settings = options("--rate 2k --duration 5 --warm-up 1 --requests 10").check().unwrap();
        assert_eq!(settings.requests, 2_010);
        let error = options("--rate 1M --duration 1000").check().unwrap_err().to_string();
        assert!(error.contains("--duration") && error.contains("50000000 requests"), "{error}");
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        for (line, option) in [
            ("--rate 0", "--rate 0"),
            ("--duration 0", "--duration 0"),
            ("--duration NaN", "--duration NaN"),
            ("--warm-up=-1", "--warm-up -1"),
            ("--connections 0", "--connections 0"),
            ("--connections 1M", "--connections 1M"),
            ("--timeout 0", "--timeout 0"),
            ("--requests 0", "--requests 0"),
            ("--warm-up-requests 1000M", "--warm-up-requests"),
            ("--zipf=-1", "--zipf -1"),
            ("--users 0", "--users 0"),
            ("--urls 0", "--urls 0"),
        ] {
            let error = options(line).check().unwrap_err().to_string();
            assert!(error.starts_with(option), "{line}: {error}");
        }
    }

    #[test]
    fn seeded_takes_two_counts() {
        assert_eq!(seeded("10k,1M"), Ok(Seeded { users: 10_000, urls: 1_000_000 }));
        for text in ["10k", "10k,", "0,1", "10k,1M,2"] {
            assert!(seeded(text).is_err(), "{text}");
        }
    }
}
