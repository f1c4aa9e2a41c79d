//! `cached(handler)`: one route, a rule of its own.

use super::{MINUTE, Reply, Runs, assert_kept, get, get_as, layer, minute, put};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    handler::Handler,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing,
};
use futures::future::join_all;
use larder_http::{Cached, Invalidator, Rule, cached, invalidator};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::Barrier;
use tower::{Service, ServiceExt, service_fn};

async fn report(State(runs): State<Runs>, Path(id): Path<String>) -> String {
    format!("report {id}, run {}", runs.count())
}

async fn write(Path(_id): Path<String>) {}

fn reports() -> Router {
    let reports = routing::get(cached(report).ttl(MINUTE).tags(["report:{id}"]))
        .put(cached(write).invalidates(["report:{id}"]));
    Router::new().route("/reports/{id}", reports).with_state(Runs::default())
}

async fn twice(router: &Router, path: &str) -> (Reply, Reply) {
    (get(router, path).await, get(router, path).await)
}

#[tokio::test]
async fn responses_of_one_route_are_kept() {
    let router = reports();
    let (first, second) = twice(&router, "/reports/kept").await;
    assert_kept(&first, &second);
    assert_eq!(second.body, "report kept, run 1");
    assert_eq!(get(&router, "/reports/other").await.body, "report other, run 2");
}

#[tokio::test]
async fn one_request_of_many_runs_the_handler() {
    let slow = |State(runs): State<Runs>| async move {
        tokio::task::yield_now().await;
        runs.count().to_string()
    };
    let runs = Runs::default();
    let router = Router::new()
        .route("/slow", routing::get(cached(slow).ttl(MINUTE)))
        .with_state(runs.clone());
    let replies = join_all((0..20).map(|_| get(&router, "/slow"))).await;
    assert!(replies.iter().all(|reply| reply.body == "1"), "{replies:?}");
    assert_eq!(runs.count(), 2);
}

#[tokio::test]
async fn two_handlers_share_nothing_whatever_their_paths() {
    let (one, other) = (reports(), reports());
    let first = get(&one, "/reports/two").await;
    assert!(!first.is_hit());
    assert!(!get(&other, "/reports/two").await.is_hit());
    assert!(get(&one, "/reports/two").await.is_hit());
}

#[tokio::test]
async fn a_successful_change_takes_the_tags_of_its_rule() {
    let router = reports();
    let (a, b) = (get(&router, "/reports/tag-a").await, get(&router, "/reports/tag-b").await);
    // By its path, too; so the tag is seen at another route of the same handler.
    assert_eq!(put(&router, "/reports/tag-a").await.status, StatusCode::OK);
    assert_ne!(get(&router, "/reports/tag-a").await.body, a.body);
    assert_eq!(get(&router, "/reports/tag-b").await.body, b.body);

    let handler = cached(report).ttl(MINUTE).tags(["shared:{id}"]);
    let change = cached(write).invalidates(["shared:{id}"]);
    let router = Router::new()
        .route("/here/{id}", routing::get(handler.clone()))
        .route("/there/{id}", routing::get(handler))
        .route("/changes/{id}", routing::put(change))
        .with_state(Runs::default());
    let (here, there) = (twice(&router, "/here/1").await, twice(&router, "/there/1").await);
    assert_kept(&here.0, &here.1);
    assert_kept(&there.0, &there.1);
    put(&router, "/changes/2").await;
    assert!(get(&router, "/here/1").await.is_hit() && get(&router, "/there/1").await.is_hit());
    put(&router, "/changes/1").await;
    assert!(!get(&router, "/here/1").await.is_hit() && !get(&router, "/there/1").await.is_hit());
}

#[tokio::test]
async fn without_a_layer_the_invalidator_of_the_process_takes_them() {
    let router = Router::new()
        .route("/process/{id}", routing::get(cached(report).ttl(MINUTE).tags(["process:{id}"])))
        .route("/named", routing::get(cached(|| async { "named" }).ttl(MINUTE)))
        .with_state(Runs::default());
    get(&router, "/process/1").await;
    invalidator().tag("process:1");
    assert!(!get(&router, "/process/1").await.is_hit());
    invalidator().path("/process/1");
    assert!(!get(&router, "/process/1").await.is_hit());
    get(&router, "/named").await;
    assert!(invalidator().rule("/named"), "as its route is called");
    assert!(!get(&router, "/named").await.is_hit());
    assert!(!invalidator().rule("/nobody"));
}

#[tokio::test]
async fn handlers_extract_the_same_invalidator() {
    let write = |Path(id): Path<u32>, cache: Invalidator| async move {
        match id {
            0 => assert!(cache.rule("/extracted/{id}"), "another route's"),
            _ => cache.tag(&format!("extracted:{id}")),
        }
    };
    let router = Router::new()
        .route("/extracted/{id}", routing::get(cached(report).ttl(MINUTE).tags(["extracted:{id}"])))
        .route("/write/{id}", routing::put(cached(write)))
        .with_state(Runs::default());
    get(&router, "/extracted/1").await;
    assert_eq!(put(&router, "/write/1").await.status, StatusCode::OK);
    assert!(!get(&router, "/extracted/1").await.is_hit());
    assert_eq!(put(&router, "/write/0").await.status, StatusCode::OK);
    assert!(!get(&router, "/extracted/1").await.is_hit());
}

#[tokio::test]
async fn one_handler_under_two_layers_belongs_to_each() {
    let (one, other) = (layer([]), layer([]));
    let router = Router::new()
        .route("/both/{id}", routing::get(cached(report).ttl(MINUTE)))
        .with_state(Runs::default());
    let (first, second) = (router.clone().layer(one.clone()), router.layer(other));
    for router in [&first, &second] {
        assert!(!get(router, "/both/1").await.has_hit());
        assert!(get(router, "/both/1").await.has_hit());
    }
    one.invalidator().all();
    assert!(get(&second, "/both/1").await.has_hit());
    assert!(!get(&first, "/both/1").await.has_hit());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_first_requests_of_a_route_share_what_they_find() {
    for _ in 0..50 {
        let runs = Runs::default();
        let router = Router::new()
            .route("/first/{id}", routing::get(cached(report).ttl(MINUTE)))
            .with_state(runs.clone());
        let begin = Arc::new(Barrier::new(4));
        let ask = |_| {
            let (router, begin) = (router.clone(), Arc::clone(&begin));
            tokio::spawn(async move {
                begin.wait().await;
                get(&router, "/first/1").await
            })
        };
        for reply in join_all((0..4).map(ask)).await {
            assert_eq!(reply.unwrap().body, "report 1, run 1");
        }
        assert_eq!(runs.count(), 2);
    }
}

#[tokio::test]
async fn under_a_layer_it_belongs_to_the_layer() {
    let layer = layer([minute("/other")]);
    let handler = cached(report).ttl(MINUTE).tags(["under:{id}"]);
    let router = Router::new()
        .route("/under/{id}", routing::get(handler))
        .route("/other", routing::get(|| async { "other" }))
        .with_state(Runs::default())
        .layer(layer.clone());
    let (first, second) = (get(&router, "/under/1").await, get(&router, "/under/1").await);
    // That of the route comes first, that of the layer next.
    assert!(first.cache_status.contains("stored"), "{first:?}");
    assert!(second.cache_status.starts_with("larder; hit"), "{second:?}");
    assert_eq!(second.body, first.body);

    invalidator().tag("under:1");
    assert_eq!(get(&router, "/under/1").await.body, first.body, "another layer's");
    layer.invalidator().tag("under:1");
    assert_eq!(get(&router, "/under/1").await.body, "report 1, run 2");
    assert!(layer.invalidator().rule("/under/{id}"));
    assert_eq!(get(&router, "/under/1").await.body, "report 1, run 3");
    layer.invalidator().all();
    assert_eq!(get(&router, "/under/1").await.body, "report 1, run 4");
}

#[tokio::test]
async fn tags_name_parameters_of_nested_routers() {
    let handler = || cached(report_of_tenant).ttl(MINUTE).tags(["nested:{tenant}:{id}"]);
    let inner = || Router::new().route("/reports/{id}", routing::get(handler()));
    for (how, router) in [
        ("nest", Router::new().nest("/{tenant}", inner())),
        (
            "nest_service",
            Router::new().nest_service("/{tenant}", inner().with_state(Runs::default())),
        ),
    ] {
        let router: Router = router.with_state(Runs::default());
        let (first, second) = twice(&router, "/acme/reports/1").await;
        println!("{how}: {}", second.cache_status);
        assert_kept(&first, &second);
        invalidator().tag("nested:other:1");
        assert!(get(&router, "/acme/reports/1").await.is_hit(), "{how}");
        invalidator().tag("nested:acme:1");
        assert!(!get(&router, "/acme/reports/1").await.is_hit(), "{how}");
    }
}

async fn report_of_tenant(
    State(runs): State<Runs>,
    Path((tenant, id)): Path<(String, String)>,
) -> String {
    format!("report {id} of {tenant}, run {}", runs.count())
}

#[tokio::test]
async fn each_user_has_responses_of_his_own() {
    let handler = cached(report).ttl(MINUTE).per_user();
    let router =
        Router::new().route("/mine/{id}", routing::get(handler)).with_state(Runs::default());
    let ada = get_as(&router, "ada", "/mine/1").await;
    assert_ne!(get_as(&router, "eve", "/mine/1").await.body, ada.body);
    assert_eq!(get_as(&router, "ada", "/mine/1").await.body, ada.body);
    get(&router, "/mine/1").await.assert_passed("no-user");
}

#[tokio::test]
async fn what_is_not_for_others_is_not_kept() {
    let cookie = |State(runs): State<Runs>| async move {
        ([(header::SET_COOKIE, "a=b")], runs.count().to_string())
    };
    let failing = |State(runs): State<Runs>| async move {
        (StatusCode::INTERNAL_SERVER_ERROR, runs.count().to_string())
    };
    let router = Router::new()
        .route("/cookie", routing::get(cached(cookie).ttl(MINUTE)))
        .route("/failing", routing::get(cached(failing).ttl(MINUTE)))
        .with_state(Runs::default());
    for path in ["/cookie", "/failing"] {
        let (first, second) = twice(&router, path).await;
        assert_ne!(first.body, second.body, "{path}");
    }
}

#[tokio::test]
async fn where_axum_names_no_route_the_path_has_to_be_said() {
    let unsaid = Router::new()
        .fallback(
            cached(|State(runs): State<Runs>| async move { runs.count().to_string() }).ttl(MINUTE),
        )
        .with_state(Runs::default());
    get(&unsaid, "/unsaid/1").await.assert_passed("no-rule");
    get(&unsaid, "/unsaid/1").await.assert_passed("no-rule");

    let handler = cached(|State(runs): State<Runs>| async move { runs.count().to_string() });
    let said = Router::new()
        .fallback(handler.ttl(MINUTE).tags(["said:{id}"]).path("/said/{id}"))
        .with_state(Runs::default());
    let (first, second) = twice(&said, "/said/1").await;
    assert_kept(&first, &second);
    invalidator().tag("said:1");
    assert!(!get(&said, "/said/1").await.is_hit());
    get(&said, "/elsewhere").await.assert_passed("no-rule");
}

#[tokio::test]
async fn a_rule_that_does_not_fit_its_route_costs_no_answer() {
    let wrong_tag = cached(report).ttl(MINUTE).tags(["wrong:{code}"]);
    let no_cache = cached(report).ttl(MINUTE).cache("nobody-has-this");
    let router = Router::new()
        .route("/wrong/{id}", routing::get(wrong_tag))
        .route("/nowhere/{id}", routing::get(no_cache))
        .with_state(Runs::default());
    for path in ["/wrong/1", "/nowhere/1"] {
        let reply = get(&router, path).await;
        assert_eq!(reply.status, StatusCode::OK);
        reply.assert_passed("bad-rule");
    }
}

#[tokio::test]
async fn a_whole_rule_stands_for_all_settings() {
    let rule = Rule::new("/whole/{id}").ttl(MINUTE).status_ttl(404, MINUTE).tags(["whole:{id}"]);
    let missing = |State(runs): State<Runs>| async move {
        (StatusCode::NOT_FOUND, runs.count().to_string()).into_response()
    };
    let router = Router::new()
        .route("/whole/{id}", routing::get(cached(missing).rule(rule).unwrap()))
        .with_state(Runs::default());
    let (first, second) = twice(&router, "/whole/1").await;
    assert_kept(&first, &second);
    assert_eq!(second.status, StatusCode::NOT_FOUND);

    let wrong = Rule::new("whole").ttl(Duration::ZERO).tags(["whole:{id}"]);
    let error = cached(report).rule(wrong).unwrap_err();
    let fields: Vec<_> = error.problems().iter().map(|problem| problem.field).collect();
    assert!(fields.contains(&"path") && fields.contains(&"ttl"), "{error}");
}

type Mistake = (&'static str, fn(Cached<()>) -> Cached<()>);

#[test]
fn mistakes_are_told_when_they_are_made() {
    let mistakes: [Mistake; 6] = [
        ("ttl", |it| it.ttl(Duration::ZERO)),
        ("tags", |it| it.tags(["a{id}"])),
        ("invalidates", |it| it.invalidates([""])),
        ("path", |it| it.path("reports")),
        ("tags", |it| it.tags(["report:{id}"]).path("/reports/{code}")),
        ("per_user", |it| it.per_user().shared()),
    ];
    for (field, mistake) in mistakes {
        let panic = std::panic::catch_unwind(|| mistake(cached(()))).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.contains(field) && message.contains("allowed is"), "{message}");
    }
    // The other order is no mistake: only the route knows its parameters.
    drop(cached(()).tags(["report:{id}"]).path("/reports/{id}").invalidates(["all", "of:{user}"]));
}

#[tokio::test]
async fn services_are_cached_as_handlers_are() {
    let runs = Runs::default();
    let counted = runs.clone();
    let service = service_fn(move |_: Request| {
        let runs = counted.count();
        async move { Ok::<_, Infallible>(Response::new(Body::from(runs.to_string()))) }
    });
    let router: Router =
        Router::new().route_service("/service", cached(service.clone()).ttl(MINUTE));
    let (first, second) = twice(&router, "/service").await;
    assert_kept(&first, &second);

    let mut alone = cached(service).ttl(MINUTE).path("/alone");
    for _ in 0..2 {
        let request = Request::builder().uri("/alone").header("host", "example.com");
        let response = alone.ready().await.unwrap().call(request.body(Body::empty()).unwrap());
        // What is not read to its end is not stored.
        let body = Body::new(response.await.unwrap().into_body());
        assert_eq!(to_bytes(body, 10).await.unwrap(), "2");
    }
    assert_eq!(runs.count(), 3, "once for each");
}

#[tokio::test]
async fn a_cached_handler_takes_layers_as_others_do() {
    let layered =
        cached(report).ttl(MINUTE).layer(tower::util::MapRequestLayer::new(|it: Request| it));
    let router =
        Router::new().route("/layered/{id}", routing::get(layered)).with_state(Runs::default());
    let (first, second) = twice(&router, "/layered/1").await;
    assert_kept(&first, &second);
}
