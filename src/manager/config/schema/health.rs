//! Thresholds of health: a section `health` for all caches, and one in the section of any cache.
//!
//! A cache has the common thresholds for what its own section does not set, whichever of the two
//! sections comes first. So the cache's own settings are applied after everything has been read.

use super::field::{Field, Subject, describe_share, section_of};
use crate::manager::{
    HealthThresholds, Levels,
    config::{
        ManagerConfig,
        error::ConfigProblem,
        raw::{Raw, Unfit, describe_duration},
    },
};

type Threshold = Field<HealthThresholds>;

#[derive(Debug)]
pub(in crate::manager::config) struct CacheThreshold {
    cache: String,
    field: &'static Threshold,
    value: Raw,
}

const WINDOW: Threshold = Field::new("window", describe_duration, |health, raw| {
    raw.duration().map(|window| health.window = window)
});

const MIN_LOOKUPS: Threshold = Field::new(
    "min_lookups",
    || "a whole number".to_owned(),
    |health, raw| raw.integer().map(|lookups| health.min_lookups = lookups),
);

/// Defines a threshold with two levels: the word `none`, or a table with the levels.
macro_rules! levels {
    ($both:ident, $each:ident, $name:ident, $describe:expr, $read:expr) => {
        const $both: Threshold = Field::new(
            stringify!($name),
            || "a section with degraded and critical, or \"none\"".to_owned(),
            |health, raw| match raw {
                Raw::Table => Ok(()),
                _ => raw.unless("none", |_| Err::<(), _>(Unfit::Type)).map(|_| health.$name = None),
            },
        );
        const $each: &[Threshold] = &[
            levels!($name, degraded, $describe, $read),
            levels!($name, critical, $describe, $read),
        ];
    };
    ($name:ident, $level:ident, $describe:expr, $read:expr) => {
        Field::with_path(
            stringify!($level),
            concat!(stringify!($name), ".", stringify!($level)),
            $describe,
            |health, raw| {
                let levels = health.$name.or(HealthThresholds::default().$name);
                let levels = levels.expect("every threshold has default levels");
                $read(raw).map(|$level| health.$name = Some(Levels { $level, ..levels }))
            },
        )
    };
}

levels!(HIT_RATIO, HIT_RATIOS, hit_ratio, describe_share, Raw::float);
levels!(TURNOVER, TURNOVERS, turnover, || "a number, 0.0 and more".to_owned(), Raw::float);
levels!(MEMORY, MEMORIES, memory, describe_share, Raw::float);
levels!(LATENESS, LATENESSES, lateness, describe_duration, Raw::duration);

const COMMON: &[Threshold] = &[WINDOW, MIN_LOOKUPS, HIT_RATIO, TURNOVER, MEMORY, LATENESS];

/// The thresholds of a cache, without those of the process.
const OF_CACHE: &[Threshold] = &[WINDOW, MIN_LOOKUPS, HIT_RATIO, TURNOVER];

pub(super) fn assign(
    config: &mut ManagerConfig,
    rest: &[&str],
    subject: &Subject<'_>,
) -> Result<(), Box<ConfigProblem>> {
    if let Some(field) = checked(COMMON, rest, subject)? {
        (field.set)(&mut config.health, subject.value).expect("`checked` has set it once");
    }
    Ok(())
}

/// Checks a setting of a cache's section, and returns it for [`apply_own`].
pub(super) fn assign_own(
    cache: &str,
    rest: &[&str],
    subject: &Subject<'_>,
) -> Result<Option<CacheThreshold>, Box<ConfigProblem>> {
    let field = checked(OF_CACHE, rest, subject)?;
    Ok(field.map(|field| CacheThreshold {
        cache: cache.to_owned(),
        field,
        value: subject.value.clone(),
    }))
}

/// Applies the thresholds of single caches, after the common ones are known.
pub(in crate::manager::config) fn apply_own(config: &mut ManagerConfig, own: Vec<CacheThreshold>) {
    for CacheThreshold { cache, field, value } in own {
        let common = config.health;
        let thresholds = config.own_health.entry(cache).or_insert(common);
        (field.set)(thresholds, &value).expect("`checked` has set it once");
    }
}

/// Returns the field of an assignment, if its value is in range; `None` for a table.
fn checked(
    fields: &'static [Threshold],
    rest: &[&str],
    subject: &Subject<'_>,
) -> Result<Option<&'static Threshold>, Box<ConfigProblem>> {
    let (fields, rest) = match rest {
        [name, level @ ..] if !level.is_empty() => match levels_of(fields, name) {
            Some(levels) => (levels, level),
            None => (fields, rest),
        },
        _ => (fields, rest),
    };
    // Checked among the defaults, where no other field is out of range.
    let mut thresholds = HealthThresholds::default();
    section_of(&mut thresholds, fields, &[], rest, subject, check)?;
    Ok(rest.first().and_then(|name| fields.iter().find(|field| field.name == *name)))
}

fn levels_of(fields: &[Threshold], name: &str) -> Option<&'static [Threshold]> {
    let known = fields.iter().find(|field| field.name == name)?;
    match known.name {
        "hit_ratio" => Some(HIT_RATIOS),
        "turnover" => Some(TURNOVERS),
        "memory" => Some(MEMORIES),
        "lateness" => Some(LATENESSES),
        _ => None,
    }
}

/// Checks one field. Levels are compared with each other when all settings are made, so here both
/// levels get the same value.
fn check(thresholds: &HealthThresholds, field: &'static str) -> Result<(), String> {
    let equal = |levels: Levels<f64>| {
        let level = if field.ends_with(".critical") { levels.critical } else { levels.degraded };
        Levels::new(level, level)
    };
    let mut thresholds = *thresholds;
    match field.split_once('.') {
        Some(("hit_ratio", _)) => thresholds.hit_ratio = thresholds.hit_ratio.map(equal),
        Some(("turnover", _)) => thresholds.turnover = thresholds.turnover.map(equal),
        Some(("memory", _)) => thresholds.memory = thresholds.memory.map(equal),
        // Every duration is in range.
        Some(("lateness", _)) => thresholds.lateness = None,
        _ => {}
    }
    thresholds.validate().map_err(|error| error.allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_threshold_can_be_set() {
        let thresholds = format!(
            "{:?}",
            HealthThresholds {
                hit_ratio: None,
                turnover: None,
                memory: None,
                lateness: None,
                ..HealthThresholds::default()
            }
        );
        assert_eq!(thresholds.matches(": ").count(), COMMON.len());
        for field in COMMON {
            assert!(thresholds.contains(&format!("{}: ", field.field)), "{}", field.field);
            let levels = levels_of(COMMON, field.name).unwrap_or_default();
            assert!(
                levels.iter().all(|level| level.field == format!("{}.{}", field.name, level.name))
            );
        }
    }
}
