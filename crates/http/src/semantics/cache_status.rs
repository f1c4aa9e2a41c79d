//! `Cache-Status` (RFC 9211) and `Age`: what a cache tells of how it handled a request.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::syntax::is_token_byte;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The name of a cache, as it is written: a token if it can be one, or else a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CacheName(Bytes);

impl CacheName {
    /// Takes a name. Returns `None` if it is empty or has other than visible ASCII characters and
    /// spaces.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let visible = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if name.is_empty() || !visible {
            return None;
        }
        let mut text = BytesMut::with_capacity(name.len() + 2);
        if is_token(name) {
            text.put_slice(name.as_bytes())
        } else {
            put_string(&mut text, name)
        }
        Some(Self(text.freeze()))
    }
}

/// Why a request went to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forward {
    /// The cache was told to leave this request alone.
    Bypass,
    /// The method demands it.
    Method,
    /// There is no response for this URI.
    UriMiss,
    /// There are responses for this URI, and none for what the request has in the fields of `Vary`.
    VaryMiss,
    /// There is a fresh response, and the request did not want it.
    Request,
    /// There is a stale response.
    Stale,
}

impl Forward {
    /// Returns the token that stands for it.
    pub(crate) fn token(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
        }
    }
}

/// How a cache handled a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report<'a> {
    /// The request was answered without the origin. Without `forward`, and only then.
    pub(crate) hit: bool,
    /// The request went to the origin, for this reason.
    pub(crate) forward: Option<Forward>,
    /// The status code of the origin's response, if the client got another one.
    pub(crate) forward_status: Option<u16>,
    /// For how many more seconds the response is fresh.
    pub(crate) ttl: Option<i64>,
    /// The response was stored.
    pub(crate) stored: bool,
    /// The request waited for another one's response.
    pub(crate) collapsed: bool,
    /// The key of the response.
    pub(crate) key: Option<&'a str>,
    /// More: a token or a sentence.
    pub(crate) detail: Option<&'a str>,
}

impl Report<'_> {
    /// Appends the report to those of the caches nearer to the origin.
    pub(crate) fn append_to(&self, name: &CacheName, headers: &mut HeaderMap) {
        headers.append(CACHE_STATUS, self.value(name));
    }

    /// Writes the report. The value is the only allocation.
    pub(crate) fn value(&self, name: &CacheName) -> HeaderValue {
        let texts = self.key.map_or(0, str::len) + self.detail.map_or(0, str::len);
        let mut text = BytesMut::with_capacity(name.0.len() + 2 * texts + 112);
        text.put_slice(&name.0);
        if self.hit {
            text.put_slice(b"; hit");
        }
        if let Some(forward) = self.forward {
            text.put_slice(b"; fwd=");
            text.put_slice(forward.token().as_bytes());
        }
        if let Some(status) = self.forward_status {
            text.put_slice(b"; fwd-status=");
            put_number(&mut text, i64::from(status));
        }
        if let Some(ttl) = self.ttl {
            text.put_slice(b"; ttl=");
            put_number(&mut text, ttl);
        }
        if self.stored {
            text.put_slice(b"; stored");
        }
        if self.collapsed {
            text.put_slice(b"; collapsed");
        }
        if let Some(key) = self.key {
            text.put_slice(b"; key=");
            put_string(&mut text, key);
        }
        if let Some(detail) = self.detail {
            text.put_slice(b"; detail=");
            if is_token(detail) {
                text.put_slice(detail.as_bytes());
            } else {
                put_string(&mut text, detail);
            }
        }
        HeaderValue::from_maybe_shared(text.freeze()).expect("only visible characters were written")
    }
}

/// Writes `Age`.
pub(crate) fn set_age(headers: &mut HeaderMap, seconds: u64) {
    headers.insert(header::AGE, HeaderValue::from(seconds));
}

/// Returns whether a text is a token of structured fields.
fn is_token(text: &str) -> bool {
    let first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'*';
    text.as_bytes().first().is_some_and(first)
        && text.bytes().all(|byte| is_token_byte(byte) || matches!(byte, b':' | b'/'))
}

/// Writes a string of structured fields. What it cannot contain becomes a question mark.
fn put_string(out: &mut BytesMut, text: &str) {
    out.put_u8(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.put_slice(&[b'\\', byte]),
            b' '..=b'~' => out.put_u8(byte),
            _ => out.put_u8(b'?'),
        }
    }
    out.put_u8(b'"');
}

/// Writes a number, within the 15 digits that structured fields allow.
fn put_number(out: &mut BytesMut, number: i64) {
    const MOST: i64 = 999_999_999_999_999;
    let number = number.clamp(-MOST, MOST);
    if number < 0 {
        out.put_u8(b'-');
    }
    let mut digits = [0; 15];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}
