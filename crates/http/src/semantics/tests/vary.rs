//! Selecting fields: RFC 9111 4.1.

use http::HeaderName;

use super::{Lines, headers};
use crate::semantics::{Vary, write_values};

fn vary(lines: Lines<'_>) -> Vary {
    Vary::of(&headers(lines))
}

fn on(names: &[&'static str]) -> Vary {
    Vary::On(names.iter().map(|name| HeaderName::from_static(name)).collect())
}

#[test]
fn r05_members_of_vary() {
    let table: &[(&[&str], Vary)] = &[
        (&[], Vary::None),
        (&[""], Vary::None),
        (&[" , ,"], Vary::None),
        (&["Accept"], on(&["accept"])),
        (&["b, a"], on(&["a", "b"])),
        (&["a", "b"], on(&["a", "b"])),
        (&["a,b,,\ta , A"], on(&["a", "b"])),
        (&["*"], Vary::Any),
        (&["*, *"], Vary::Any),
        (&["*", "*"], Vary::Any),
        (&[", *"], Vary::Any),
        (&["", "*"], Vary::Any),
        (&["*, a"], Vary::Any),
        (&["a, *"], Vary::Any),
        (&["a", "b, *"], Vary::Any),
        // What is no name cannot be compared.
        (&["a b"], Vary::Any),
        (&["\"a\""], Vary::Any),
        (&["a, \u{e9}"], Vary::Any),
        // Names may contain asterisks.
        (&["a*"], on(&["a*"])),
    ];
    for (values, expected) in table {
        let lines: Vec<_> = values.iter().map(|value| ("vary", *value)).collect();
        assert_eq!(vary(&lines), *expected, "{values:?}");
    }
}

#[test]
fn r17_an_encoded_response_depends_on_the_encodings_that_are_accepted() {
    let accept_encoding = on(&["accept-encoding"]);
    assert_eq!(vary(&[("content-encoding", "br")]), accept_encoding);
    assert_eq!(vary(&[("content-encoding", "br"), ("vary", "Accept-Encoding")]), accept_encoding);
    assert_eq!(
        vary(&[("content-encoding", "identity, gzip"), ("vary", "a")]),
        on(&["a", "accept-encoding"])
    );
    assert_eq!(vary(&[("content-encoding", "Identity")]), Vary::None);
    assert_eq!(vary(&[("content-encoding", "")]), Vary::None);
}

/// Returns what a request writes that has these lines of `name`.
fn written(name: &'static str, values: &[&str]) -> Vec<u8> {
    let lines: Vec<_> = values.iter().map(|value| (name, *value)).collect();
    let mut out = Vec::new();
    write_values(&[HeaderName::from_static(name)], &headers(&lines), &mut out);
    out
}

#[test]
fn r05_requests_match_if_their_values_mean_the_same() {
    let same: &[(&str, &[&str], &[&str])] = &[
        ("x", &["1"], &["1"]),
        ("x", &["1"], &[" 1\t"]),
        ("x", &["1, 2"], &["1", "2"]),
        ("x", &["1,2"], &[" 1 ,  2 "]),
        ("x", &["1,2"], &["1,,2,"]),
        ("x", &["\"a, b\",c"], &["\"a, b\" , c"]),
        ("accept-language", &["en, de"], &["EN,De"]),
        ("accept-language", &["en;q=0.5"], &["en ; q=0.5"]),
        ("accept-encoding", &["gzip, br"], &["br,GZIP"]),
        ("accept-encoding", &["gzip;q=0.5, br"], &["br", "gzip ;q=0.5"]),
        ("accept-encoding", &["a,b,c,d,e,f,g,h,i,j"], &["j,i,h,g,f,e,d,c,b,a"]),
    ];
    for (name, left, right) in same {
        assert_eq!(written(name, left), written(name, right), "{name}: {left:?} and {right:?}");
    }
    let different: &[(&str, &[&str], &[&str])] = &[
        ("x", &["1"], &["2"]),
        ("x", &["1"], &[]),
        ("x", &[""], &[]),
        ("x", &["a"], &["A"]),
        ("x", &["1, 2"], &["2, 1"]),
        ("x", &["1 2"], &["12"]),
        ("x", &["\"a, b\""], &["\"a,b\""]),
        ("accept-language", &["en, de"], &["de, en"]),
        ("accept-language", &["en"], &["en, de"]),
        ("accept-encoding", &["gzip"], &["gzip;q=0"]),
        ("accept-encoding", &["gzip"], &[]),
        ("accept-encoding", &["a,b,c,d,e,f,g,h,i,j"], &["a,b,c,d,e,f,g,h,i"]),
        // Longer than any buffer.
        ("accept-language", &[&"a".repeat(99)], &[&"a".repeat(98)]),
    ];
    for (name, left, right) in different {
        assert_ne!(written(name, left), written(name, right), "{name}: {left:?} and {right:?}");
    }
}

#[test]
fn r05_values_of_several_fields_do_not_run_into_each_other() {
    let names = [HeaderName::from_static("a"), HeaderName::from_static("b")];
    let write = |lines: Lines<'_>| {
        let mut out = Vec::new();
        write_values(&names, &headers(lines), &mut out);
        out
    };
    let all = [
        write(&[]),
        write(&[("a", "")]),
        write(&[("b", "")]),
        write(&[("a", ""), ("b", "")]),
        write(&[("a", "1")]),
        write(&[("b", "1")]),
        write(&[("a", "1"), ("b", "1")]),
        write(&[("a", "11")]),
        write(&[("a", "1,1")]),
        write(&[("a", "1"), ("b", "")]),
    ];
    for (position, one) in all.iter().enumerate() {
        assert!(!all[..position].contains(one), "{position}");
        // What a key has after the values does not run into them either.
        assert!(all.iter().all(|other| other == one || !other.starts_with(one)), "{position}");
    }
    // Fields that the response does not depend on change nothing.
    assert_eq!(write(&[("a", "1"), ("c", "1")]), write(&[("a", "1")]));
}
