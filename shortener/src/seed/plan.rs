//! What a seeded database holds, each row from its number and the seed alone.
//!
//! Users and URLs have ranks: the first ones own and are clicked the most, as Zipf's law has it.
//! URLs are made in the year before the first click, and clicks come in the order of their times,
//! over 90 days, more of them by day than by night and on weekdays than at weekends.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};

use super::words::{ADJECTIVES, BROWSERS, COUNTRIES, HOSTS, NOUNS, PATHS, REFERRERS, pick};

/// Days over which clicks are spread.
const DAYS: u64 = 90;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Users' shares of the URLs fall slowly.
const OWNERS: f64 = 0.5;
/// URLs' shares of the clicks fall fast.
const POPULARITY: f64 = 1.0;
/// How many URLs of a hundred are switched off.
const INACTIVE: u32 = 3;
/// Codes of seven characters: 62^7.
const CODES: u64 = 3_521_614_606_208;
/// How far apart the codes of two numbers are that follow each other.
const STEP: u64 = 2_176_782_336_731;
// Then the steps lead through all codes before one comes again.
const _: () = assert!(greatest_common_divisor(STEP, CODES) == 1, "a code would come twice");
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The password of all seeded users.
pub const PASSWORD: &str = "correct horse battery";

/// The address of the seeded user with this number.
#[must_use]
pub fn email(number: u64) -> String {
    format!("user{number}@seed.example")
}

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// What he calls himself.
    pub name: String,
    /// What he signs in with.
    pub email: String,
    /// When he came.
    pub created_ms: i64,
}

/// A row of `urls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlRow {
    /// Its code, which no other number has.
    pub code: String,
    /// The number of its user.
    pub user: u64,
    /// Where it leads.
    pub url: String,
    /// What it is called.
    pub title: String,
    /// Whether it leads there.
    pub active: bool,
    /// When it was made.
    pub created_ms: i64,
}

/// A row of `clicks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClickRow {
    /// The number of the URL.
    pub url: u64,
    /// When.
    pub at_ms: i64,
    /// Its day since 1970.
    pub day: i64,
    /// A host, or `direct`.
    pub referrer: &'static str,
    /// A code of ISO 3166-1, or `unknown`.
    pub country: &'static str,
    /// A browser's name.
    pub browser: &'static str,
}

/// Makes rows from their numbers.
#[derive(Debug)]
pub struct Plan {
    seed: u64,
    urls: u64,
    until_ms: u64,
    owners: Zipf<f64>,
    popularity: Zipf<f64>,
    /// Shares of the clicks up to and with each hour.
    hours: Vec<f64>,
}

impl Plan {
    /// For so many users and URLs, neither of which is 0, with the last click now.
    #[must_use]
    pub fn new(seed: u64, users: u64, urls: u64) -> Self {
        let now = u64::try_from(crate::domain::now_ms()).unwrap_or(0);
        Self::until(seed, users, urls, now)
    }

    /// As [`new`](Self::new), with the last click at `until_ms`, which counts as a time between the
    /// years 1971 and 9999 if it is not.
    ///
    /// # Panics
    ///
    /// Without users or URLs.
    #[must_use]
    pub fn until(seed: u64, users: u64, urls: u64, until_ms: u64) -> Self {
        let zipf = |count: u64, exponent| {
            Zipf::new(count as f64, exponent).expect("there are users and URLs")
        };
        let until_ms = until_ms.clamp((DAYS + 500) * DAY_MS, 253_402_300_799_999);
        let (owners, popularity) = (zipf(users, OWNERS), zipf(urls, POPULARITY));
        let first_hour = (until_ms - DAYS * DAY_MS) / HOUR_MS;
        let mut draws = generator(seed, Stream::Hours, 0);
        let mut sum = 0.0;
        let hours: Vec<f64> = (0..DAYS * 24)
            .map(|hour| {
                let (day, of_day) = ((first_hour + hour) / 24, (first_hour + hour) % 24);
                // 1970-01-01 was a Thursday.
                let weekend = if (day + 3) % 7 >= 5 { 0.6 } else { 1.0 };
                let daylight = 1.0 - 0.7 * (of_day as f64 / 24.0 * std::f64::consts::TAU).cos();
                let growth = 1.0 + hour as f64 / (DAYS * 24) as f64;
                let noise: f64 = draws.random_range(0.8..1.2);
                sum += weekend * daylight * growth * noise;
                sum
            })
            .collect();
        let hours = hours.into_iter().map(|share| share / sum).collect();
        Self { seed, urls, until_ms, owners, popularity, hours }
    }

    /// The user with this number.
    #[must_use]
    pub fn user(&self, number: u64) -> UserRow {
        let mut draws = generator(self.seed, Stream::Users, number);
        UserRow {
            name: format!("User {number}"),
            email: email(number),
            created_ms: self.before_clicks(400, &mut draws),
        }
    }

    /// The URL with this number, the most clicked one first.
    #[must_use]
    pub fn url(&self, number: u64) -> UrlRow {
        let mut draws = generator(self.seed, Stream::Urls, number);
        let user = self.owners.sample(&mut draws) as u64 - 1;
        let (host, path) = (pick(HOSTS, &mut draws), pick(PATHS, &mut draws));
        let title = format!("{} {}", pick(ADJECTIVES, &mut draws), pick(NOUNS, &mut draws));
        UrlRow {
            code: self.code(number),
            user,
            url: format!("https://{host}/{path}/{:08x}", draws.random::<u32>()),
            title,
            active: draws.random_range(0..100) >= INACTIVE,
            created_ms: self.before_clicks(365, &mut draws),
        }
    }

    /// Which URL the click with this number is for.
    #[must_use]
    pub fn clicked(&self, number: u64) -> u64 {
        self.clicked_by(&mut generator(self.seed, Stream::Clicks, number))
    }

    /// The click with this number, of `clicks` in all.
    #[must_use]
    pub fn click(&self, number: u64, clicks: u64) -> ClickRow {
        let mut draws = generator(self.seed, Stream::Clicks, number);
        let url = self.clicked_by(&mut draws);
        let at = (number as f64 + draws.random::<f64>()) / clicks as f64;
        let at_ms = (self.until_ms - DAYS * DAY_MS + self.in_days(at)).min(self.until_ms);
        ClickRow {
            url,
            at_ms: at_ms as i64,
            day: (at_ms / DAY_MS) as i64,
            referrer: pick(REFERRERS, &mut draws),
            country: pick(COUNTRIES, &mut draws),
            browser: pick(BROWSERS, &mut draws),
        }
    }

    fn clicked_by(&self, draws: &mut Xoshiro256PlusPlus) -> u64 {
        (self.popularity.sample(draws) as u64 - 1).min(self.urls - 1)
    }

    /// Milliseconds into the days of clicks, by the share of clicks that came before.
    fn in_days(&self, share: f64) -> u64 {
        let hour = self.hours.partition_point(|&up_to| up_to <= share).min(self.hours.len() - 1);
        let before = if hour == 0 { 0.0 } else { self.hours[hour - 1] };
        let part = (share - before) / (self.hours[hour] - before);
        ((hour as f64 + part.clamp(0.0, 1.0)) * HOUR_MS as f64) as u64
    }

    fn before_clicks(&self, days: u64, draws: &mut Xoshiro256PlusPlus) -> i64 {
        let first_click = self.until_ms - DAYS * DAY_MS;
        (first_click - draws.random_range(1..days * DAY_MS)) as i64
    }

    /// Counts through all codes in steps that have no divisor in common with their number, so that
    /// no code comes twice.
    fn code(&self, number: u64) -> String {
        let first = u128::from(self.seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut left = ((first + u128::from(number) * u128::from(STEP)) % u128::from(CODES)) as u64;
        let mut code = [0; 7];
        for place in &mut code {
            *place = DIGITS[(left % 62) as usize];
            left /= 62;
        }
        code.iter().map(|&digit| char::from(digit)).collect()
    }
}

const fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[derive(Clone, Copy, Debug)]
enum Stream {
    Users = 1,
    Urls,
    Clicks,
    Hours,
}

fn generator(seed: u64, stream: Stream, number: u64) -> Xoshiro256PlusPlus {
    let stream = (stream as u64) << 56;
    let mixed = (stream ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Xoshiro256PlusPlus::seed_from_u64(seed.rotate_left(32) ^ mixed)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    const UNTIL: u64 = 1_795_000_000_000;

    #[test]
    fn the_same_seed_makes_the_same_rows() {
        let [one, same, other] = [1, 1, 2].map(|seed| Plan::until(seed, 100, 1_000, UNTIL));
        let rows = |plan: &Plan| {
            (0..200).map(|n| (plan.user(n), plan.url(n), plan.click(n, 200))).collect::<Vec<_>>()
        };
        assert_eq!(rows(&one), rows(&same));
        assert_ne!(rows(&one), rows(&other));
        for number in 0..200 {
            assert_eq!(one.clicked(number), one.click(number, 200).url);
        }
    }

    #[test]
    fn no_code_comes_twice_and_all_are_allowed() {
        assert_eq!(CODES, 62_u64.pow(7));
        assert_eq!(greatest_common_divisor(62 * 3, 31 * 9), 93);
        let plan = Plan::until(3, 1, 1, UNTIL);
        let codes: HashSet<_> = (0..100_000).map(|number| plan.code(number)).collect();
        assert_eq!(codes.len(), 100_000);
        assert!(codes.iter().take(1_000).all(|code| crate::domain::check_code(code).is_ok()));
    }

    #[test]
    fn clicks_come_in_order_after_the_urls_they_are_for_and_until_the_end() {
        let plan = Plan::until(1, 100, 1_000, UNTIL);
        let clicks: Vec<_> = (0..20_000).map(|number| plan.click(number, 20_000)).collect();
        assert!(clicks.is_sorted_by_key(|click| click.at_ms));
        for click in &clicks {
            assert!(plan.url(click.url).created_ms < click.at_ms);
            assert_eq!(click.day, click.at_ms.div_euclid(DAY_MS as i64));
        }
        let (first, last) = (clicks[0].at_ms, clicks[19_999].at_ms);
        assert!(last <= UNTIL as i64 && last > (UNTIL - HOUR_MS) as i64, "{last}");
        assert!(first < (UNTIL - (DAYS - 1) * DAY_MS) as i64, "{first}");
    }

    #[test]
    fn clicks_are_zipf_and_nights_and_weekends_are_quiet() {
        let plan = Plan::until(1, 100, 1_000, UNTIL);
        let clicks: Vec<_> = (0..50_000).map(|number| plan.click(number, 50_000)).collect();
        let share = |of: &dyn Fn(&ClickRow) -> bool| {
            clicks.iter().filter(|click| of(click)).count() as f64 / clicks.len() as f64
        };
        // 1 / H(1000).
        assert!((0.128..0.140).contains(&share(&|click| click.url == 0)));
        let hour = |click: &ClickRow| (click.at_ms as u64 % DAY_MS) / HOUR_MS;
        assert!(share(&|click| hour(click) == 12) > 3.0 * share(&|click| hour(click) == 0));
        let weekend = share(&|click| (click.day + 3) % 7 >= 5);
        assert!((0.15..0.24).contains(&weekend), "{weekend}");
        let mut countries: HashMap<_, u32> = HashMap::new();
        clicks.iter().for_each(|click| *countries.entry(click.country).or_default() += 1);
        assert_eq!(countries.len(), COUNTRIES.len());
        assert!(countries["US"] > countries["DE"] && countries["DE"] > countries["AU"]);
    }

    #[test]
    fn first_users_own_more_and_every_owner_exists() {
        let plan = Plan::until(1, 100, 20_000, UNTIL);
        let mut owned = vec![0_u32; 100];
        (0..20_000).for_each(|number| owned[plan.url(number).user as usize] += 1);
        assert!(owned.iter().all(|&count| count > 0));
        assert!(owned[0] > 5 * owned[99], "{owned:?}");
        let inactive = (0..20_000).filter(|&number| !plan.url(number).active).count();
        assert!((400..800).contains(&inactive), "{inactive}");
    }
}
