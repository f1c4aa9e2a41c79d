//! Where settings come from, and what is wrong with them.

use super::{Config, SETTINGS, Setting};
use larder::manager::config::ConfigError as CacheConfigError;
use std::{ffi::OsString, fmt, fs, path::PathBuf};
use thiserror::Error;
use toml::de::{DeTable, DeValue};

/// The table of a file that has the caches' settings.
const CACHES: &str = "cache";
const PREFIX: &str = "SHORTENER_";
const CACHE_PREFIX: &str = "SHORTENER_CACHE_";

/// What settings are made of. What comes later here counts more.
#[derive(Debug, Default)]
#[must_use]
pub struct Sources {
    /// A file, which has to be there.
    pub file: Option<PathBuf>,
    /// The environment: names and values.
    pub variables: Vec<(OsString, OsString)>,
    /// Names of settings and their values, from the command line.
    pub flags: Vec<(String, String)>,
}

/// One thing that is wrong with the settings.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigProblem {
    /// A file that cannot be read, or is no TOML.
    #[error("{place}: {reason}")]
    File {
        /// The file, and perhaps the line.
        place: String,
        /// Why.
        reason: String,
    },
    /// A setting that there is not.
    #[error("{place}: there is no setting {name}{}", suggestion(.similar.as_deref()))]
    Unknown {
        /// Where it was made.
        place: String,
        /// Its name.
        name: String,
        /// What may have been meant.
        similar: Option<String>,
    },
    /// A value that is not allowed.
    #[error("{place}: {name}: {value:?} is not allowed; allowed is {allowed}")]
    Value {
        /// Where it was made.
        place: String,
        /// The setting's name.
        name: String,
        /// Its value.
        value: String,
        /// What is allowed.
        allowed: String,
    },
}

fn suggestion(similar: Option<&str>) -> String {
    similar.map(|it| format!("; did you mean {it}?")).unwrap_or_default()
}

/// All that is wrong with the settings.
#[derive(Debug, Error)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
    caches: Option<CacheConfigError>,
}

impl ConfigError {
    /// Returns what is wrong with the service's own settings.
    #[must_use]
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.problems.iter().map(ToString::to_string);
        let lines = lines.chain(self.caches.iter().map(ToString::to_string));
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

impl Sources {
    /// Returns those of a process: its environment, and what its command line says.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        Self { file, variables: std::env::vars_os().collect(), flags }
    }

    /// Puts all settings together.
    ///
    /// # Errors
    ///
    /// All that is wrong with them, each with its place and what is allowed.
    pub fn load(self) -> Result<Config, ConfigError> {
        let mut reading = Reading { config: Config::default(), problems: Vec::new() };
        let mut caches = larder_http::config().table(CACHES).env_prefix(CACHE_PREFIX);
        if let Some(path) = &self.file {
            let name = path.display().to_string();
            match fs::read_to_string(path) {
                Ok(text) => {
                    if reading.file(&name, &text) {
                        caches = caches.toml(name, text);
                    }
                }
                Err(error) => reading.problems.push(ConfigProblem::File {
                    place: name,
                    reason: format!("it cannot be read: {error}"),
                }),
            }
        }
        reading.variables(&self.variables);
        for (name, value) in &self.flags {
            reading.set(name, value, "command line");
        }
        let caches = caches.variables(self.variables).build();
        let Reading { mut config, problems } = reading;
        match caches {
            Ok(caches) if problems.is_empty() => {
                config.caches = caches;
                Ok(config)
            }
            caches => Err(ConfigError { problems, caches: caches.err() }),
        }
    }
}

struct Reading {
    config: Config,
    problems: Vec<ConfigProblem>,
}

impl Reading {
    /// Makes a file's settings. True if it says something of caches, too.
    fn file(&mut self, name: &str, text: &str) -> bool {
        let place = |offset: usize| {
            let before = &text[..offset.min(text.len())];
            format!("{name}:{}", before.matches('\n').count() + 1)
        };
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let offset = error.span().map_or(0, |it| it.start);
                let reason = error.message().to_owned();
                self.problems.push(ConfigProblem::File { place: place(offset), reason });
                return false;
            }
        };
        for (section, content) in table.get_ref() {
            let section_name = section.get_ref().as_ref();
            if section_name == CACHES {
                continue;
            }
            let DeValue::Table(settings) = content.get_ref() else {
                self.unknown(section_name, &place(section.span().start));
                continue;
            };
            for (key, value) in settings {
                let name = format!("{section_name}.{}", key.get_ref());
                let place = place(key.span().start);
                match written(value.get_ref()) {
                    Some(text) => self.set(&name, &text, &place),
                    None => self.problems.push(ConfigProblem::Value {
                        place,
                        name,
                        value: text[value.span()].to_owned(),
                        allowed: "a text, a number, true, false, or a list of texts".to_owned(),
                    }),
                }
            }
        }
        table.get_ref().contains_key(CACHES)
    }

    fn variables(&mut self, variables: &[(OsString, OsString)]) {
        let text = |text: &OsString| text.to_string_lossy().into_owned();
        if let Some((_, url)) = variables.iter().find(|(name, _)| name == "DATABASE_URL") {
            self.set("database.url", &text(url), "environment variable DATABASE_URL");
        }
        for (name, value) in variables {
            let name = text(name);
            if !name.starts_with(PREFIX) || name.starts_with(CACHE_PREFIX) {
                continue;
            }
            let place = format!("environment variable {name}");
            match SETTINGS.iter().find(|setting| setting.variable() == name) {
                Some(setting) => self.set(setting.name, &text(value), &place),
                None => self.unknown(&name[PREFIX.len()..].to_lowercase(), &place),
            }
        }
    }

    fn set(&mut self, name: &str, value: &str, place: &str) {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) else {
            return self.unknown(name, place);
        };
        if let Err(allowed) = (setting.set)(&mut self.config, value) {
            self.problems.push(ConfigProblem::Value {
                place: place.to_owned(),
                name: name.to_owned(),
                value: value.to_owned(),
                allowed,
            });
        }
    }

    fn unknown(&mut self, name: &str, place: &str) {
        self.problems.push(ConfigProblem::Unknown {
            place: place.to_owned(),
            name: name.to_owned(),
            similar: similar(name).map(|setting| setting.name.to_owned()),
        });
    }
}

/// The setting whose name has most pairs of letters in common with this one, if they are many.
fn similar(name: &str) -> Option<&'static Setting> {
    let pairs = |text: &str| -> Vec<_> {
        let letters: Vec<_> = text.chars().filter(char::is_ascii_alphanumeric).collect();
        letters.windows(2).map(<[char]>::to_vec).collect()
    };
    let wanted = pairs(name);
    let likeness = |setting: &&'static Setting| {
        let there = pairs(setting.name);
        let common = wanted.iter().filter(|it| there.contains(it)).count();
        200 * common / (wanted.len() + there.len()).max(1)
    };
    SETTINGS.iter().max_by_key(likeness).filter(|setting| likeness(setting) >= 60)
}

/// The text of a value; of a list, its elements with commas between them.
fn written(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.as_ref().to_owned()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Array(elements) => {
            let texts: Option<Vec<_>> =
                elements.iter().map(|element| written(element.get_ref())).collect();
            texts.map(|texts| texts.join(","))
        }
        _ => None,
    }
}
