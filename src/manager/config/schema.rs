//! Which settings there are, what they are called, and how a value becomes one of them.

use super::{
    ManagerConfig,
    error::{ConfigProblem, Place},
    health,
    raw::{Raw, Unfit, duration_looks, size_looks},
    section::Foreign,
};
use crate::{
    EvictionPolicy,
    manager::{CacheKind, CacheSettings, ExpiryMode, SettingsError, memory::MemorySettings},
};

/// One setting of a section.
#[derive(Debug)]
pub(super) struct Field<T> {
    pub(super) name: &'static str,
    /// Its name in [`SettingsError`], and in the program.
    pub(super) field: &'static str,
    /// What its values look like, without their range.
    pub(super) looks: fn() -> String,
    pub(super) set: fn(&mut T, &Raw) -> Result<(), Unfit>,
}

const POLICIES: &[(&str, EvictionPolicy)] = &[
    ("segmented-lru", EvictionPolicy::SegmentedLru),
    ("lru", EvictionPolicy::Lru),
    ("lfu", EvictionPolicy::Lfu),
    ("size-aware", EvictionPolicy::SizeAware),
    ("cost-aware", EvictionPolicy::CostAware),
];

const MODES: &[(&str, ExpiryMode)] =
    &[("after_write", ExpiryMode::AfterWrite), ("after_access", ExpiryMode::AfterAccess)];

const CACHE: &[Field<CacheSettings>] = &[
    Field {
        name: "max_entries",
        field: "max_entries",
        looks: || "a whole number".to_owned(),
        set: |cache, raw| raw.integer().map(|entries| cache.max_entries = entries),
    },
    Field {
        name: "max_bytes",
        field: "max_bytes",
        looks: || size_looks() + ", or \"none\"",
        set: |cache, raw| raw.unless("none", Raw::size).map(|bytes| cache.max_bytes = bytes),
    },
    Field {
        name: "ttl",
        field: "time_to_live",
        looks: || duration_looks() + ", or \"none\"",
        set: |cache, raw| raw.unless("none", Raw::duration).map(|time| cache.time_to_live = time),
    },
    Field {
        name: "expiry",
        field: "expiry",
        looks: || one_of(MODES),
        set: |cache, raw| raw.one_of(MODES).map(|mode| cache.expiry = mode),
    },
    Field {
        name: "jitter",
        field: "jitter",
        looks: || "a number from 0.0 to 1.0".to_owned(),
        set: |cache, raw| raw.float().map(|share| cache.jitter = share),
    },
    Field {
        name: "shards",
        field: "shards",
        looks: || "a whole number, or \"auto\"".to_owned(),
        set: |cache, raw| raw.unless("auto", Raw::number).map(|shards| cache.shards = shards),
    },
    Field {
        name: "new_key_share",
        field: "new_key_share",
        looks: || "a number from 0.01 to 0.60, or \"auto\"".to_owned(),
        set: |cache, raw| raw.unless("auto", Raw::float).map(|share| cache.new_key_share = share),
    },
    Field {
        name: "eviction_policy",
        field: "eviction_policy",
        looks: || one_of(POLICIES),
        set: |cache, raw| raw.one_of(POLICIES).map(|policy| cache.eviction_policy = policy),
    },
    Field {
        name: "priority",
        field: "priority",
        looks: || "a whole number from 0 to 255".to_owned(),
        set: |cache, raw| raw.number().map(|priority| cache.priority = priority),
    },
];

const MEMORY: &[Field<MemorySettings>] = &[
    Field {
        name: "enabled",
        field: "enabled",
        looks: boolean_looks,
        set: |memory, raw| raw.boolean().map(|enabled| memory.enabled = enabled),
    },
    Field {
        name: "sample_every",
        field: "sample_every",
        looks: duration_looks,
        set: |memory, raw| raw.duration().map(|interval| memory.sample_every = interval),
    },
    Field {
        name: "limit",
        field: "limit",
        looks: || size_looks() + ", or \"none\"",
        set: |memory, raw| raw.unless("none", Raw::size).map(|bytes| memory.limit = bytes),
    },
];

const PRESSURE: &[Field<MemorySettings>] = &[
    Field {
        name: "enabled",
        field: "pressure.enabled",
        looks: boolean_looks,
        set: |memory, raw| raw.boolean().map(|enabled| memory.pressure.enabled = enabled),
    },
    Field {
        name: "high",
        field: "pressure.high",
        looks: share_looks,
        set: |memory, raw| raw.float().map(|share| memory.pressure.high = share),
    },
    Field {
        name: "low",
        field: "pressure.low",
        looks: share_looks,
        set: |memory, raw| raw.float().map(|share| memory.pressure.low = share),
    },
    Field {
        name: "step",
        field: "pressure.step",
        looks: share_looks,
        set: |memory, raw| raw.float().map(|share| memory.pressure.step = share),
    },
    Field {
        name: "floor",
        field: "pressure.floor",
        looks: share_looks,
        set: |memory, raw| raw.float().map(|share| memory.pressure.floor = share),
    },
];

fn boolean_looks() -> String {
    "true or false".to_owned()
}

pub(super) fn share_looks() -> String {
    "a number from 0.0 to 1.0".to_owned()
}

fn one_of<T>(names: &[(&str, T)]) -> String {
    let quoted: Vec<_> = names.iter().map(|(name, _)| format!("{name:?}")).collect();
    format!("one of {}", quoted.join(", "))
}

fn names<T>(fields: &[Field<T>]) -> Vec<&'static str> {
    fields.iter().map(|field| field.name).collect()
}

/// The names of the manager's own sections: of kinds, and the others.
pub(super) fn sections() -> Vec<&'static str> {
    CacheKind::ALL.map(CacheKind::name).into_iter().chain(["caches", "memory", "health"]).collect()
}

/// A configuration that is still read.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) config: ManagerConfig,
    /// What is said of the health of single caches.
    pub(super) own_health: Vec<health::Own>,
    /// The sections of other packages.
    pub(super) foreign: Vec<Foreign>,
}

impl Draft {
    /// The names of all sections.
    pub(super) fn sections(&self) -> Vec<&str> {
        sections().into_iter().chain(self.foreign.iter().map(Foreign::name)).collect()
    }

    fn of_own_health(
        &mut self,
        cache: &str,
        rest: &[&str],
        subject: &Subject<'_>,
    ) -> Result<(), Box<ConfigProblem>> {
        self.own_health.extend(health::assign_own(cache, rest, subject)?);
        Ok(())
    }
}

/// What an assignment is about, and where it was made.
pub(super) struct Subject<'a> {
    pub(super) path: &'a [String],
    /// As it was written, for people.
    pub(super) written: &'a str,
    pub(super) value: &'a Raw,
    pub(super) name_place: &'a Place,
    pub(super) value_place: &'a Place,
}

/// Sets one setting, checked for itself; tables are checked for being known, and make named caches.
pub(super) fn assign(draft: &mut Draft, subject: &Subject<'_>) -> Result<(), Box<ConfigProblem>> {
    let path: Vec<_> = subject.path.iter().map(String::as_str).collect();
    let (section, rest) = path.split_first().expect("a path has at least one part");
    if let Some(foreign) = draft.foreign.iter_mut().find(|it| it.name() == *section) {
        foreign.note(rest, subject);
        return Ok(());
    }
    let config = &mut draft.config;
    if let Ok(kind) = section.parse() {
        return match rest {
            ["health", rest @ ..] => draft.of_own_health(section, rest, subject),
            rest => {
                section_of(config.kind_mut(kind), CACHE, &["health"], rest, subject, check_cache)
            }
        };
    }
    match (*section, rest) {
        ("caches", []) => table(subject),
        ("caches", [name, rest @ ..]) => {
            if let Err(allowed) = super::check_cache_name(name) {
                return Err(unfit_name(subject, name, allowed));
            }
            let settings = config.named_mut(name);
            match rest {
                ["health", rest @ ..] => draft.of_own_health(name, rest, subject),
                rest => section_of(settings, CACHE, &["health"], rest, subject, check_cache),
            }
        }
        ("memory", ["pressure", rest @ ..]) => {
            section_of(&mut config.memory, PRESSURE, &[], rest, subject, check_memory)
        }
        ("memory", rest) => {
            section_of(&mut config.memory, MEMORY, &["pressure"], rest, subject, check_memory)
        }
        ("health", rest) => health::assign(config, rest, subject),
        _ => Err(unknown(subject, section, &draft.sections())),
    }
}

/// `rest` is the path within the section; `below` are the sections in it.
pub(super) fn section_of<T: Clone>(
    settings: &mut T,
    fields: &[Field<T>],
    below: &[&'static str],
    rest: &[&str],
    subject: &Subject<'_>,
    check: fn(&T, &'static str) -> Result<(), String>,
) -> Result<(), Box<ConfigProblem>> {
    let Some((name, deeper)) = rest.split_first() else { return table(subject) };
    let Some(field) = fields.iter().find(|field| field.name == *name) else {
        // Who knows the program's names may expect them here.
        let meant = fields.iter().find(|field| field.field == *name).map_or(*name, |it| it.name);
        return Err(unknown(subject, meant, &[names(fields), below.to_vec()].concat()));
    };
    if !deeper.is_empty() {
        return Err(wrong_type(subject, &(field.looks)()));
    }
    let mut changed = settings.clone();
    (field.set)(&mut changed, subject.value).map_err(|unfit| match unfit {
        Unfit::Type => wrong_type(subject, &(field.looks)()),
        Unfit::Value(reason) => Box::new(ConfigProblem::BadValue {
            place: subject.value_place.clone(),
            field: subject.path.join("."),
            value: subject.written.to_owned(),
            reason,
            allowed: (field.looks)(),
        }),
    })?;
    check(&changed, field.field).map_err(|allowed| {
        Box::new(ConfigProblem::OutOfRange {
            place: subject.value_place.clone(),
            field: subject.path.join("."),
            value: subject.written.to_owned(),
            allowed,
        })
    })?;
    *settings = changed;
    Ok(())
}

/// Whether that one field is in range, or else what is; the others are not asked about.
fn check_cache(settings: &CacheSettings, field: &'static str) -> Result<(), String> {
    // In the program these are none; the word for that in a file is another one.
    let word = |allowed: String| match field {
        "shards" | "new_key_share" => allowed.replace("or none", "or \"auto\""),
        _ => allowed,
    };
    only(field, settings.validate()).map_err(word)
}

/// What depends on another setting is looked at when all are made.
fn check_memory(settings: &MemorySettings, field: &'static str) -> Result<(), String> {
    let mut settings = settings.clone();
    match field {
        "pressure.high" => settings.pressure.low = f64::MIN_POSITIVE,
        "pressure.low" => settings.pressure.high = 1.0,
        _ => {}
    }
    only(field, settings.validate())
}

fn only(field: &str, found: Result<(), SettingsError>) -> Result<(), String> {
    match found {
        Err(error) if error.field == field => Err(error.allowed.to_owned()),
        _ => Ok(()),
    }
}

fn table(subject: &Subject<'_>) -> Result<(), Box<ConfigProblem>> {
    match subject.value {
        Raw::Table => Ok(()),
        _ => Err(wrong_type(subject, "a section with settings of its own")),
    }
}

fn wrong_type(subject: &Subject<'_>, allowed: &str) -> Box<ConfigProblem> {
    Box::new(ConfigProblem::WrongType {
        place: subject.value_place.clone(),
        field: subject.path.join("."),
        value: subject.written.to_owned(),
        found: subject.value.kind(),
        allowed: allowed.to_owned(),
    })
}

fn unfit_name(subject: &Subject<'_>, name: &str, allowed: &str) -> Box<ConfigProblem> {
    Box::new(ConfigProblem::BadValue {
        place: subject.name_place.clone(),
        field: subject.path.join("."),
        value: format!("{name:?}"),
        reason: "it is no name for a cache of your own".to_owned(),
        allowed: allowed.to_owned(),
    })
}

fn unknown(subject: &Subject<'_>, meant: &str, there_are: &[&str]) -> Box<ConfigProblem> {
    Box::new(ConfigProblem::UnknownField {
        place: subject.name_place.clone(),
        field: subject.path.join("."),
        allowed: there_are.join(", "),
        suggestion: nearest(meant, there_are).map(str::to_owned),
    })
}

/// The most alike, if it is alike enough to have been meant.
pub(super) fn nearest<'a>(meant: &str, names: &[&'a str]) -> Option<&'a str> {
    let alike = |name: &&str| strsim::normalized_damerau_levenshtein(meant, name);
    let likeness = names.iter().map(|name| (alike(name), *name));
    let best = likeness.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= 0.6).then_some(best.1)
}

/// A field of [`MemorySettings`] by its path in a configuration.
pub(super) fn path_of_memory(field: &str) -> String {
    format!("memory.{field}")
}

/// A field of [`CacheSettings`] by its name in a section.
pub(super) fn name_of_cache_field(field: &str) -> &str {
    CACHE.iter().find(|known| known.field == field).map_or(field, |known| known.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_meant() {
        assert_eq!(nearest("tll", &["ttl", "jitter"]), Some("ttl"));
        assert_eq!(nearest("max_entrys", &names(CACHE)), Some("max_entries"));
        assert_eq!(nearest("colour", &names(CACHE)), None);
        assert_eq!(nearest("x", &[]), None);
    }

    #[test]
    fn every_field_is_one_of_the_settings() {
        // `validate` speaks of fields by these names; a field that is not there would never be
        // found out of range.
        let fields: Vec<_> = CACHE.iter().map(|field| field.field).collect();
        let settings = format!("{:?}", CacheSettings::new(1));
        for field in fields {
            assert!(settings.contains(&format!("{field}: ")), "{field} in {settings}");
        }
        // And the other way round, each can be set.
        assert_eq!(settings.matches(": ").count(), CACHE.len());
    }
}
