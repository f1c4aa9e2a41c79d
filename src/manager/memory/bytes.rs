//! Numbers of bytes as text.

use std::fmt;

/// A number of bytes, displayed in the largest binary unit of which it is at least one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let power = (63 - self.0.max(1).leading_zeros() as usize) / 10;
        let one = 1_u64 << (10 * power);
        let unit = UNITS[power];
        if self.0.is_multiple_of(one) {
            write!(f, "{} {unit}", self.0 / one)
        } else {
            write!(f, "{:.1} {unit}", self.0 as f64 / one as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_words() {
        for (bytes, words) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (64 << 20, "64 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), words);
        }
    }
}
