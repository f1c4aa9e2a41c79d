//! What keys of usual types are in words.

use std::{
    any::{Any, TypeId},
    borrow::Cow,
    collections::HashMap,
    fmt::Write,
    sync::{Arc, OnceLock},
};

type Writer = fn(&dyn Any, &mut String);
type Table = HashMap<TypeId, Writer>;

/// Writes a key, if its type is one of the usual ones: texts, integers, bytes, and tuples of few of
/// these. False if not.
pub(super) fn write(key: &dyn Any, out: &mut String) -> bool {
    static TABLE: OnceLock<Table> = OnceLock::new();
    match TABLE.get_or_init(table).get(&key.type_id()) {
        Some(write) => {
            write(key, out);
            true
        }
        None => false,
    }
}

trait Words: 'static {
    fn words(&self, out: &mut String);
}

macro_rules! displayed {
    ($($name:ty),*) => {$(
        impl Words for $name {
            fn words(&self, out: &mut String) {
                // To a text it cannot fail.
                let _ = write!(out, "{self}");
            }
        }
    )*};
}

displayed!(String, Box<str>, Arc<str>, Cow<'static, str>, &'static str);
displayed!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, bool, char);

/// As a text, if they are one that can be shown, or else in hexadecimal digits.
impl Words for Vec<u8> {
    fn words(&self, out: &mut String) {
        match std::str::from_utf8(self) {
            Ok(text) if !text.contains(char::is_control) => out.push_str(text),
            _ => self.iter().for_each(|byte| _ = write!(out, "{byte:02x}")),
        }
    }
}

impl<T: Words> Words for Option<T> {
    fn words(&self, out: &mut String) {
        match self {
            Some(key) => key.words(out),
            None => out.push('-'),
        }
    }
}

impl<A: Words> Words for (A,) {
    fn words(&self, out: &mut String) {
        self.0.words(out);
    }
}

impl<A: Words, B: Words> Words for (A, B) {
    fn words(&self, out: &mut String) {
        self.0.words(out);
        out.push_str(", ");
        self.1.words(out);
    }
}

impl<A: Words, B: Words, C: Words> Words for (A, B, C) {
    fn words(&self, out: &mut String) {
        self.0.words(out);
        out.push_str(", ");
        self.1.words(out);
        out.push_str(", ");
        self.2.words(out);
    }
}

fn add<T: Words>(table: &mut Table) {
    table.insert(TypeId::of::<T>(), |key, out| {
        if let Some(key) = key.downcast_ref::<T>() {
            key.words(out);
        }
    });
}

/// Pairs that begin so, and triples.
fn first<A: Words>(table: &mut Table) {
    add::<(A, bool)>(table);
    add::<(A, usize)>(table);
    add::<(A, Option<String>)>(table);
    for triples in [second::<A, String>, second::<A, u32>, second::<A, u64>, second::<A, i64>] {
        triples(table);
    }
    add::<(A, i32)>(table);
}

/// Triples that begin so.
fn second<A: Words, B: Words>(table: &mut Table) {
    add::<(A, B)>(table);
    add::<(A, B, String)>(table);
    add::<(A, B, u32)>(table);
    add::<(A, B, u64)>(table);
    add::<(A, B, i64)>(table);
}

fn table() -> Table {
    let mut table = HashMap::new();
    // Each alone, and as the only argument of a function.
    macro_rules! singles {
        ($($name:ty),*) => {$(
            add::<$name>(&mut table);
            add::<($name,)>(&mut table);
        )*};
    }
    singles!(String, Box<str>, Arc<str>, Cow<'static, str>, &'static str, Vec<u8>, bool, char);
    singles!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);
    singles!(Option<String>, Option<u32>, Option<u64>, Option<i32>, Option<i64>);
    for pairs in [first::<String>, first::<u32>, first::<u64>, first::<i32>, first::<i64>] {
        pairs(&mut table);
    }
    table
}

/// A type's name without the modules that its parts are in.
pub(super) fn short_type(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    let mut start = 0;
    for (at, separator) in name.match_indices(|it: char| !(it.is_alphanumeric() || it == '_')) {
        if separator == ":" {
            // What is before it, and the other colon, are of the path.
            start = at + 1;
            continue;
        }
        short.push_str(&name[start..at]);
        short.push_str(separator);
        start = at + separator.len();
    }
    short.push_str(&name[start..]);
    short
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn words<T: Any>(key: T) -> Option<String> {
        let mut out = String::new();
        write(&key, &mut out).then_some(out)
    }

    #[test]
    fn keys_of_usual_types_have_words() {
        assert_eq!(words("ada".to_owned()).as_deref(), Some("ada"));
        assert_eq!(words(Arc::<str>::from("ada")).as_deref(), Some("ada"));
        assert_eq!(words(-7_i64).as_deref(), Some("-7"));
        assert_eq!(words((7_u64,)).as_deref(), Some("7"));
        assert_eq!(words(("ada".to_owned(), 7_u32)).as_deref(), Some("ada, 7"));
        assert_eq!(words((1_u64, "ada".to_owned(), 7_u32)).as_deref(), Some("1, ada, 7"));
        assert_eq!(words((7_u32, None::<String>)).as_deref(), Some("7, -"));
        assert_eq!(words(b"/a?b=1".to_vec()).as_deref(), Some("/a?b=1"));
        assert_eq!(words(vec![0_u8, 255]).as_deref(), Some("00ff"));
        assert_eq!(words(std::time::Duration::ZERO), None);
    }

    #[test]
    fn types_are_named_without_their_modules() {
        for (name, short) in [
            ("u64", "u64"),
            ("alloc::string::String", "String"),
            ("(alloc::string::String, u32)", "(String, u32)"),
            ("core::option::Option<my_app::ids::UserId>", "Option<UserId>"),
            ("&[my_app::Id]", "&[Id]"),
            ("", ""),
        ] {
            assert_eq!(short_type(name), short);
        }
    }
}
