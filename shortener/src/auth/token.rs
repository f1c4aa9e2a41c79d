//! Tokens of sessions: random, opaque, and known to whoever has logged in alone.

use crate::db::sessions::TokenHash;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use std::fmt;

const BYTES: usize = 32;

/// A token. What is stored is its digest: who reads the database cannot log in with what is there.
/// The digest needs no salt and no time, as a password's would, since nobody guesses 256 random
/// bits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn random() -> Self {
        let bytes: [u8; BYTES] = rand::rng().random();
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Reads what a client sends. `None` if it cannot be a token.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let fits = text.len() == 2 * BYTES && text.bytes().all(|it| it.is_ascii_hexdigit());
        fits.then(|| Self(text.to_owned()))
    }

    pub(crate) fn hash(&self) -> TokenHash {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// Returns what the client is to send.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_back_and_never_printed() {
        let token = Token::random();
        assert_eq!(Token::read(token.reveal()), Some(token.clone()));
        assert_ne!(token, Token::random());
        assert_eq!(format!("{token:?}"), "Token(..)");
        assert_eq!((Token::read(""), Token::read(&"g".repeat(64))), (None, None));
        assert_ne!(token.hash(), Token::random().hash());
    }
}
