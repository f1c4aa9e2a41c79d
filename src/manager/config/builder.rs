//! Building a configuration from several sources.

use super::{
    ManagerConfig, check_cache_name, environment,
    error::{ConfigError, ConfigProblem, Place},
    file::File,
    schema::{self, Draft},
    section::{Foreign, Section},
};
use crate::manager::{CacheKind, CacheSettings, HealthThresholds, memory::MemorySettings};
use std::{collections::HashMap, ffi::OsString, fs, io, path::PathBuf};

/// Builds a [`ManagerConfig`]; comes from [`ManagerConfig::builder`].
///
/// The order of calls does not matter, except that of files: the program's own settings come first,
/// then files in the order in which they were named, then the environment.
#[derive(Clone, Debug)]
#[must_use]
pub struct ConfigBuilder {
    base: ManagerConfig,
    sources: Vec<Source>,
    /// The table of the files that has the settings: its path, the outermost name first.
    table: Vec<String>,
    prefix: String,
    variables: Vec<(OsString, OsString)>,
    foreign: Vec<Foreign>,
}

#[derive(Clone, Debug)]
enum Source {
    Text { name: String, text: String },
    File { path: PathBuf, required: bool },
}

impl ConfigBuilder {
    pub(super) fn new() -> Self {
        Self {
            base: ManagerConfig::default(),
            sources: Vec::new(),
            table: Vec::new(),
            prefix: environment::PREFIX.to_owned(),
            variables: Vec::new(),
            foreign: Vec::new(),
        }
    }

    /// Sets the settings of the cache of a kind, in place of the built-in ones.
    pub fn kind(mut self, kind: CacheKind, settings: CacheSettings) -> Self {
        *self.base.kind_mut(kind) = settings;
        self
    }

    /// Adds a named cache.
    pub fn named(mut self, name: impl Into<String>, settings: CacheSettings) -> Self {
        self.base.named.insert(name.into(), settings);
        self
    }

    /// Sets the settings of memory sampling, in place of the built-in ones.
    pub fn memory(mut self, settings: MemorySettings) -> Self {
        self.base.memory = settings;
        self
    }

    /// Sets the thresholds of the manager, and of all caches that have none of their own.
    pub fn health(mut self, thresholds: HealthThresholds) -> Self {
        self.base.health = thresholds;
        self
    }

    /// Sets the thresholds of one cache. A file changes them by the cache's own section of health,
    /// and not by the section for all caches.
    pub fn health_of(mut self, cache: impl Into<String>, thresholds: HealthThresholds) -> Self {
        self.base.own_health.insert(cache.into(), thresholds);
        self
    }

    /// Accepts a section that another package reads, such as `http`, in files and variables.
    /// `check` adds the problems of the section, so that they are reported with all others. The
    /// built configuration has the section, see [`ManagerConfig::section`]; [`Section`] shows how
    /// to read it.
    ///
    /// Without this call, the section is unknown, which is an error.
    pub fn section(
        mut self,
        name: impl Into<String>,
        check: impl Fn(&Section, &mut Vec<ConfigProblem>) + Send + Sync + 'static,
    ) -> Self {
        self.foreign.push(Foreign::new(name.into(), check));
        self
    }

    /// Adds settings in TOML, which errors call `name`.
    pub fn toml(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.sources.push(Source::Text { name: name.into(), text: text.into() });
        self
    }

    /// Adds a TOML file, which has to exist.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::File { path: path.into(), required: true });
        self
    }

    /// Adds a TOML file, if it exists.
    pub fn optional_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::File { path: path.into(), required: false });
        self
    }

    /// Sets the table of the files that has the settings, for files that the application also uses:
    /// with `cache`, the section `[url]` is `[cache.url]`. The path of a table within another one
    /// has a dot, as in `service.cache`. The rest of the files is ignored.
    ///
    /// Each file that exists has to have the table, [optional](Self::optional_file) files as well:
    /// otherwise a misspelt name, here or in a file, would drop all settings of the file without an
    /// error. A file without settings has the heading `[cache]` and nothing below it.
    ///
    /// ```
    /// use larder::manager::{CacheKind, config::ManagerConfig};
    ///
    /// let config = ManagerConfig::builder()
    ///     .toml("app.toml", "[server]\nport = 80\n\n[cache.url]\nmax_entries = 200")
    ///     .table("cache")
    ///     .build()?;
    /// assert_eq!(config.kind(CacheKind::Url).max_entries, 200);
    /// # Ok::<(), larder::manager::config::ConfigError>(())
    /// ```
    pub fn table(mut self, path: &str) -> Self {
        let names = path.split('.').map(str::trim).filter(|name| !name.is_empty());
        self.table = names.map(str::to_owned).collect();
        self
    }

    /// Sets the prefix of the names of environment variables. By default it is `LARDER_`.
    ///
    /// ```
    /// use larder::manager::{CacheKind, config::ManagerConfig};
    ///
    /// let config = ManagerConfig::builder()
    ///     .env_prefix("MYAPP_CACHE_")
    ///     .variables([("MYAPP_CACHE_URL__MAX_ENTRIES", "200"), ("LARDER_URL__TTL", "1s")])
    ///     .build()?;
    /// assert_eq!(config.kind(CacheKind::Url).max_entries, 200);
    /// assert_eq!(config.kind(CacheKind::Url).time_to_live, CacheKind::Url.settings().time_to_live);
    /// # Ok::<(), larder::manager::config::ConfigError>(())
    /// ```
    pub fn env_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Adds the settings in the current environment of the process.
    pub fn environment(self) -> Self {
        self.variables(std::env::vars_os())
    }

    /// Adds the settings in these variables, if their names start with `LARDER_` or another
    /// [prefix](Self::env_prefix): `LARDER_URL__TTL=30m`,
    /// `LARDER_CACHES__REPORTS__MAX_ENTRIES=200`. An underscore in the name of a cache also matches
    /// `-` and `.`. If a variable is given twice, the last value counts.
    pub fn variables<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        self.variables
            .extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Reads the sources and builds the configuration.
    ///
    /// # Errors
    ///
    /// Has all problems of all sources.
    pub fn build(self) -> Result<ManagerConfig, ConfigError> {
        let Self { base, sources, table, prefix, variables, foreign } = self;
        let mut problems = foreign_names(&foreign);
        let mut draft = Draft { config: base, own_health: Vec::new(), foreign };
        let mut places = HashMap::new();
        for name in draft.config.named.keys() {
            if let Err(allowed) = check_cache_name(name) {
                problems.push(ConfigProblem::BadValue {
                    place: Place::Program,
                    field: format!("caches.{name}"),
                    value: format!("{name:?}"),
                    reason: "it is not a valid name for a named cache".to_owned(),
                    allowed: allowed.to_owned(),
                });
            }
        }
        if prefix.is_empty() {
            problems.push(ConfigProblem::BadValue {
                place: Place::Program,
                field: "env_prefix".to_owned(),
                value: format!("{prefix:?}"),
                reason: "every variable begins with it".to_owned(),
                allowed: "a text such as \"MYAPP_CACHE_\"".to_owned(),
            });
        }
        for source in sources {
            let name = source.name();
            match source.text() {
                Ok(Some(text)) => {
                    let file = File { name: &name, text: &text, table: &table };
                    file.read(&mut draft, &mut places, &mut problems);
                }
                Ok(None) => {}
                Err(error) => problems.push(ConfigProblem::Unreadable { file: name, error }),
            }
        }
        if !prefix.is_empty() {
            environment::read(&variables, &prefix, &mut draft, &mut places, &mut problems);
        }
        let Draft { mut config, own_health, foreign } = draft;
        schema::apply_own(&mut config, own_health);
        config.sections = foreign.into_iter().map(|it| it.finish(&mut problems)).collect();
        // Settings out of range were not made. What is left are the program's own settings, and
        // settings that contradict each other.
        problems.extend(check(&config).into_iter().map(|Wrong { field, value, allowed }| {
            ConfigProblem::OutOfRange { place: place_of(&field, &places), field, value, allowed }
        }));
        ConfigError::check(problems)?;
        Ok(config)
    }
}

impl Source {
    /// Returns the name for errors.
    fn name(&self) -> String {
        match self {
            Self::Text { name, .. } => name.clone(),
            Self::File { path, .. } => path.display().to_string(),
        }
    }

    /// Returns the text; `None` for an optional file that does not exist.
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

/// Returns the problems of section names that are taken already.
fn foreign_names(foreign: &[Foreign]) -> Vec<ConfigProblem> {
    let own = schema::sections();
    let before = |at: usize| foreign[..at].iter().map(Foreign::name);
    let names = foreign.iter().map(Foreign::name).enumerate();
    let taken = names.filter(|(at, name)| own.contains(name) || before(*at).any(|it| it == *name));
    let problem = |(_, name): (usize, &str)| ConfigProblem::BadValue {
        place: Place::Program,
        field: "section".to_owned(),
        value: format!("{name:?}"),
        reason: "there is a section of that name".to_owned(),
        allowed: "any other name".to_owned(),
    };
    taken.map(problem).collect()
}

/// Returns the place of a setting that contradicts another one: the place of the other one, if only
/// that was set.
fn place_of(field: &str, places: &HashMap<String, Place>) -> Place {
    let mut made_at = vec![field.to_owned()];
    // A cache inherits the thresholds that its own section does not set.
    made_at.extend(field.find("health.").map(|at| field[at..].to_owned()));
    let found = made_at.iter().flat_map(|field| [Some(field.clone()), beside(field)]).flatten();
    found.into_iter().find_map(|field| places.get(&field)).cloned().unwrap_or(Place::Program)
}

/// Returns the setting on which a setting's range depends.
fn beside(field: &str) -> Option<String> {
    match field {
        "memory.pressure.low" => Some("memory.pressure.high".to_owned()),
        _ => field.strip_suffix(".critical").map(|levels| format!("{levels}.degraded")),
    }
}

/// A setting that is out of range beside other settings.
struct Wrong {
    field: String,
    value: String,
    allowed: String,
}

/// Checks each section; for caches and memory, returns the first error only.
fn check(config: &ManagerConfig) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut names: Vec<&str> = CacheKind::ALL.map(CacheKind::name).to_vec();
    names.extend(config.named.keys().map(String::as_str));
    for name in names {
        let settings = config.cache(name).expect("it is listed");
        wrong.extend(settings.validate().err().map(|error| Wrong {
            field: format!("{}.{}", section(name), schema::name_of_cache_field(error.field)),
            value: error.value,
            allowed: error.allowed.to_owned(),
        }));
    }
    wrong.extend(config.memory.validate().err().map(|error| Wrong {
        field: format!("memory.{}", error.field),
        value: error.value,
        allowed: error.allowed.to_owned(),
    }));
    let common = config.health.problems();
    let own = config.own_health.iter().flat_map(|(name, thresholds)| {
        let own = thresholds.problems().into_iter();
        // An inherited error is reported once, for the manager.
        own.filter(|error| !common.contains(error))
            .map(move |error| (format!("{}.health", section(name)), error))
    });
    let all = common.iter().map(|error| ("health".to_owned(), error.clone()));
    wrong.extend(all.chain(own).map(|(section, error)| Wrong {
        field: format!("{section}.{}", error.field),
        value: error.value,
        allowed: error.allowed,
    }));
    wrong
}

fn section(cache: &str) -> String {
    match cache.parse::<CacheKind>() {
        Ok(kind) => kind.name().to_owned(),
        Err(_) => format!("caches.{cache}"),
    }
}
