//! Settings in an application's own file, and by variables of its own.

use larder::manager::{
    CacheKind, CacheManager, HealthStatus,
    config::{ConfigBuilder, ConfigProblem, ManagerConfig},
};
use std::{cell::Cell, fs, process, time::Duration};

const MINUTE: Duration = Duration::from_secs(60);

const APP: &str = r#"
url = "https://example.com/" # the application's, not a cache's

[server]
port = 8080
url = { host = "a", path = ["b"] }

[cache.url]
max_entries = 200
ttl = "5m"

[cache.caches.reports]
max_entries = 10

[cache.health]
min_lookups = 7
"#;

fn within(table: &str, text: &str) -> ConfigBuilder {
    ManagerConfig::builder().toml("app.toml", text).table(table)
}

fn mistakes(builder: ConfigBuilder) -> Vec<String> {
    builder.build().unwrap_err().problems().iter().map(ToString::to_string).collect()
}

#[test]
fn a_table_of_the_applications_file_has_the_settings() {
    let config = within("cache", APP).build().unwrap();
    let url = config.kind(CacheKind::Url);
    assert_eq!((url.max_entries, url.time_to_live), (200, Some(5 * MINUTE)));
    assert_eq!(config.cache("reports").unwrap().max_entries, 10);
    assert_eq!(config.health().min_lookups, 7);
    // Without the table's name the rest of the file is taken for settings.
    let refused = mistakes(ManagerConfig::builder().toml("app.toml", APP));
    assert!(refused.iter().any(|line| line.starts_with("app.toml:4:2: server: ")), "{refused:?}");
}

#[test]
fn a_table_may_be_within_another_and_in_every_file() {
    let first = "[service.cache.url]\nmax_entries = 1\n[service.cache.user]\nmax_entries = 2";
    let config = ManagerConfig::builder()
        .toml("first.toml", first)
        .table("service.cache")
        .toml("second.toml", "service.cache.user.max_entries = 3")
        .toml("third.toml", "[service]\nname = 'other'\n[service.cache]")
        .build()
        .unwrap();
    let entries = [CacheKind::Url, CacheKind::User].map(|kind| config.kind(kind).max_entries);
    assert_eq!(entries, [1, 3]);
    assert_eq!(
        within("", "[url]\nmax_entries = 4").build().unwrap().kind(CacheKind::Url).max_entries,
        4
    );
}

#[test]
fn a_file_on_disk_may_be_the_applications() {
    let path = std::env::temp_dir().join(format!("larder-own-file-{}.toml", process::id()));
    fs::write(&path, APP).unwrap();
    let config = ManagerConfig::builder().table("cache").file(&path).build();
    fs::remove_file(&path).unwrap();
    assert_eq!(config.unwrap().kind(CacheKind::Url).max_entries, 200);
}

#[test]
fn a_table_that_a_file_has_not_is_a_mistake_of_that_file() {
    assert_eq!(
        mistakes(within("cahce", APP)),
        ["app.toml: there is no table cahce; did you mean cache? There are server, cache"]
    );
    let text = "[[cache]]\n[log]\n[service.log]\n[service.cache.url]\nmax_entries = 1";
    assert_eq!(
        [
            mistakes(within("cache-settings", text)),
            mistakes(within("service.cach", text)),
            mistakes(within("servce.cache", text)),
            mistakes(within("service.cache.url.more", text)),
            mistakes(within("cache", "")),
        ],
        [
            ["app.toml: there is no table cache-settings; there are log, service"],
            ["app.toml: there is no table service.cach; did you mean service.cache? There are \
              service.log, service.cache"],
            ["app.toml: there is no table servce; did you mean service? There are log, service"],
            ["app.toml: there is no table service.cache.url.more; service.cache.url has no tables"],
            ["app.toml: there is no table cache; the file has no tables"],
        ]
    );
}

#[test]
fn each_file_that_is_there_has_to_have_the_table() {
    let directory = std::env::temp_dir();
    let there = directory.join(format!("larder-without-table-{}.toml", process::id()));
    let absent = directory.join(format!("larder-absent-{}.toml", process::id()));
    fs::write(&there, "[server]\nport = 80").unwrap();
    let builder = || ManagerConfig::builder().toml("app.toml", APP).table("cache");
    let refused = [builder().file(&there), builder().optional_file(&there)].map(mistakes);
    let of_all = mistakes(within("cahce", APP).optional_file(&there));
    fs::write(&there, "[server]\nport = 80\n[cache]").unwrap();
    let of_an_empty_one = builder().file(&there).build();
    fs::remove_file(&there).unwrap();

    let line = format!("{}: there is no table cache; there are server", there.display());
    assert_eq!(refused, [[line.clone()], [line]]);
    assert_eq!(of_all.len(), 2, "{of_all:?}");
    assert_eq!(of_an_empty_one.unwrap().kind(CacheKind::Url).max_entries, 200);
    // Nobody minds that there is no file.
    let of_none = builder().optional_file(&absent).build().unwrap();
    assert_eq!(of_none.kind(CacheKind::Url).max_entries, 200);
    // And what cannot be read at all is told as it was.
    assert!(mistakes(builder().file(&absent))[0].contains("cannot be read"));
    assert!(matches!(
        within("cahce", APP).build().unwrap_err().problems(),
        [ConfigProblem::NoTable { file, table, suggestion: Some(suggestion), .. }]
            if file == "app.toml" && table == "cahce" && suggestion == "cache"
    ));
}

#[test]
fn mistakes_in_the_table_have_their_places_in_the_file() {
    let text = "[server]\nport = 80\n\n[cache.url]\nttl = 30\nmax_entires = 5\n\n[cache.usr]\n";
    assert_eq!(
        mistakes(within("cache", text)),
        [
            "app.toml:5:7: url.ttl: 30 is an integer; allowed is a duration such as \"1h 30m\" (units: \
             ms, s, m, h, d, w), or \"none\"",
            "app.toml:6:1: url.max_entires: there is no such setting; did you mean max_entries? \
             Allowed are max_entries, max_bytes, ttl, expiry, jitter, shards, new_key_share, \
             eviction_policy, priority, health",
            "app.toml:8:8: usr: there is no such setting; did you mean user? Allowed are url, user, \
             analytics, session, general, caches, memory, health",
        ]
    );
    assert_eq!(
        mistakes(within("service.cache", "[service]\ncache = 5")),
        ["app.toml:2:9: service.cache: 5 is an integer; allowed is a table that has the caches' \
             settings"]
    );
    // What is out of range beside another setting, too.
    let text = "[cache.memory.pressure]\nlow = 0.9\n";
    assert!(
        mistakes(within("cache", text))[0].starts_with("app.toml:2:7: memory.pressure.low: 0.9")
    );
}

#[test]
fn variables_have_a_prefix_of_the_application() {
    let variables = [
        ("MYAPP_CACHE_URL__MAX_ENTRIES", "200"),
        ("MYAPP_CACHE_CACHES__REPORTS__TTL", "5m"),
        ("LARDER_URL__MAX_ENTRIES", "300"),
        ("MYAPP_PORT", "80"),
        ("URL__MAX_ENTRIES", "400"),
    ];
    let builder = || ManagerConfig::builder().variables(variables);
    let config = builder().env_prefix("MYAPP_CACHE_").build().unwrap();
    assert_eq!(config.kind(CacheKind::Url).max_entries, 200);
    assert_eq!(config.cache("reports").unwrap().time_to_live, Some(5 * MINUTE));
    assert_eq!(builder().build().unwrap().kind(CacheKind::Url).max_entries, 300);
    // They come after the files, whose table is of another name.
    let config = within("cache", APP).variables(variables).env_prefix("MYAPP_CACHE_").build();
    assert_eq!(config.unwrap().cache("reports").unwrap().max_entries, 10);
}

#[test]
fn mistakes_in_variables_name_the_variable_as_it_is() {
    let builder = ManagerConfig::builder().env_prefix("MYAPP_").variables([
        ("MYAPP_USER_TTL", "5m"),
        ("MYAPP_URL__TTL", "soon"),
        ("MYAPP_PORT", "1"),
    ]);
    let mistakes = mistakes(builder);
    assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    assert!(mistakes[0].starts_with("environment variable MYAPP_URL__TTL: url.ttl: \"soon\""));
    assert!(mistakes[1].contains("did you mean MYAPP_USER__TTL?"), "{}", mistakes[1]);
}

#[test]
fn a_prefix_that_every_variable_has_is_refused() {
    assert_eq!(
        mistakes(ManagerConfig::builder().env_prefix("").variables([("URL__TTL", "soon")])),
        [
            "the program: env_prefix: \"\" does not fit: every variable begins with it; allowed is a \
             text such as \"MYAPP_CACHE_\""
        ]
    );
}

#[test]
fn what_main_prints_of_an_error_is_what_it_says() {
    let error = within("cache", "[cache.url]\nttl = 5\ntll = 5\n").build().unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
    assert_eq!(format!("{error:#?}").lines().count(), 2);
    let boxed: Box<dyn std::error::Error> = error.into();
    assert!(
        format!("{boxed:?}").starts_with("app.toml:2:7: url.ttl: 5 is an integer"),
        "{boxed:?}"
    );
}

#[test]
fn no_entries_switch_a_cache_off_and_some_on_again() {
    let text = "[user]\nmax_entries = 0\n[general]\nmax_bytes = '1 MiB'\n";
    let off = ManagerConfig::builder()
        .toml("larder.toml", text)
        .variables([("LARDER_URL__MAX_ENTRIES", "0"), ("LARDER_GENERAL__MAX_ENTRIES", "0")])
        .build()
        .unwrap();
    let manager = CacheManager::from_config(&off).unwrap();
    let loads = Cell::new(0);
    let kinds = [CacheKind::Url, CacheKind::User, CacheKind::General];
    let load = |kind| {
        manager.view::<u32>(kind).keyed::<u64>().get_with(&7, || {
            loads.set(loads.get() + 1);
            7
        })
    };
    for kind in kinds {
        let cache = manager.cache(kind);
        assert_eq!((cache.capacity(), load(kind), load(kind)), (0, 7, 7));
        cache.view().set("a", 1);
        assert_eq!((cache.view::<i32>().get("a"), cache.entry_count()), (None, 0));
        let view = cache.view::<u32>();
        assert!((0..2_000_u32).all(|key| view.get(&key).is_none()));
    }
    assert_eq!(loads.take(), 6);
    // It finds nothing since it is to find nothing.
    assert_eq!(manager.health().status, HealthStatus::Ok, "{}", manager.health());

    let on =
        ManagerConfig::from_toml_str("[general]\nmax_entries = 100\nmax_bytes = '1 MiB'").unwrap();
    manager.reload(&on).unwrap();
    for kind in kinds {
        assert_eq!((load(kind), load(kind)), (7, 7));
        assert_eq!(manager.cache(kind).entry_count(), 1);
    }
    assert_eq!(loads.take(), 3);

    manager.reload(&off).unwrap();
    for kind in kinds {
        assert_eq!((load(kind), load(kind), manager.cache(kind).entry_count()), (7, 7, 0));
    }
    assert_eq!(loads.take(), 6);
}
