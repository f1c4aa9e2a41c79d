//! The machinery of settings: a section is a table of fields.

use crate::manager::{
    SettingsError,
    config::{
        error::{ConfigProblem, Place},
        raw::{Raw, Unfit},
    },
};

/// One setting of a section of type `T`.
#[derive(Debug)]
pub(super) struct Field<T> {
    pub(super) name: &'static str,
    /// The setting's name in [`SettingsError`] and in the program.
    pub(super) field: &'static str,
    /// Describes the setting's values, without their range.
    describe: fn() -> String,
    pub(super) set: Setter<T>,
}

type Setter<T> = fn(&mut T, &Raw) -> Result<(), Unfit>;

impl<T> Field<T> {
    /// Creates a field that has the same name in the program.
    pub(super) const fn new(name: &'static str, describe: fn() -> String, set: Setter<T>) -> Self {
        Self::with_path(name, name, describe, set)
    }

    pub(super) const fn with_path(
        name: &'static str,
        field: &'static str,
        describe: fn() -> String,
        set: Setter<T>,
    ) -> Self {
        Self { name, field, describe, set }
    }
}

/// A value, the path that it is assigned to, and where the assignment is.
pub(in crate::manager::config) struct Subject<'a> {
    pub(in crate::manager::config) path: &'a [String],
    /// The value as it was written, for messages.
    pub(in crate::manager::config) written: &'a str,
    pub(in crate::manager::config) value: &'a Raw,
    pub(in crate::manager::config) name_place: &'a Place,
    pub(in crate::manager::config) value_place: &'a Place,
}

/// Makes one setting of a section, or checks that the value of a table is a table.
///
/// `rest` is the path within the section; `below` are the names of the tables in it; `check` says
/// what is allowed if the field is out of range.
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
        // The name in the program may have been meant.
        let meant = fields.iter().find(|field| field.field == *name).map_or(*name, |it| it.name);
        return Err(unknown(subject, meant, &[names(fields), below.to_vec()].concat()));
    };
    if !deeper.is_empty() {
        return Err(wrong_type(subject, &(field.describe)()));
    }
    let mut changed = settings.clone();
    (field.set)(&mut changed, subject.value).map_err(|unfit| match unfit {
        Unfit::Type => wrong_type(subject, &(field.describe)()),
        Unfit::Value(reason) => Box::new(ConfigProblem::BadValue {
            place: subject.value_place.clone(),
            field: subject.path.join("."),
            value: subject.written.to_owned(),
            reason,
            allowed: (field.describe)(),
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

pub(super) fn only(field: &str, found: Result<(), SettingsError>) -> Result<(), String> {
    match found {
        Err(error) if error.field == field => Err(error.allowed.to_owned()),
        _ => Ok(()),
    }
}

pub(super) fn table(subject: &Subject<'_>) -> Result<(), Box<ConfigProblem>> {
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

pub(super) fn unknown(subject: &Subject<'_>, meant: &str, known: &[&str]) -> Box<ConfigProblem> {
    Box::new(ConfigProblem::UnknownField {
        place: subject.name_place.clone(),
        field: subject.path.join("."),
        allowed: known.join(", "),
        suggestion: nearest(meant, known).map(str::to_owned),
    })
}

/// Returns the name that is most like `meant`, if it is like enough to have been meant.
pub(in crate::manager::config) fn nearest<'a>(meant: &str, names: &[&'a str]) -> Option<&'a str> {
    let alike = |name: &&str| strsim::normalized_damerau_levenshtein(meant, name);
    let likeness = names.iter().map(|name| (alike(name), *name));
    let best = likeness.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 >= 0.6).then_some(best.1)
}

pub(super) fn names<T>(fields: &[Field<T>]) -> Vec<&'static str> {
    fields.iter().map(|field| field.name).collect()
}

pub(super) fn describe_boolean() -> String {
    "true or false".to_owned()
}

pub(super) fn describe_share() -> String {
    "a number from 0.0 to 1.0".to_owned()
}

pub(super) fn describe_one_of<T>(names: &[(&str, T)]) -> String {
    let quoted: Vec<_> = names.iter().map(|(name, _)| format!("{name:?}")).collect();
    format!("one of {}", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        assert_eq!(nearest("tll", &["ttl", "jitter"]), Some("ttl"));
        assert_eq!(
            nearest("max_entrys", &["max_bytes", "max_entries", "ttl"]),
            Some("max_entries")
        );
        assert_eq!(nearest("colour", &["max_bytes", "max_entries", "ttl"]), None);
        assert_eq!(nearest("x", &[]), None);
    }
}
