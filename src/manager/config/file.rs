//! Reading settings from TOML text.

use super::{
    error::{ConfigProblem, Place},
    raw::{Element, Raw},
    schema::{self, Draft, Subject, nearest},
};
use std::{collections::HashMap, ops::Range};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The maximum number of characters of a value in a message.
const LONGEST_SHOWN: usize = 60;

pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    /// The path of the table that has the settings, the outermost name first.
    pub(super) table: &'a [String],
}

impl File<'_> {
    /// Makes the file's settings. Adds their places and the problems.
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
        // What the parser recovered after an error may be misread, so only the errors are reported.
        let offset = |error: &toml::de::Error| error.span().map_or(self.text.len(), |it| it.start);
        errors.sort_by_key(offset);
        problems.extend(errors.iter().map(|error| ConfigProblem::Syntax {
            place: self.place(offset(error)),
            message: error.message().to_owned(),
        }));
    }

    /// Returns the table that has the settings; adds a problem if it is missing.
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

    /// Returns the problem that the table `around` lacks the one named at this depth.
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

    /// Returns the first line of what is written at `span`, shortened.
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
        // In the order of the file, so that problems are in order.
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
            // An unknown table is one problem; its contents are not read.
            (Err(problem), _) => self.problems.push(*problem),
            (Ok(()), DeValue::Table(below)) => self.table(below, path),
            (Ok(()), _) => {
                self.places.insert(path.join("."), place);
            }
        }
    }
}
