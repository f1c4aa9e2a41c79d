//! Mistakes, and what the compiler says of them: one file in `ui/` each, and its message beside it.
//!
//! `TRYBUILD=overwrite cargo test -p larder-macros --test ui` writes the messages anew.

#[test]
fn each_mistake_has_one_message() {
    let tests = trybuild::TestCases::new();
    tests.compile_fail("tests/ui/*.rs");
}
