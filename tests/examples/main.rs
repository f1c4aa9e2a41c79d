//! Runs each example in a process of its own, and checks what it prints.

mod run;

use run::{Package, check};

const LARDER: Package = Package {
    name: env!("CARGO_PKG_NAME"),
    directory: env!("CARGO_MANIFEST_DIR"),
    features: &[
        ("config", cfg!(feature = "config")),
        ("macros", cfg!(feature = "macros")),
        ("manager", cfg!(feature = "manager")),
        ("metrics", cfg!(feature = "metrics")),
        ("serde", cfg!(feature = "serde")),
        ("sysinfo", cfg!(feature = "sysinfo")),
        ("tracing", cfg!(feature = "tracing")),
    ],
    sources: &["src"],
};

fn output(example: &str) -> String {
    LARDER.output(example)
}

fn number_after(text: &str, what: &str) -> u64 {
    let number = text.split_once(what).and_then(|(_, rest)| rest.split_whitespace().next());
    number
        .and_then(|it| it.parse().ok())
        .unwrap_or_else(|| panic!("no number after {what:?} in\n{text}"))
}

#[test]
fn quickstart_shows_the_first_steps() {
    let text = output("quickstart");
    check(
        &text,
        &[
            r#"get(1)            Some("Ada")"#,
            "get(2)            None",
            "add(1)            false",
            "loading user 2",
            r#"get_with(2)       "Grace""#,
            r#"get_with(2)       "Grace""#,
            "4,000 inserted",
            "get(2)            None",
            "users: ",
        ],
    );
    assert_eq!(text.matches("loading user 2").count(), 1);
    // Now and then the last of all keys finds no place but that of another.
    assert!((990..=1_000).contains(&number_after(&text, "4,000 inserted")), "{text}");
}

#[test]
fn weights_and_listener_tells_of_each_value_that_leaves() {
    let text = output("weights_and_listener");
    check(
        &text,
        &[
            "three pages: 3 entries, 9006 bytes",
            "was replaced",
            "a smaller /a: 3 entries, 8006 bytes",
            "made room",
            "a large page: 1 entries, 9996 bytes",
            "/huge     20000 bytes  did not fit",
            "was removed",
            "get(/a) is None",
            "has expired",
            "expired: 0 entries, 0 bytes",
            "Size",
            "Replaced",
        ],
    );
}

#[test]
fn from_moka_runs_with_the_names_of_moka() {
    let text = output("from_moka");
    check(
        &text,
        &[
            "get(apples)          Some(7)",
            "get_with(pears)      3",
            r#"try_get_with(figs)   Err("none in the store")"#,
            "apples 7: Replaced",
            "and_upsert_with      6",
            "pears 3: Replaced",
            "and_compute_with     Some(2)",
            "entry_count",
            "item 999 999: Explicit",
            "contains_key(999)    false",
            "add(apples)",
            "evictions",
        ],
    );
    assert!((95..=100).contains(&number_after(&text, "entry_count")), "{text}");
}

#[test]
fn async_loading_asks_once_for_a_thousand_tasks() {
    let text = output("async_loading");
    check(
        &text,
        &[
            r#"1000 answers of Ok("GREETING"), 1 request"#,
            r#"broken: Err("no answer to request 2")"#,
            r#"broken: Err("no answer to request 3")"#,
            "contains_key(broken): false",
            r#"loaded: "9.99"#,
            r#"stored: Some("8.99")"#,
            r#"report: "by the second""#,
            r#"invoice, whose client has gone: Ok("INVOICE")"#,
            "detached loads: 1",
            "2 failed",
        ],
    );
}

#[cfg(feature = "macros")]
#[test]
fn memoized_functions_run_again_after_a_write() {
    let text = output("memoized_functions");
    check(
        &text,
        &[
            r#"user(1) = Some("Ada")"#,
            r#"user(1) = Some("Ada")"#,
            "user_count() = 2",
            "UPDATE users",
            r#"user(1) = Some("Ada Lovelace")"#,
            "prime(1000) = Ok(7919)",
            r#"prime(0) = Err("they are counted from 1")"#,
            "prime: ",
        ],
    );
    let runs = |what: &str| text.matches(what).count();
    assert_eq!(runs("SELECT name"), 2, "before the write and after it:\n{text}");
    assert_eq!(runs("SELECT count"), 2, "before the write and after it:\n{text}");
    assert_eq!(runs("looking for prime number 1000"), 2, "again when it was invalidated:\n{text}");
    assert_eq!(runs("looking for prime number 0"), 2, "errors are not kept:\n{text}");
}

#[cfg(feature = "config")]
#[test]
fn manager_toml_has_the_settings_of_the_file() {
    let text = output("manager_toml");
    check(
        &text,
        &[
            "session 4f1c is Some(Session { user: 7 })",
            "report: rendered once",
            "session       50000",
            r#"changed: ["session"]"#,
            "capacity: 80000",
            "session 4f1c is still Some",
            "did you mean max_entries?",
            "has no unit",
        ],
    );
}

#[cfg(feature = "metrics")]
#[test]
fn metrics_prometheus_renders_the_numbers_of_a_cache() {
    let text = output("metrics_prometheus");
    let value = |metric: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(metric));
        line.unwrap_or_else(|| panic!("no {metric} in\n{text}")).trim().parse().expect("a number")
    };
    let hits = value(r#"cache_gets_total{cache="user",result="hit"}"#);
    let misses = value(r#"cache_gets_total{cache="user",result="miss"}"#);
    assert_eq!(hits + misses, 10_001.0);
    assert!(hits > 5_000.0, "{hits} hits");
    assert_eq!(value(r#"cache_loads_total{cache="user",result="success"}"#), misses);
    assert_eq!(value(r#"cache_removals_total{cache="user",cause="explicit"}"#), 1.0);
    let bucket = |le: &str| {
        value(&format!(r#"cache_load_duration_seconds_bucket{{cache="user",le="{le}"}}"#))
    };
    assert!(bucket("0.01") < misses, "one took 20 ms");
    assert_eq!(bucket("+Inf"), misses);
}
