//! Sections of a configuration that belong to other packages.
//!
//! A package that builds on a manager may have settings of its own in the same files and variables.
//! It names its section by [`ConfigBuilder::section`](super::ConfigBuilder::section), with a
//! function that adds the section's problems, so that all problems are reported at once. The built
//! [`ManagerConfig`](super::ManagerConfig) has the section.
//!
//! ```
//! use larder::manager::config::{ConfigProblem, ManagerConfig, Section};
//! use std::time::Duration;
//!
//! /// Reads the only setting of the section.
//! fn interval(section: &Section, problems: &mut Vec<ConfigProblem>) -> Option<Duration> {
//!     let mut interval = None;
//!     for setting in section.settings() {
//!         match setting.path() {
//!             [name] if name == "interval" => match setting.duration() {
//!                 Ok(duration) => interval = Some(duration),
//!                 Err(problem) => problems.push(*problem),
//!             },
//!             [] if setting.is_table() => {}
//!             _ => problems.push(setting.unknown(&["interval"])),
//!         }
//!     }
//!     interval
//! }
//!
//! let builder = ManagerConfig::builder().section("reports", |section, problems| {
//!     interval(section, problems);
//! });
//! let config = builder.clone().toml("larder.toml", "[reports]\ninterval = '5m'").build()?;
//! let found = interval(config.section("reports").unwrap(), &mut Vec::new());
//! assert_eq!(found, Some(Duration::from_secs(300)));
//!
//! let error = builder.toml("larder.toml", "[reports]\nintervall = '5m'\n[url]\nttl = 5").build().unwrap_err();
//! assert_eq!(error.problems().len(), 2);
//! # Ok::<(), larder::manager::config::ConfigError>(())
//! ```

use super::{
    error::{ConfigProblem, Place},
    raw::{Element, Raw, Unfit, describe_duration, describe_size},
    schema::{Subject, nearest},
};
use std::{fmt, sync::Arc, time::Duration};

/// The section of another package: all its settings, in the order in which they were made. Of two
/// settings of the same path, the later one counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    name: String,
    settings: Vec<Setting>,
}

/// One setting of a [`Section`].
#[derive(Clone, Debug)]
pub struct Setting {
    section: String,
    path: Vec<String>,
    value: Raw,
    written: String,
    name_place: Place,
    value_place: Place,
}

/// Compares path and value, not the places.
impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.section == other.section && self.path == other.path && self.value == other.value
    }
}

impl Section {
    /// Returns the section's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns all settings, files before variables. A table is a setting, before its contents.
    pub fn settings(&self) -> impl DoubleEndedIterator<Item = &Setting> {
        self.settings.iter()
    }
}

impl Setting {
    /// Returns the path within the section, which is empty for the section itself.
    #[must_use]
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// Returns the place of the value.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.value_place
    }

    /// Returns the place of the name.
    #[must_use]
    pub fn name_place(&self) -> &Place {
        &self.name_place
    }

    /// Returns the path that starts with the section, such as `reports.interval`.
    #[must_use]
    pub fn field(&self) -> String {
        let names = [&self.section].into_iter().chain(&self.path);
        names.map(String::as_str).collect::<Vec<_>>().join(".")
    }

    /// Returns the value as it was written, shortened if it is long.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Returns whether this is a table, whose settings follow.
    #[must_use]
    pub fn is_table(&self) -> bool {
        self.value == Raw::Table
    }

    /// Reads a text.
    ///
    /// # Errors
    ///
    /// If the value is not a text.
    pub fn text(&self) -> Result<&str, Box<ConfigProblem>> {
        self.value.text().map_err(|unfit| self.unread(unfit, "a text"))
    }

    /// Reads `true` or `false`.
    ///
    /// # Errors
    ///
    /// If the value is neither.
    pub fn boolean(&self) -> Result<bool, Box<ConfigProblem>> {
        self.value.boolean().map_err(|unfit| self.unread(unfit, "true or false"))
    }

    /// Reads a whole number from 0.
    ///
    /// # Errors
    ///
    /// If the value is not a whole number, or does not fit into 64 bits.
    pub fn integer(&self) -> Result<u64, Box<ConfigProblem>> {
        self.value.integer().map_err(|unfit| self.unread(unfit, "a whole number"))
    }

    /// Reads a duration such as `"1h 30m"`.
    ///
    /// # Errors
    ///
    /// If the value is not a duration.
    pub fn duration(&self) -> Result<Duration, Box<ConfigProblem>> {
        self.value.duration().map_err(|unfit| self.unread(unfit, &describe_duration()))
    }

    /// Reads a number of bytes, from a number or a size such as `"64 MiB"`.
    ///
    /// # Errors
    ///
    /// If the value is neither.
    pub fn size(&self) -> Result<u64, Box<ConfigProblem>> {
        self.value.size().map_err(|unfit| self.unread(unfit, &describe_size()))
    }

    /// Reads a list of texts, which are separated by commas in a variable.
    ///
    /// # Errors
    ///
    /// If the value is not a list, or an element is not a text, with its place.
    pub fn texts(&self) -> Result<Vec<String>, Box<ConfigProblem>> {
        const LIST: &str = "a list of texts";
        let text = |element: &Element| match &element.value {
            Raw::Text(text) => Ok(text.clone()),
            other => Err(Box::new(ConfigProblem::WrongType {
                place: element.place.clone(),
                field: self.field(),
                value: element.written.clone(),
                found: other.kind(),
                allowed: LIST.to_owned(),
            })),
        };
        match &self.value {
            Raw::Array(elements) => elements.iter().map(text).collect(),
            Raw::Word(word) => {
                let texts = word.split(',').map(str::trim).filter(|text| !text.is_empty());
                Ok(texts.map(str::to_owned).collect())
            }
            _ => Err(self.unread(Unfit::Type, LIST)),
        }
    }

    /// Returns whether the value is this word, such as `none`.
    #[must_use]
    pub fn is_word(&self, word: &str) -> bool {
        self.value.text().is_ok_and(|text| text == word)
    }

    /// Returns the problem that there is no such setting. `allowed` are the names of all settings;
    /// the problem suggests one that is much alike.
    #[must_use]
    pub fn unknown(&self, allowed: &[&str]) -> ConfigProblem {
        let meant = self.path.last().unwrap_or(&self.section);
        ConfigProblem::UnknownField {
            place: self.name_place.clone(),
            field: self.field(),
            allowed: allowed.join(", "),
            suggestion: nearest(meant, allowed).map(str::to_owned),
        }
    }

    /// Returns the problem that the value has the wrong type.
    #[must_use]
    pub fn wrong_type(&self, allowed: impl Into<String>) -> ConfigProblem {
        ConfigProblem::WrongType {
            place: self.value_place.clone(),
            field: self.field(),
            value: self.written.clone(),
            found: self.value.kind(),
            allowed: allowed.into(),
        }
    }

    /// Returns the problem that the value does not fit.
    #[must_use]
    pub fn unfit(&self, reason: impl Into<String>, allowed: impl Into<String>) -> ConfigProblem {
        ConfigProblem::BadValue {
            place: self.value_place.clone(),
            field: self.field(),
            value: self.written.clone(),
            reason: reason.into(),
            allowed: allowed.into(),
        }
    }

    #[cold]
    fn unread(&self, unfit: Unfit, allowed: &str) -> Box<ConfigProblem> {
        Box::new(match unfit {
            Unfit::Type => self.wrong_type(allowed),
            Unfit::Value(reason) => self.unfit(reason, allowed),
        })
    }
}

type Check = dyn Fn(&Section, &mut Vec<ConfigProblem>) + Send + Sync;

/// A section while it is read, and the function that checks it at the end.
#[derive(Clone)]
pub(super) struct Foreign {
    section: Section,
    check: Arc<Check>,
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.section.fmt(f)
    }
}

impl Foreign {
    pub(super) fn new(
        name: String,
        check: impl Fn(&Section, &mut Vec<ConfigProblem>) + Send + Sync + 'static,
    ) -> Self {
        Self { section: Section { name, settings: Vec::new() }, check: Arc::new(check) }
    }

    pub(super) fn name(&self) -> &str {
        &self.section.name
    }

    /// Adds a setting, which the package will check.
    pub(super) fn note(&mut self, path: &[&str], subject: &Subject<'_>) {
        self.section.settings.push(Setting {
            section: self.section.name.clone(),
            path: path.iter().map(|name| (*name).to_owned()).collect(),
            value: subject.value.clone(),
            written: subject.written.to_owned(),
            name_place: subject.name_place.clone(),
            value_place: subject.value_place.clone(),
        });
    }

    /// Adds the section's problems, and returns the section.
    pub(super) fn finish(self, problems: &mut Vec<ConfigProblem>) -> Section {
        (self.check)(&self.section, problems);
        self.section
    }
}
