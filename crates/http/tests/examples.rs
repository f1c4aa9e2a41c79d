//! Runs each example in a process of its own, and checks what it prints.
#![cfg(feature = "axum")]

#[path = "../../../tests/examples/run.rs"]
mod run;

use run::{Package, check};

const LARDER_HTTP: Package = Package {
    name: env!("CARGO_PKG_NAME"),
    directory: env!("CARGO_MANIFEST_DIR"),
    features: &[("axum", cfg!(feature = "axum"))],
    sources: &["src", "../../src", "../macros/src"],
};

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
