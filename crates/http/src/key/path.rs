//! Spellings of paths.
//!
//! RFC 3986 calls paths equivalent that servers treat differently: `/%61` and `/a`, `/b/../a` and
//! `/a`. The routers of axum compare what is encoded with what is not and find it different, other
//! servers decode it first. So only one spelling is *canonical*. The others have keys only where a
//! rule says that the service decodes paths, and those with `.` and `..` have none.

use super::union;
use std::borrow::Cow;

/// What a byte is in a path: a bit for each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A letter, a digit, or one of `-_~`: the same, encoded or not.
    Unreserved = 1,
    /// Is what it is only if it is not encoded.
    Delimiter = 2,
    Dot = 4,
    Slash = 8,
    Percent = 16,
    /// Has to be encoded.
    Other = 32,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => Class::Unreserved,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':'
            | b'@' => Class::Delimiter,
            b'.' => Class::Dot,
            b'/' => Class::Slash,
            b'%' => Class::Percent,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> Class {
    CLASSES[usize::from(byte)]
}

/// Whether a path is spelled as it ought to be: one pass, no allocation.
pub(crate) fn is_canonical(path: &str) -> bool {
    let bytes = path.as_bytes();
    // Where all are letters, digits and slashes, there is nothing to look at twice.
    let all = union(bytes, |byte| class(byte) as u8);
    let mut at =
        if all & !(Class::Unreserved as u8 | Class::Slash as u8) == 0 { bytes.len() } else { 0 };
    while let Some(&byte) = bytes.get(at) {
        let fits = match class(byte) {
            Class::Unreserved | Class::Delimiter | Class::Slash => true,
            Class::Dot => !begins_dot_segment(bytes, at),
            Class::Percent => {
                let pair = bytes.get(at + 1..at + 3);
                let upper = pair.is_some_and(|it| !it.iter().any(u8::is_ascii_lowercase));
                let encoded = pair.and_then(hex);
                at += 2;
                upper
                    && encoded
                        .is_some_and(|it| !matches!(class(it), Class::Unreserved | Class::Dot))
            }
            Class::Other => false,
        };
        if !fits {
            return false;
        }
        at += 1;
    }
    bytes.first() == Some(&b'/')
}

/// Whether the dot at `at` begins a segment that is `.` or `..`.
fn begins_dot_segment(bytes: &[u8], at: usize) -> bool {
    let ends = |at: usize| matches!(bytes.get(at), None | Some(b'/'));
    at > 0
        && bytes[at - 1] == b'/'
        && (ends(at + 1) || (bytes.get(at + 1) == Some(&b'.') && ends(at + 2)))
}

fn hex(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match pair {
        [high, low] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
        _ => None,
    }
}

/// Returns the canonical spelling (RFC 3986, 6.2.2.1 and 6.2.2.2); `None` if what is encoded cannot
/// be decoded, or there are segments `.` or `..`.
pub(crate) fn canonical(path: &str) -> Option<String> {
    let mut canonical = String::with_capacity(path.len());
    for segment in path.strip_prefix('/')?.split('/') {
        let segment = canonical_segment(segment)?;
        if matches!(segment.as_str(), "." | "..") {
            return None;
        }
        canonical.push('/');
        canonical.push_str(&segment);
    }
    Some(canonical)
}

fn canonical_segment(segment: &str) -> Option<String> {
    let bytes = segment.as_bytes();
    let mut canonical = String::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match class(byte) {
            Class::Percent => {
                let encoded = bytes.get(at..at + 2).and_then(hex)?;
                at += 2;
                match class(encoded) {
                    Class::Unreserved | Class::Dot => canonical.push(char::from(encoded)),
                    _ => push_byte(&mut canonical, encoded),
                }
            }
            Class::Other => push_byte(&mut canonical, byte),
            _ => canonical.push(char::from(byte)),
        }
    }
    Some(canonical)
}

fn push_byte(text: &mut String, byte: u8) {
    const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    text.push('%');
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// Adds bytes so that whatever is no letter, no digit, and none of `-_.~` and `keep`, is encoded.
pub(crate) fn push_encoded(text: &mut String, bytes: &[u8], keep: &str) {
    for &byte in bytes {
        match class(byte) {
            Class::Unreserved | Class::Dot => text.push(char::from(byte)),
            _ if keep.as_bytes().contains(&byte) => text.push(char::from(byte)),
            _ => push_byte(text, byte),
        }
    }
}

/// Decodes as the parameters of a path are decoded: what is no encoding stays as it is.
pub(crate) fn decoded(text: &str) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let encoded = if byte == b'%' { bytes.get(at + 1..at + 3).and_then(hex) } else { None };
        decoded.push(encoded.unwrap_or(byte));
        at += if encoded.is_some() { 3 } else { 1 };
    }
    Cow::Owned(decoded)
}

/// Returns the form that all spellings of a path share.
pub(crate) fn place(path: &str) -> Cow<'_, str> {
    let plain = |byte: u8| matches!(class(byte), Class::Unreserved | Class::Slash | Class::Dot);
    if path.bytes().all(plain) && is_canonical(path) {
        return Cow::Borrowed(path);
    }
    let mut place = String::with_capacity(path.len());
    // Where each segment begins.
    let mut begins: Vec<usize> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let decoded = decoded(segment);
        match &*decoded {
            b"." => {}
            b".." => place.truncate(begins.pop().unwrap_or(0)),
            decoded => {
                begins.push(place.len());
                place.push('/');
                push_encoded(&mut place, decoded, "");
                continue;
            }
        }
        if segments.peek().is_none() {
            place.push('/');
        }
    }
    Cow::Owned(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r26_spellings_of_paths() {
        for (path, expected) in [
            ("/", Some("/")),
            ("/api/urls/", Some("/api/urls/")),
            ("/a//b", Some("/a//b")),
            ("/a,b;c=1:2@3", Some("/a,b;c=1:2@3")),
            ("/a%2Fb", Some("/a%2Fb")),
            ("/a%2fb", Some("/a%2Fb")),
            ("/%61%7e", Some("/a~")),
            ("/%2C", Some("/%2C")),
            ("/a..", Some("/a..")),
            ("/.well-known/x", Some("/.well-known/x")),
            ("/...", Some("/...")),
            ("/%2e%2e%2e", Some("/...")),
            ("/%C3%A9", Some("/%C3%A9")),
            ("/é", Some("/%C3%A9")),
            ("/a|b", Some("/a%7Cb")),
            ("/a/./b", None),
            ("/a/../b", None),
            ("/a/..", None),
            ("/a/.", None),
            ("/../a", None),
            ("/a/%2e%2E/b", None),
            ("/a/%2e./b", None),
            ("/%zz", None),
            ("/%4", None),
            ("/%", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(canonical(path).as_deref(), expected, "{path}");
            assert_eq!(is_canonical(path), expected == Some(path), "{path}");
        }
    }

    #[test]
    fn what_is_invalidated_has_one_form_for_all_spellings() {
        let alike = |paths: &[&str]| {
            paths.iter().for_each(|path| assert_eq!(place(path), place(paths[0]), "{paths:?}"));
        };
        alike(&["/a,b/", "/a%2Cb/", "/a%2cb/", "/%61,b/", "/x/../a,b/"]);
        alike(&["/a%2Fb", "/a%2fb"]);
        alike(&["/a/", "/a/b/..", "/a/.", "/a/b/../", "/../a/", "/a/%2E"]);
        for (one, other) in [("/a%2Fb", "/a/b"), ("/a", "/a/"), ("/%zz", "/zz"), ("/a%2541", "/aA")]
        {
            assert_ne!(place(one), place(other));
        }
        assert!(matches!(place("/api/urls/redirect/abc/"), Cow::Borrowed(_)));
    }
}
