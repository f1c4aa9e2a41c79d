//! Entity tags (RFC 9110 8.8.3).

use http::HeaderValue;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

use crate::semantics::syntax::trim;

/// An entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag<'a> {
    /// Equal tags promise equivalent content, not the same bytes.
    pub(crate) weak: bool,
    /// What is between the quotation marks.
    pub(crate) opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// Reads a single entity tag.
    pub(crate) fn parse(value: &'a [u8]) -> Option<Self> {
        match Self::first(trim(value))? {
            (tag, []) => Some(tag),
            _ => None,
        }
    }

    /// Reads an entity tag at the beginning and returns what follows.
    fn first(value: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, rest) = match value {
            [b'W', b'/', rest @ ..] => (true, rest),
            _ => (false, value),
        };
        let [b'"', rest @ ..] = rest else { return None };
        let end = rest.iter().position(|&byte| byte == b'"')?;
        let (opaque, rest) = rest.split_at(end);
        let valid = opaque.iter().all(|&byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..));
        valid.then_some((Self { weak, opaque }, &rest[1..]))
    }

    /// Compares strongly: both are strong and equal.
    pub(crate) fn same_bytes(&self, other: &EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Compares weakly: both are equal, whether they are strong or weak.
    pub(crate) fn equivalent(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// Returns the entity tags of a line of `If-None-Match`, up to the first thing that is none.
pub(crate) fn listed(line: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', after @ ..] = rest {
            rest = after;
        }
        let (tag, after) = EntityTag::first(rest)?;
        rest = trim(after);
        // Without a comma after it, this is no list of entity tags.
        if !matches!(rest, [] | [b',', ..]) {
            rest = &[];
            return None;
        }
        Some(tag)
    })
}

/// Makes a strong entity tag of a body: the same for the same bytes, on every machine.
pub(crate) fn make(body: &[u8]) -> HeaderValue {
    make_of_parts([body])
}

/// Makes the entity tag of a body that comes in parts: the same as if it came in one.
pub(crate) fn make_of_parts(parts: impl IntoIterator<Item: AsRef<[u8]>>) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    for part in parts {
        hasher.write(part.as_ref());
    }
    let hash = hasher.finish128().as_bytes();
    let mut tag = [b'"'; 34];
    for (place, byte) in tag[1..33].chunks_exact_mut(2).zip(hash) {
        place[0] = DIGITS[usize::from(byte >> 4)];
        place[1] = DIGITS[usize::from(byte & 15)];
    }
    HeaderValue::from_bytes(&tag).expect("digits, letters and quotation marks are allowed")
}
