//! Passwords, hashed with Argon2id in threads that may block, only so many at a time.

use crate::config::Auth;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use std::sync::Arc;
use thiserror::Error;
use tokio::{sync::Semaphore, task};

/// Why a password was not hashed.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum HashError {
    /// Parameters that Argon2 does not take.
    #[error("auth.argon2_memory_kib, auth.argon2_passes: {0}")]
    Parameters(String),
    /// Something that should not happen, such as no random numbers.
    #[error("a password could not be hashed: {0}")]
    Failed(String),
}

/// Hashes and compares passwords. Clones share the limit.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    /// Each hash takes a core and tens of megabytes for a while.
    permits: Arc<Semaphore>,
    /// What is compared with where there is no user, so that this takes as long.
    nobody: Arc<str>,
}

impl Passwords {
    pub(crate) async fn new(settings: &Auth) -> Result<Self, HashError> {
        let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let params = Params::new(
            number(settings.argon2_memory_kib),
            number(settings.argon2_passes),
            1,
            None,
        )
        .map_err(|error| HashError::Parameters(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let threads = usize::try_from(settings.hash_threads).unwrap_or(usize::MAX);
        let permits = Arc::new(Semaphore::new(threads.min(Semaphore::MAX_PERMITS)));
        let mut passwords = Self { argon2, permits, nobody: Arc::from("") };
        passwords.nobody = passwords.hash(String::new()).await?.into();
        Ok(passwords)
    }

    /// Returns the hash of a password, with its parameters and a salt of its own.
    pub(crate) async fn hash(&self, password: String) -> Result<String, HashError> {
        let argon2 = self.argon2.clone();
        let hashed = self.run(move || {
            argon2.hash_password(password.as_bytes()).map(|it: PasswordHash| it.to_string())
        });
        hashed.await?.map_err(|error| HashError::Failed(error.to_string()))
    }

    /// Whether a password is the one that was hashed. Without a hash it takes as long, and is
    /// false.
    pub(crate) async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, HashError> {
        let (argon2, is_there) = (self.argon2.clone(), hash.is_some());
        let hash = hash.unwrap_or_else(|| self.nobody.to_string());
        let verified = self.run(move || {
            let hash = PasswordHash::new(&hash)?;
            Ok::<_, argon2::password_hash::phc::Error>(
                argon2.verify_password(password.as_bytes(), &hash).is_ok(),
            )
        });
        let verified = verified.await?.map_err(|error| HashError::Failed(error.to_string()))?;
        Ok(verified && is_there)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let failed = |error: &dyn std::fmt::Display| HashError::Failed(error.to_string());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|it| failed(&it))?;
        // The permit goes with the work, which goes on if nobody waits for it any more.
        let working = task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        working.await.map_err(|it| failed(&it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[tokio::test]
    async fn only_the_password_that_was_hashed_is_the_one() {
        let mut settings = Config::default().auth;
        (settings.argon2_memory_kib, settings.argon2_passes) = (8, 1);
        let passwords = Passwords::new(&settings).await.unwrap();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("correct horse".to_owned()).await.unwrap());
        let is = async |password: &str, hash: Option<&str>| {
            passwords.verify(password.to_owned(), hash.map(str::to_owned)).await.unwrap()
        };
        assert!(is("correct horse", Some(&hash)).await);
        assert!(!is("correct horsf", Some(&hash)).await);
        assert!(!is("", None).await);
        settings.argon2_memory_kib = 7;
        assert!(matches!(Passwords::new(&settings).await, Err(HashError::Parameters(_))));
    }
}
