//! What a handful of rounds amounts to.

use serde::Serialize;

/// The middle of the samples and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Median absolute deviation from the median.
    pub(crate) mad: f64,
}

impl Spread {
    /// Of at least one sample.
    pub(crate) fn of(samples: &[f64]) -> Self {
        let middle = median(samples);
        let deviations: Vec<f64> = samples.iter().map(|sample| (sample - middle).abs()).collect();
        Self {
            median: middle,
            min: samples.iter().copied().fold(f64::INFINITY, f64::min),
            max: samples.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            mad: median(&deviations),
        }
    }
}

/// The middle sample, or the mean of the two in the middle.
pub(crate) fn median(samples: &[f64]) -> f64 {
    assert!(!samples.is_empty(), "no samples");
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// `part` of `whole` in percent; 0 of nothing is 0.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_and_even_numbers_of_samples() {
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
    }

    #[test]
    fn spread_is_not_moved_by_one_outlier() {
        let spread = Spread::of(&[10.0, 12.0, 11.0, 13.0, 1_000.0]);
        assert_eq!(spread, Spread { median: 12.0, min: 10.0, max: 1_000.0, mad: 1.0 });
    }

    #[test]
    fn percent_of_nothing() {
        assert_eq!(percent(0, 0), 0.0);
        assert_eq!(percent(1, 4), 25.0);
    }
}
