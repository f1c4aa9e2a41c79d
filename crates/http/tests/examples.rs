//! Runs each example in a process of its own, and checks what it prints.
#![cfg(any(feature = "admin", feature = "axum", feature = "config", feature = "metrics"))]

#[path = "../../../tests/examples/run.rs"]
mod run;
#[cfg(all(feature = "admin", unix))]
#[path = "examples/server.rs"]
mod server;

use run::{Package, check};

const LARDER_HTTP: Package = Package {
    name: env!("CARGO_PKG_NAME"),
    directory: env!("CARGO_MANIFEST_DIR"),
    features: &[
        ("admin", cfg!(feature = "admin")),
        ("axum", cfg!(feature = "axum")),
        ("config", cfg!(feature = "config")),
        ("metrics", cfg!(feature = "metrics")),
    ],
    sources: &["src", "../../src", "../macros/src"],
};

#[cfg(feature = "axum")]
#[test]
fn axum_service_queries_once_for_a_hundred_requests() {
    let text = LARDER_HTTP.output("axum_service");
    check(
        &text,
        &[
            r#"["200 OK {\"id\":7,\"name\":\"user 7\"}"], 1 query"#,
            "204 No Content",
            r#"200 OK {"id":7,"name":"Ada"}"#,
            "404 Not Found",
            "503 Service Unavailable",
            "200 OK the report",
            "200 OK the report",
            "200 OK hits ",
        ],
    );
}

#[cfg(feature = "axum")]
#[test]
fn users_and_invalidation_takes_what_a_change_is_about() {
    let text = LARDER_HTTP.output("users_and_invalidation");
    let all: Vec<_> = text.lines().filter(|line| line.contains("/")).collect();
    let statuses = all.iter().map(|line| line.split("larder; ").nth(1).expect("a status"));
    let hits: Vec<_> = statuses.map(|status| status.starts_with("hit")).collect();
    let expected = [
        [false, false, true].as_slice(),
        // Ada's change, her list, Bob's.
        &[false, false, true],
        // Ada, Bob, the change, Bob.
        &[false, true, false, false],
        // The import, and Bob's list.
        &[false, false],
    ];
    assert_eq!(hits, expected.concat(), "{text}");
}

#[cfg(feature = "config")]
#[test]
fn rules_from_a_file_tells_all_mistakes_and_reloads() {
    let text = LARDER_HTTP.output("rules_from_a_file");
    check(
        &text,
        &[
            "larder; fwd=uri-miss",
            "larder; hit; ttl=300",
            "larder; fwd=uri-miss",
            "larder.toml:10:1: http.rules.article.tll: there is no such setting; did you mean ttl?",
            "larder.toml:13:8: http.rules.article.tags: \"article:{key}\" does not fit",
            "larder; hit; ttl=60",
        ],
    );
}

#[cfg(feature = "metrics")]
#[test]
fn stale_and_metrics_counts_what_stood_in_for_an_error() {
    let text = LARDER_HTTP.output("stale_and_metrics");
    check(
        &text,
        &[
            "1.08 larder; fwd=stale; detail=stale-if-error",
            "the source is down",
            "http_cache_requests_total{rule=\"rates\",outcome=\"stale-if-error\"} 1",
        ],
    );
}

#[cfg(all(feature = "admin", unix))]
#[test]
fn admin_answers_who_has_a_token_until_it_is_interrupted() {
    let server = server::Server::start(LARDER_HTTP.command("admin").arg("127.0.0.1:0"));
    let ask = |request: &str, token: &str, body: &str| server.ask(request, token, body);
    let article = || {
        let answer = ask("GET /articles/7", "", "");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("article 7"), "{answer}");
        answer.contains("larder; hit")
    };
    assert_eq!([article(), article()], [false, true]);

    let stats = "GET /api/cache/stats/";
    assert!(ask(stats, "", "").starts_with("HTTP/1.1 401"));
    assert!(ask(stats, "another-token", "").starts_with("HTTP/1.1 401"));
    check(
        &ask(stats, "read-token", ""),
        &["HTTP/1.1 200", "application/json", "\"name\":\"user\""],
    );

    let (invalidate, dry) =
        ("POST /api/cache/invalidate/", r#"{"path": "/articles/7", "dry_run": true}"#);
    assert!(ask(invalidate, "read-token", dry).starts_with("HTTP/1.1 403"));
    check(&ask(invalidate, "admin-token", dry), &["HTTP/1.1 200", r#""matched":1"#]);
    assert!(article(), "nothing was taken");
    check(
        &ask(invalidate, "admin-token", r#"{"path": "/articles/7"}"#),
        &["HTTP/1.1 200", r#""matched":1"#],
    );
    assert!(!article(), "it was taken");
    server.interrupt();
}
