//! Tables and their parts, as tags of what was read.
//!
//! A table has a name, and `:` separates it from its parts: `users`, `users:7`, `users:7:posts`. A
//! write invalidates what reads the written part, any part of that, or what it is a part of. So a
//! read of `users:7` has two tags, one for each part of its name:
//!
//! | tag | meaning | is invalidated by writes of |
//! |---|---|---|
//! | *under* `users` | reads a part of `users` | `users` |
//! | *whole* `users:7` | reads all of `users:7` | `users:7`, and any part of it |
//!
//! A write invalidates *whole* of each prefix of its name, and *under* of the name. An entry has
//! room for eight tags. Names of reads are shortened to fit: a read of `users:7` instead of
//! `users:7:posts` invalidates too much, never too little.

use super::function::{Function, all};
use crate::{
    engine::invalidate::tags::{TAGS_MAX, TagSlot, Tags},
    manager::{Entries, Tag},
};
use std::collections::BTreeSet;

const SEPARATOR: char = ':';

/// A table, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    text: String,
    /// The end of each part of the name.
    ends: Vec<usize>,
}

/// A tag of a read, which differs from all tags of users (`manager::Tag`).
#[derive(Hash)]
struct TableTag<'a>(u64, &'a str);

impl<'a> TableTag<'a> {
    fn whole(name: &'a str) -> Self {
        Self(1, name)
    }

    fn under(name: &'a str) -> Self {
        Self(2, name)
    }
}

impl Table {
    /// Returns the table of these parts. Separators within a part have no effect, except in the
    /// first part, which names the table: one argument may be the whole name, as in
    /// `reads("{table}")`.
    #[must_use]
    pub fn new(parts: Vec<String>) -> Self {
        let mut table = Self::named(parts.first().map_or("", String::as_str));
        for part in parts.iter().skip(1) {
            table.text.push(SEPARATOR);
            table.text.push_str(part);
            table.ends.push(table.text.len());
        }
        table
    }

    /// Returns the table of this name, in which every separator separates.
    pub(super) fn named(name: &str) -> Self {
        let ends = name.match_indices(SEPARATOR).map(|(at, _)| at).chain([name.len()]).collect();
        Self { text: name.to_owned(), ends }
    }

    /// Returns the name of the table, without parts.
    pub(super) fn root(&self) -> &str {
        &self.text[..self.ends[0]]
    }

    pub(super) fn into_root(self) -> Self {
        Self::named(self.root())
    }

    /// Returns the prefixes of the name: the tables that it is a part of, and itself.
    fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.ends.iter().map(|end| &self.text[..*end])
    }

    /// Returns whether `other` is this table or a part of it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        other.prefixes().any(|prefix| prefix == self.text)
    }

    /// Returns whether a write of one invalidates reads of the other.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// Invalidates the entries of a cache that have read this table.
    pub(super) fn invalidate_in(&self, entries: &Entries) {
        let whole = self.prefixes().map(TableTag::whole);
        let tags = whole.chain([TableTag::under(&self.text)]);
        entries.engine().invalidate_tags(tags.map(|tag| entries.tag_slot(&tag)));
    }

    /// Returns the tags of a read of the first `depth` parts of the name.
    fn tag_slots<'a>(
        &'a self,
        depth: usize,
        entries: &'a Entries,
    ) -> impl Iterator<Item = TagSlot> {
        self.prefixes().take(depth).enumerate().map(move |(i, prefix)| {
            let is_last = i + 1 == depth;
            let tag = if is_last { TableTag::whole } else { TableTag::under };
            entries.tag_slot(&tag(prefix))
        })
    }
}

/// Returns the tags of an entry that has these, and is a read of these tables.
///
/// # Panics
///
/// If the number of tags and tables is more than eight.
pub(super) fn tags(tags: &[String], tables: &[Table], entries: &Entries) -> Tags {
    let mut depths = vec![1; tables.len()];
    let taken = tags.len() + tables.len();
    let mut room = TAGS_MAX.checked_sub(taken).expect("the attribute has counted");
    // The tables get further tags in turn, while there is room.
    while room > 0 {
        let deeper =
            depths.iter_mut().zip(tables).filter(|(depth, table)| **depth < table.ends.len());
        let given = deeper.take(room).map(|(depth, _)| *depth += 1).count();
        if given == 0 {
            break;
        }
        room -= given;
    }
    let tables = tables.iter().zip(depths);
    let reads = tables.flat_map(|(table, depth)| table.tag_slots(depth, entries));
    Tags::new(tags.iter().map(|tag| entries.tag_slot(&Tag::new(tag.as_str()))).chain(reads))
}

/// The tables that an attribute's template may mean: the one of a name, or all whose names have a
/// prefix.
struct Tables<'a> {
    prefix: &'a str,
    is_open: bool,
}

impl<'a> Tables<'a> {
    fn of_template(template: &'a str) -> Self {
        let end = template.find(['{', SEPARATOR]).unwrap_or(template.len());
        Self { prefix: &template[..end], is_open: template[end..].starts_with('{') }
    }

    fn may_be(&self, other: &Self) -> bool {
        let reaches =
            |one: &Self, other: &Self| one.is_open && other.prefix.starts_with(one.prefix);
        self.prefix == other.prefix || reaches(self, other) || reaches(other, self)
    }
}

/// Returns whether any of these templates may mean `table`.
pub(super) fn may_mean(templates: &[&str], table: &str) -> bool {
    let table = Tables { prefix: table, is_open: false };
    templates.iter().any(|template| Tables::of_template(template).may_be(&table))
}

/// Returns a warning for each table of a function that no other function names on the other side.
/// O(functions).
pub(super) fn warnings(function: &Function, reported: &BTreeSet<String>) -> Vec<String> {
    let declared = function.declared();
    let all: Vec<_> = all().map(Function::declared).collect();
    let read: Vec<_> = all.iter().flat_map(|it| it.reads).copied().collect();
    let written: Vec<_> = all.iter().flat_map(|it| it.writes).copied().collect();
    let is_among = |template: &str, others: &[&str]| {
        let tables = Tables::of_template(template);
        others.iter().any(|other| tables.may_be(&Tables::of_template(other)))
    };
    let unwritten = declared.reads.iter().filter(|template| {
        let is_reported = reported.iter().any(|table| may_mean(&[template], table));
        !is_reported && !is_among(template, &written)
    });
    let unwritten = unwritten.map(|template| {
        format!(
            "reads the table `{}`, which no function of this program writes, nor was \
             `invalidate_table` told of it; {} written",
            Tables::of_template(template).prefix,
            listed(&written),
        )
    });
    let unread = declared.writes.iter().filter(|template| !is_among(template, &read));
    let unread = unread.map(|template| {
        format!(
            "writes the table `{}`, which no cached function of this program reads; {} read",
            Tables::of_template(template).prefix,
            listed(&read),
        )
    });
    unwritten.chain(unread).collect()
}

/// Lists the tables of these templates, for a message.
fn listed(templates: &[&str]) -> String {
    let names = templates.iter().map(|it| format!("`{}`", Tables::of_template(it).prefix));
    let names: Vec<_> = names.collect::<BTreeSet<_>>().into_iter().collect();
    match names.as_slice() {
        [] => "no table is".to_owned(),
        [one] => format!("{one} is"),
        [most @ .., last] if most.len() < 8 => format!("{} and {last} are", most.join(", ")),
        more => format!("{} others are", more.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(parts: &[&str]) -> Table {
        Table::new(parts.iter().map(|part| (*part).to_owned()).collect())
    }

    #[test]
    fn a_table_meets_itself_its_parts_and_what_it_is_a_part_of() {
        let (users, seven) = (table(&["users"]), table(&["users", "7"]));
        let (posts, odd) = (table(&["users", "7", "posts"]), table(&["users", "7:posts"]));
        assert!(users.meets(&users) && users.meets(&posts) && posts.meets(&users));
        assert!(seven.meets(&posts) && seven.covers(&posts) && !posts.covers(&seven));
        assert!(!seven.meets(&table(&["users", "8"])) && !users.meets(&table(&["user"])));
        // One argument is one part.
        assert!(!seven.meets(&odd) && users.meets(&odd));
        assert_eq!(table(&["users:7"]), seven);
        assert_eq!(posts.into_root(), users);
    }

    #[test]
    fn templates_that_may_mean_the_same_table_are_no_reason_to_warn() {
        let may_be = |one, other| Tables::of_template(one).may_be(&Tables::of_template(other));
        assert!(may_be("users", "users:{id}") && may_be("{table}", "users:{id}"));
        assert!(may_be("of_{tenant}:x", "of_7") && may_be("of_7", "of_{tenant}"));
        assert!(!may_be("users", "user:{id}") && !may_be("of_{tenant}", "users"));
        assert!(may_mean(&["a", "{table}:{id}"], "users") && !may_mean(&["a:{id}"], "users"));
    }
}
