//! What the handler answers.

use std::ops::Range;

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{
    ask::raw_field,
    origin::{Body, Part},
};

/// A response of the handler, as the model knows it.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) parts: Vec<Part>,
    /// What `Cache-Control` forbids, as long as it is one of the lines that the model knows.
    pub(super) forbidden: bool,
    /// Whether it says that it may be given to requests with credentials.
    pub(super) open: bool,
    /// How many seconds it is fresh, if the model knows.
    pub(super) lifetime: Option<u64>,
}

/// How long a response is fresh that says nothing.
pub(super) const TTL: u64 = 60;
/// The longest body that is stored.
pub(super) const LONGEST: usize = 64;

/// A line of `Cache-Control`: whether it forbids storing, opens the response to requests with
/// credentials, and for how long it makes it fresh.
type Line = (&'static str, bool, bool, Option<u64>);

const LINES: [Line; 18] = [
    ("max-age=30", false, false, Some(30)),
    ("max-age=0", false, false, Some(0)),
    ("max-age=\"30\"", false, false, None),
    ("public", false, true, Some(TTL)),
    ("s-maxage=20, max-age=1", false, true, Some(20)),
    ("max-age=30, must-revalidate", false, true, Some(30)),
    ("no-cache", false, false, Some(0)),
    ("no-cache=\"x-secret\", max-age=30", false, false, Some(30)),
    ("private=\"x-secret\", max-age=30", false, false, Some(30)),
    ("max-age=30, stale-while-revalidate=60, stale-if-error=60", false, false, Some(30)),
    ("max-age=30, immutable", false, false, Some(30)),
    ("no-store", true, false, None),
    ("NO-STORE", true, false, None),
    ("max-age=30 , no-store", true, false, None),
    ("public, no-store=x", true, false, None),
    ("private", true, false, None),
    ("Private, max-age=30", true, false, None),
    ("private=, public", true, false, None),
];

/// Fields beside it.
const FIELDS: [(&str, &str); 27] = [
    ("etag", "\"one\""),
    ("etag", "\"one\""),
    ("etag", "W/\"one\""),
    ("etag", "\"two\""),
    ("etag", "one"),
    ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("last-modified", "soon"),
    ("vary", "accept-language"),
    ("vary", "accept-language"),
    ("vary", "X-Flavour, accept-encoding"),
    ("vary", "*"),
    ("vary", "x-flavour, *"),
    ("vary", "a b"),
    ("set-cookie", "sid=1"),
    ("age", "10"),
    ("age", "-1"),
    ("expires", "0"),
    ("expires", "Fri, 01 Jan 2100 00:00:00 GMT"),
    ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("x-secret", "s"),
    ("content-type", "text/event-stream; charset=utf-8"),
    ("content-range", "bytes 0-3/10"),
    ("cache-groups", "\"g\""),
    ("cache-group-invalidation", "\"g\""),
    ("location", "/own/2"),
    ("content-location", "/own/1"),
    ("connection", "x-secret"),
];

const STATUSES: [u16; 20] = [
    200, 200, 200, 200, 200, 200, 200, 200, 304, 304, 204, 206, 301, 302, 404, 410, 416, 500, 503,
    599,
];

/// Makes a response; `number` is in its body, and in a field if it is a whole one.
pub(super) fn response(
    choices: &mut Unstructured<'_>,
    number: usize,
    is_head: bool,
) -> Result<Given> {
    if choices.ratio(1, 2)? {
        return plain(choices, number, is_head);
    }
    let status = StatusCode::from_u16(*choices.choose(&STATUSES)?).expect("a status");
    let mut headers = HeaderMap::new();
    let mut given = Given {
        status,
        headers: HeaderMap::new(),
        parts: vec![],
        forbidden: false,
        open: false,
        lifetime: Some(TTL),
    };
    if choices.ratio(2, 3)? {
        let (line, forbidden, open, lifetime) = *choices.choose(&LINES)?;
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(line));
        (given.forbidden, given.open, given.lifetime) = (forbidden, open, lifetime);
    }
    for _ in 0..choices.int_in_range(0..=3)? {
        if choices.ratio(1, 16)? {
            raw_field(choices, &mut headers)?;
            // More may be said than the model reads.
            (given.open, given.lifetime) = (true, None);
        } else {
            let (name, value) = *choices.choose(&FIELDS)?;
            headers.append(name, HeaderValue::from_static(value));
            if name == "expires" {
                given.lifetime = None;
            }
        }
    }
    given.parts = parts(choices, number)?;
    let length: usize = given.parts.iter().map(|part| part.data().len()).sum();
    match choices.int_in_range(0..=11)? {
        0..=3 => drop(headers.append(header::CONTENT_LENGTH, length.into())),
        4 => drop(headers.append(header::CONTENT_LENGTH, (length + 1).into())),
        5 => drop(headers.append(header::CONTENT_LENGTH, length.saturating_sub(1).into())),
        _ => {}
    }
    // These have the fields of other responses changed, and those keep their number.
    if status != StatusCode::NOT_MODIFIED && !is_head {
        headers.insert("x-number", number.into());
    }
    given.headers = headers;
    Ok(given)
}

/// A response that says little.
fn plain(choices: &mut Unstructured<'_>, number: usize, is_head: bool) -> Result<Given> {
    const FIELDS: [Option<(&str, &str)>; 6] = [
        None,
        None,
        Some(("etag", "\"one\"")),
        Some(("vary", "accept-language")),
        Some(("vary", "accept-language")),
        Some(("set-cookie", "sid=1")),
    ];
    let mut headers = HeaderMap::new();
    if let Some((name, value)) = *choices.choose(&FIELDS)? {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let parts = vec![Part::Data(data(number, 0..10))];
    if !is_head {
        headers.insert("x-number", number.into());
    }
    let (status, forbidden, open, lifetime) = (StatusCode::OK, false, false, Some(TTL));
    Ok(Given { status, headers, parts, forbidden, open, lifetime })
}

fn data(number: usize, places: Range<usize>) -> Bytes {
    places.map(|at| (number * 31 + at * 7) as u8).collect()
}

fn parts(choices: &mut Unstructured<'_>, number: usize) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut written = 0;
    for _ in 0..choices.int_in_range(0..=3)? {
        let length = *choices.choose(&[0, 1, 4, 8, 30])?;
        parts.push(Part::Data(data(number, written..written + length)));
        written += length;
        if choices.ratio(1, 8)? {
            parts.push(Part::Wait);
        }
    }
    match choices.int_in_range(0..=15)? {
        0 => parts.push(Part::Error),
        1 => parts.push(Part::Trailers),
        _ => {}
    }
    Ok(parts)
}

impl Given {
    /// Errors of the handler are stored if they say for how long.
    fn says_how_long(&self) -> bool {
        [header::CACHE_CONTROL, header::EXPIRES].iter().any(|name| self.headers.contains_key(name))
    }

    /// All of its data.
    pub(super) fn data(&self) -> Vec<u8> {
        self.parts.iter().flat_map(Part::data).copied().collect()
    }

    pub(super) fn body(&self) -> Body {
        let hint = self.headers.contains_key(header::CONTENT_LENGTH);
        Body::new(&self.parts, hint)
    }

    /// Whether it may be stored at all, whoever has asked.
    pub(super) fn may_be_stored(&self) -> bool {
        let ends_well = !self.parts.iter().any(|part| matches!(part, Part::Error | Part::Trailers));
        let mut lengths = self.headers.get_all(header::CONTENT_LENGTH).iter();
        let length = lengths.next().is_none_or(|it| *it == HeaderValue::from(self.data().len()));
        // A body of the right length is whole before its end is seen.
        let declared = self.headers.contains_key(header::CONTENT_LENGTH);
        let star =
            self.headers.get_all(header::VARY).iter().any(|it| it.as_bytes().contains(&b'*'));
        !self.forbidden
            && (ends_well || declared)
            && length
            && !star
            && !self.headers.contains_key(header::SET_COOKIE)
            && self.data().len() <= LONGEST
            && !matches!(self.status.as_u16(), 206 | 304 | 416)
            && (self.status.as_u16() < 500 || self.says_how_long())
            && self.headers.get(header::CONTENT_TYPE).is_none()
    }
}
