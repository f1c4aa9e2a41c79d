//! The numbers of a manager's caches as Prometheus reads them.
//!
//! `cargo run --example metrics_prometheus --features metrics`

use larder::manager::{CacheKind, CacheManager};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::{thread, time::Duration};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A service would have the exporter listen (`with_http_listener`), or render in a route of its
    // own.
    let prometheus = PrometheusBuilder::new()
        .set_buckets_for_metric(
            metrics_exporter_prometheus::Matcher::Full("cache_load_duration_seconds".to_owned()),
            &[0.001, 0.01, 0.1, 1.0],
        )?
        .install_recorder()?;

    // Nothing else has to be called: the manager finds the recorder.
    let manager = CacheManager::new();
    let profiles = manager.view::<String>(CacheKind::User).keyed::<u64>();
    for request in 0..10_000 {
        // Most ask for the same few hundred, and some for many others.
        let id = if request % 10 == 0 { request } else { request % 300 };
        profiles.get_with(&id, || format!("user {id}"));
    }
    let slow = 12_345;
    profiles.get_with(&slow, || {
        thread::sleep(Duration::from_millis(20));
        "a slow one".to_owned()
    });
    profiles.delete(&slow);

    // A sample is taken every ten seconds. This does not wait for it.
    manager.sample();
    let text = prometheus.render();
    for line in text.lines().filter(|line| line.contains(r#"cache="user""#)) {
        println!("{line}");
    }
    println!("({} lines for all caches)", text.lines().count());
    Ok(())
}
