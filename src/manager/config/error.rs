//! The problems of a configuration.

use std::{fmt, io};

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// In a file.
    File {
        /// The name of the file, as it was given.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The character in the line, from 1.
        column: usize,
    },
    /// In the environment.
    Variable {
        /// The variable's name.
        name: String,
    },
    /// In the program, by the builder.
    Program,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Place::Variable { name } => write!(f, "environment variable {name}"),
            Place::Program => f.write_str("the program"),
        }
    }
}

/// One problem of a configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigProblem {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {error}")]
    Unreadable {
        /// The name of the file.
        file: String,
        /// The reason.
        #[source]
        error: io::Error,
    },
    /// The file lacks the table that [`ConfigBuilder::table`](super::ConfigBuilder::table) names.
    #[error("{file}: there is no table {table}; {}", tables_there(table, tables, suggestion))]
    NoTable {
        /// The file's name.
        file: String,
        /// The path of the table, such as `service.cache`, up to the missing name.
        table: String,
        /// The paths of the present tables, in the file's order.
        tables: Vec<String>,
        /// The path of the table that may have been meant.
        suggestion: Option<String>,
    },
    /// The file is not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// The place of the error.
        place: Place,
        /// The parser's message.
        message: String,
    },
    /// There is no such setting.
    #[error("{place}: {field}: there is no such setting; {}", help(suggestion, allowed))]
    UnknownField {
        /// The place of the setting.
        place: Place,
        /// The setting's path, such as `url.ttl`.
        field: String,
        /// The names that are allowed.
        allowed: String,
        /// The name that may have been meant.
        suggestion: Option<String>,
    },
    /// The value has the wrong type, such as a number in place of a text.
    #[error("{place}: {field}: {value} is {found}; allowed is {allowed}")]
    WrongType {
        /// The place of the setting.
        place: Place,
        /// The setting's path, such as `url.ttl`.
        field: String,
        /// The value, as it was written.
        value: String,
        /// The type of that value.
        found: &'static str,
        /// The values that are allowed.
        allowed: String,
    },
    /// The value cannot be read as what it has to be: a duration, a size, one of some names.
    #[error("{place}: {field}: {value} does not fit: {reason}; allowed is {allowed}")]
    BadValue {
        /// The place of the setting.
        place: Place,
        /// The setting's path, such as `url.ttl`.
        field: String,
        /// The value, as it was written.
        value: String,
        /// The reason.
        reason: String,
        /// The values that are allowed.
        allowed: String,
    },
    /// A required setting is missing.
    #[error("{place}: {field}: it has to be set; allowed is {allowed}")]
    Missing {
        /// The place of the section that lacks it.
        place: Place,
        /// The setting's path, such as `http.rules.articles.path`.
        field: String,
        /// The values that are allowed.
        allowed: String,
    },
    /// The value is too small or too large, alone or beside another setting.
    #[error("{place}: {field}: {value} is out of range; allowed are {allowed}")]
    OutOfRange {
        /// The place of the setting.
        place: Place,
        /// The setting's path, such as `url.ttl`.
        field: String,
        /// The value, as it was written.
        value: String,
        /// The values that are allowed.
        allowed: String,
    },
}

fn help(suggestion: &Option<String>, allowed: &str) -> String {
    match suggestion {
        Some(suggestion) => format!("did you mean {suggestion}? Allowed are {allowed}"),
        None => format!("allowed are {allowed}"),
    }
}

fn tables_there(table: &str, tables: &[String], suggestion: &Option<String>) -> String {
    match (suggestion, table.rsplit_once('.')) {
        (Some(meant), _) => format!("did you mean {meant}? There are {}", tables.join(", ")),
        (None, _) if !tables.is_empty() => format!("there are {}", tables.join(", ")),
        (None, Some((around, _))) => format!("{around} has no tables"),
        (None, None) => "the file has no tables".to_owned(),
    }
}

impl ConfigProblem {
    /// Returns the place; `None` for a file that cannot be read or lacks the table.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Unreadable { .. } | Self::NoTable { .. } => None,
            Self::Syntax { place, .. }
            | Self::UnknownField { place, .. }
            | Self::WrongType { place, .. }
            | Self::BadValue { place, .. }
            | Self::Missing { place, .. }
            | Self::OutOfRange { place, .. } => Some(place),
        }
    }

    /// Returns the path of the setting, such as `url.ttl`.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Unreadable { .. } | Self::NoTable { .. } | Self::Syntax { .. } => None,
            Self::UnknownField { field, .. }
            | Self::WrongType { field, .. }
            | Self::BadValue { field, .. }
            | Self::Missing { field, .. }
            | Self::OutOfRange { field, .. } => Some(field),
        }
    }
}

/// The problems of a [`ManagerConfig`](super::ManagerConfig). `Display` shows one per line.
///
/// ```
/// use larder::manager::config::ManagerConfig;
///
/// let error = ManagerConfig::from_toml_str("[url]\nttl = '5 parsecs'\nmax_entrys = 5").unwrap_err();
/// assert_eq!(error.problems().len(), 2);
/// println!("{error}");
/// ```
pub struct ConfigError {
    /// Never empty.
    problems: Vec<ConfigProblem>,
}

impl ConfigError {
    /// Returns an error that has the problems, if there are any. For packages that read
    /// [sections](super::Section) of their own.
    ///
    /// # Errors
    ///
    /// If there are problems.
    pub fn check(problems: Vec<ConfigProblem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { problems }) }
    }

    /// Returns the problems, at least one, in the order in which they were found.
    #[must_use]
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

/// Shows what `Display` shows, because Rust prints an error that `main` returns by `Debug`.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.problems.first().and_then(std::error::Error::source)
    }
}
