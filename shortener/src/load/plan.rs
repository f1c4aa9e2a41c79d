//! When requests are due and what they ask for, drawn before the first is sent.
//!
//! What the request with a number asks for depends on the seed and the number alone: two runs with
//! the same options ask for the same, whatever connection a request goes through.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};

use super::mix::Endpoint;
use super::options::Settings;

/// How the times between requests are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// As from many users who know nothing of each other.
    Poisson,
    /// All alike.
    Constant,
}

/// The times at which requests are due.
#[derive(Debug)]
pub(super) struct Plan {
    /// Nanoseconds after the start, never falling.
    due: Vec<u64>,
}

impl Plan {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut draws = generator(settings.seed, u64::MAX);
        let mut now = 0.0;
        let gap = 1e9 / settings.rate;
        let due = (0..settings.requests).map(|number| match settings.arrivals {
            Arrivals::Constant => (number as f64 * gap) as u64,
            Arrivals::Poisson => {
                let unit: f64 = draws.random();
                now += -(1.0 - unit).ln() * gap;
                now as u64
            }
        });
        Self { due: due.collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    /// Nanoseconds after the start.
    pub(super) fn due(&self, number: usize) -> u64 {
        self.due[number]
    }
}

/// What one request asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Draw {
    pub(super) endpoint: Endpoint,
    /// Which user asks.
    pub(super) user: usize,
    /// Rank of the code, if all codes are meant.
    pub(super) code: usize,
    /// From 0 to below 1, for what else an endpoint chooses.
    pub(super) more: [f64; 2],
}

/// Draws what requests ask for.
#[derive(Debug)]
pub(super) struct Chooser {
    settings: Settings,
    users: Zipf<f64>,
    codes: Zipf<f64>,
}

impl Chooser {
    /// For `users` and `codes`, neither of which is 0.
    pub(super) fn new(settings: &Settings, users: usize, codes: usize) -> Self {
        Self {
            settings: settings.clone(),
            users: zipf(users, settings.zipf),
            codes: zipf(codes, settings.zipf),
        }
    }

    pub(super) fn draw(&self, number: usize) -> Draw {
        let mut draws = generator(self.settings.seed, number as u64);
        Draw {
            endpoint: self.settings.mix.choose(draws.random()),
            user: self.users.sample(&mut draws) as usize - 1,
            code: self.codes.sample(&mut draws) as usize - 1,
            more: [draws.random(), draws.random()],
        }
    }
}

/// The rank, from 0, that `draw` (from 0 to below 1) picks among `count`, as many as there are
/// harmonically fewer of: a short list needs no table.
pub(super) fn harmonic(draw: f64, count: usize) -> usize {
    let rank = ((count + 1) as f64).powf(draw) - 1.0;
    (rank as usize).min(count.saturating_sub(1))
}

fn zipf(count: usize, exponent: f64) -> Zipf<f64> {
    Zipf::new(count as f64, exponent).expect("the exponent and the count were checked")
}

fn generator(seed: u64, number: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::mix::Mix;
    use super::*;

    fn settings(arrivals: Arrivals) -> Settings {
        Settings {
            rate: 1_000.0,
            warm_up: Duration::ZERO,
            warm_up_requests: 0,
            measured: Duration::from_secs(20),
            requests: 20_000,
            connections: 1,
            timeout: Duration::from_secs(1),
            arrivals,
            mix: Mix::default(),
            zipf: 1.0,
            seed: 7,
        }
    }

    #[test]
    fn arrivals_keep_the_rate_and_their_spread() {
        for (arrivals, spread) in [(Arrivals::Constant, 0.0..0.01), (Arrivals::Poisson, 0.95..1.05)]
        {
            let plan = Plan::new(&settings(arrivals));
            let gaps: Vec<f64> =
                plan.due.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            assert!((0.97e6..1.03e6).contains(&mean), "{arrivals:?}: {mean} ns");
            let variance =
                gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            let found = variance.sqrt() / mean;
            assert!(spread.contains(&found), "{arrivals:?}: {found}");
        }
    }

    #[test]
    fn the_same_seed_asks_for_the_same() {
        let chooser = Chooser::new(&settings(Arrivals::Poisson), 10, 1_000);
        let again = Chooser::new(&settings(Arrivals::Poisson), 10, 1_000);
        let other = Chooser::new(&Settings { seed: 8, ..settings(Arrivals::Poisson) }, 10, 1_000);
        let draws = |chooser: &Chooser| (0..100).map(|n| chooser.draw(n)).collect::<Vec<_>>();
        assert_eq!(draws(&chooser), draws(&again));
        assert_ne!(draws(&chooser), draws(&other));
    }

    #[test]
    fn codes_are_asked_for_as_zipf_says() {
        let chooser = Chooser::new(&settings(Arrivals::Poisson), 10, 1_000);
        let mut counts = vec![0_u32; 1_000];
        for number in 0..100_000 {
            counts[chooser.draw(number).code] += 1;
        }
        // 1 / H(1000), and a tenth of that.
        let first = f64::from(counts[0]) / 100_000.0;
        let tenth = f64::from(counts[9]) / 100_000.0;
        assert!((0.129..0.138).contains(&first), "{first}");
        assert!((0.0118..0.0150).contains(&tenth), "{tenth}");
    }

    #[test]
    fn short_lists_are_asked_from_their_front() {
        assert_eq!(harmonic(0.0, 5), 0);
        assert_eq!(harmonic(0.999_999, 5), 4);
        assert_eq!(harmonic(0.5, 1), 0);
        let counts = (0..1_000).fold([0; 5], |mut counts, step| {
            counts[harmonic(f64::from(step) / 1_000.0, 5)] += 1;
            counts
        });
        assert!(counts.is_sorted_by(|a, b| a > b), "{counts:?}");
    }
}
