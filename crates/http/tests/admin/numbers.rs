//! The numbers as Prometheus reads them.

use crate::client::{Client, builder};
use larder::{
    Maintenance,
    manager::{CacheKind, CacheManager},
};
use metrics_exporter_prometheus::PrometheusBuilder;

async fn page(client: &Client) -> Vec<String> {
    let answer = client.get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    String::from_utf8(answer.body).unwrap().lines().map(str::to_owned).collect()
}

fn has(page: &[String], line: &str) -> bool {
    page.iter().any(|it| it == line)
}

#[tokio::test]
async fn the_numbers_are_there_without_a_recorder_and_however_often_one_asks() {
    let manager = CacheManager::builder().maintenance(Maintenance::Manual).build();
    let users = manager.view::<u32>(CacheKind::User);
    assert_eq!((users.get_with("a", || 1), users.get("a"), users.get("b")), (1, Some(1), None));
    let client = Client::of(&manager);
    for _ in 0..3 {
        let page = page(&client).await;
        for line in [
            "cache_gets_total{cache=\"user\",result=\"hit\"} 1",
            "cache_size{cache=\"user\"} 1",
            // Once, though the program's own recorder is told of it in between.
            "cache_load_duration_seconds_count{cache=\"user\"} 1",
        ] {
            assert!(has(&page, line), "{line} in {page:#?}");
        }
        assert!(page.iter().any(|it| it.starts_with("cache_load_duration_seconds_bucket")));
        manager.sample();
    }
}

#[tokio::test]
async fn the_numbers_of_the_program_are_shown_if_it_says_where_they_are() {
    let manager = CacheManager::builder().maintenance(Maintenance::Manual).build();
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || metrics::counter!("orders_total").increment(3));
    let admin = builder(&manager).prometheus(recorder.handle()).build().unwrap();
    assert!(has(&page(&Client::new(&admin)).await, "orders_total 3"));
}
