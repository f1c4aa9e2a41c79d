//! The table for docs/measurements.md, and what the seed of this project promises.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::options::Database;
use crate::thousands::thousands;

/// An endpoint, and by how many percent its answers are to be faster, if that is promised.
const ENDPOINTS: [(&str, Option<(f64, f64)>); 7] = [
    ("list", Some((80.0, 90.0))),
    ("stats", Some((85.0, 95.0))),
    ("analytics", Some((85.0, 95.0))),
    ("profile", Some((70.0, 80.0))),
    ("redirect", Some((90.0, 95.0))),
    ("write", None),
    ("nothing", None),
];
/// A service keeps up whose requests wait less than so many times as long for a connection as they
/// then take.
const LONGEST_WAIT: f64 = 10.0;
/// How many percent of the queries are to be saved.
const SAVED: f64 = 95.0;

/// Medians of one service, of each round, in seconds.
#[derive(Clone, Debug, Default)]
struct Times {
    handler: Vec<f64>,
    client: Vec<f64>,
}

/// What went before the rounds.
#[derive(Debug, Default)]
pub(super) struct Warming {
    /// How many requests, the same without caches and with them.
    pub(super) requests: String,
    /// How long they took, without caches and with them.
    pub(super) seconds: [f64; 2],
}

/// What all rounds have brought, without the caches and with them.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    warming: Warming,
    times: [[Times; ENDPOINTS.len()]; 2],
    /// Of the service with caches: answers, and those of its cache of responses.
    hits: [(u64, u64); ENDPOINTS.len()],
    queries: [u64; 2],
    requests: [u64; 2],
    /// Whether the load was more than the service could answer.
    overloaded: [bool; 2],
}

impl Rounds {
    pub(super) fn after(warming: Warming) -> Self {
        Self { warming, ..Self::default() }
    }

    /// Adds a round of the service with or without caches, as `shortener load --json` reports it.
    pub(super) fn add(&mut self, cached: bool, report: &Value, queries: u64) -> Result<()> {
        let which = usize::from(cached);
        let endpoints = report["endpoints"].as_array().context("no `endpoints`")?;
        for endpoint in endpoints {
            let name = endpoint["endpoint"].as_str().context("no `endpoint`")?;
            let place = ENDPOINTS.iter().position(|(it, _)| *it == name);
            let place = place.with_context(|| name.to_owned())?;
            let times = &mut self.times[which][place];
            let failed = endpoint["failed"].as_u64().context("no `failed`")?;
            // A few may end with their connection; more of them are another load.
            let answered = endpoint["answered"].as_u64().context("no `answered`")?;
            ensure!(failed * 100 <= answered, "{name}: {failed} failed: {}", endpoint["failures"]);
            let median = |field: &str| {
                endpoint[field]["p50"].as_f64().with_context(|| format!("{name}: no `{field}`"))
            };
            let client = median("service_seconds")?;
            times.handler.push(median("server_seconds")?);
            times.client.push(client);
            self.overloaded[which] |= median("latency_seconds")? > LONGEST_WAIT * client;
            self.requests[which] += answered;
            if cached {
                let (all, hits) = &mut self.hits[place];
                *all += answered;
                *hits += endpoint["hits"].as_u64().context("no `hits`")?;
            }
        }
        self.queries[which] += queries;
        Ok(())
    }
}

pub(super) fn markdown(database: Database, rounds: &Rounds) -> Result<String> {
    let mut text = format!("### {}\n\n", database.name());
    text.push_str(
        "| median | handler, no cache | handler, cached | faster by | promised | client, no cache | \
         client, cached | faster by | hits |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut short = Vec::new();
    for (place, (name, promised)) in ENDPOINTS.iter().enumerate() {
        let [plain, cached] = [0, 1].map(|which| &rounds.times[which][place]);
        let handler = [median(&plain.handler)?, median(&cached.handler)?];
        let client = [median(&plain.client)?, median(&cached.client)?];
        let promise = promised.map_or("-".to_owned(), |(from, to)| format!("{from}-{to} %"));
        writeln!(
            text,
            "| {name} | {} | {} | {:.1} % | {promise} | {} | {} | {:.1} % | {} |",
            micros(handler[0]),
            micros(handler[1]),
            faster(handler),
            micros(client[0]),
            micros(client[1]),
            faster(client),
            hit_ratio(rounds.hits[place]),
        )?;
        match promised {
            Some((from, _)) if faster(handler) < *from => {
                short.push(format!("{name} falls short of the promise"));
            }
            Some((_, to)) if faster(handler) < *to => {
                short.push(format!("{name} keeps the promise, below its upper end"));
            }
            _ => {}
        }
    }
    let per_request = |which: usize| rounds.queries[which] as f64 / rounds.requests[which] as f64;
    let saved = faster([per_request(0), per_request(1)]);
    let Warming { requests, seconds: [plain, cached] } = &rounds.warming;
    writeln!(
        text,
        "\nBefore the rounds, each service has answered {requests} requests of the same mix, one \
         after another on each of 64 connections: without caches in {plain:.0} s, with them in \
         {cached:.0} s. \
         Requests of the rounds that are the first for their code or page are misses, and count."
    )?;
    writeln!(
        text,
        "\nQueries a request: {:.3} without caches, {:.3} with them: {saved:.1} % saved ({SAVED} % \
         wanted).",
        per_request(0),
        per_request(1)
    )?;
    if saved < SAVED {
        short.push("fewer queries are saved than wanted".into());
    }
    for (which, name) in ["without caches", "with caches"].into_iter().enumerate() {
        if rounds.overloaded[which] {
            writeln!(
                text,
                "The service {name} did not keep up with the load: its times are those of a queue, and a \
                 comparison needs a lower --rate."
            )?;
        }
    }
    if rounds.overloaded.contains(&true) {
        return Ok(text);
    }
    let verdict = if short.is_empty() {
        "At the handler every promise is kept at its upper end.".to_owned()
    } else {
        format!("At the handler: {}.", short.join("; "))
    };
    writeln!(text, "{verdict} `nothing` is what the network stack alone takes.")?;
    Ok(text)
}

/// By how many percent the second is less.
fn faster([before, after]: [f64; 2]) -> f64 {
    (1.0 - after / before) * 100.0
}

/// The share of answers that came from the cache of responses.
fn hit_ratio((all, hits): (u64, u64)) -> String {
    if all == 0 { "-".into() } else { format!("{:.1} %", hits as f64 / all as f64 * 100.0) }
}

fn micros(seconds: f64) -> String {
    let micros = seconds * 1e6;
    if micros < 100.0 {
        format!("{micros:.1} µs")
    } else {
        format!("{} µs", thousands(micros.round() as u64))
    }
}

fn median(values: &[f64]) -> Result<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => anyhow::bail!("nothing was measured"),
        count if count % 2 == 0 => Ok(f64::midpoint(values[middle - 1], values[middle])),
        _ => Ok(values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(handler: f64, failed: u64) -> Value {
        waited(handler, failed, 1.0)
    }

    fn waited(handler: f64, failed: u64, times: f64) -> Value {
        let endpoint = |(name, _): &(&str, _)| {
            json!({
                "endpoint": name, "answered": 100, "hits": 97, "failed": failed, "failures": {},
                "server_seconds": {"p50": handler}, "service_seconds": {"p50": handler + 1e-4},
                "latency_seconds": {"p50": (handler + 1e-4) * times},
            })
        };
        json!({ "endpoints": ENDPOINTS.iter().map(endpoint).collect::<Vec<_>>() })
    }

    fn text(cached: f64, queries: u64) -> String {
        let warming = Warming { requests: "1M".into(), seconds: [600.0, 80.0] };
        let mut rounds = Rounds::after(warming);
        // One round of three is out of line.
        for time in [1e-3, 9e-3, 1e-3] {
            rounds.add(false, &report(time, 0), 700).unwrap();
            rounds.add(true, &report(time * cached, 0), queries).unwrap();
        }
        markdown(Database::Sqlite, &rounds).unwrap()
    }

    #[test]
    fn reductions_stand_beside_what_is_promised() {
        let text = text(0.04, 7);
        let line = text.lines().find(|line| line.starts_with("| list ")).unwrap();
        assert!(
            line.starts_with(
                "| list | 1,000 µs | 40.0 µs | 96.0 % | 80-90 % | 1,100 µs | 140 µs | 87."
            ),
            "{line}"
        );
        assert!(line.ends_with("| 97.0 % |"), "{line}");
        assert!(text.contains("1M requests of the same mix"), "{text}");
        assert!(text.contains("without caches in 600 s, with them in 80 s"), "{text}");
        assert!(text.contains("1.000 without caches, 0.010 with them: 99.0 % saved"), "{text}");
        assert!(text.contains("every promise is kept at its upper end"), "{text}");
    }

    #[test]
    fn promises_that_are_not_kept_are_named() {
        let text = text(0.12, 70);
        assert!(text.contains("redirect falls short of the promise"), "{text}");
        assert!(text.contains("list keeps the promise, below its upper end"), "{text}");
        assert!(text.contains("fewer queries are saved than wanted"), "{text}");
        assert!(!text.contains("profile falls short"), "{text}");
    }

    #[test]
    fn a_service_that_does_not_keep_up_is_named_and_no_promise_is_judged() {
        let mut rounds = Rounds::default();
        rounds.add(false, &waited(1e-3, 0, 11.0), 700).unwrap();
        rounds.add(true, &waited(1e-5, 0, 9.0), 7).unwrap();
        let text = markdown(Database::Postgres, &rounds).unwrap();
        assert!(text.contains("without caches did not keep up"), "{text}");
        assert!(
            !text.contains("with caches did not") && !text.contains("promise is kept"),
            "{text}"
        );
    }

    #[test]
    fn rounds_with_failed_requests_do_not_count() {
        assert!(Rounds::default().add(true, &report(1.0, 2), 0).is_err());
        assert!(Rounds::default().add(true, &json!({}), 0).is_err());
    }
}
