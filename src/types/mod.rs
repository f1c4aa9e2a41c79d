//! What the API speaks of, and the engine too: causes, errors, policies, rules, versions.

pub(crate) mod chance;
pub(crate) mod error;
pub(crate) mod eviction;
pub(crate) mod expiry;
pub(crate) mod hashing;
pub(crate) mod limits;
pub(crate) mod pending;
pub(crate) mod removal;
#[cfg(feature = "serde")]
pub(crate) mod seconds;
pub(crate) mod version;
