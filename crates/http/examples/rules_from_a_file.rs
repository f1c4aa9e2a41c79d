//! Rules from the file that configures the caches, changed while requests are served.
//!
//! `cargo run -p larder-http --example rules_from_a_file --features config`

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use larder::manager::CacheManager;
use larder_http::{CacheLayer, CacheService, Rules};
use std::{convert::Infallible, error::Error};
use tower::{Layer, Service, ServiceExt, service_fn};

const FILE: &str = r#"
[general]
max_entries = 20_000

[http]
built_in_rules = false

[http.rules.article]
path = "/articles/{id}"
ttl = "5m"
stale_if_error = "1h"
query = { only = ["page"] }
tags = ["article:{id}"]
"#;

type Asked = Request<Empty<Bytes>>;

async fn ask<S>(service: &CacheService<S>, path: &str) -> Result<(), Box<dyn Error>>
where
    CacheService<S>: Service<
            Asked,
            Response = Response<larder_http::ResponseBody<Full<Bytes>>>,
            Error = Infallible,
        > + Clone,
{
    let request = Request::get(path).header("host", "example.org").body(Empty::new())?;
    let response = service.clone().oneshot(request).await?;
    println!("{path:<28} {}", response.headers()["cache-status"].to_str()?);
    response.into_body().collect().await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = larder_http::config().toml("larder.toml", FILE).build()?;
    let manager = CacheManager::from_config(&config)?;
    let layer = CacheLayer::new(&manager, Rules::from_config(&config)?);
    let handler = service_fn(|request: Asked| async move {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(request.uri().to_string()))))
    });
    let service = layer.layer(handler);

    ask(&service, "/articles/7?page=2&utm=x").await?;
    ask(&service, "/articles/7?utm=y&page=2").await?;
    ask(&service, "/articles/7").await?;

    println!("\nwith a mistake in the file:");
    let wrong = FILE.replace("ttl", "tll").replace("{id}\"]", "{key}\"]");
    match larder_http::config().toml("larder.toml", &wrong).build() {
        Ok(_) => unreachable!("two things are wrong"),
        Err(error) => println!("{error}"),
    }

    println!("\nwith a minute instead of five:");
    let config = larder_http::config().toml("larder.toml", FILE.replace("5m", "1m")).build()?;
    manager.reload(&config)?;
    layer.reload(&config)?;
    ask(&service, "/articles/8").await?;
    ask(&service, "/articles/8").await?;
    Ok(())
}
