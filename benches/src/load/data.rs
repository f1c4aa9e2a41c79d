//! The keys and values that are measured.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A key that can be made from its number.
pub(crate) trait Key: Hash + Eq + Clone + Debug + Send + Sync + 'static {
    /// The bytes that one key takes, on the heap too.
    const BYTES: usize;

    fn nth(n: u32) -> Self;
}

/// A value that can be made from a number.
pub(crate) trait Value: Clone + Eq + Debug + Send + Sync + 'static {
    /// The bytes that one value takes, on the heap too.
    const BYTES: usize;

    fn nth(n: u32) -> Self;
}

impl Key for u64 {
    const BYTES: usize = size_of::<Self>();

    #[inline]
    fn nth(n: u32) -> Self {
        Self::from(n)
    }
}

impl Value for u64 {
    const BYTES: usize = size_of::<Self>();

    #[inline]
    fn nth(n: u32) -> Self {
        Self::from(n)
    }
}

/// Length of a String key.
const KEY_LEN: usize = 24;

impl Key for String {
    const BYTES: usize = size_of::<Self>() + KEY_LEN;

    fn nth(n: u32) -> Self {
        format!("session/{n:016x}")
    }
}

/// Length of the slice behind an `Arc`.
const VALUE_LEN: usize = 64;

impl Value for Arc<[u8]> {
    /// The fat pointer, the two reference counts, the slice.
    const BYTES: usize = size_of::<Self>() + 2 * size_of::<usize>() + VALUE_LEN;

    #[inline]
    fn nth(n: u32) -> Self {
        let mut bytes = [0; VALUE_LEN];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        Arc::from(bytes)
    }
}

/// Which keys and values.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// u64 keys and u64 values.
    U64,
    /// 24-byte String keys and `Arc<[u8]>` values of 64 bytes.
    String,
}

impl Kind {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::U64 => "u64 -> u64",
            Self::String => "String (24 bytes) -> Arc<[u8]>",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn string_keys_have_the_stated_length() {
        assert_eq!(<String as Key>::nth(0).len(), KEY_LEN);
        assert_eq!(<String as Key>::nth(u32::MAX).len(), KEY_LEN);
        assert_ne!(<String as Key>::nth(1), <String as Key>::nth(2));
    }
}
