//! What an entry of a managed cache is: a key of any type and a value of any type.
//!
//! - `namespace.rs`: namespaces and their versions, which are part of every key
//! - `key.rs`: keys as they are asked for and as they are stored
//! - `hashing.rs`: the hash of a key, and of a tag
//! - `value.rs`: values as they are stored, and how fresh they are
//! - `words.rs`: keys of usual types as text

pub(super) mod hashing;
pub(super) mod key;
pub(super) mod namespace;
pub(super) mod value;
pub(super) mod words;
