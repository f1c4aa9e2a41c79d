//! Dates.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::subject;

/// A moment in 2026.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_780_000_000)
}

/// Reads a date as `httpdate` does, and what has been written again.
pub(crate) fn check(data: &[u8]) {
    let ours = subject::parse_date(data, now());
    let theirs = std::str::from_utf8(data).ok().and_then(|it| httpdate::parse_http_date(it).ok());
    // It is the more lenient one: any byte will do for some of the spaces, for instance. What it
    // would write itself has to be read, though.
    if theirs.is_some_and(|theirs| httpdate::fmt_http_date(theirs).as_bytes() == data) {
        assert!(ours.is_some(), "a date as httpdate writes it is one to us: {data:?}");
    }
    if let (Some(theirs), Some(ours)) = (theirs, ours) {
        // Two-digit years.
        let century = Duration::from_secs(36_525 * 86_400);
        let apart = ours.max(theirs).duration_since(ours.min(theirs)).unwrap();
        let obsolete = data.get(3).is_some_and(u8::is_ascii_alphabetic);
        assert!(ours == theirs || obsolete && apart <= century, "{data:?}: {ours:?} {theirs:?}");
    }
    // The leap second at the end of the year 9999 is of a year that has no form.
    let after = UNIX_EPOCH + Duration::from_secs(253_402_300_800);
    let Some(time) = ours.filter(|time| *time < after) else { return };
    let text = subject::format_date(time);
    assert_eq!(subject::parse_date(text.as_bytes(), now()), Some(time), "{text:?}");
    if time >= UNIX_EPOCH {
        let text = text.to_str().unwrap();
        assert_eq!(httpdate::parse_http_date(text).ok(), Some(time), "{text}");
    }
}

/// Writes a date as `httpdate` does.
pub(crate) fn check_time(seconds: u64) {
    let time = UNIX_EPOCH + Duration::from_secs(seconds % 253_402_300_800);
    let text = subject::format_date(time);
    assert_eq!(text, httpdate::fmt_http_date(time));
    assert_eq!(subject::parse_date(text.as_bytes(), now()), Some(time));
}
