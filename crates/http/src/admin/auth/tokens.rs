//! The tokens, of which only digests are kept.

use super::{Identity, Scope};
use sha2::{Digest, Sha256};
use std::{fmt, sync::Arc};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

type Hash = [u8; 32];

/// Whoever has one of these may come in.
pub(crate) struct Tokens(Vec<(Hash, Identity)>);

fn hash(secret: &[u8]) -> Hash {
    Sha256::digest(secret).into()
}

impl Tokens {
    /// Takes names, secrets and scopes.
    pub(crate) fn new<'a>(tokens: impl IntoIterator<Item = (&'a str, &'a str, Scope)>) -> Self {
        let known = |(name, secret, scope): (&str, &str, Scope)| {
            (hash(secret.as_bytes()), Identity { name: Arc::from(name), scope })
        };
        Self(tokens.into_iter().map(known).collect())
    }

    /// Returns the identity that a secret belongs to. The time that this takes depends only on the
    /// length of the secret and on the number of tokens.
    pub(crate) fn find(&self, secret: &[u8]) -> Option<&Identity> {
        let presented = hash(secret);
        let mut found = u32::MAX;
        for (index, (known, _)) in (0_u32..).zip(&self.0) {
            let is_same: Choice = known.ct_eq(&presented);
            found.conditional_assign(&index, is_same);
        }
        self.0.get(found as usize).map(|(_, identity)| identity)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(_, identity)| identity)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_finds_its_own_identity_and_nothing_else_does() {
        let tokens = Tokens::new([
            ("reader", "one", Scope::Read),
            ("deploy", "two", Scope::Admin),
            ("other", "three", Scope::Read),
        ]);
        for (secret, name) in [("one", "reader"), ("two", "deploy"), ("three", "other")] {
            assert_eq!(&*tokens.find(secret.as_bytes()).unwrap().name, name);
        }
        for wrong in ["", "On", "one ", "onetwo", "ONE"] {
            assert!(tokens.find(wrong.as_bytes()).is_none(), "{wrong:?}");
        }
        assert!(Tokens::new([]).find(b"").is_none());
    }

    #[test]
    fn secrets_are_not_kept() {
        let tokens = Tokens::new([("reader", "s3cret", Scope::Read)]);
        assert!(!format!("{tokens:?}").contains("s3cret"));
    }
}
