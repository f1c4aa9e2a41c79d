//! What became of the requests.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::client::CallError;
use super::mix::Endpoint;

/// Parts of the measured time that the plot shows.
pub(super) const SLICES: usize = 60;
/// Nanoseconds that a histogram tells apart from longer ones: ten minutes.
const LONGEST: u64 = 600_000_000_000;

/// What went wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Failure {
    /// A status of 400 and above.
    Status(u16),
    Connection,
    Timeout,
    /// Due, and not answered when the run ended.
    Unanswered,
}

impl Failure {
    pub(super) fn name(self) -> String {
        match self {
            Self::Status(status) => status.to_string(),
            Self::Connection => "connection".into(),
            Self::Timeout => "timeout".into(),
            Self::Unanswered => "unanswered".into(),
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Connection => Self::Connection,
            CallError::Timeout => Self::Timeout,
        }
    }
}

/// An answer, in time after the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    pub(super) due: Duration,
    pub(super) sent: Duration,
    pub(super) done: Duration,
    pub(super) server: Option<Duration>,
    pub(super) hit: bool,
    pub(super) bytes: usize,
}

/// What is known of one endpoint, times in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// From when a request was due.
    pub(super) latency: Histogram<u64>,
    /// From when it was sent.
    pub(super) service: Histogram<u64>,
    /// What the service itself reports.
    pub(super) server: Histogram<u64>,
    pub(super) failures: BTreeMap<Failure, u64>,
    /// Answers that the service's cache has given.
    pub(super) hits: u64,
    pub(super) bytes: u64,
}

impl Tally {
    fn new() -> Self {
        let (latency, service, server) = (histogram(3), histogram(3), histogram(3));
        Self { latency, service, server, failures: BTreeMap::new(), hits: 0, bytes: 0 }
    }

    pub(super) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

/// Counts for all connections.
#[derive(Debug)]
pub(super) struct Tallies {
    endpoints: [Mutex<Tally>; 7],
    slices: Mutex<Vec<Histogram<u64>>>,
    warm_up: Duration,
    slice: Duration,
}

impl Tallies {
    /// For `measured` after `warm_up`.
    pub(super) fn new(warm_up: Duration, measured: Duration) -> Self {
        Self {
            endpoints: std::array::from_fn(|_| Mutex::new(Tally::new())),
            slices: Mutex::new(vec![histogram(2); SLICES]),
            warm_up,
            slice: measured / SLICES as u32,
        }
    }

    pub(super) fn answered(&self, endpoint: Endpoint, timing: Timing) {
        let Some(into) = timing.due.checked_sub(self.warm_up) else { return };
        let latency = nanos(timing.done.saturating_sub(timing.due));
        {
            let mut tally = locked(&self.endpoints[endpoint.index()]);
            tally.latency.saturating_record(latency);
            tally.service.saturating_record(nanos(timing.done.saturating_sub(timing.sent)));
            if let Some(server) = timing.server {
                tally.server.saturating_record(nanos(server));
            }
            tally.hits += u64::from(timing.hit);
            tally.bytes += timing.bytes as u64;
        }
        let slice = (into.as_nanos() / self.slice.as_nanos().max(1)) as usize;
        locked(&self.slices)[slice.min(SLICES - 1)].saturating_record(latency);
    }

    pub(super) fn failed(&self, endpoint: Endpoint, due: Duration, failure: Failure) {
        if due >= self.warm_up {
            let mut tally = locked(&self.endpoints[endpoint.index()]);
            *tally.failures.entry(failure).or_default() += 1;
        }
    }

    pub(super) fn finish(&self) -> Outcome {
        let endpoints = Endpoint::ALL
            .map(|endpoint| (endpoint, locked(&self.endpoints[endpoint.index()]).clone()));
        let asked = endpoints
            .into_iter()
            .filter(|(_, tally)| !tally.latency.is_empty() || tally.failed() > 0);
        Outcome {
            endpoints: asked.collect(),
            slices: locked(&self.slices).clone(),
            slice: self.slice,
        }
    }
}

/// All there is to tell of a run.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// Those that were asked.
    pub(super) endpoints: Vec<(Endpoint, Tally)>,
    /// Latencies by the time at which requests were due.
    pub(super) slices: Vec<Histogram<u64>>,
    pub(super) slice: Duration,
}

fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, digits).expect("the bounds are in range")
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(1)
}

/// Counters stay what they are when a thread panics.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_counts_from_when_a_request_was_due() {
        let tallies = Tallies::new(Duration::from_secs(1), Duration::from_secs(60));
        let timing = |due, sent, done| Timing {
            due: Duration::from_millis(due),
            sent: Duration::from_millis(sent),
            done: Duration::from_millis(done),
            server: Some(Duration::from_millis(1)),
            hit: true,
            bytes: 10,
        };
        // Of the warm-up, though its answer came later.
        tallies.answered(Endpoint::List, timing(999, 3_000, 4_000));
        tallies.failed(Endpoint::List, Duration::from_millis(999), Failure::Timeout);
        // Waited half a second for a connection.
        tallies.answered(Endpoint::List, timing(2_500, 3_000, 3_200));
        tallies.failed(Endpoint::Profile, Duration::from_secs(1), Failure::Status(500));
        let outcome = tallies.finish();
        let [(Endpoint::List, list), (Endpoint::Profile, profile)] = &outcome.endpoints[..] else {
            panic!("{:?}", outcome.endpoints);
        };
        assert_eq!((list.latency.len(), list.failed(), list.hits, list.bytes), (1, 0, 1, 10));
        let near = |histogram: &Histogram<u64>, millis: u64| {
            histogram.equivalent(histogram.max(), millis * 1_000_000)
        };
        assert!(near(&list.latency, 700) && near(&list.service, 200) && near(&list.server, 1));
        assert_eq!(profile.failures, BTreeMap::from([(Failure::Status(500), 1)]));
        assert_eq!(outcome.slices.iter().map(Histogram::len).collect::<Vec<_>>()[..3], [0, 1, 0]);
    }
}
