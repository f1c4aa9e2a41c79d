//! Numbers from the command line.

use std::time::Duration;

/// A positive number of entries or operations: `500`, `10k`, `10M`.
pub(crate) fn parse_count(text: &str) -> Result<u32, String> {
    let (digits, unit) = match text.chars().last() {
        Some('k' | 'K') => (&text[..text.len() - 1], 1_000),
        Some('m' | 'M') => (&text[..text.len() - 1], 1_000_000),
        _ => (text, 1),
    };
    match digits.parse::<u32>() {
        Ok(0) => Err("has to be at least 1".to_owned()),
        Ok(number) if u64::from(number) * unit <= MOST => Ok(number * unit as u32),
        Ok(_) => Err("at most 100M".to_owned()),
        Err(_) => Err("a number such as 500, 10k or 1M is expected".to_owned()),
    }
}

/// Key numbers, up to ten times as many as entries, have to fit 32 bits.
const MOST: u64 = 100_000_000;

/// A number of threads.
pub(crate) fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=1_024) => Ok(threads),
        _ => Err("a number of threads between 1 and 1024 is expected".to_owned()),
    }
}

/// A duration in seconds.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 3_600.0 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("seconds above 0 and at most 3600 are expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_parse() {
        assert_eq!(parse_count("500"), Ok(500));
        assert_eq!(parse_count("10k"), Ok(10_000));
        assert_eq!(parse_count("10M"), Ok(10_000_000));
        for bad in ["", "0", "k", "-1", "1.5k", "101M", "5000000000", "ten", "5é"] {
            assert!(parse_count(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn seconds_parse() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["", "0", "-1", "NaN", "inf", "1h", "3601"] {
            assert!(parse_seconds(bad).is_err(), "{bad}");
        }
    }
}
