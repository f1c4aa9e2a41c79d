//! Times and days, in UTC.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Returns the milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A day, as the number of days since 1970-01-01. Displayed as `2026-11-30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    /// Returns the day of a time.
    #[must_use]
    pub fn of_ms(ms: i64) -> Self {
        Self(ms.div_euclid(DAY_MS))
    }

    /// Returns the day that it is.
    #[must_use]
    pub fn today() -> Self {
        Self::of_ms(now_ms())
    }

    /// Returns how long it is until the next day begins.
    #[must_use]
    pub fn rest_of_today() -> Duration {
        Duration::from_millis(u64::try_from(DAY_MS - now_ms().rem_euclid(DAY_MS)).unwrap_or(0))
    }
}

impl fmt::Display for Day {
    /// By the algorithm of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years
    /// begin in March, so that the leap day is the last one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shifted = self.0 + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_dates() {
        let dates = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_787, "2026-11-30"),
            (20_788, "2026-12-01"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ];
        for (day, date) in dates {
            assert_eq!(Day(day).to_string(), date);
        }
        assert_eq!(Day::of_ms(DAY_MS - 1), Day(0));
        assert_eq!(Day::of_ms(-1), Day(-1));
    }
}
