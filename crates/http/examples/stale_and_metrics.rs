//! A handler that fails, what stands in for its responses, and what Prometheus sees of it.
//!
//! `cargo run -p larder-http --example stale_and_metrics --features metrics`

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use larder::{
    ManualClock,
    manager::{CacheKind, CacheManager},
};
use larder_http::{CacheLayer, Rule, Rules};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::{
    error::Error,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tower::{Layer, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // The time is in the program's hand, so that nothing here has to wait.
    let clock = ManualClock::new();
    let manager = CacheManager::builder().clock(&clock).build();
    let rule = Rule::new("/rates/{currency}")
        .named("rates")
        .cache(CacheKind::General)
        .ttl(Duration::from_secs(10))
        .stale_if_error(Duration::from_secs(3600));
    let rules = Rules::builder().rule(rule).build()?;
    let layer = CacheLayer::builder(&manager).rules(rules).clock(&clock).build();

    let down = Arc::new(AtomicBool::new(false));
    let source = Arc::clone(&down);
    let service = layer.layer(service_fn(move |_: Request<Empty<Bytes>>| {
        let down = source.load(Relaxed);
        async move {
            if down {
                Err(io::Error::other("the source is down"))
            } else {
                Ok(Response::new(Full::new(Bytes::from("1.08"))))
            }
        }
    }));
    let ask = async || -> Result<(), Box<dyn Error>> {
        let request = Request::get("/rates/usd").header("host", "example.org").body(Empty::new())?;
        match service.clone().oneshot(request).await {
            Ok(response) => {
                let status = response.headers()["cache-status"].to_str()?.to_owned();
                let body = response.into_body().collect().await?.to_bytes();
                println!("{} {status}", String::from_utf8_lossy(&body));
            }
            Err(error) => println!("{error}"),
        }
        Ok(())
    };

    ask().await?;
    ask().await?;
    println!("The source goes down, and the rate is no longer fresh.");
    down.store(true, Relaxed);
    clock.advance(Duration::from_secs(11));
    ask().await?;
    println!("An hour later nothing stands in any more.");
    clock.advance(Duration::from_secs(3600));
    ask().await?;

    let recorder = PrometheusBuilder::new().build_recorder();
    // `metrics::set_global_recorder(recorder)` in a service, and this where `/metrics` is answered.
    metrics::with_local_recorder(&recorder, || layer.publish_metrics());
    let page = recorder.handle().render();
    let lines = page.lines().filter(|line| line.starts_with("http_cache") && !line.ends_with(" 0"));
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    println!("\n{}", lines.join("\n"));
    Ok(())
}
