//! Values as they were written, and their conversion to the types of settings.

use super::{
    error::Place,
    units::{self, DURATION_UNITS, SIZE_UNITS},
};
use std::{num::IntErrorKind, time::Duration};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    /// From a file, where values have types.
    Text(String),
    Integer(String, u32),
    Float(String),
    Boolean(bool),
    Table,
    Array(Vec<Element>),
    Date,
    /// From the environment, where every value is text.
    Word(String),
}

#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) value: Raw,
    pub(super) written: String,
    pub(super) place: Place,
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The value has another type.
    Type,
    Value(String),
}

impl Raw {
    /// Returns the type, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Word(_) => "a text",
            Self::Integer(..) => "an integer",
            Self::Float(_) => "a number with a point",
            Self::Boolean(_) => "a boolean",
            Self::Table => "a table",
            Self::Array(_) => "an array",
            Self::Date => "a date or a time",
        }
    }

    pub(super) fn text(&self) -> Result<&str, Unfit> {
        match self {
            Self::Text(text) | Self::Word(text) => Ok(text.trim()),
            _ => Err(Unfit::Type),
        }
    }

    pub(super) fn integer(&self) -> Result<u64, Unfit> {
        let (digits, radix) = match self {
            Self::Integer(digits, radix) => (digits.clone(), *radix),
            Self::Word(word) => (word.trim().replace('_', ""), 10),
            _ => return Err(Unfit::Type),
        };
        u64::from_str_radix(&digits, radix).map_err(|error| {
            let reason = match error.kind() {
                IntErrorKind::PosOverflow => "it is too large",
                IntErrorKind::Empty => "it is empty",
                _ if digits.starts_with('-') => "it is negative",
                _ => "it is not a whole number",
            };
            Unfit::Value(reason.to_owned())
        })
    }

    pub(super) fn number<N: TryFrom<u64>>(&self) -> Result<N, Unfit> {
        let number = self.integer()?;
        N::try_from(number).map_err(|_| Unfit::Value("it is too large".to_owned()))
    }

    /// Returns a number that may have a decimal point.
    pub(super) fn float(&self) -> Result<f64, Unfit> {
        let digits = match self {
            Self::Integer(digits, 10) | Self::Float(digits) => digits,
            Self::Word(word) => word.trim(),
            _ => return Err(Unfit::Type),
        };
        digits.parse().map_err(|_| Unfit::Value("it is not a number".to_owned()))
    }

    pub(super) fn boolean(&self) -> Result<bool, Unfit> {
        match self {
            Self::Boolean(boolean) => Ok(*boolean),
            Self::Word(word) => match word.trim() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(Unfit::Value("it is not one of the allowed values".to_owned())),
            },
            _ => Err(Unfit::Type),
        }
    }

    pub(super) fn duration(&self) -> Result<Duration, Unfit> {
        units::duration(self.text()?).map_err(|error| Unfit::Value(error.to_string()))
    }

    /// Returns a number of bytes, from a number or from a text with a unit.
    pub(super) fn size(&self) -> Result<u64, Unfit> {
        match self {
            Self::Integer(..) => self.integer(),
            _ => units::size(self.text()?).map_err(|error| Unfit::Value(error.to_string())),
        }
    }

    /// Returns `None` for the word `none`, otherwise what `read` returns.
    pub(super) fn unless<T>(
        &self,
        none: &str,
        read: impl FnOnce(&Self) -> Result<T, Unfit>,
    ) -> Result<Option<T>, Unfit> {
        if self.text() == Ok(none) { Ok(None) } else { read(self).map(Some) }
    }

    pub(super) fn one_of<T: Copy>(&self, names: &[(&str, T)]) -> Result<T, Unfit> {
        let text = self.text()?;
        let found = names.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, value)| *value)
            .ok_or_else(|| Unfit::Value("it is not one of the allowed values".to_owned()))
    }
}

pub(super) fn describe_duration() -> String {
    format!("a duration such as \"1h 30m\" (units: {DURATION_UNITS})")
}

pub(super) fn describe_size() -> String {
    format!("bytes, or a size such as \"64 MiB\" (units: {SIZE_UNITS})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_environment_are_converted_to_every_type() {
        let word = |text: &str| Raw::Word(text.to_owned());
        assert_eq!(word("5_000 ").integer(), Ok(5000));
        assert_eq!(word("0.5").float(), Ok(0.5));
        assert_eq!(word("true").boolean(), Ok(true));
        assert_eq!(word("64 KiB").size(), Ok(65_536));
        assert_eq!(word("none").unless("none", Raw::size), Ok(None));
        assert!(word("yes").boolean().is_err());
        assert!(word("").integer().is_err());
    }

    #[test]
    fn values_of_files_are_converted_by_their_type() {
        let text = |text: &str| Raw::Text(text.to_owned());
        assert_eq!(text("5000").integer(), Err(Unfit::Type));
        assert_eq!(text("true").boolean(), Err(Unfit::Type));
        assert_eq!(Raw::Integer("ff".to_owned(), 16).integer(), Ok(255));
        assert_eq!(Raw::Integer("30".to_owned(), 10).duration(), Err(Unfit::Type));
        assert_eq!(Raw::Integer("30".to_owned(), 10).number::<u8>(), Ok(30));
        assert!(matches!(Raw::Integer("300".to_owned(), 10).number::<u8>(), Err(Unfit::Value(_))));
        assert!(matches!(Raw::Integer("-3".to_owned(), 10).integer(), Err(Unfit::Value(_))));
    }
}
