//! What is wrong with a configuration, all of it at once.

use std::{fmt, io};

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// In a file.
    File {
        /// Its name, as it was given.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The character of that line, from 1.
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

/// One thing that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigProblem {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {error}")]
    Unreadable {
        /// Its name.
        file: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The file has no such table as [`ConfigBuilder::table`](super::ConfigBuilder::table) names.
    #[error("{file}: there is no table {table}; {}", tables_there(table, tables, suggestion))]
    NoTable {
        /// The file's name.
        file: String,
        /// The path of the table, such as `service.cache`, up to the name that is not there.
        table: String,
        /// The paths of the tables that are there instead, in the file's order.
        tables: Vec<String>,
        /// The path of the one that may have been meant.
        suggestion: Option<String>,
    },
    /// The file is not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// There is no such setting.
    #[error("{place}: {field}: there is no such setting; {}", help(suggestion, allowed))]
    UnknownField {
        /// Where.
        place: Place,
        /// The setting's path, such as `url.ttl`.
        field: String,
        /// What is there instead.
        allowed: String,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// It is, for example, a number, where a text has to be.
    #[error("{place}: {field}: {value} is {found}; allowed is {allowed}")]
    WrongType {
        /// Where.
        place: Place,
        /// The setting's path, such as `url.ttl`.
        field: String,
        /// What was asked for.
        value: String,
        /// What that is.
        found: &'static str,
        /// What could have been.
        allowed: String,
    },
    /// It does not say what it ought to say: no duration, no size, no such name.
    #[error("{place}: {field}: {value} does not fit: {reason}; allowed is {allowed}")]
    BadValue {
        /// Where.
        place: Place,
        /// The setting's path, such as `url.ttl`.
        field: String,
        /// What was asked for.
        value: String,
        /// What is wrong with it.
        reason: String,
        /// What could have been.
        allowed: String,
    },
    /// A setting is not there that has to be.
    #[error("{place}: {field}: it has to be set; allowed is {allowed}")]
    Missing {
        /// Where it would be.
        place: Place,
        /// The setting's path, such as `http.rules.articles.path`.
        field: String,
        /// What could be there.
        allowed: String,
    },
    /// It is too small or too large, alone or beside another setting.
    #[error("{place}: {field}: {value} is out of range; allowed are {allowed}")]
    OutOfRange {
        /// Where.
        place: Place,
        /// The setting's path, such as `url.ttl`.
        field: String,
        /// What was asked for.
        value: String,
        /// What could have been.
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
    /// Where it is; `None` for a file that cannot be read, or has no such table.
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

    /// The setting that it is about, such as `url.ttl`.
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

/// Why there is no [`ManagerConfig`](super::ManagerConfig): all that is wrong with it, a line each.
///
/// ```
/// use larder::manager::config::ManagerConfig;
///
/// let error = ManagerConfig::from_toml_str("[url]\nttl = '5 parsecs'\nmax_entrys = 5").unwrap_err();
/// assert_eq!(error.problems().len(), 2);
/// println!("{error}");
/// ```
pub struct ConfigError {
    /// At least one.
    problems: Vec<ConfigProblem>,
}

impl ConfigError {
    /// Returns `Ok` if there are no problems, and otherwise the error that has them. For packages
    /// that read [sections](super::Section) of their own.
    ///
    /// # Errors
    ///
    /// The problems, if there are any.
    pub fn check(problems: Vec<ConfigProblem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { problems }) }
    }

    /// All that is wrong, in the order in which it was found; at least one thing.
    #[must_use]
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

/// As it is displayed, since this is what is seen of an error that `main` returns.
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
