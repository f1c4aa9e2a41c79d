//! `delta-seconds` (RFC 9111 1.2.2).

/// What a number of seconds that is too large counts as, about 68 years.
pub(crate) const MOST_SECONDS: u64 = 1 << 31;

/// Reads a number of seconds: digits and nothing else. Larger ones than [`MOST_SECONDS`] count as
/// that.
pub(crate) fn delta_seconds(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0, |seconds: u64, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some((seconds * 10 + digit).min(MOST_SECONDS))
    })
}
