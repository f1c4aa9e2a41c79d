//! The last minutes of one cache: samples of its statistics, and the difference from one of them.
//!
//! A window ends now and begins with the latest sample that is old enough. So it is as long as
//! requested, or longer by up to one interval; it is shorter only for a cache that is younger. Each
//! window has its real length, by which rates are computed.

use crate::CacheStats;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

pub(crate) const LONGEST: Duration = Duration::from_secs(15 * 60);

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delta {
    pub(crate) over: Duration,
    pub(crate) stats: CacheStats,
}

/// Statistics, and when they were taken by the manager's clock.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    stats: CacheStats,
}

/// Samples of one cache, at least an interval apart: as many as the longest window needs.
#[derive(Debug)]
pub(crate) struct History {
    interval: Duration,
    /// The oldest first; never empty.
    samples: VecDeque<Sample>,
}

impl History {
    /// Starts a history with its first sample.
    pub(crate) fn new(interval: Duration, now: Instant, stats: CacheStats) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        let room = LONGEST.div_duration_f64(interval) as usize + 2;
        let mut samples = VecDeque::with_capacity(room);
        samples.push_back(Sample { at: now, stats });
        Self { interval, samples }
    }

    /// Keeps a sample, unless it comes too soon after the last one. So the number of samples stays
    /// within the reserved capacity, however often a caller samples.
    pub(crate) fn record(&mut self, now: Instant, stats: CacheStats) {
        let age = |sample: &Sample| now.saturating_duration_since(sample.at);
        if self.samples.back().is_some_and(|last| age(last) < self.interval) {
            return;
        }
        // The first sample is kept as long as the longest window begins with it.
        while self.samples.get(1).is_some_and(|second| age(second) >= LONGEST) {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at: now, stats });
    }

    pub(crate) fn last(&self, length: Duration, now: Instant, stats: CacheStats) -> Delta {
        let age = |sample: &Sample| now.saturating_duration_since(sample.at);
        // The samples before `young` are old enough. If there are none, the first one is used.
        let young = self.samples.partition_point(|sample| age(sample) >= length);
        let first = self.samples[young.saturating_sub(1)];
        Delta { over: age(&first), stats: stats - first.stats }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    fn hits(hits: u64) -> CacheStats {
        CacheStats { hits, ..CacheStats::default() }
    }

    /// Returns a history with one hit per second and one sample per ten seconds, and its start.
    fn sampled(seconds: u32) -> (History, Instant) {
        let start = Instant::now();
        let mut history = History::new(Duration::from_secs(10), start, hits(0));
        for second in (10..=seconds).step_by(10) {
            history.record(start + second * SECOND, hits(second.into()));
        }
        (history, start)
    }

    #[test]
    fn a_window_counts_what_happened_in_its_time() {
        let (history, start) = sampled(2_000);
        for minutes in [1, 5, 15] {
            let window = history.last(MINUTE * minutes, start + 2_000 * SECOND, hits(2_000));
            assert_eq!(window.over, MINUTE * minutes);
            assert_eq!(window.stats.hits, u64::from(minutes) * 60);
        }
    }

    #[test]
    fn a_window_between_samples_is_longer_and_says_so() {
        let (history, start) = sampled(2_000);
        let window = history.last(MINUTE, start + 2_007 * SECOND, hits(2_007));
        assert_eq!((window.over, window.stats.hits), (Duration::from_secs(67), 67));
    }

    #[test]
    fn a_window_that_is_not_full_yet_has_its_real_length() {
        let (history, start) = sampled(40);
        let window = history.last(MINUTE, start + 45 * SECOND, hits(45));
        assert_eq!((window.over, window.stats.hits), (Duration::from_secs(45), 45));
        let (history, start) = sampled(0);
        let none = history.last(MINUTE, start, hits(0));
        assert_eq!((none.over, none.stats.hits), (Duration::ZERO, 0));
    }

    #[test]
    fn a_sample_that_was_missed_makes_a_longer_window() {
        let (mut history, start) = sampled(100);
        history.record(start + 200 * SECOND, hits(200));
        let window = history.last(MINUTE, start + 210 * SECOND, hits(210));
        assert_eq!((window.over, window.stats.hits), (Duration::from_secs(110), 110));
    }

    #[test]
    fn frequent_samples_do_not_grow_the_history() {
        let (mut history, start) = sampled(0);
        let room = history.samples.capacity();
        for tenth in 0..30_000_u32 {
            history.record(start + tenth * SECOND / 10, hits(tenth.into()));
        }
        assert!(history.samples.len() <= 92, "{}", history.samples.len());
        assert_eq!(history.samples.capacity(), room);
    }
}
