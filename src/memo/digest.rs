//! Digests: short names for keys, for use outside of this process's caches.

use super::{
    function::Function,
    key::{Arguments, Part},
};
use siphasher::sip128::{Hasher128, SipHasher24};
use std::{
    fmt,
    hash::{BuildHasher, Hash, RandomState},
};

/// The secret key of digests.
///
/// ```
/// use larder::memo::DigestKey;
///
/// #[larder::cache_result]
/// fn double(n: u64) -> u64 {
///     2 * n
/// }
///
/// let secret = DigestKey::new(*b"sixteen bytes...");
/// assert_eq!(double::key_digest(&secret, 7), double::key_digest(&secret, 7));
/// assert_ne!(double::key_digest(&secret, 7), double::key_digest(&secret, 8));
/// assert_ne!(double::key_digest(&secret, 7), double::key_digest(&DigestKey::random(), 7));
/// assert_eq!(double::key_digest(&secret, 7).to_string().len(), 32);
/// ```
#[derive(Clone)]
pub struct DigestKey([u8; 16]);

impl DigestKey {
    /// Creates a key from a secret. The same program with the same secret makes the same digests.
    #[must_use]
    pub const fn new(secret: [u8; 16]) -> Self {
        Self(secret)
    }

    /// Creates a key from a random secret, which differs in each run of the program.
    #[must_use]
    pub fn random() -> Self {
        let word = || RandomState::new().hash_one(()).to_ne_bytes();
        let (one, other) = (word(), word());
        Self(std::array::from_fn(|i| if i < 8 { one[i] } else { other[i - 8] }))
    }
}

/// Does not show the secret.
impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(..)")
    }
}

/// A digest of a key, 128 bits of SipHash-2-4 under a [`DigestKey`]: for logs, or as the key of
/// another store.
///
/// It covers the function's name and `version`, and the arguments with their types. Without the
/// secret it is not possible to make two arguments with one digest; by chance that happens once in
/// 2^64 keys or so. It is as stable as `Hash` is: for one build of a program, on one kind of
/// machine. Displayed as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(u128);

impl Digest {
    /// Returns the digest as a number.
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Returns the digest of a function's key.
#[must_use]
pub fn digest<P: Part>(function: &Function, secret: &DigestKey, key: &Arguments<P>) -> Digest {
    let mut hasher = SipHasher24::new_with_key(&secret.0);
    let declared = function.declared();
    (declared.name, declared.version).hash(&mut hasher);
    key.0.digest(&mut hasher);
    Digest(hasher.finish128().as_u128())
}
