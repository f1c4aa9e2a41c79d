//! Thresholds of health: a section `health` for all caches, and one in the section of any cache.
//!
//! What a cache's section does not say is as for all caches, whichever of the two is said first. So
//! what it says is put aside until everything has been read.

use super::{
    ManagerConfig,
    error::ConfigProblem,
    raw::{Raw, Unfit, duration_looks},
    schema::{Field, Subject, section_of, share_looks},
};
use crate::manager::{HealthThresholds, Levels};

type Threshold = Field<HealthThresholds>;

/// What a cache's section says of its health.
#[derive(Debug)]
pub(super) struct Own {
    cache: String,
    field: &'static Threshold,
    value: Raw,
}

const WINDOW: Threshold = Field {
    name: "window",
    field: "window",
    looks: duration_looks,
    set: |health, raw| raw.duration().map(|window| health.window = window),
};

const MIN_LOOKUPS: Threshold = Field {
    name: "min_lookups",
    field: "min_lookups",
    looks: || "a whole number".to_owned(),
    set: |health, raw| raw.integer().map(|lookups| health.min_lookups = lookups),
};

/// A threshold of two levels: the word `none`, or a section, which has the two.
macro_rules! levels {
    ($both:ident, $each:ident, $name:ident, $looks:expr, $read:expr) => {
        const $both: Threshold = Field {
            name: stringify!($name),
            field: stringify!($name),
            looks: || "a section with degraded and critical, or \"none\"".to_owned(),
            set: |health, raw| match raw {
                Raw::Table => Ok(()),
                _ => raw.unless("none", |_| Err::<(), _>(Unfit::Type)).map(|_| health.$name = None),
            },
        };
        const $each: &[Threshold] = &[
            Field {
                name: "degraded",
                field: concat!(stringify!($name), ".degraded"),
                looks: $looks,
                set: |health, raw| {
                    let levels = health.$name.or(HealthThresholds::default().$name);
                    let Levels { critical, .. } = levels.expect("it is built in");
                    $read(raw).map(|degraded| health.$name = Some(Levels { degraded, critical }))
                },
            },
            Field {
                name: "critical",
                field: concat!(stringify!($name), ".critical"),
                looks: $looks,
                set: |health, raw| {
                    let levels = health.$name.or(HealthThresholds::default().$name);
                    let Levels { degraded, .. } = levels.expect("it is built in");
                    $read(raw).map(|critical| health.$name = Some(Levels { degraded, critical }))
                },
            },
        ];
    };
}

levels!(HIT_RATIO, HIT_RATIOS, hit_ratio, share_looks, Raw::float);
levels!(TURNOVER, TURNOVERS, turnover, || "a number, 0.0 and more".to_owned(), Raw::float);
levels!(MEMORY, MEMORIES, memory, share_looks, Raw::float);
levels!(LATENESS, LATENESSES, lateness, duration_looks, Raw::duration);

/// Of the manager.
const COMMON: &[Threshold] = &[WINDOW, MIN_LOOKUPS, HIT_RATIO, TURNOVER, MEMORY, LATENESS];

/// Of a cache: memory and the maintenance thread are the process's.
const OF_CACHE: &[Threshold] = &[WINDOW, MIN_LOOKUPS, HIT_RATIO, TURNOVER];

/// Makes a setting of the section for all caches.
pub(super) fn assign(
    config: &mut ManagerConfig,
    rest: &[&str],
    subject: &Subject<'_>,
) -> Result<(), Box<ConfigProblem>> {
    if let Some(field) = checked(COMMON, rest, subject)? {
        (field.set)(&mut config.health, subject.value).expect("it has been set before");
    }
    Ok(())
}

/// Puts a setting of a cache aside.
pub(super) fn assign_own(
    cache: &str,
    rest: &[&str],
    subject: &Subject<'_>,
) -> Result<Option<Own>, Box<ConfigProblem>> {
    let field = checked(OF_CACHE, rest, subject)?;
    Ok(field.map(|field| Own { cache: cache.to_owned(), field, value: subject.value.clone() }))
}

/// Makes what was put aside, now that it is known what holds for all caches.
pub(super) fn settle(config: &mut ManagerConfig, own: Vec<Own>) {
    for Own { cache, field, value } in own {
        let common = config.health;
        let thresholds = config.own_health.entry(cache).or_insert(common);
        (field.set)(thresholds, &value).expect("it has been set before");
    }
}

/// The setting that this is about, if its value is in range; `None` for a section.
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
    // The others may still change; among those that are built in, only this one can be wrong.
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

/// How a level compares with the other one is looked at when all are made. So here both are alike.
fn check(thresholds: &HealthThresholds, field: &'static str) -> Result<(), String> {
    let alike = |levels: Levels<f64>| {
        let level = if field.ends_with(".critical") { levels.critical } else { levels.degraded };
        Levels::new(level, level)
    };
    let mut thresholds = *thresholds;
    match field.split_once('.') {
        Some(("hit_ratio", _)) => thresholds.hit_ratio = thresholds.hit_ratio.map(alike),
        Some(("turnover", _)) => thresholds.turnover = thresholds.turnover.map(alike),
        Some(("memory", _)) => thresholds.memory = thresholds.memory.map(alike),
        // Any duration will do.
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
