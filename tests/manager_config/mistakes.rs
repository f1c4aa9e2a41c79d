//! What is wrong, where, and what could have been.

use super::{mistake, mistakes, mistakes_of};
use larder::manager::{
    CacheKind, CacheSettings,
    config::{ConfigProblem, ManagerConfig, Place},
};
use std::error::Error;

#[test]
fn unknown_settings_and_sections() {
    assert_eq!(
        mistake("[url]\n\n  tll = '5m'"),
        "larder.toml:3:3: url.tll: there is no such setting; did you mean ttl? Allowed are \
         max_entries, max_bytes, ttl, expiry, jitter, shards, new_key_share, eviction_policy, priority, \
         health"
    );
    // By its name in the program.
    assert!(mistake("[url]\ntime_to_live = '5m'").contains("did you mean ttl?"));
    assert_eq!(
        mistake("# all about\n[sesion]\nttl = '5m'\ntll = 3"),
        "larder.toml:2:2: sesion: there is no such setting; did you mean session? Allowed are \
         url, user, analytics, session, general, caches, memory, health"
    );
    assert_eq!(
        mistake("[memory]\ncolour = 'blue'"),
        "larder.toml:2:1: memory.colour: there is no such setting; allowed are enabled, \
         sample_every, limit, pressure"
    );
    assert!(mistake("[memory.pressure]\nhihg = 0.9").contains("did you mean high?"));
}

#[test]
fn what_is_out_of_range() {
    assert_eq!(
        mistake("[url]\nmax_entries = 4294967296"),
        "larder.toml:2:15: url.max_entries: 4294967296 is out of range; allowed are 0 to 4294967295"
    );
    assert_eq!(
        mistake("[caches.reports]\nmax_bytes = '0 MiB'"),
        "larder.toml:2:13: caches.reports.max_bytes: '0 MiB' is out of range; \
         allowed are 1 to 1125899906842624"
    );
    for ttl in ["0s", "3651d", "600w"] {
        assert_eq!(
            mistake(&format!("user.ttl = '{ttl}'")),
            format!(
                "larder.toml:1:12: user.ttl: '{ttl}' is out of range; \
                 allowed are 1 ms to 3650 days, or none"
            )
        );
    }
    assert!(mistake("[url]\njitter = 1.5").contains("1.5 is out of range; allowed are 0.0 to 1.0"));
    assert!(mistake("[url]\njitter = nan").contains("nan is out of range"));
    assert!(mistake("[url]\nshards = 0").contains("allowed are 1 to 65536, or \"auto\""));
    assert!(
        mistake("[url]\nnew_key_share = 0.7").contains("allowed are 0.01 to 0.60, or \"auto\"")
    );
    assert!(mistake("[memory]\nsample_every = '1ms'").contains("allowed are 100 ms to 1 day"));
    assert!(mistake("[memory]\nlimit = 5").contains("allowed are 1 MiB"));
    assert!(mistake("[memory.pressure]\nfloor = 0").contains("allowed are 0.01 to 1.0"));
}

#[test]
fn wrong_types() {
    assert_eq!(
        mistake("[url]\nttl = 30"),
        "larder.toml:2:7: url.ttl: 30 is an integer; allowed is a duration such as \"1h 30m\" \
         (units: ms, s, m, h, d, w), or \"none\""
    );
    assert_eq!(
        mistake("[url]\nmax_entries = '5000'"),
        "larder.toml:2:15: url.max_entries: '5000' is a text; allowed is a whole number"
    );
    assert_eq!(
        mistake("url = true"),
        "larder.toml:1:7: url: true is a boolean; allowed is a section with settings of its own"
    );
    assert!(mistake("[[url]]\nttl = '1m'").contains("is an array"));
    assert!(mistake("[url.ttl]\nseconds = 5").contains("is a table; allowed is a duration"));
    assert!(mistake("[url]\nttl = 1979-05-27").contains("is a date or a time"));
    assert!(mistake("[url]\nmax_entries = 5.0").contains("is a number with a point"));
    assert!(mistake("[memory]\nenabled = 'yes'").contains("is a text; allowed is true or false"));
    assert!(mistake("caches = 5").contains("allowed is a section"));
    assert!(mistake("caches.a = 5").contains("allowed is a section"));
    assert!(mistake("memory.pressure = 5").contains("allowed is a section"));
}

#[test]
fn values_that_say_nothing() {
    assert_eq!(
        mistake("[url]\nttl = '5 parsecs'"),
        "larder.toml:2:7: url.ttl: '5 parsecs' does not fit: \"parsecs\" is not a known unit; allowed \
         is a duration such as \"1h 30m\" (units: ms, s, m, h, d, w), or \"none\""
    );
    assert_eq!(
        mistake("[url]\nexpiry = 'never'"),
        "larder.toml:2:10: url.expiry: 'never' does not fit: it is not one of the allowed values; \
         allowed is one of \"after_write\", \"after_access\""
    );
    assert!(mistake("[url]\nmax_bytes = '64 MiBs'").contains("\"MiBs\" is not a known unit"));
    assert!(mistake("[url]\nmax_bytes = '99999999 TiB'").contains("it is too large"));
    assert!(mistake("[url]\nmax_entries = -1").contains("-1 does not fit: it is negative"));
    assert!(mistake("[url]\nmax_entries = 99999999999999999999").contains("it is too large"));
    assert!(mistake("[url]\npriority = 256").contains("256 does not fit: it is too large"));
    assert!(mistake("[url]\neviction_policy = 'mru'").contains("\"segmented-lru\", \"lru\""));
}

#[test]
fn names_that_no_cache_can_have() {
    assert_eq!(
        mistake("[caches.url]\nttl = '1m'"),
        "larder.toml:1:9: caches.url: \"url\" does not fit: it is not a valid name for a named cache; \
         allowed is any name but those of the five kinds, which have sections of their own"
    );
    assert!(mistake("[caches.Reports]").contains("allowed is 1 to 64 of a-z"));
    let error = ManagerConfig::builder().named("7", CacheSettings::new(1)).build().unwrap_err();
    assert!(error.to_string().starts_with("the program: caches.7: \"7\" does not fit"), "{error}");
}

#[test]
fn what_is_no_toml_at_all() {
    let found = mistakes("[url]\nttl = \nmax_entries 5\n");
    assert!(found.len() >= 2, "{found:?}");
    assert!(found[0].starts_with("larder.toml:2:"), "{found:?}");
    assert!(found[1].starts_with("larder.toml:3:"), "{found:?}");
    assert!(mistake("[url]\nttl = '1m'\nttl = '2m'").contains("duplicate key"));
    assert!(!mistakes("[url").is_empty());
}

#[test]
fn columns_are_characters_and_long_values_are_cut() {
    let text = "url = { ttl = 'übermorgen', jitter = 2 }";
    let column = text.chars().position(|c| c == '2').unwrap() + 1;
    let found = mistakes(text);
    assert!(found[1].starts_with(&format!("larder.toml:1:{column}: url.jitter")), "{found:?}");
    let long = mistake(&format!("[url]\nttl = '{}'", "ü".repeat(1000)));
    assert!(long.contains(&format!(": '{} .. does not fit", "ü".repeat(59))), "{long}");
}

#[test]
fn everything_at_once_in_the_order_of_the_file() {
    let text = "[url]\nttl = 5\nshards = 0\n[user]\nttl = 'x'\n[usr]\n[general]\njiter = 0.1\n";
    let found = mistakes(text);
    let places: Vec<_> = found.iter().map(|line| &line[..15]).collect();
    let expected = [
        "larder.toml:2:7",
        "larder.toml:3:1",
        "larder.toml:5:7",
        "larder.toml:6:2",
        "larder.toml:8:1",
    ];
    assert_eq!(places, expected);
}

#[test]
fn settings_that_do_not_go_together() {
    assert_eq!(
        mistake("[memory.pressure]\nhigh = 0.6"),
        "larder.toml:2:8: memory.pressure.low: 0.7 is out of range; \
         allowed are more than 0.0 and less than pressure.high"
    );
    assert_eq!(
        mistake("[memory.pressure]\nlow = 0.95\nhigh = 0.9"),
        "larder.toml:2:7: memory.pressure.low: 0.95 is out of range; \
         allowed are more than 0.0 and less than pressure.high"
    );
    // Both at once, in whatever order.
    let config = ManagerConfig::from_toml_str("[memory.pressure]\nlow = 0.9\nhigh = 0.95").unwrap();
    assert_eq!(config.memory().pressure.low, 0.9);
}

#[test]
fn variables_are_called_by_their_names() {
    assert_eq!(
        mistakes_of(&[("LARDER_URL__TTL", "soon"), ("LARDER_URL__MAX_ENTRIES", "4294967296")]),
        [
            "environment variable LARDER_URL__MAX_ENTRIES: url.max_entries: \"4294967296\" is out of \
             range; allowed are 0 to 4294967295",
            "environment variable LARDER_URL__TTL: url.ttl: \"soon\" does not fit: \"soon\" does not \
             begin with a number; allowed is a duration such as \"1h 30m\" \
             (units: ms, s, m, h, d, w), or \"none\"",
        ]
    );
    let one = |name, value| mistakes_of(&[(name, value)]).concat();
    assert_eq!(
        one("LARDER_URL_TTL", "5m"),
        "environment variable LARDER_URL_TTL: url_ttl: there is no such setting; \
         did you mean LARDER_URL__TTL? Allowed are two underscores between section and setting"
    );
    assert!(one("LARDER_URL__TLL", "5m").contains("did you mean ttl?"));
    assert!(one("LARDER_URLS__TTL", "5m").contains("did you mean url?"));
    assert!(one("LARDER_URL__", "5m").contains("there is no such setting"));
    assert!(one("LARDER_CACHES__X", "5m").contains("allowed is a section"));
    assert!(one("LARDER_CACHES__7__TTL", "5m").contains("it is not a valid name"));
    assert!(one("LARDER_URL__TTL__SECONDS", "5").contains("is a text; allowed is a duration"));
    assert!(one("LARDER_MEMORY__ENABLED", "yes").contains("allowed is true or false"));
    assert!(one("LARDER_URL__TTL", "").contains("it is empty"));
    assert!(one("LARDER_URL__MAX_ENTRIES", "").contains("it is empty"));
    assert!(one("LARDER_URL__MAX_ENTRIES", "1e3").contains("it is not a whole number"));
}

#[cfg(unix)]
#[test]
fn variables_that_are_no_text() {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};

    let garbled = OsString::from_vec(vec![b'5', 0xff]);
    let read = |name: &str| {
        let variable = (OsString::from(name), garbled.clone());
        ManagerConfig::builder().variables([variable]).build()
    };
    assert!(read("LARDER_URL__TTL").unwrap_err().to_string().contains("it is not Unicode"));
    // Other variables may have any value.
    assert!(read("EDITOR").is_ok());
    let named = ManagerConfig::builder().variables([(garbled.clone(), garbled)]).build();
    assert!(named.is_ok());
}

#[test]
fn files_that_cannot_be_read() {
    let error = ManagerConfig::from_file("no/such/larder.toml").unwrap_err();
    assert!(error.to_string().starts_with("no/such/larder.toml: cannot be read: "), "{error}");
    assert!(error.source().is_some());
    assert!(matches!(error.problems(), [ConfigProblem::Unreadable { .. }]));
    // A directory is there, and is none the less no file.
    let builder = ManagerConfig::builder().optional_file(env!("CARGO_TARGET_TMPDIR"));
    assert!(matches!(builder.build().unwrap_err().problems(), [ConfigProblem::Unreadable { .. }]));
}

#[test]
fn what_the_program_says_is_checked_too() {
    let wrong = CacheSettings::new(1 << 32);
    let error = ManagerConfig::builder().kind(CacheKind::User, wrong).build().unwrap_err();
    let [problem] = error.problems() else { panic!("{error}") };
    assert_eq!(problem.place(), Some(&Place::Program));
    assert_eq!(problem.field(), Some("user.max_entries"));
    assert_eq!(
        problem.to_string(),
        "the program: user.max_entries: 4294967296 is out of range; allowed are 0 to 4294967295"
    );
    // Unless a file says better.
    let config = ManagerConfig::builder()
        .kind(CacheKind::User, CacheSettings::new(0))
        .toml("t", "[user]\nmax_entries = 1")
        .build();
    assert!(config.is_ok());
}
