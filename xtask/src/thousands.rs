//! Large numbers in tables.

/// A count with a comma between thousands.
pub(crate) fn thousands(n: u64) -> String {
    let (above, below) = (n / 1000, n % 1000);
    if above == 0 { below.to_string() } else { format!("{},{below:03}", thousands(above)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_stands_between_thousands() {
        let texts = [0, 999, 1_000, 1_002_003].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "1,002,003"]);
    }
}
