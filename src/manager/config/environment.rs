//! Reading settings from variables such as `LARDER_URL__TTL`.
//!
//! A name consists of the prefix and the setting's path in capitals, with two underscores where a
//! file has a dot. A variable with the prefix and without two underscores may belong to another
//! program, and is ignored, unless it names a section followed by one underscore: then the second
//! underscore was probably forgotten.

use super::{
    ManagerConfig,
    error::{ConfigProblem, Place},
    raw::Raw,
    schema::{self, Draft, Subject},
};
use std::{collections::HashMap, ffi::OsString};

pub(super) const PREFIX: &str = "LARDER_";
const DOT: &str = "__";

/// Makes the settings of the variables, in the order of their names.
pub(super) fn read(
    variables: &[(OsString, OsString)],
    prefix: &str,
    draft: &mut Draft,
    places: &mut HashMap<String, Place>,
    problems: &mut Vec<ConfigProblem>,
) {
    let named = variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value)));
    let mut ours: Vec<_> =
        named.filter_map(|(name, value)| Some((name, name.strip_prefix(prefix)?, value))).collect();
    // The sort is stable: of several variables of one name, the last counts.
    ours.sort_by_key(|(name, ..)| *name);
    for (name, rest, value) in ours {
        let place = Place::Variable { name: name.to_owned() };
        if !rest.contains(DOT) {
            problems.extend(underscore_missing(prefix, rest, &draft.sections(), place));
            continue;
        }
        let path = path_of(rest, &draft.config);
        let Some(word) = value.to_str() else {
            problems.push(ConfigProblem::BadValue {
                place,
                field: path.join("."),
                value: format!("{:?}", value.to_string_lossy()),
                reason: "it is not Unicode".to_owned(),
                allowed: "text".to_owned(),
            });
            continue;
        };
        let subject = Subject {
            path: &path,
            written: &format!("{word:?}"),
            value: &Raw::Word(word.to_owned()),
            name_place: &place,
            value_place: &place,
        };
        match schema::assign(draft, &subject) {
            Ok(()) => {
                places.insert(path.join("."), place);
            }
            Err(problem) => problems.push(*problem),
        }
    }
}

fn path_of(rest: &str, config: &ManagerConfig) -> Vec<String> {
    let mut path: Vec<_> = rest.split(DOT).map(str::to_ascii_lowercase).collect();
    if let ["caches", name, ..] = &path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // Names of caches may have `-` and `.`, for which variables have underscores.
        let plain = |name: &str| name.replace(['-', '.'], "_");
        let known = config.named().find(|(known, _)| plain(known) == *name);
        if let Some(known) = known.map(|(known, _)| known.to_owned()) {
            path[1] = known;
        }
    }
    path
}

/// Returns a problem for a name such as `URL_TTL`, if `URL__TTL` may have been meant.
fn underscore_missing(
    prefix: &str,
    rest: &str,
    sections: &[&str],
    place: Place,
) -> Option<ConfigProblem> {
    let lower = rest.to_ascii_lowercase();
    let parted =
        |section: &&str| lower.strip_prefix(*section)?.strip_prefix('_').map(str::to_owned);
    let (section, field) =
        sections.iter().find_map(|section| parted(section).map(|field| (*section, field)))?;
    Some(ConfigProblem::UnknownField {
        place,
        field: lower.clone(),
        allowed: "two underscores between section and setting".to_owned(),
        suggestion: Some(
            prefix.to_owned() + &format!("{section}{DOT}{field}").to_ascii_uppercase(),
        ),
    })
}
