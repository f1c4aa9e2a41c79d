//! `Cache-Status` (RFC 9211) and `Age`: what a cache tells of how it handled a request.

use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;
use std::fmt;

use super::{syntax::is_token_byte, value_cache::ValueCache};

pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// The name of a cache, as it is written: a token if it can be one, or else a string.
#[derive(Clone)]
pub(crate) struct CacheName {
    text: Box<[u8]>,
    /// The reports of fresh responses.
    hits: Option<&'static ValueCache>,
}

/// A value while it is written.
type Text = SmallVec<[u8; 128]>;

/// What comes before the lifetime in a report of a hit.
const HIT: &[u8] = b"; hit; ttl=";

impl CacheName {
    /// Takes a name. Returns `None` if it is empty or has other than visible ASCII characters and
    /// spaces.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let visible = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if name.is_empty() || !visible {
            return None;
        }
        let mut text = Text::new();
        if is_token(name) {
            text.extend_from_slice(name.as_bytes());
        } else {
            put_string(&mut text, name);
        }
        let hits = ValueCache::of(&[&text, HIT].concat());
        Some(Self { text: text.to_vec().into(), hits })
    }

    /// Returns the report of nearly all hits.
    pub(crate) fn hit(&self, ttl: i64) -> HeaderValue {
        let kept = u64::try_from(ttl).ok().and_then(|ttl| self.hits?.get(ttl));
        let report = Report { hit: true, ttl: Some(ttl), ..Report::default() };
        kept.unwrap_or_else(|| report.value(self))
    }
}

impl fmt::Debug for CacheName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CacheName").field(&self.text.escape_ascii().to_string()).finish()
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
        let mut text = Text::new();
        text.extend_from_slice(&name.text);
        if self.hit {
            text.extend_from_slice(b"; hit");
        }
        if let Some(forward) = self.forward {
            text.extend_from_slice(b"; fwd=");
            text.extend_from_slice(forward.token().as_bytes());
        }
        if let Some(status) = self.forward_status {
            text.extend_from_slice(b"; fwd-status=");
            put_number(&mut text, i64::from(status));
        }
        if let Some(ttl) = self.ttl {
            text.extend_from_slice(b"; ttl=");
            put_number(&mut text, ttl);
        }
        if self.stored {
            text.extend_from_slice(b"; stored");
        }
        if self.collapsed {
            text.extend_from_slice(b"; collapsed");
        }
        if let Some(key) = self.key {
            text.extend_from_slice(b"; key=");
            put_string(&mut text, key);
        }
        if let Some(detail) = self.detail {
            text.extend_from_slice(b"; detail=");
            if is_token(detail) {
                text.extend_from_slice(detail.as_bytes());
            } else {
                put_string(&mut text, detail);
            }
        }
        HeaderValue::from_bytes(&text).expect("only visible characters were written")
    }
}

/// Returns the value of `Age`.
pub(crate) fn age_of(seconds: u64) -> HeaderValue {
    static AGES: ValueCache = ValueCache::new(b"");
    AGES.get(seconds).unwrap_or_else(|| HeaderValue::from(seconds))
}

/// Returns whether a text is a token of structured fields.
fn is_token(text: &str) -> bool {
    let first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'*';
    text.as_bytes().first().is_some_and(first)
        && text.bytes().all(|byte| is_token_byte(byte) || matches!(byte, b':' | b'/'))
}

/// Writes a string of structured fields. What it cannot contain becomes a question mark.
fn put_string(out: &mut Text, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            _ => out.push(b'?'),
        }
    }
    out.push(b'"');
}

/// The largest number of structured fields: 15 digits.
const MOST: u64 = 999_999_999_999_999;

/// Writes a number, within what structured fields allow.
fn put_number(out: &mut Text, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    let (digits, from) = decimal(number.unsigned_abs().min(MOST));
    out.extend_from_slice(&digits[from..]);
}

/// Returns the digits of a number, and where they begin.
pub(super) fn decimal(mut number: u64) -> ([u8; 20], usize) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return (digits, at);
        }
    }
}
