//! A configuration from several sources.

use super::{
    ManagerConfig, check_cache_name, environment,
    error::{ConfigError, ConfigProblem, Place},
    file::File,
    schema,
};
use crate::manager::{CacheKind, CacheSettings, SettingsError, memory::MemorySettings};
use std::{collections::HashMap, ffi::OsString, fs, io, path::PathBuf};

/// Puts a [`ManagerConfig`] together; comes from [`ManagerConfig::builder`].
///
/// In whatever order its methods are called, the program's own settings come first, then files in the
/// order in which they were named, then the environment.
#[derive(Clone, Debug)]
#[must_use]
pub struct ConfigBuilder {
    base: ManagerConfig,
    sources: Vec<Source>,
    variables: Vec<(OsString, OsString)>,
}

#[derive(Clone, Debug)]
enum Source {
    Text { name: String, text: String },
    File { path: PathBuf, required: bool },
}

impl ConfigBuilder {
    pub(super) fn new() -> Self {
        Self { base: ManagerConfig::default(), sources: Vec::new(), variables: Vec::new() }
    }

    /// Settings for the cache of a kind, instead of the built-in ones.
    pub fn kind(mut self, kind: CacheKind, settings: CacheSettings) -> Self {
        *self.base.kind_mut(kind) = settings;
        self
    }

    /// One more cache.
    pub fn named(mut self, name: impl Into<String>, settings: CacheSettings) -> Self {
        self.base.named.insert(name.into(), settings);
        self
    }

    /// How memory is looked after, instead of the built-in settings.
    pub fn memory(mut self, settings: MemorySettings) -> Self {
        self.base.memory = settings;
        self
    }

    /// Settings in TOML; errors call it `name`.
    pub fn toml(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.sources.push(Source::Text { name: name.into(), text: text.into() });
        self
    }

    /// Settings in a TOML file, which has to be there.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::File { path: path.into(), required: true });
        self
    }

    /// Settings in a TOML file, if there is one.
    pub fn optional_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::File { path: path.into(), required: false });
        self
    }

    /// Settings in the environment of the process, as it is now.
    pub fn environment(self) -> Self {
        self.variables(std::env::vars_os())
    }

    /// Settings in these variables, of which those count whose names begin with `LARDER_`:
    /// `LARDER_URL__TTL=30m`, `LARDER_CACHES__REPORTS__MAX_ENTRIES=200`. In a name of a cache, an
    /// underscore stands for `-` and `.`, too. Of variables with the same name, the last one counts.
    pub fn variables<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        self.variables
            .extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Reads the files and puts everything together.
    ///
    /// # Errors
    ///
    /// All that is wrong, wherever it is.
    pub fn build(self) -> Result<ManagerConfig, ConfigError> {
        let Self { base: mut config, sources, variables } = self;
        let mut places = HashMap::new();
        let mut problems = Vec::new();
        for name in config.named.keys() {
            if let Err(allowed) = check_cache_name(name) {
                problems.push(ConfigProblem::BadValue {
                    place: Place::Program,
                    field: format!("caches.{name}"),
                    value: format!("{name:?}"),
                    reason: "it is no name for a cache of your own".to_owned(),
                    allowed: allowed.to_owned(),
                });
            }
        }
        for source in sources {
            let name = source.name();
            match source.text() {
                Ok(Some(text)) => {
                    let file = File { name: &name, text: &text };
                    file.read(&mut config, &mut places, &mut problems);
                }
                Ok(None) => {}
                Err(error) => problems.push(ConfigProblem::Unreadable { file: name, error }),
            }
        }
        environment::read(&variables, &mut config, &mut places, &mut problems);
        // Settings that are wrong were not made, so what is left is what the program said, and what does
        // not go together.
        problems.extend(check(&config).map(|(field, error)| ConfigProblem::OutOfRange {
            place: place_of(&field, &places),
            field,
            value: error.value,
            allowed: error.allowed.to_owned(),
        }));
        ConfigError::check(problems)?;
        Ok(config)
    }
}

impl Source {
    /// What errors call it.
    fn name(&self) -> String {
        match self {
            Self::Text { name, .. } => name.clone(),
            Self::File { path, .. } => path.display().to_string(),
        }
    }

    /// What is in it; `None` if nobody minds that it is not there.
    fn text(self) -> io::Result<Option<String>> {
        match self {
            Self::Text { text, .. } => Ok(Some(text)),
            Self::File { path, required } => match fs::read_to_string(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !required => Ok(None),
                read => read.map(Some),
            },
        }
    }
}

/// Where a setting was made that is wrong beside another one: that other's place, if it was only that
/// which was changed.
fn place_of(field: &str, places: &HashMap<String, Place>) -> Place {
    let beside = match field {
        "memory.pressure.low" => "memory.pressure.high",
        other => other,
    };
    places.get(field).or_else(|| places.get(beside)).cloned().unwrap_or(Place::Program)
}

/// The first thing that is wrong with each section, and which setting that is.
fn check(config: &ManagerConfig) -> impl Iterator<Item = (String, SettingsError)> {
    let kinds = CacheKind::ALL.map(|kind| (kind.name().to_owned(), config.kind(kind)));
    let named = config.named().map(|(name, settings)| (format!("caches.{name}"), settings));
    let caches = kinds.into_iter().chain(named).filter_map(|(section, settings)| {
        let error = settings.validate().err()?;
        Some((format!("{section}.{}", schema::name_of_cache_field(error.field)), error))
    });
    let memory = config.memory.validate().err();
    caches.chain(memory.map(|error| (schema::path_of_memory(error.field), error)))
}
