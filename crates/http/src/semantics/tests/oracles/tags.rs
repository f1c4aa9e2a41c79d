//! Entity tags.

use std::time::{Duration, UNIX_EPOCH};

use headers::{ETag, Header, IfNoneMatch};
use http::{
    HeaderMap,
    header::{ETAG, IF_NONE_MATCH},
};

use super::{
    choices::{lines, only_text},
    subject,
};

/// Reads entity tags and compares them as `headers` does.
pub(crate) fn check(data: &[u8]) {
    let fields = lines(&ETAG, data);
    for line in fields.get_all(ETAG) {
        let tag = subject::entity_tag(line.as_bytes());
        // Space makes `headers` panic.
        if line.as_bytes().iter().all(|byte| !matches!(byte, b' ' | b'\t')) {
            let theirs = ETag::decode(&mut [line].into_iter());
            assert_eq!(tag.is_some(), theirs.is_ok(), "{line:?}");
        }
        let Some((weak, opaque)) = tag else { continue };
        let mark = if weak { &b"W/\""[..] } else { b"\"" };
        let text = [mark, opaque, b"\""].concat();
        assert_eq!(subject::entity_tag(&text), tag);
        let text = lines(&ETAG, &text);
        assert!(not_modified(&lines(&IF_NONE_MATCH, data), &text) || opaque.contains(&b'"'));
    }
    let made = subject::make_etag(data);
    assert!(matches!(subject::entity_tag(made.as_bytes()), Some((false, _))));
    compare(data);
}

fn not_modified(request: &HeaderMap, stored: &HeaderMap) -> bool {
    subject::not_modified(request, stored, UNIX_EPOCH + Duration::from_secs(1_780_000_000))
}

/// Evaluates a list of valid entity tags.
fn compare(data: &[u8]) {
    let request = lines(&IF_NONE_MATCH, data);
    let Some(list) = only_text(&request, &IF_NONE_MATCH) else { return };
    // No commas in tags, and nothing but tags.
    let tags: Vec<_> = list.split(',').map(|tag| tag.trim_matches([' ', '\t'])).collect();
    let valid =
        |tag: &&str| !tag.contains([' ', '\t']) && subject::entity_tag(tag.as_bytes()).is_some();
    if !tags.iter().all(valid) {
        return;
    }
    let theirs = IfNoneMatch::decode(&mut request.get_all(IF_NONE_MATCH).iter()).unwrap();
    for stored in ["\"a\"", "W/\"a\"", "\"b\"", "\"\""] {
        let expected = !theirs.precondition_passes(&stored.parse::<ETag>().unwrap());
        let ours = not_modified(&request, &lines(&ETAG, stored.as_bytes()));
        assert_eq!(ours, expected, "{list} {stored}");
    }
}
