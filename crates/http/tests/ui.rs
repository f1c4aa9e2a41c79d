//! Mistakes of those who use `cache_view`, and what the compiler says of them: one file in `ui/`
//! each, and its message beside it.
//!
//! `TRYBUILD=overwrite cargo test -p larder-http --features axum --test ui` writes the messages
//! anew.
#![cfg(feature = "axum")]

#[test]
fn each_mistake_has_one_message() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
