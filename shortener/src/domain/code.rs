//! Codes: the short part of a short address.

use rand::RngExt as _;
use thiserror::Error;

/// How long a random code is: 62^7 are 3.5 * 10^12, so with a million codes one in 3.5 million
/// draws is taken.
const LENGTH: usize = 7;
/// How long a chosen one may be.
const MAX_LENGTH: usize = 32;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What leads to other places than a target, or looks as if it did. In lower case; compared without
/// case.
pub const RESERVED: &[&str] = &[
    "account",
    "admin",
    "api",
    "assets",
    "dashboard",
    "docs",
    "favicon",
    "health",
    "help",
    "index",
    "login",
    "logout",
    "metrics",
    "page",
    "profile",
    "register",
    "robots",
    "sitemap",
    "static",
    "status",
    "well-known",
];

/// What is wrong with a code.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodeError {
    /// Too short or too long.
    #[error("{0} characters; allowed are 3 to {MAX_LENGTH}")]
    Length(usize),
    /// A character that a code does not have.
    #[error("{0:?} is in it; allowed are letters and digits of ASCII, - and _")]
    Character(char),
    /// A word of the service's own.
    #[error("{0:?} is a reserved word; allowed is any other")]
    Reserved(String),
}

/// Draws a code from the operating system's random numbers, by way of a generator for secrets:
/// nobody guesses the next one.
#[must_use]
pub fn random_code() -> String {
    let mut random = rand::rng();
    (0..LENGTH).map(|_| char::from(BASE62[random.random_range(0..BASE62.len())])).collect()
}

/// Checks a code that somebody has chosen.
///
/// # Errors
///
/// What is wrong with it.
pub fn check_code(code: &str) -> Result<(), CodeError> {
    let is_allowed = |it: &char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
    if let Some(other) = code.chars().find(|it| !is_allowed(it)) {
        return Err(CodeError::Character(other));
    }
    if !(3..=MAX_LENGTH).contains(&code.len()) {
        return Err(CodeError::Length(code.len()));
    }
    if RESERVED.iter().any(|word| word.eq_ignore_ascii_case(code)) {
        return Err(CodeError::Reserved(code.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn random_codes_are_allowed_and_differ() {
        let codes: HashSet<_> = (0..1000).map(|_| random_code()).collect();
        assert_eq!(codes.len(), 1000);
        assert!(codes.iter().all(|code| code.len() == 7 && check_code(code).is_ok()));
        let characters: HashSet<_> = codes.iter().flat_map(|code| code.chars()).collect();
        assert_eq!(characters.len(), 62);
    }

    #[test]
    fn what_is_no_code_is_refused_with_a_reason() {
        assert_eq!(check_code("ab"), Err(CodeError::Length(2)));
        assert_eq!(check_code(&"a".repeat(33)), Err(CodeError::Length(33)));
        assert_eq!(check_code("a/b"), Err(CodeError::Character('/')));
        assert_eq!(check_code("caf\u{e9}"), Err(CodeError::Character('\u{e9}')));
        assert_eq!(check_code("API"), Err(CodeError::Reserved("API".to_owned())));
        assert_eq!(check_code("my-link_1"), Ok(()));
    }
}
