//! The cookies of a request.

use http::{HeaderMap, header::COOKIE};

/// Returns the names and values of all cookies, in their order, as they stand there.
///
/// What is between semicolons is one cookie, as the crate `cookie` has it; quotes do not hide any.
pub(crate) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = headers.get_all(COOKIE).iter();
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';')).filter_map(|cookie| {
        let cookie = cookie.trim_ascii();
        match cookie.iter().position(|byte| *byte == b'=') {
            Some(at) => Some((cookie[..at].trim_ascii(), cookie[at + 1..].trim_ascii())),
            None if cookie.is_empty() => None,
            // Some take it for the name, some for the value of a cookie without a name.
            None => Some((cookie, &b""[..])),
        }
    })
}
