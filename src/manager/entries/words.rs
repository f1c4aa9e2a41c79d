//! Keys as text.

use std::{
    any::{Any, TypeId},
    borrow::Cow,
    collections::HashMap,
    fmt::{self, Write},
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

/// Writes a key of one type as text.
pub(crate) type Namer = Arc<dyn Fn(&dyn Any, &mut String) + Send + Sync>;

/// How to write keys of unusual types as text, by the types of key and value.
#[derive(Default)]
pub(crate) struct Namers(RwLock<HashMap<TypeId, Namer>>);

impl Namers {
    pub(crate) fn all(&self) -> HashMap<TypeId, Namer> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn insert(&self, types: TypeId, namer: Namer) {
        let mut namers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = namers.insert(types, namer);
        // A namer is code of the user's, and is dropped without the lock.
        drop(namers);
        drop(before);
    }
}

impl fmt::Debug for Namers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namers").field("types", &self.all().len()).finish_non_exhaustive()
    }
}

type Writer = fn(&dyn Any, &mut String);
type Table = HashMap<TypeId, Writer>;

/// Writes a key of a usual type: text, integer, bytes, or a tuple of few of these. Returns false,
/// and writes nothing, for other types.
pub(crate) fn write(key: &dyn Any, out: &mut String) -> bool {
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
                // Writing to a `String` does not fail.
                let _ = write!(out, "{self}");
            }
        }
    )*};
}

displayed!(String, Box<str>, Arc<str>, Cow<'static, str>, &'static str);
displayed!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, bool, char);

/// Printable UTF-8 as it is, other bytes as hexadecimal digits.
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

macro_rules! tuples {
    ($(($($name:ident $place:tt),*);)*) => {$(
        impl<A: Words, $($name: Words),*> Words for (A, $($name,)*) {
            fn words(&self, out: &mut String) {
                self.0.words(out);
                $(
                    out.push_str(", ");
                    self.$place.words(out);
                )*
            }
        }
    )*};
}

tuples! {
    ();
    (B 1);
    (B 1, C 2);
}

fn add<T: Words>(table: &mut Table) {
    table.insert(TypeId::of::<T>(), |key, out| {
        if let Some(key) = key.downcast_ref::<T>() {
            key.words(out);
        }
    });
}

/// Adds pairs and triples that start with an `A`.
fn first<A: Words>(table: &mut Table) {
    add::<(A, bool)>(table);
    add::<(A, usize)>(table);
    add::<(A, Option<String>)>(table);
    for triples in [second::<A, String>, second::<A, u32>, second::<A, u64>, second::<A, i64>] {
        triples(table);
    }
    add::<(A, i32)>(table);
}

/// Adds the pair of `A` and `B`, and triples that start with it.
fn second<A: Words, B: Words>(table: &mut Table) {
    add::<(A, B)>(table);
    add::<(A, B, String)>(table);
    add::<(A, B, u32)>(table);
    add::<(A, B, u64)>(table);
    add::<(A, B, i64)>(table);
}

fn table() -> Table {
    let mut table = HashMap::new();
    // Each type alone, and as the only argument of a function.
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

/// Returns a type's name without module paths.
pub(crate) fn short_type(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    let mut start = 0;
    for (at, separator) in name.match_indices(|it: char| !(it.is_alphanumeric() || it == '_')) {
        if separator == ":" {
            // The text before the colon is a part of a path.
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
