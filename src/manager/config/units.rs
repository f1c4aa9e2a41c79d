//! Durations and sizes as people write them.
//!
//! A number, then its unit: `90s`, `1h 30m`, `64 MiB`, `1.5 GiB`. The spellings are fewer than
//! those of crates for the purpose, which read `5M` as five months and `1m` as a megabyte, and
//! truncate values that are too large. Here each of these is an error.

use std::time::Duration;

/// Why a text is not a duration or a size, as the reason in an error message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnitError {
    #[error("it is empty")]
    Empty,
    #[error("{0:?} does not begin with a number")]
    NoNumber(String),
    #[error("{0:?} has no unit")]
    NoUnit(String),
    #[error("{0:?} is not a known unit")]
    UnknownUnit(String),
    #[error("{0:?} is unexpected")]
    TooMany(String),
    #[error("it is too large")]
    TooLarge,
}

pub(super) const DURATION_UNITS: &str = "ms, s, m, h, d, w";
pub(super) const SIZE_UNITS: &str = "B, kB, MB, GB, TB, KiB, MiB, GiB, TiB";

const NANOS: u128 = 1_000_000_000;

/// Parses a duration such as `1h 30m`: one or more numbers with units, which are added up.
pub(super) fn duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(UnitError::Empty);
    }
    let mut nanos = 0_u128;
    while !rest.is_empty() {
        let (number, unit, after) = next(rest)?;
        let scale = match unit {
            // The attributes accept the same units.
            "ms" | "millis" | "millisecond" | "milliseconds" => NANOS / 1000,
            "s" | "sec" | "secs" | "second" | "seconds" => NANOS,
            "m" | "min" | "mins" | "minute" | "minutes" => 60 * NANOS,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600 * NANOS,
            "d" | "day" | "days" => 24 * 3600 * NANOS,
            "w" | "week" | "weeks" => 7 * 24 * 3600 * NANOS,
            _ => return Err(unit_error(number, unit)),
        };
        let part = scaled(number, scale)?;
        nanos = nanos.checked_add(part).ok_or(UnitError::TooLarge)?;
        rest = after;
    }
    let seconds = u64::try_from(nanos / NANOS).map_err(|_| UnitError::TooLarge)?;
    Ok(Duration::new(seconds, (nanos % NANOS) as u32))
}

/// Parses a size such as `64 MiB`: one number with a unit, or a number of bytes.
pub(super) fn size(text: &str) -> Result<u64, UnitError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(UnitError::Empty);
    }
    let (number, unit, after) = next(text)?;
    if !after.is_empty() {
        return Err(UnitError::TooMany(after.to_owned()));
    }
    let lower = unit.to_ascii_lowercase();
    let scale = match lower.as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000_u128.pow(2),
        "gb" => 1000_u128.pow(3),
        "tb" => 1000_u128.pow(4),
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(unit_error(number, unit)),
    };
    u64::try_from(scaled(number, scale)?).map_err(|_| UnitError::TooLarge)
}

/// Splits a text into the number at its start, the word after that, and the rest.
fn next(text: &str) -> Result<(&str, &str, &str), UnitError> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.' || c == '_';
    let end = text.find(|c| !is_number(c)).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(UnitError::NoNumber(text.to_owned()));
    }
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    Ok((number, unit, rest.trim_start()))
}

fn unit_error(number: &str, unit: &str) -> UnitError {
    if unit.is_empty() {
        UnitError::NoUnit(number.to_owned())
    } else {
        UnitError::UnknownUnit(unit.to_owned())
    }
}

/// Returns `number` times `scale`, rounded down; exact for whole numbers.
fn scaled(number: &str, scale: u128) -> Result<u128, UnitError> {
    let digits = number.replace('_', "");
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, "0"));
    let no_number = || UnitError::NoNumber(number.to_owned());
    if fraction.is_empty() || fraction.contains('.') {
        return Err(no_number());
    }
    // Further digits are below the resolution of the result, and might overflow.
    let fraction = fraction.get(..12).unwrap_or(fraction);
    let parts: u128 = fraction.parse().map_err(|_| no_number())?;
    let part = parts * scale / 10_u128.pow(fraction.len() as u32);
    let whole: u64 = whole.parse().map_err(|_| UnitError::TooLarge)?;
    Ok(u128::from(whole) * scale + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("30m"), Ok(1800.0));
        assert_eq!(seconds("1h 30m"), Ok(5400.0));
        assert_eq!(seconds(" 1h30m 15 s "), Ok(5415.0));
        assert_eq!(seconds("1.5 hours"), Ok(5400.0));
        assert_eq!(seconds("2 hrs 5 mins 3 secs 500 millis"), Ok(7503.5));
        assert_eq!(seconds("250ms"), Ok(0.25));
        assert_eq!(seconds("1_000 s"), Ok(1000.0));
        assert_eq!(seconds("1w 1d"), Ok(8.0 * 86_400.0));
        assert_eq!(seconds("0s"), Ok(0.0));
        assert_eq!(duration("1.0000000000000000009s"), Ok(Duration::from_secs(1)));
        assert_eq!(duration("18446744073709551615s"), Ok(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn what_is_no_duration() {
        assert_eq!(duration(""), Err(UnitError::Empty));
        assert_eq!(duration("  "), Err(UnitError::Empty));
        assert_eq!(duration("30"), Err(UnitError::NoUnit("30".to_owned())));
        assert_eq!(duration("1h 30"), Err(UnitError::NoUnit("30".to_owned())));
        assert_eq!(duration("5M"), Err(UnitError::UnknownUnit("M".to_owned())));
        assert_eq!(duration("-5m"), Err(UnitError::NoNumber("-5m".to_owned())));
        assert_eq!(duration("m"), Err(UnitError::NoNumber("m".to_owned())));
        assert_eq!(duration("1.m"), Err(UnitError::NoNumber("1.".to_owned())));
        assert_eq!(duration("1.2.3s"), Err(UnitError::NoNumber("1.2.3".to_owned())));
        assert_eq!(duration("._s"), Err(UnitError::NoNumber("._s".to_owned())));
        assert_eq!(duration("1h, 3m"), Err(UnitError::NoNumber(", 3m".to_owned())));
        assert_eq!(duration("18446744073709551616s"), Err(UnitError::TooLarge));
        assert_eq!(duration("18446744073709551615s 1000ms"), Err(UnitError::TooLarge));
        assert_eq!(duration("18446744073709551615w"), Err(UnitError::TooLarge));
        assert_eq!(duration("5µ"), Err(UnitError::UnknownUnit("µ".to_owned())));
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("64 MiB", 64 << 20),
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("64 MB", 64_000_000),
            ("1.5 GiB", 3 << 29),
            ("4096", 4096),
            ("1_000 B", 1000),
            ("1 kB", 1000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size() {
        assert_eq!(size(""), Err(UnitError::Empty));
        assert_eq!(size("64m"), Err(UnitError::UnknownUnit("m".to_owned())));
        assert_eq!(size("64 mebibytes"), Err(UnitError::UnknownUnit("mebibytes".to_owned())));
        assert_eq!(size("64 MiB 3"), Err(UnitError::TooMany("3".to_owned())));
        assert_eq!(size("MiB"), Err(UnitError::NoNumber("MiB".to_owned())));
        assert_eq!(size("16777216 TiB"), Err(UnitError::TooLarge));
        assert_eq!(size("99999999999999999999"), Err(UnitError::TooLarge));
    }
}
