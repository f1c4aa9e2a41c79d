//! How long loads take: a histogram that all threads share. A load costs far more than the
//! contended increment.

use crate::sync::{AtomicU64, Ordering, array_of};
use std::time::Duration;

/// The number of buckets. Bucket `i` counts times below 2^i microseconds that no bucket before it
/// counts; the last one counts all others.
pub(crate) const BUCKETS: usize = 28;

/// Returns the exclusive upper bound of a bucket. The last one has none: returns its lower bound.
pub(crate) fn bound(bucket: usize) -> Duration {
    Duration::from_micros(1 << bucket.min(BUCKETS - 2))
}

/// The times of a cache's loads.
#[derive(Debug)]
pub(crate) struct LoadTimeHistogram([AtomicU64; BUCKETS]);

impl LoadTimeHistogram {
    pub(crate) fn new() -> Self {
        Self(array_of![AtomicU64::new(0); BUCKETS])
    }

    pub(crate) fn record(&self, took: Duration) {
        let bits = u128::BITS - took.as_micros().leading_zeros();
        // Relaxed: a count, which orders nothing.
        self.0[(bits as usize).min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> [u64; BUCKETS] {
        let mut counts = [0; BUCKETS];
        for (count, bucket) in counts.iter_mut().zip(&self.0) {
            // Relaxed: the buckets are not a snapshot, each is a count of its own.
            *count = bucket.load(Ordering::Relaxed);
        }
        counts
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_counted_below_its_bound() {
        for (micros, bucket) in
            [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (1 << 25, 26), (1 << 26, 27), (u64::MAX, 27)]
        {
            let times = LoadTimeHistogram::new();
            times.record(Duration::from_micros(micros));
            let counts = times.counts();
            assert_eq!(counts.iter().sum::<u64>(), 1);
            assert_eq!(counts[bucket], 1, "{micros} us");
            assert_eq!(Duration::from_micros(micros) < bound(bucket), bucket < BUCKETS - 1);
        }
        assert_eq!(bound(0), Duration::from_micros(1));
        assert_eq!(bound(BUCKETS - 1), bound(BUCKETS - 2));
        assert!(bound(BUCKETS - 1) > Duration::from_secs(60));
    }
}
