//! Values of settings, as people write them.

use std::{ops::RangeInclusive, time::Duration};

/// What is allowed, if a value is not.
pub(super) type Allowed = String;

pub(super) fn boolean(text: &str) -> Result<bool, Allowed> {
    match text {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

pub(super) fn number(text: &str, range: RangeInclusive<u64>) -> Result<u64, Allowed> {
    let value = text.replace('_', "").parse().ok().filter(|it| range.contains(it));
    value.ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
}

/// Such as `1h 30m`.
pub(super) fn duration(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, Allowed> {
    let mut total = Some(Duration::ZERO).filter(|_| !text.trim().is_empty());
    for part in text.split_whitespace() {
        total = total.zip(one_duration(part)).and_then(|(sum, part)| sum.checked_add(part));
    }
    total.filter(|it| range.contains(it)).ok_or_else(|| {
        format!(
            "a duration from {} to {}, such as \"1h 30m\" (units: ms, s, m, h, d)",
            show_duration(*range.start()),
            show_duration(*range.end())
        )
    })
}

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

fn one_duration(text: &str) -> Option<Duration> {
    let unit = text.find(|it: char| !it.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*scale).map(Duration::from_millis)
}

pub(super) fn show_duration(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let exact = UNITS.iter().find(|(_, scale)| ms.is_multiple_of(*scale) && ms >= *scale);
    exact.map_or_else(|| "0s".to_owned(), |(unit, scale)| format!("{}{unit}", ms / scale))
}

/// Bytes; with a unit or without.
pub(super) fn size(text: &str, range: RangeInclusive<u64>) -> Result<u64, Allowed> {
    let trimmed = text.trim();
    let unit = trimmed.find(|it: char| !it.is_ascii_digit() && it != '_');
    let (number, unit) = trimmed.split_at(unit.unwrap_or(trimmed.len()));
    let scale = match unit.trim() {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        _ => None,
    };
    let value = number.replace('_', "").parse::<u64>().ok();
    let bytes = value.zip(scale).and_then(|(value, scale)| value.checked_mul(scale));
    bytes.filter(|it| range.contains(it)).ok_or_else(|| {
        format!(
            "a size from {} to {} bytes, such as \"16 KiB\" (units: B, KiB, MiB)",
            range.start(),
            range.end()
        )
    })
}

/// `none`, or a text.
pub(super) fn optional(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|it| !it.is_empty() && *it != "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_with_units() {
        let all = Duration::ZERO..=Duration::from_secs(1 << 30);
        assert_eq!(duration("1h 30m", all.clone()), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("250ms", all.clone()), Ok(Duration::from_millis(250)));
        for wrong in ["", "30", "m", "1x", "1h30", "-1s", "99999999999999999999s"] {
            assert!(duration(wrong, all.clone()).is_err(), "{wrong:?}");
        }
        let error = duration("1h", Duration::from_millis(1)..=Duration::from_secs(60)).unwrap_err();
        assert_eq!(error, "a duration from 1ms to 1m, such as \"1h 30m\" (units: ms, s, m, h, d)");
        assert_eq!(show_duration(Duration::from_secs(604_800)), "7d");
    }

    #[test]
    fn sizes_and_numbers_have_bounds() {
        assert_eq!(size("16 KiB", 0..=1 << 20), Ok(16_384));
        assert_eq!(size("1_000", 0..=1 << 20), Ok(1000));
        assert!(size("1 MB", 0..=1 << 20).is_err() && size("2 MiB", 0..=1 << 20).is_err());
        assert_eq!(number("0", 1..=9).unwrap_err(), "a whole number from 1 to 9");
    }
}
