//! Key sequences, drawn before anything is measured.
//!
//! A measured loop walks an array of ready keys from front to back, which the prefetcher follows;
//! what it times is the cache and not the generator.

use clap::ValueEnum;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use serde::Serialize;

use crate::load::data::Key;

/// How keys are drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Dist {
    /// Zipf with exponent 0.99; key 0 is the most frequent.
    Zipf,
    /// Every key as often as any other.
    Uniform,
}

impl Dist {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zipf => "Zipf 0.99",
            Self::Uniform => "uniform",
        }
    }
}

/// The exponent of [`Dist::Zipf`].
pub(crate) const ZIPF_EXPONENT: f64 = 0.99;

/// Keys that a sequence holds at most before it is walked again.
pub(crate) const SEQUENCE: usize = 1 << 20;

/// The number of the generator that draws for `thread`: distinct for distinct arguments.
pub(crate) fn rng(seed: u64, thread: usize) -> SmallRng {
    SmallRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ thread as u64)
}

/// Draws `count` key numbers below `keys`.
pub(crate) fn draw(dist: Dist, keys: u32, count: usize, rng: &mut SmallRng) -> Vec<u32> {
    assert!(keys > 0, "there is nothing to draw from");
    match dist {
        Dist::Uniform => (0..count).map(|_| rng.random_range(0..keys)).collect(),
        Dist::Zipf => {
            let zipf = Zipf::new(f64::from(keys), ZIPF_EXPONENT).expect("valid parameters");
            // Ranks are 1..=keys.
            (0..count).map(|_| (zipf.sample(rng) as u32).clamp(1, keys) - 1).collect()
        }
    }
}

/// The keys behind key numbers, in the order in which they will be used: for keys with heap memory
/// this is also the order of their addresses.
pub(crate) fn keys<K: Key>(numbers: &[u32]) -> Vec<K> {
    numbers.iter().map(|&n| K::nth(n)).collect()
}

/// Yes with `percent` in a hundred, drawn beforehand so that no branch can be predicted from its
/// place; the length is a power of two, to be indexed by `& (COINS - 1)`.
pub(crate) fn coins(percent: u32, rng: &mut SmallRng) -> Vec<bool> {
    (0..COINS).map(|_| rng.random_range(0..100) < percent).collect()
}

/// Length of [`coins`].
pub(crate) const COINS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zipf_has_the_skew_of_its_exponent() {
        let keys = 1_000u32;
        let draws = 400_000;
        let mut counts = vec![0u32; keys as usize];
        for n in draw(Dist::Zipf, keys, draws, &mut rng(1, 0)) {
            counts[n as usize] += 1;
        }
        let harmonic: f64 = (1..=keys).map(|k| f64::from(k).powf(-ZIPF_EXPONENT)).sum();
        for rank in [1u32, 2, 3, 10, 100] {
            let expected = draws as f64 * f64::from(rank).powf(-ZIPF_EXPONENT) / harmonic;
            let got = f64::from(counts[rank as usize - 1]);
            // Five standard deviations of a binomial count.
            let tolerance = 5.0 * expected.sqrt();
            assert!((got - expected).abs() < tolerance, "rank {rank}: {got}, not {expected}");
        }
    }

    #[test]
    fn uniform_covers_all_keys_evenly() {
        let mut counts = [0u32; 10];
        for n in draw(Dist::Uniform, 10, 100_000, &mut rng(1, 0)) {
            counts[n as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (9_500..10_500).contains(&count)), "{counts:?}");
    }

    #[test]
    fn sequences_differ_by_thread_and_repeat_by_seed() {
        let one = |seed, thread| draw(Dist::Zipf, 1_000, 100, &mut rng(seed, thread));
        assert_eq!(one(1, 0), one(1, 0));
        assert_ne!(one(1, 0), one(1, 1));
        assert_ne!(one(1, 0), one(2, 0));
    }

    #[test]
    fn coins_fall_as_often_as_asked() {
        let yes = coins(25, &mut rng(1, 0)).iter().filter(|&&coin| coin).count();
        let share = yes as f64 / COINS as f64;
        assert!((share - 0.25).abs() < 0.01, "{share}");
    }
}
