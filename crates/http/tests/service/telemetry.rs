//! What is told of each rule.

use crate::site::{Site, anything, request, response, rules};
use http::Method;

async fn traffic() -> Site {
    let site = Site::new(rules(anything()), |request, _| {
        let private = request.uri().path() == "/private";
        let fields: &[_] = if private { &[("cache-control", "private")] } else { &[] };
        response(fields, "0123456789")
    });
    for uri in ["/a", "/a", "/a", "/b", "/private"] {
        site.get(uri).await;
    }
    site.ask(request(Method::POST, "/c", &[])).await;
    site.get_with("/a", &[("authorization", "Bearer 1")]).await;
    site.get_with("/a", &[("authorization", "Bearer 1")]).await;
    site
}

#[tokio::test]
async fn the_requests_of_a_rule_are_counted_by_what_they_came_to() {
    let site = traffic().await;
    let stats = &site.layer.stats()[0];
    assert_eq!((stats.rule.as_str(), stats.hits, stats.misses), ("anything", 2, 3));
    assert_eq!(stats.bypassed, [("method", 1), ("credentials", 2)]);
    assert_eq!(stats.unstored, [("private", 1)]);
    assert_eq!(stats.entries, 3, "with the news that /private is for nobody else");
    assert!((500..3_000).contains(&stats.bytes), "{stats:?}");
    site.manager.clear_all();
    site.manager.cache(larder::manager::CacheKind::General).run_pending_tasks();
    let stats = &site.layer.stats()[0];
    assert_eq!((stats.entries, stats.bytes), (0, 0));
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn a_recorder_gets_the_numbers_of_each_rule() {
    let site = traffic().await;
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || site.layer.publish_metrics());
    let page = recorder.handle().render();
    for line in [
        r#"http_cache_requests_total{rule="anything",outcome="hit"} 2"#,
        r#"http_cache_requests_total{rule="anything",outcome="miss"} 3"#,
        r#"http_cache_requests_total{rule="anything",outcome="bypass",reason="credentials"} 2"#,
        r#"http_cache_unstored_total{rule="anything",reason="private"} 1"#,
        r#"http_cache_stored_responses{rule="anything"} 3"#,
    ] {
        assert!(page.contains(line), "no {line} in\n{page}");
    }
}

#[cfg(feature = "tracing")]
#[tokio::test]
async fn a_request_to_the_handler_has_a_span() {
    use std::sync::{Arc, Mutex};
    use tracing::{Subscriber, field::Visit, span};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    impl Visit for Log {
        fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
            self.0.lock().expect("no panic").push(format!("{field}={value:?}"));
        }
    }

    impl Subscriber for Log {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            metadata.name() == "http_cache.fetch"
        }
        fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
            span.record(&mut self.clone());
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, values: &span::Record<'_>) {
            values.record(&mut self.clone());
        }
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {}
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let site = Site::new(rules(anything()), |_, _| response(&[], "x"));
    site.get("/a").await;
    site.get("/a").await;
    drop(guard);
    let told = log.0.lock().expect("no panic").clone();
    let expected =
        ["cache.rule=\"anything\"", "cache.forward=\"uri-miss\"", "cache.outcome=\"stored\""];
    assert_eq!(told, expected, "once, and nothing of a hit");
}
