//! Dates and structured fields.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{DATE, at};
use crate::semantics::{
    date,
    syntax::structured::{Bare, dictionary, list},
};

fn after_epoch(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn before_epoch(seconds: u64) -> SystemTime {
    UNIX_EPOCH - Duration::from_secs(seconds)
}

#[test]
fn r11_dates_in_three_forms() {
    let table: &[(&str, SystemTime)] = &[
        (DATE, at(0)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", at(0)),
        ("Sun Nov  6 08:49:37 1994", at(0)),
        ("SUN, 06 NOV 1994 08:49:37 gmt", at(0)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", UNIX_EPOCH),
        ("Wed, 31 Dec 1969 23:59:59 GMT", before_epoch(1)),
        ("Tue, 29 Feb 2000 00:00:00 GMT", after_epoch(951_782_400)),
        ("Thu Feb 29 00:00:00 2024", after_epoch(1_709_164_800)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", after_epoch(253_402_300_799)),
        ("Sat, 01 Jan 0000 00:00:00 GMT", before_epoch(62_167_219_200)),
        // A leap second.
        ("Sat, 31 Dec 2016 23:59:60 GMT", after_epoch(1_483_228_800)),
        // The weekday is wrong, the date is none the less clear.
        ("Mon, 06 Nov 1994 08:49:37 GMT", at(0)),
    ];
    for (value, expected) in table {
        assert_eq!(date::parse(value.as_bytes(), at(0)), Some(*expected), "{value}");
    }
}

#[test]
fn r11_what_is_no_date() {
    for value in [
        "",
        "0",
        "Sun, 06 Nov 1994 08:49:37 GM",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT+1",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Thu, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Foo, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 19994 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov 06 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov   6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(date::parse(value.as_bytes(), at(0)), None, "{value}");
    }
}

#[test]
fn r11_years_of_two_digits_are_at_most_50_years_ahead() {
    // RFC 9110 5.6.7. The first date is in 1994, the second in 2026.
    let in_2026 = after_epoch(1_780_000_000);
    let year = |digits: &str, now| {
        let text = format!("Sunday, 01-Jan-{digits} 00:00:00 GMT");
        let time = date::parse(text.as_bytes(), now).unwrap();
        String::from_utf8(date::format(time).as_bytes()[12..16].to_vec()).unwrap()
    };
    assert_eq!(year("94", at(0)), "1994");
    assert_eq!(year("44", at(0)), "2044");
    assert_eq!(year("45", at(0)), "1945");
    assert_eq!(year("00", at(0)), "2000");
    assert_eq!(year("76", in_2026), "2076");
    assert_eq!(year("77", in_2026), "1977");
    assert_eq!(year("26", in_2026), "2026");
    // Exactly 50 years are not more than 50.
    let half_a_century = |text: &str| {
        let time = date::parse(text.as_bytes(), at(0)).unwrap();
        date::format(time).to_str().unwrap().to_owned()
    };
    let limit = half_a_century("Sunday, 06-Nov-44 08:49:37 GMT");
    assert_eq!(limit, "Sun, 06 Nov 2044 08:49:37 GMT");
    let beyond = half_a_century("Sunday, 06-Nov-44 08:49:38 GMT");
    assert_eq!(beyond, "Mon, 06 Nov 1944 08:49:38 GMT");
}

#[test]
fn r11_dates_are_written() {
    let table: &[(SystemTime, &str)] = &[
        (at(0), DATE),
        (at(0) + Duration::from_millis(999), DATE),
        (UNIX_EPOCH, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (before_epoch(1), "Wed, 31 Dec 1969 23:59:59 GMT"),
        (UNIX_EPOCH - Duration::from_millis(1), "Wed, 31 Dec 1969 23:59:59 GMT"),
        (after_epoch(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT"),
        (after_epoch(253_402_300_799), "Fri, 31 Dec 9999 23:59:59 GMT"),
        (after_epoch(253_402_300_800), "Fri, 31 Dec 9999 23:59:59 GMT"),
        (before_epoch(99_999_999_999), "Sat, 01 Jan 0000 00:00:00 GMT"),
    ];
    for (time, expected) in table {
        assert_eq!(date::format(*time), *expected);
    }
}

#[test]
fn r09_dictionaries() {
    let entries =
        dictionary(b" a=1 ,\tb;x=\"y\";z, c=\"d,\\\\e\", f=?0, g=tok/en:*, h=-15 ").unwrap();
    assert_eq!(
        entries,
        [
            ("a", Bare::Integer(1)),
            ("b", Bare::Boolean(true)),
            ("c", Bare::String("d,\\e".into())),
            ("f", Bare::Boolean(false)),
            ("g", Bare::Token("tok/en:*")),
            ("h", Bare::Integer(-15)),
        ]
    );
    assert_eq!(dictionary(b"a=1, b=2, a=3").unwrap().len(), 2);
    assert_eq!(dictionary(b"a=1, a").unwrap(), [("a", Bare::Boolean(true))]);
    assert_eq!(dictionary(b"").unwrap(), []);
    for other in [
        "a=1.5",
        "a=@1",
        "a=:aGk=:",
        "a=::",
        "a=:aA=:",
        "a=:aGk:",
        "a=%\"%c3%a9\"",
        "a=(1 \"b\";c d);e",
    ] {
        assert_eq!(dictionary(other.as_bytes()).unwrap(), [("a", Bare::Other)], "{other}");
    }
    for malformed in [
        "a,",
        ",a",
        "a,,b",
        "A=1",
        "1=a",
        "a =1",
        "a= 1",
        "a=",
        "a b",
        "a=1.",
        "a=1.2345",
        "a=--1",
        "a=1234567890123456",
        "a=1234567890123.1",
        "a=\"\\n\"",
        "a=\"",
        "a=\"\u{e9}\"",
        "a=?2",
        "a=?",
        "a=(1",
        "a=(1,2)",
        "a=(1 2",
        "a=:a:",
        "a=:aGk",
        "a=:aGk==:",
        "a=:aGkh=:",
        "a=:a=Gk:",
        "a=@1.5",
        "a=@",
        "a=%\"%C3\"",
        "a=%\"%c3\"",
        "a=%x",
        "a;",
        "a;B",
        "a=&",
        "\ta=1",
    ] {
        assert_eq!(dictionary(malformed.as_bytes()), None, "{malformed}");
    }
}

#[test]
fn r25_lists() {
    assert_eq!(
        list(b"\"a\";b, c ,2").unwrap(),
        [Bare::String("a".into()), Bare::Token("c"), Bare::Integer(2)]
    );
    assert_eq!(list(b"()").unwrap(), [Bare::Other]);
    assert_eq!(list(b"  ").unwrap(), []);
    for malformed in ["a,", ",", "a b", "a=1", "\"a\"\"b\""] {
        assert_eq!(list(malformed.as_bytes()), None, "{malformed}");
    }
}
