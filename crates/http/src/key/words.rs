//! What a key is in words: for people who look at what is stored.

use super::{HASHED, LONG};
use std::fmt::Write;

/// Bytes of a scheme and the number of a shape.
const HEAD: usize = 1 + 8;

/// Says for which path and host the response of a key is. What else the key has is left out: how
/// that stands there, the rule's shape alone knows.
pub(crate) fn words(key: &[u8]) -> String {
    read(key).unwrap_or_else(|| {
        let mut text = String::from("response#");
        let tail = &key[key.len().saturating_sub(8)..];
        // To a text it cannot fail.
        tail.iter().for_each(|byte| _ = write!(text, "{byte:02x}"));
        text
    })
}

fn read(key: &[u8]) -> Option<String> {
    if *key.first()? == HASHED {
        return None;
    }
    let (host, rest) = part(key.get(HEAD..)?)?;
    let (path, _) = part(rest)?;
    let mut text = String::from_utf8_lossy(path).into_owned();
    if !host.is_empty() {
        text.push(' ');
        text += &String::from_utf8_lossy(host);
    }
    Some(text)
}

/// A text that has its length before it, and what comes behind it.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    if length != LONG {
        return rest.split_at_checked(length.into());
    }
    let (length, rest) = rest.split_at_checked(4)?;
    rest.split_at_checked(u32::from_le_bytes(length.try_into().ok()?) as usize)
}
