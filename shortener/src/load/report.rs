//! What a run tells: a table for people, JSON for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::mix::Endpoint;
use super::options::{Options, Settings};
use super::tally::{Outcome, Tally};

/// The numbers of a run; also the form of `--json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Who was asked.
    pub target: String,
    /// Requests a second that were asked for.
    pub rate: f64,
    /// The shares of the endpoints.
    pub mix: String,
    /// The exponent of the Zipf distribution.
    pub zipf: f64,
    /// The number that requests were drawn from.
    pub draws: u64,
    /// Requests before all others, as fast as the connections brought them.
    pub warm_up_requests: u64,
    /// How long they took.
    pub warm_up_seconds: f64,
    /// How long was measured.
    pub measured_seconds: f64,
    /// Each endpoint that was asked.
    pub endpoints: Vec<EndpointReport>,
}

/// The numbers of one endpoint, without those of the warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointReport {
    /// Which one.
    pub endpoint: Endpoint,
    /// Requests that were answered with a status below 400.
    pub answered: u64,
    /// Requests that were not.
    pub failed: u64,
    /// Those by reason: a status, `connection`, `timeout` or `unanswered`.
    pub failures: BTreeMap<String, u64>,
    /// Answers a second.
    pub rate: f64,
    /// Answers of the service's cache, as it reports them in `Cache-Status`.
    pub hits: u64,
    /// Bytes of all bodies.
    pub body_bytes: u64,
    /// From the time a request was due.
    pub latency_seconds: Option<Quantiles>,
    /// From the time it was sent.
    pub service_seconds: Option<Quantiles>,
    /// As the service reports it in `Server-Timing`, if it does.
    pub server_seconds: Option<Quantiles>,
}

/// Quantiles of times in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// What nine of ten do not exceed.
    pub p90: f64,
    /// What 99 of 100 do not exceed.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Quantiles {
    fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let seconds = |nanos: u64| nanos as f64 / 1e9;
        let at = |quantile| seconds(histogram.value_at_quantile(quantile));
        (!histogram.is_empty()).then(|| Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: seconds(histogram.max()),
        })
    }
}

impl Report {
    pub(super) fn new(
        options: &Options,
        settings: &Settings,
        warming: Duration,
        outcome: &Outcome,
    ) -> Self {
        let measured_seconds = settings.measured.as_secs_f64();
        let endpoint = |(endpoint, tally): &(Endpoint, Tally)| EndpointReport {
            endpoint: *endpoint,
            answered: tally.latency.len(),
            failed: tally.failed(),
            failures: tally.failures.iter().map(|(why, count)| (why.name(), *count)).collect(),
            rate: tally.latency.len() as f64 / measured_seconds,
            hits: tally.hits,
            body_bytes: tally.bytes,
            latency_seconds: Quantiles::of(&tally.latency),
            service_seconds: Quantiles::of(&tally.service),
            server_seconds: Quantiles::of(&tally.server),
        };
        Self {
            target: options.target.clone(),
            rate: settings.rate,
            mix: settings.mix.to_string(),
            zipf: settings.zipf,
            draws: settings.seed,
            warm_up_requests: settings.warm_up_requests as u64,
            warm_up_seconds: warming.as_secs_f64(),
            measured_seconds,
            endpoints: outcome.endpoints.iter().map(endpoint).collect(),
        }
    }

    /// Requests that failed, of all endpoints.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.endpoints.iter().map(|endpoint| endpoint.failed).sum()
    }
}

impl fmt::Display for Report {
    /// A table, with a line per endpoint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, rate, mix, zipf, measured_seconds, .. } = self;
        writeln!(
            f,
            "{target}: {rate} requests a second for {measured_seconds} s, {mix}, Zipf {zipf}"
        )?;
        writeln!(
            f,
            "latency from the time a request was due; in brackets the service's own median"
        )?;
        writeln!(
            f,
            "{:<10} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>11} {:>7}",
            "", "answered", "per s", "p50", "p90", "p99", "max", "", "failed"
        )?;
        for endpoint in &self.endpoints {
            let EndpointReport { answered, rate, failed, .. } = endpoint;
            let name = endpoint.endpoint.name();
            let times = endpoint.latency_seconds;
            let cell = |read: fn(Quantiles) -> f64| times.map_or("-".into(), |t| time(read(t)));
            let server =
                endpoint.server_seconds.map_or(String::new(), |t| format!("({})", time(t.p50)));
            writeln!(
                f,
                "{name:<10} {answered:>9} {rate:>8.1} {:>9} {:>9} {:>9} {:>9} {server:>11} {failed:>7}",
                cell(|t| t.p50),
                cell(|t| t.p90),
                cell(|t| t.p99),
                cell(|t| t.max),
            )?;
        }
        for endpoint in self.endpoints.iter().filter(|endpoint| endpoint.failed > 0) {
            let reasons: Vec<_> =
                endpoint.failures.iter().map(|(why, count)| format!("{count} x {why}")).collect();
            writeln!(f, "{} failed: {}", endpoint.endpoint.name(), reasons.join(", "))?;
        }
        Ok(())
    }
}

/// Seconds in the unit that suits them.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            target: "http://127.0.0.1:1".into(),
            rate: 10.0,
            mix: "list=1".into(),
            zipf: 1.0,
            draws: 1,
            warm_up_requests: 0,
            warm_up_seconds: 0.0,
            measured_seconds: 2.0,
            endpoints: vec![EndpointReport {
                endpoint: Endpoint::List,
                answered: 19,
                failed: 3,
                failures: BTreeMap::from([("404".into(), 1), ("timeout".into(), 2)]),
                rate: 9.5,
                hits: 9,
                body_bytes: 1,
                latency_seconds: Some(Quantiles { p50: 5e-5, p90: 0.0125, p99: 0.5, max: 2.25 }),
                service_seconds: None,
                server_seconds: Some(Quantiles { p50: 4e-6, p90: 5e-6, p99: 1e-5, max: 1e-4 }),
            }],
        }
    }

    #[test]
    fn the_table_names_times_and_failures() {
        let table = report().to_string();
        let line = table.lines().find(|line| line.starts_with("list ")).unwrap();
        let cells: Vec<_> = line.split_whitespace().collect();
        let expected = "list 19 9.5 50 µs 12.50 ms 500.00 ms 2.25 s (4 µs) 3";
        assert_eq!(cells, expected.split(' ').collect::<Vec<_>>());
        assert!(table.contains("list failed: 1 x 404, 2 x timeout"), "{table}");
    }

    #[test]
    fn json_carries_all_that_the_report_does() {
        let text = serde_json::to_string(&report()).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report());
        assert!(
            text.contains(r#""endpoint":"list""#)
                && text.contains(r#""server_seconds":{"p50":4e-6"#)
        );
    }
}
