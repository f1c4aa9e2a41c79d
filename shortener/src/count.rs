//! Numbers as people write them on a command line: `250`, `10k`, `1.5M`, `1_000_000`.

use std::fmt;
use std::str::FromStr;

/// A number of things, read from `250`, `10k`, `1.5M`, `2G` or `1_000_000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count(pub u64);

/// Why a text is no [`Count`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CountError {
    /// Nothing was written.
    #[error("a number is missing; allowed are numbers such as 250, 10k, 1.5M")]
    Empty,
    /// A character that numbers do not have.
    #[error(
        "`{given}` is not a number; allowed are digits, `_`, one `.`, and k, M or G at the end"
    )]
    NotANumber {
        /// The whole text.
        given: String,
    },
    /// A part of a thing.
    #[error("`{given}` is not a whole number")]
    Fraction {
        /// The whole text.
        given: String,
    },
    /// More than 64 bits hold.
    #[error("`{given}` is too large; the largest number is {}", u64::MAX)]
    TooLarge {
        /// The whole text.
        given: String,
    },
}

impl FromStr for Count {
    type Err = CountError;

    fn from_str(text: &str) -> Result<Self, CountError> {
        let text = text.trim();
        let given = || text.to_owned();
        let (digits, unit) = match text.chars().last() {
            None => return Err(CountError::Empty),
            Some('k' | 'K') => (&text[..text.len() - 1], 1_000_u64),
            Some('m' | 'M') => (&text[..text.len() - 1], 1_000_000),
            Some('g' | 'G') => (&text[..text.len() - 1], 1_000_000_000),
            Some(_) => (text, 1),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        let starts = whole.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        let ends = !digits.ends_with(['.', '_']);
        if !starts || !ends || !plain(whole) || !plain(part) {
            return Err(CountError::NotANumber { given: given() });
        }
        let too_large = || CountError::TooLarge { given: given() };
        let mut value = whole
            .bytes()
            .filter(u8::is_ascii_digit)
            .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add((digit - b'0').into()))
            .and_then(|whole| whole.checked_mul(unit))
            .ok_or_else(too_large)?;
        let mut worth = unit;
        for digit in part.bytes().filter(u8::is_ascii_digit).map(|byte| u64::from(byte - b'0')) {
            if digit > 0 && worth % 10 != 0 {
                return Err(CountError::Fraction { given: given() });
            }
            worth /= 10;
            value = value.checked_add(digit * worth).ok_or_else(too_large)?;
        }
        Ok(Self(value))
    }
}

impl fmt::Display for Count {
    /// The shortest text that reads as the same number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n >= 1_000_000 && n % 1_000_000 == 0 => write!(f, "{}M", n / 1_000_000),
            n if n >= 1_000 && n % 1_000 == 0 => write!(f, "{}k", n / 1_000),
            n => write!(f, "{n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_with_their_units() {
        for (text, value) in [
            ("0", 0),
            ("250", 250),
            ("10k", 10_000),
            ("10K", 10_000),
            ("1M", 1_000_000),
            ("1.5M", 1_500_000),
            ("0.25k", 250),
            ("2G", 2_000_000_000),
            ("1_000_000", 1_000_000),
            (" 7 ", 7),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(Count(value)), "{text}");
        }
    }

    #[test]
    fn what_is_no_count_is_refused_with_the_reason() {
        let error = |text: &str| text.parse::<Count>().unwrap_err();
        assert_eq!(error(""), CountError::Empty);
        for text in ["k", "ten", "-1", "1e6", "1.2.3M", "_1", "1.", "1_", ".5M", "10 k", "1mm", "٣"]
        {
            let given = text.to_owned();
            assert_eq!(error(text), CountError::NotANumber { given }, "{text}");
        }
        for text in ["1.5", "1.0005k", "0.1"] {
            assert_eq!(error(text), CountError::Fraction { given: text.to_owned() }, "{text}");
        }
        for text in ["18446744073709551616", "18446744073709551615k"] {
            assert_eq!(error(text), CountError::TooLarge { given: text.to_owned() }, "{text}");
        }
        assert!(error("1.5").to_string().contains("`1.5` is not a whole number"));
    }

    #[test]
    fn counts_print_as_they_are_read() {
        for count in [0, 1, 999, 1_000, 1_500, 10_000, 1_000_000, 1_500_000, u64::MAX] {
            assert_eq!(Count(count).to_string().parse(), Ok(Count(count)));
        }
        assert_eq!(Count(10_000).to_string(), "10k");
    }
}
