//! Two functions, or two lists of arguments that print alike, never share a key, nor a digest:
//! whatever the arguments are. Random, with seeds that are printed.

use larder::{cache_result, memo::DigestKey};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use std::collections::HashMap;

/// Functions that differ in nothing but their names and types. Each returns what it was called
/// with.
macro_rules! functions {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        #[cache_result(cache = "session")]
        fn $name($($argument: $type),*) -> String {
            format!(concat!(stringify!($name), "{:?}"), ($(&$argument,)*))
        }
    )*};
}

functions! {
    two_texts(one: &str, other: &str);
    two_texts_again(one: &str, other: &str);
    two_owned(one: String, other: String);
    three_texts(one: &str, other: &str, third: &str);
    a_list(texts: &[String]);
    two_lists(texts: &[String], others: &[String]);
    small(one: u8, other: u8);
    large(one: u16, other: u16);
    signed(one: i8, other: i8);
    one_pair(pair: (u8, u8));
    some_or_none(one: Option<&str>, other: Option<u8>);
}

#[cache_result(cache = "session")]
fn generic<T>(one: T) -> String
where
    T: std::fmt::Debug + std::hash::Hash + Eq + Clone + Send + Sync + 'static,
{
    format!("generic {} {one:?}", std::any::type_name::<T>())
}

#[cache_result(cache = "session", key = "{one}{other}")]
fn by_template(one: &str, other: &str) -> String {
    format!("by_template{:?}", (one, other))
}

const SECRET: DigestKey = DigestKey::new([7; 16]);

/// A short text of few letters, so that many look alike when they are put together.
fn text(random: &mut StdRng) -> String {
    let length = random.random_range(0..4);
    (0..length).map(|_| ['a', ':', ',', '"', '1'][random.random_range(0..5)]).collect()
}

#[test]
fn no_two_calls_share_a_key() {
    for seed in 0..8 {
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let mut digests = HashMap::new();
        for _ in 0..2_000 {
            check(&mut random, &mut digests);
        }
    }
}

/// Calls one function. What it returns says what it was called with, so it must be that of this
/// very call, whether it was kept or not; and the digest must belong to it alone.
fn check(random: &mut StdRng, digests: &mut HashMap<u128, String>) {
    let (one, other, third) = (text(random), text(random), text(random));
    let (x, y): (u8, u8) = (random.next_u32() as u8 % 4, random.next_u32() as u8 % 4);
    macro_rules! call {
        ($name:ident($($argument:expr),*)) => {{
            let (got, expected) = ($name($($argument),*), $name::uncached($($argument),*));
            (got, expected, $name::key_digest(&SECRET, $($argument),*))
        }};
    }
    let (got, expected, digest) = match random.random_range(0..15) {
        0 => call!(two_texts(&one, &other)),
        1 => call!(two_texts_again(&one, &other)),
        2 => call!(two_owned(one.clone(), other.clone())),
        3 => call!(three_texts(&one, &other, &third)),
        4 => call!(a_list(&[one.clone(), other.clone(), third.clone()])),
        5 => call!(two_lists(std::slice::from_ref(&one), &[other.clone(), third.clone()])),
        6 => call!(two_lists(&[one.clone(), other.clone()], std::slice::from_ref(&third))),
        7 => call!(small(x, y)),
        8 => call!(large(u16::from(x), u16::from(y))),
        9 => call!(signed(x as i8, y as i8)),
        10 => call!(one_pair((x, y))),
        11 => call!(some_or_none(
            Some(one.as_str()).filter(|_| x > 1),
            Some(y).filter(|_| x % 2 == 0)
        )),
        12 => call!(generic(x)),
        13 => call!(generic(u16::from(x))),
        _ => call!(by_template(&one, &other)),
    };
    assert_eq!(got, expected);
    let owner = digests.entry(digest.to_u128()).or_insert_with(|| expected.clone());
    assert_eq!(*owner, expected, "they share the digest {digest}");
}

#[cache_result(name = "the same name")]
fn named_one(n: u32) -> u32 {
    n + 1
}

#[cache_result(name = "the same name")]
fn named_other(n: u32) -> u32 {
    n + 2
}

#[test]
fn not_even_functions_of_one_name_share_keys() {
    assert_eq!((named_one(1), named_other(1), named_one(1), named_other(1)), (2, 3, 2, 3));
    assert_eq!((named_one::stats().hits, named_other::stats().hits), (1, 1));
}

mod versions {
    pub(crate) mod one {
        #[larder::cache_result(name = "versioned", version = 1)]
        pub(crate) fn f(n: u32) -> u32 {
            n
        }
    }

    pub(crate) mod two {
        #[larder::cache_result(name = "versioned", version = 2)]
        pub(crate) fn f(n: u32) -> u32 {
            n
        }
    }
}

#[test]
fn digests_are_of_the_version_the_name_and_the_secret() {
    use versions::{one, two};
    assert_ne!(one::f::key_digest(&SECRET, 1), two::f::key_digest(&SECRET, 1));
    assert_ne!(one::f::key_digest(&SECRET, 1), one::f::key_digest(&DigestKey::new([8; 16]), 1));
    assert_eq!(one::f::key_digest(&SECRET, 1), one::f::key_digest(&SECRET, 1));
    assert_eq!((one::f(1), two::f(1)), (1, 1));
}
