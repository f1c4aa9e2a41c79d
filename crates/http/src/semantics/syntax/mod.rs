//! How values of header fields are written: lists, seconds, dates, structured fields.

pub(crate) mod date;
pub(crate) mod list;
pub(crate) mod seconds;
pub(crate) mod structured;

use http::{HeaderMap, HeaderName};

/// Returns the value of the only line of a field, without the space around it.
///
/// Returns `None` if the field is absent or has several lines.
pub(crate) fn only_line<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?;
    match lines.next() {
        None => Some(trim(line.as_bytes())),
        Some(_) => None,
    }
}

/// Removes the optional white space (RFC 9110 5.6.3) around a value.
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Returns whether a byte may stand in a token (RFC 9110 5.6.2).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
