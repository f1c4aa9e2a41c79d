//! `shortener load` against services that stall, fail and fall silent.

use axum::{
    Json, Router,
    http::{StatusCode, header},
    routing::{get, post},
};
use clap::Parser;
use serde_json::json;
use shortener::load::{self, Endpoint, EndpointReport, LoadError, Report};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpListener;

#[derive(Debug, Parser)]
struct Load {
    #[command(flatten)]
    options: load::Options,
}

/// Answers what the load asks before it begins; what redirects do is the test's to say.
fn service() -> Router {
    let made = Arc::new(AtomicU64::new(0));
    let list = || async { Json(json!({"items": [], "page": 1, "per_page": 100, "total": 0})) };
    let create = move || {
        let code = made.fetch_add(1, Ordering::Relaxed);
        async move { (StatusCode::CREATED, Json(json!({"code": format!("code{code}")}))) }
    };
    Router::new()
        .route("/api/auth/register/", post(|| async { Json(json!({"token": "t", "user": {}})) }))
        .route("/api/urls/", get(list).post(create))
}

async fn run(service: Router, line: &str) -> Result<Report, LoadError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async { axum::serve(listener, service).await });
    let arguments = ["load", "--target", &target, "--users", "1", "--urls", "3", "--warm-up", "0"];
    let arguments = arguments.into_iter().chain(line.split_whitespace());
    let report = load::run(&Load::parse_from(arguments).options).await;
    server.abort();
    report
}

fn of(report: &Report, endpoint: Endpoint) -> &EndpointReport {
    report.endpoints.iter().find(|it| it.endpoint == endpoint).unwrap()
}

/// Nothing is answered in the first second, in which all requests are due. That the client sends
/// them one after another when the service has woken up makes none of them quick.
#[tokio::test]
async fn a_service_that_stalls_is_charged_for_all_who_would_have_asked() {
    let first = Arc::new(AtomicBool::new(true));
    let redirect = move || {
        let first = first.swap(false, Ordering::Relaxed);
        async move {
            if first {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            (StatusCode::FOUND, [(header::LOCATION, "https://example.com/")])
        }
    };
    let service = service().route("/api/urls/redirect/{code}/", get(redirect));
    let line = "--rate 100 --duration 0.5 --connections 1 --timeout 60 --mix redirect=1 \
                --arrivals constant";
    let report = run(service, line).await.unwrap();
    let redirect = of(&report, Endpoint::Redirect);
    assert_eq!((redirect.answered, redirect.failed), (50, 0), "{report}");
    let latency = redirect.latency_seconds.unwrap();
    // Half a second lies between the last one and the end of the stall.
    assert!(latency.p50 >= 0.5 && latency.p99 >= 0.9, "{report}");
    assert!(redirect.service_seconds.unwrap().p50 < latency.p50, "{report}");
}

#[tokio::test]
async fn a_run_ends_though_the_service_falls_silent_and_counts_every_request() {
    let silent = get(std::future::pending::<StatusCode>);
    let service = service().route("/api/urls/redirect/{code}/", silent);
    let line = "--rate 200 --duration 0.5 --connections 2 --timeout 0.2 --mix redirect=1 \
                --arrivals constant";
    let report = run(service, line).await.unwrap();
    let redirect = of(&report, Endpoint::Redirect);
    assert_eq!((redirect.answered, redirect.failed), (0, 100), "{report}");
    assert_eq!(redirect.failures.values().sum::<u64>(), 100);
    assert!(redirect.failures.keys().all(|why| why == "timeout" || why == "unanswered"));
    // Two connections do not get through all of it one time limit after another.
    assert!(redirect.failures["unanswered"] >= 1, "{report}");
}

#[tokio::test]
async fn failures_are_counted_by_their_status() {
    let service = service()
        .route("/api/urls/redirect/{code}/", get(|| async { StatusCode::NOT_FOUND }))
        .route("/api/urls/stats/", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .route("/api/users/profile/", get(|| async { Json(json!({})) }));
    let line = "--rate 300 --duration 0.2 --connections 2 --timeout 60 \
                --mix redirect=1,stats=1,profile=1";
    let report = run(service, line).await.unwrap();
    for (endpoint, status) in [(Endpoint::Redirect, "404"), (Endpoint::Stats, "500")] {
        let endpoint = of(&report, endpoint);
        assert_eq!(
            (endpoint.answered, endpoint.failures[status]),
            (0, endpoint.failed),
            "{report}"
        );
        assert!(endpoint.failed > 0, "{report}");
    }
    assert!(of(&report, Endpoint::Profile).answered > 0);
    assert_eq!(report.endpoints.iter().map(|it| it.answered + it.failed).sum::<u64>(), 60);
}

#[tokio::test]
async fn a_service_that_refuses_users_is_named_with_its_answer() {
    let service =
        Router::new().route("/api/auth/register/", post(|| async { StatusCode::IM_A_TEAPOT }));
    let error = run(service, "--duration 0.1").await.unwrap_err().to_string();
    assert!(error.starts_with("POST /api/auth/register/ failed: 418"), "{error}");
}

/// A connection sends its next request when it has the answer to the one before.
#[tokio::test]
async fn a_warm_up_sends_as_many_requests_as_it_is_told_and_none_of_them_counts() {
    let (asked, answering) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let most = Arc::new(AtomicU64::new(0));
    let counts = (Arc::clone(&asked), Arc::clone(&answering), Arc::clone(&most));
    let redirect = move || {
        let (asked, answering, most) = counts.clone();
        async move {
            asked.fetch_add(1, Ordering::Relaxed);
            most.fetch_max(answering.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
            answering.fetch_sub(1, Ordering::Relaxed);
            let fields = [(header::LOCATION, "https://example.com/")];
            (StatusCode::FOUND, [("cache-status", "test; hit")], fields)
        }
    };
    let service = service().route("/api/urls/redirect/{code}/", get(redirect));
    let line = "--warm-up-requests 200 --rate 100 --duration 0.1 --connections 3 --mix redirect=1 \
                --arrivals constant --timeout 60";
    let report = run(service, line).await.unwrap();
    let redirect = of(&report, Endpoint::Redirect);
    assert_eq!((redirect.answered, redirect.hits, redirect.failed), (10, 10, 0), "{report}");
    assert_eq!((asked.load(Ordering::Relaxed), report.warm_up_requests), (210, 200));
    assert!((1..=3).contains(&most.load(Ordering::Relaxed)));
    // 67 of them one after another.
    assert!(report.warm_up_seconds >= 0.067, "{}", report.warm_up_seconds);
}
