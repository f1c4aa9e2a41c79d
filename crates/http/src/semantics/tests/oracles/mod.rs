//! Other crates as oracles, where they are right. The fuzz targets run the same checks.
//!
//! Where they are not, and what the standards say:
//!
//! `http-cache-semantics` 3.0.0
//! - takes names of directives as they are written; they are case-insensitive (RFC 9111 5.2);
//! - splits quoted strings at commas (RFC 9110 5.6.4), so `private="a, no-store"` has `no-store`;
//! - takes the qualified forms of `private` and `no-cache` for the unqualified ones, which RFC 9111
//!   5.2.2.4 and 5.2.2.7 allow;
//! - takes what no number is after `max-age` for 0, as we do, but `max-age` without an argument for
//!   no lifetime at all (RFC 9111 4.2.1);
//! - reads `Age: 10, 20` and numbers beyond 64 bits as 0; the first member counts (RFC 9111 5.1),
//!   and large numbers count as 2^31 (1.2.2);
//! - leaves `Date` and the time of the exchange out of the age (RFC 9111 4.2.3);
//! - lets `proxy-revalidate` end every lifetime, and serves what is stale in spite of `s-maxage`
//!   (RFC 9111 5.2.2.8, 5.2.2.10);
//! - heeds `Pragma` in requests that have `Cache-Control` (RFC 9111 5.4);
//! - looks at the first line alone of `Date`, `Expires`, `Age` and `Vary`'s `*`, and reads dates by
//!   RFC 2822: zones, missing seconds, no obsolete forms (RFC 9110 5.6.7);
//! - knows neither `must-understand` (RFC 9111 5.2.2.3) nor statuses beyond a list (3), and stores
//!   206 never and POST if it has a lifetime, which both are allowed;
//! - stores responses that set cookies, with a lifetime only if they are `public` or `immutable`:
//!   ours are not stored;
//! - guesses lifetimes of more than a day, which RFC 9111 4.2.2 leaves open.
//!
//! `headers` 0.4
//! - `CacheControl` has no qualified forms, the last of equal directives counts (RFC 9111 4.2.1),
//!   and one directive with an invalid argument is left out;
//! - `IfNoneMatch` reads visible ASCII only; entity tags may have more (RFC 9110 8.8.3). It takes a
//!   backslash in an entity tag for what it is, but goes on behind what is no entity tag;
//! - `ETag` takes spaces in tags, and panics at them with debug assertions;
//! - `Range` yields no suffix that is longer than the content (RFC 9110 14.1.2), does not clamp,
//!   and accepts `bytes=+1-2` and only lower case (14.1);
//! - `Age` accepts a plus sign.
//!
//! `httpdate` 1.0
//! - wants the weekday to be right, letters as they are in the standard (RFC 9111 4.2 asks for
//!   less), and years from 1970 on; takes two-digit years below 70 for this century (RFC 9110
//!   5.6.7); knows no leap second.
//!
//! `sfv` 0.15 is right as far as we know.

mod choices;
mod dates;
mod directives;
mod lists;
mod numbers;
mod policy;
mod tags;

use crate::internals as subject;
use choices::Choices;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

const ROUNDS: usize = 4000;

/// Runs a check with values that are put together from these parts, and with random bytes.
fn with_values(parts: &[&str], check: impl Fn(&[u8])) {
    let mut random = SmallRng::seed_from_u64(9111);
    for _ in 0..ROUNDS {
        let mut value = Vec::new();
        for _ in 0..random.random_range(0..9) {
            if random.random_range(0..40) == 0 {
                value.push(random.random());
            } else {
                value.extend_from_slice(parts[random.random_range(0..parts.len())].as_bytes());
            }
        }
        check(&value);
    }
}

#[test]
fn r06_directives_agree_with_headers() {
    let parts = [
        "max-age=60",
        "s-maxage=0",
        "no-store",
        "no-cache",
        "private",
        "public",
        "max-stale",
        "min-fresh=5",
        "must-revalidate",
        "no-cache=\"a\"",
        "immutable",
        "stale-if-error=1",
        ", ",
        ",",
        "\n",
        "=",
        "\"",
        "\\",
        "max-age",
        "99999999999",
        "MAX-AGE=1",
        "must-understand",
        ", ",
        ", ",
    ];
    with_values(&parts, directives::check);
}

#[test]
fn r05_vary_agrees_with_headers() {
    let parts = ["accept", "x-a", "X-B", "*", ", ", ",", " ", "\n", "\"", "a b", ", "];
    with_values(&parts, lists::check_vary);
}

#[test]
fn r09_structured_fields_agree_with_sfv() {
    let parts = [
        "\"a\"",
        "\"b\\\"\"",
        "a",
        "max-age",
        "=",
        "60",
        ", ",
        ",",
        ";x=1",
        ";",
        "?1",
        "(a b)",
        "(",
        ":aGk=:",
        "@1",
        "1.5",
        "%\"a\"",
        " ",
        "-1",
        "\n",
        "no-store",
        "*a",
        "/",
        "\t",
        ", ",
        "a=1",
    ];
    with_values(&parts, lists::check_structured);
    with_values(&parts, lists::check_groups);
}

#[test]
fn r14_entity_tags_agree_with_headers() {
    let parts = [
        "\"a\"", "W/", "\"", "\"b\"", "a", ", ", ",", "*", " ", "\n", "w/", "\u{e9}", "\\", "\"a\"",
    ];
    with_values(&parts, tags::check);
}

#[test]
fn r15_ranges_agree_with_headers() {
    let parts =
        ["bytes=", "0", "1", "5", "-", "-", ",", " ", "\n", "99999999999999999999", "bytes"];
    with_values(&parts, numbers::check_range);
}

#[test]
fn r09_ages_agree_with_headers() {
    let parts = ["0", "7", "12345", "2147483647", "-", "+", ",", " ", ".", "\n", "a"];
    with_values(&parts, numbers::check_age);
}

#[test]
fn r11_dates_agree_with_httpdate() {
    let parts = [
        "Sun, ",
        "06 ",
        "Nov ",
        "1994 ",
        "08:49:37",
        " GMT",
        "Sunday, ",
        "06-Nov-94 ",
        "Sun ",
        " 6 ",
        "sun, ",
        "1994",
    ];
    with_values(&parts, dates::check);
    let mut random = SmallRng::seed_from_u64(9110);
    for _ in 0..ROUNDS {
        let mut value = b"Sun, 06 Nov 1994 08:49:37 GMT".to_vec();
        for _ in 0..random.random_range(0..3) {
            let place = random.random_range(0..value.len());
            value[place] = b"0123456789 :,SunNovGMT-"[random.random_range(0..23)];
        }
        dates::check(&value);
        dates::check_time(random.random_range(0..253_402_300_800));
    }
}

#[test]
fn r09_policies_agree_with_http_cache_semantics() {
    let mut random = SmallRng::seed_from_u64(5861);
    let mut outcomes = policy::Outcomes::default();
    for _ in 0..ROUNDS * 5 {
        let bytes: [u8; 48] = random.random();
        policy::check(&mut Choices::new(&bytes), &mut outcomes);
    }
    // The comparison is worth little if it hardly ever comes to the end.
    assert!(outcomes.answered > ROUNDS / 4, "{outcomes:?}");
    assert!(outcomes.not_answered > ROUNDS / 4, "{outcomes:?}");
    assert!(outcomes.refused > ROUNDS / 4, "{outcomes:?}");
}
