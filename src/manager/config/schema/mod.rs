//! The settings, their names, and assigning a value to one of them.
//!
//! - `field.rs`: fields, and what can be wrong with an assignment
//! - `cache.rs`, `memory.rs`, `health.rs`: the fields of the sections

mod cache;
mod field;
mod health;
mod memory;

use super::{ManagerConfig, check_cache_name, error::ConfigProblem, section::Foreign};
use crate::manager::CacheKind;
use cache::CACHE;
use field::{section_of, table, unknown};
use memory::{MEMORY, PRESSURE};

pub(super) use cache::name_of_cache_field;
pub(super) use field::{Subject, nearest};
pub(super) use health::apply_own;

/// Returns the names of the manager's own sections.
pub(super) fn sections() -> Vec<&'static str> {
    CacheKind::ALL.map(CacheKind::name).into_iter().chain(["caches", "memory", "health"]).collect()
}

/// A configuration while it is read.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) config: ManagerConfig,
    /// The thresholds of single caches, to be applied at the end.
    pub(super) own_health: Vec<health::CacheThreshold>,
    /// The sections of other packages.
    pub(super) foreign: Vec<Foreign>,
}

impl Draft {
    pub(super) fn sections(&self) -> Vec<&str> {
        sections().into_iter().chain(self.foreign.iter().map(Foreign::name)).collect()
    }

    fn assign_own_health(
        &mut self,
        cache: &str,
        rest: &[&str],
        subject: &Subject<'_>,
    ) -> Result<(), Box<ConfigProblem>> {
        self.own_health.extend(health::assign_own(cache, rest, subject)?);
        Ok(())
    }
}

/// Makes one setting after checking it alone. A table has to be known, and creates a named cache.
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
            ["health", rest @ ..] => draft.assign_own_health(section, rest, subject),
            rest => {
                section_of(config.kind_mut(kind), CACHE, &["health"], rest, subject, cache::check)
            }
        };
    }
    match (*section, rest) {
        ("caches", []) => table(subject),
        ("caches", [name, rest @ ..]) => {
            if let Err(allowed) = check_cache_name(name) {
                return Err(unfit_name(subject, name, allowed));
            }
            let settings = config.named_mut(name);
            match rest {
                ["health", rest @ ..] => draft.assign_own_health(name, rest, subject),
                rest => section_of(settings, CACHE, &["health"], rest, subject, cache::check),
            }
        }
        ("memory", ["pressure", rest @ ..]) => {
            section_of(&mut config.memory, PRESSURE, &[], rest, subject, memory::check)
        }
        ("memory", rest) => {
            section_of(&mut config.memory, MEMORY, &["pressure"], rest, subject, memory::check)
        }
        ("health", rest) => health::assign(config, rest, subject),
        _ => Err(unknown(subject, section, &draft.sections())),
    }
}

fn unfit_name(subject: &Subject<'_>, name: &str, allowed: &str) -> Box<ConfigProblem> {
    Box::new(ConfigProblem::BadValue {
        place: subject.name_place.clone(),
        field: subject.path.join("."),
        value: format!("{name:?}"),
        reason: "it is not a valid name for a named cache".to_owned(),
        allowed: allowed.to_owned(),
    })
}
