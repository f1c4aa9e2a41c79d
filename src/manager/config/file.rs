//! TOML text, setting by setting.

use super::{
    error::{ConfigProblem, Place},
    raw::Raw,
    schema::{self, Draft, Subject, nearest},
    section::Element,
};
use std::{collections::HashMap, ops::Range};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A value in an error message is cut after so many characters.
const LONGEST_SHOWN: usize = 60;

/// A file while it is read.
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    /// The names of the tables that the settings are in, from the outermost.
    pub(super) table: &'a [String],
}

impl File<'_> {
    /// Makes the file's settings; notes where each was made, and what is wrong.
    pub(super) fn read(
        &self,
        draft: &mut Draft,
        places: &mut HashMap<String, Place>,
        problems: &mut Vec<ConfigProblem>,
    ) {
        let (table, mut errors) = DeTable::parse_recoverable(self.text);
        if errors.is_empty() {
            let Some(table) = self.within(table.get_ref(), problems) else { return };
            let mut reader = Reader { file: self, draft, places, problems };
            return reader.table(table, &mut Vec::new());
        }
        // What could be made of it otherwise is nothing to go by.
        let offset = |error: &toml::de::Error| error.span().map_or(self.text.len(), |it| it.start);
        errors.sort_by_key(offset);
        problems.extend(errors.iter().map(|error| ConfigProblem::Syntax {
            place: self.place(offset(error)),
            message: error.message().to_owned(),
        }));
    }

    /// The table that the settings are in; `None` if there is none, which is a problem.
    fn within<'t>(
        &self,
        mut table: &'t DeTable<'t>,
        problems: &mut Vec<ConfigProblem>,
    ) -> Option<&'t DeTable<'t>> {
        for (depth, name) in self.table.iter().enumerate() {
            let Some(value) = table.get(name.as_str()) else {
                problems.push(self.no_table(table, depth));
                return None;
            };
            let DeValue::Table(within) = value.get_ref() else {
                problems.push(ConfigProblem::WrongType {
                    place: self.place(value.span().start),
                    field: self.table[..=depth].join("."),
                    value: self.written(value.span()),
                    found: self.raw(value.get_ref()).kind(),
                    allowed: "a table that has the caches' settings".to_owned(),
                });
                return None;
            };
            table = within;
        }
        Some(table)
    }

    /// What is wrong if the table that is named at this depth is not in the one around it.
    #[cold]
    fn no_table(&self, around: &DeTable<'_>, depth: usize) -> ConfigProblem {
        let path = |name: &str| {
            let around = self.table[..depth].iter().map(String::as_str);
            around.chain([name]).collect::<Vec<_>>().join(".")
        };
        let mut tables: Vec<_> = around
            .iter()
            .filter(|(_, value)| matches!(value.get_ref(), DeValue::Table(_)))
            .collect();
        tables.sort_by_key(|(name, value)| name.span().start.min(value.span().start));
        let names: Vec<&str> = tables.iter().map(|(name, _)| &**name.get_ref()).collect();
        let meant = &self.table[depth];
        ConfigProblem::NoTable {
            file: self.name.to_owned(),
            table: path(meant),
            suggestion: nearest(meant, &names).map(path),
            tables: names.into_iter().map(path).collect(),
        }
    }

    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            file: self.name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// As it stands there.
    fn written(&self, span: Range<usize>) -> String {
        let text = self.text.get(span).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let shown: String = line.chars().take(LONGEST_SHOWN).collect();
        if shown.len() < text.len() { shown + " .." } else { shown }
    }

    fn raw(&self, value: &DeValue<'_>) -> Raw {
        match value {
            DeValue::String(text) => Raw::Text(text.to_string()),
            DeValue::Integer(integer) => Raw::Integer(integer.as_str().to_owned(), integer.radix()),
            DeValue::Float(float) => Raw::Float(float.as_str().to_owned()),
            DeValue::Boolean(boolean) => Raw::Boolean(*boolean),
            DeValue::Datetime(_) => Raw::Date,
            DeValue::Array(values) => {
                Raw::Array(values.iter().map(|it| self.element(it)).collect())
            }
            DeValue::Table(_) => Raw::Table,
        }
    }

    fn element(&self, value: &Spanned<DeValue<'_>>) -> Element {
        Element {
            value: self.raw(value.get_ref()),
            written: self.written(value.span()),
            place: self.place(value.span().start),
        }
    }
}

struct Reader<'a, 'f> {
    file: &'a File<'f>,
    draft: &'a mut Draft,
    places: &'a mut HashMap<String, Place>,
    problems: &'a mut Vec<ConfigProblem>,
}

impl Reader<'_, '_> {
    fn table(&mut self, table: &DeTable<'_>, path: &mut Vec<String>) {
        let mut entries: Vec<_> = table.iter().collect();
        // By their places in the file, so that problems are in order.
        entries.sort_by_key(|(name, value)| name.span().start.min(value.span().start));
        for (name, value) in entries {
            path.push(name.get_ref().to_string());
            self.entry(name.span(), value, path);
            path.pop();
        }
    }

    fn entry(&mut self, name: Range<usize>, value: &Spanned<DeValue<'_>>, path: &mut Vec<String>) {
        let place = self.file.place(value.span().start);
        let made = schema::assign(
            self.draft,
            &Subject {
                path,
                written: &self.file.written(value.span()),
                value: &self.file.raw(value.get_ref()),
                name_place: &self.file.place(name.start),
                value_place: &place,
            },
        );
        match (made, value.get_ref()) {
            // If the section is unknown, so is all that is in it: one problem.
            (Err(problem), _) => self.problems.push(*problem),
            (Ok(()), DeValue::Table(below)) => self.table(below, path),
            (Ok(()), _) => {
                self.places.insert(path.join("."), place);
            }
        }
    }
}
