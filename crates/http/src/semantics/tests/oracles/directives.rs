//! Directives.

use std::time::Duration;

use headers::{CacheControl, Header};
use http::{HeaderMap, HeaderName, HeaderValue, header::CACHE_CONTROL};

use super::{choices::lines, subject};

const FLAGS: [&str; 11] = [
    "no-store",
    "no-cache",
    "private",
    "public",
    "must-revalidate",
    "proxy-revalidate",
    "must-understand",
    "immutable",
    "no-transform",
    "only-if-cached",
    "max-stale",
];
const NUMBERS: [&str; 6] =
    ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error", "min-fresh", "max-stale"];

/// Reads directives as `headers` does, what has been written again, and restrictions wherever they
/// stand.
pub(crate) fn check(data: &[u8]) {
    let fields = lines(&CACHE_CONTROL, data);
    let found = subject::response_directives(&fields);
    let asked = subject::request_directives(&fields);
    for (name, seconds) in found.seconds.iter().chain(&asked.seconds) {
        assert!(*seconds <= 1 << 31, "{name}={seconds}");
    }
    if let Some(theirs) = plain(&fields).and_then(|it| CacheControl::decode(&mut it.iter()).ok()) {
        agree(&theirs, &found, &asked);
    }
    round_trip(&found);
    more(&fields, &found);
    let targeted = HeaderName::from_static("cdn-cache-control");
    if let Some(found) = subject::targeted_directives(&lines(&targeted, data), targeted) {
        for (name, seconds) in &found.seconds {
            assert!(*seconds <= 1 << 31, "{name}={seconds}");
        }
    }
}

/// Returns the lines if everybody agrees what they mean: known directives in lower case, each once,
/// with small numbers where these are wanted.
fn plain(fields: &HeaderMap) -> Option<Vec<HeaderValue>> {
    let mut names = Vec::new();
    for line in fields.get_all(CACHE_CONTROL) {
        for directive in line.to_str().ok()?.split(',') {
            let (name, argument) = match directive.trim().split_once('=') {
                Some((name, argument)) => (name, Some(argument)),
                None => (directive.trim(), None),
            };
            let right = match argument {
                None => FLAGS.contains(&name),
                Some(number) => {
                    let small = (1..=9).contains(&number.len());
                    NUMBERS.contains(&name)
                        && small
                        && number.bytes().all(|digit| digit.is_ascii_digit())
                }
            };
            if !right || names.contains(&name) {
                return None;
            }
            names.push(name);
        }
    }
    Some(fields.get_all(CACHE_CONTROL).iter().cloned().collect())
}

fn agree(theirs: &CacheControl, found: &subject::Directives, asked: &subject::Directives) {
    let flags = [
        ("no-store", theirs.no_store()),
        ("no-cache", theirs.no_cache()),
        ("private", theirs.private()),
        ("public", theirs.public()),
        ("must-revalidate", theirs.must_revalidate()),
        ("must-understand", theirs.must_understand()),
        ("immutable", theirs.immutable()),
        ("no-transform", theirs.no_transform()),
    ];
    for (name, flag) in flags {
        assert_eq!(found.flags.contains(&name), flag, "{name}: {theirs:?} {found:?}");
    }
    assert_eq!(asked.flags.contains(&"only-if-cached"), theirs.only_if_cached(), "{theirs:?}");
    let number = |of: &subject::Directives, wanted| {
        let number = of.seconds.iter().find(|(name, _)| *name == wanted);
        number.map(|(_, seconds)| Duration::from_secs(*seconds))
    };
    assert_eq!(number(found, "max-age"), theirs.max_age(), "{theirs:?}");
    assert_eq!(number(found, "s-maxage"), theirs.s_max_age(), "{theirs:?}");
    assert_eq!(number(asked, "min-fresh"), theirs.min_fresh(), "{theirs:?}");
    assert_eq!(number(asked, "max-stale"), theirs.max_stale(), "{theirs:?}");
}

/// What is read of what has been written is the same.
fn round_trip(found: &subject::Directives) {
    let mut text: Vec<String> = found.flags.iter().map(|name| (*name).to_owned()).collect();
    text.extend(found.seconds.iter().map(|(name, seconds)| format!("{name}={seconds}")));
    text.extend(found.fields.iter().map(|(name, field)| format!("{name}=\"{field}\"")));
    if text.is_empty() {
        return;
    }
    let fields = lines(&CACHE_CONTROL, text.join(", ").as_bytes());
    assert_eq!(subject::response_directives(&fields), *found, "{text:?}");
}

/// What is added to a response makes nothing of it that was forbidden allowed.
fn more(fields: &HeaderMap, found: &subject::Directives) {
    for more in ["no-store", "max-age=1", "unknown=\"a, b\"", "public"] {
        let mut fields = fields.clone();
        fields.append(CACHE_CONTROL, HeaderValue::from_static(more));
        let with_more = subject::response_directives(&fields);
        for flag in &found.flags {
            // Pragma is not there, so that nothing else made the flag.
            assert!(with_more.flags.contains(flag), "{flag} is lost with {more}");
        }
        for number in &found.seconds {
            assert!(with_more.seconds.contains(number), "{number:?} is lost with {more}");
        }
        assert!(more != "no-store" || with_more.flags.contains(&"no-store"), "{fields:?}");
    }
}
