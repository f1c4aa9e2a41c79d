//! Durations as people write them: "5m", "1h 30m".

use std::time::Duration;

const UNITS: &[(&[&str], u64)] = &[
    (&["ms", "millis", "millisecond", "milliseconds"], 1),
    (&["s", "sec", "secs", "second", "seconds"], 1_000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000),
    (&["d", "day", "days"], 86_400_000),
    (&["w", "week", "weeks"], 604_800_000),
];

/// A century.
const MAX_MILLIS: u64 = 36_525 * 86_400_000;

/// The duration, or what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err("is empty; a duration is written as \"90s\", \"5m\" or \"1h 30m\"".to_owned());
    }
    while !rest.is_empty() {
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let digits = rest.len() - rest.trim_start_matches(is_number).len();
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_alphabetic()).len();
        let (unit, next) = after.split_at(letters);
        rest = next.trim_start();
        if number.is_empty() {
            return Err(format!(
                "{text:?} is no duration; one is written as \"90s\", \"5m\" or \"1h 30m\""
            ));
        }
        if unit.is_empty() {
            return Err(format!("{text:?} has no unit; did you mean \"{number}s\"?"));
        }
        let Some((_, millis)) = UNITS.iter().find(|(names, _)| names.contains(&unit)) else {
            return Err(format!("{unit:?} is no unit of time; there are ms, s, m, h, d and w"));
        };
        let Some((whole, part)) = parts(number, *millis) else {
            return Err(format!("{number:?} is not a number"));
        };
        let whole = whole.parse().ok().and_then(|n: u64| n.checked_mul(*millis));
        let sum = whole.and_then(|whole| whole.checked_add(part)?.checked_add(total));
        match sum {
            Some(sum) if sum <= MAX_MILLIS => total = sum,
            _ => return Err(format!("{text:?} is too long; a century is the most")),
        }
    }
    match total {
        0 => Err(format!("{text:?} is no time at all; the least is \"1ms\"")),
        millis => Ok(Duration::from_millis(millis)),
    }
}

/// The digits before the point, and what those after it are worth.
fn parts(number: &str, millis: u64) -> Option<(&str, u64)> {
    let Some((whole, fraction)) = number.split_once('.') else { return Some((number, 0)) };
    // More of them make no difference that counts, and might not fit.
    let fraction = fraction.get(..9).unwrap_or(fraction);
    let part: u64 = fraction.parse().ok().filter(|_| !whole.is_empty())?;
    Some((
        whole,
        (u128::from(part) * u128::from(millis) / 10_u128.pow(fraction.len() as u32)) as u64,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_meant() {
        for (text, millis) in [
            ("5m", 300_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("250 ms", 250),
            ("2 days", 172_800_000),
            ("1w", 604_800_000),
            ("1.5h", 5_400_000),
            ("0.25s 1.0000000000000001m", 60_250),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, wrong) in [
            ("", "is empty"),
            ("soon", "no duration"),
            ("300", "did you mean \"300s\""),
            ("5 fortnights", "no unit of time"),
            ("0s", "no time at all"),
            ("0.0001s", "no time at all"),
            ("1.2.3s", "is not a number"),
            (".5h", "is not a number"),
            ("1.h", "is not a number"),
            ("99999999999w", "too long"),
            ("99999999999999999999999s", "too long"),
        ] {
            assert!(parse(text).unwrap_err().contains(wrong), "{text}");
        }
    }
}
