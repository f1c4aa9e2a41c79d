//! Mistakes, and what the compiler says of them: one file in `ui/` each, and its message beside it.
//!
//! `TRYBUILD=overwrite cargo test -p larder-macros --test ui` writes the messages anew.
//!
//! The compiler takes a while for all of them where others use the machine, so each test has a few,
//! by the first letters of their names. They run one after the other: they share a target
//! directory.

use std::fs;

/// The first letters of each test's files.
const PARTS: [&str; 6] = ["a-b", "c-j", "k", "l-n", "o-p", "q-z"];

fn check(part: &str) {
    trybuild::TestCases::new().compile_fail(format!("tests/ui/[{part}]*.rs"));
}

#[test]
fn each_mistake_has_one_message_from_a() {
    check(PARTS[0]);
}

#[test]
fn each_mistake_has_one_message_from_c() {
    check(PARTS[1]);
}

#[test]
fn each_mistake_has_one_message_from_k() {
    check(PARTS[2]);
}

#[test]
fn each_mistake_has_one_message_from_l() {
    check(PARTS[3]);
}

#[test]
fn each_mistake_has_one_message_from_o() {
    check(PARTS[4]);
}

#[test]
fn each_mistake_has_one_message_from_q() {
    check(PARTS[5]);
}

#[test]
fn each_mistake_is_in_one_part() {
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let has = |part: &&&str| {
            let (first, last) = (part.chars().next().unwrap(), part.chars().last().unwrap());
            (first..=last).contains(&name.chars().next().unwrap())
        };
        assert_eq!(PARTS.iter().filter(has).count(), 1, "{name}");
    }
}
