//! `Age` and `Range`.

use std::{
    ops::Bound,
    time::{Duration, UNIX_EPOCH},
};

use headers::Header;
use http::{
    HeaderMap,
    header::{AGE, RANGE},
};

use super::{
    choices::{lines, only_text},
    subject::{self, Part},
};

/// Reads an age as `headers` does.
pub(crate) fn check_age(data: &[u8]) {
    let fields = lines(&AGE, data);
    let age = subject::age(&fields);
    assert!(age <= 1 << 31);
    assert_eq!(subject::age(&lines(&AGE, age.to_string().as_bytes())), age);
    let Some(text) = only_text(&fields, &AGE) else { return };
    if !text.starts_with('+')
        && let Ok(theirs) = headers::Age::decode(&mut fields.get_all(AGE).iter())
    {
        assert_eq!(age, theirs.as_secs().min(1 << 31), "{text}");
    } else if !text.contains([',', ' ', '\t']) && !text.bytes().all(|it| it.is_ascii_digit()) {
        assert_eq!(age, 0, "{text}");
    }
}

/// Selects ranges within the content, as `headers` does, and what has been written again.
pub(crate) fn check_range(data: &[u8]) {
    let fields = lines(&RANGE, data);
    for length in [0, 1, 10, u64::MAX] {
        let received = UNIX_EPOCH + Duration::from_secs(1_780_000_000);
        let select = |fields| subject::range(fields, &HeaderMap::new(), length, received);
        let part = select(&fields);
        if let Part::Bytes(bytes) = &part {
            assert!(bytes.start < bytes.end && bytes.end <= length, "{fields:?} of {length}");
            let text = format!("bytes={}-{}", bytes.start, bytes.end - 1);
            assert_eq!(select(&lines(&RANGE, text.as_bytes())), part);
        }
        if let Some(theirs) = expected(&fields, length) {
            assert_eq!(part, theirs, "{fields:?} of {length}");
        }
    }
}

/// Returns what a single range gets by `headers`, clamped to the content, where it is right.
fn expected(fields: &HeaderMap, length: u64) -> Option<Part> {
    let set = only_text(fields, &RANGE)?.strip_prefix("bytes=")?;
    if set.is_empty() || !set.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return None;
    }
    let theirs = headers::Range::decode(&mut fields.get_all(RANGE).iter()).ok()?;
    let ranges: Vec<_> = theirs.satisfiable_ranges(length).collect();
    let [(Bound::Included(start), end)] = ranges[..] else { return None };
    let suffix = set.starts_with('-');
    let end = match end {
        Bound::Included(end) if end < start => return Some(Part::Full),
        Bound::Included(end) => end.saturating_add(1).min(length),
        _ => length,
    };
    // A suffix of nothing, or of no content.
    if suffix && (start == length || length == 0) {
        return None;
    }
    Some(if start < length { Part::Bytes(start..end) } else { Part::NotSatisfiable })
}
