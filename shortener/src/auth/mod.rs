//! Who is who: passwords and sessions.

mod password;
mod token;

pub use password::HashError;
pub(crate) use password::Passwords;
pub(crate) use token::Token;
