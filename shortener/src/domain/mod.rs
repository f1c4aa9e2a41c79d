//! What a shortener is about, without a database, HTTP or caches: codes, targets, days.

mod code;
mod day;
mod person;
mod target;

pub use code::{CodeError, RESERVED, check_code, random_code};
pub use day::{Day, now_ms};
pub use person::{PersonError, check_email, check_name, check_password};
pub use target::{TargetError, TargetPolicy};

use thiserror::Error;

/// What is wrong with a title.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0} characters; allowed are up to 200, none of them a control character")]
pub struct TitleError(usize);

/// Returns the title without the spaces around it.
///
/// # Errors
///
/// If it is longer than 200 characters, or has control characters.
pub fn check_title(title: &str) -> Result<String, TitleError> {
    let title = title.trim();
    let count = title.chars().count();
    if count > 200 || title.chars().any(char::is_control) {
        return Err(TitleError(count));
    }
    Ok(title.to_owned())
}
