//! What a hit costs in larder-http and in other HTTP caching layers.
//!
//! `cargo xtask http-peers --hits` builds and starts it. Each layer is set up as its documentation
//! says (`src/peers.rs`), with the same handler behind it, and is asked for the same page of 1 KiB,
//! by one thread and by two at once. A hit is a call of the service, its response, and the whole
//! body; the requests are made beforehand. The layers take turns, a few seconds each, and the
//! median of the rounds counts. A round in which the handler was asked would not be of hits alone,
//! and is an error.

#[allow(dead_code, reason = "the cases of the matrix need more of it")]
#[path = "../src/origin.rs"]
mod origin;
#[path = "../src/peers.rs"]
mod peers;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::body::Body;
use criterion::{Criterion, Throughput};
use http::{Request, Response, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};

use crate::origin::{Counts, Origin};
use crate::peers::{Cached, PEERS, Peer, Wanted};

/// The one that the others are compared with.
const OURS: &str = "larder-http";
const BODY: usize = 1024;
const ROUNDS: usize = 3;
/// How many requests are made before their answers are timed.
const BATCH: u64 = 64;

fn main() -> Result<()> {
    let results = tempfile::tempdir()?;
    let mut criterion = Criterion::default()
        .output_directory(results.path())
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(20);
    let mut tables = Vec::new();
    for threads in [1, 2] {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(threads).enable_all().build()?;
        let layers = PEERS.iter().map(|peer| Layer::new(peer, &runtime));
        let layers = layers.collect::<Result<Vec<_>>>()?;
        let mut times = vec![Vec::new(); layers.len()];
        for round in 1..=ROUNDS {
            let name = format!("threads-{threads}-round-{round}");
            let mut group = criterion.benchmark_group(&name);
            group.throughput(Throughput::Elements(threads as u64));
            for (layer, times) in layers.iter().zip(&mut times) {
                let before = layer.asked();
                group.bench_function(layer.peer.name, |bencher| {
                    bencher.iter_custom(|hits| layer.time(&runtime, threads, hits));
                });
                let missed = layer.asked() - before;
                ensure!(missed == 0, "{}: the handler was asked {missed} times", layer.peer.name);
                times.push(median_of(results.path(), &name, layer.peer.name)?);
            }
            group.finish();
        }
        tables.push((threads, times.into_iter().map(median).collect::<Vec<_>>()));
    }
    tables.iter().try_for_each(|(threads, times)| print(*threads, times))
}

/// A layer that has the page.
struct Layer {
    peer: &'static Peer,
    service: Cached,
    origin: Arc<Counts>,
}

impl Layer {
    fn new(peer: &'static Peer, runtime: &Runtime) -> Result<Self> {
        let origin = Origin::new(|_| async {
            let page = Response::builder()
                .header(header::CACHE_CONTROL, "max-age=3600")
                .header(header::CONTENT_TYPE, "text/plain");
            page.body(Body::from(vec![b'x'; BODY])).expect("valid")
        });
        let counts = origin.counts();
        let hour = Duration::from_secs(3600);
        let wanted = Wanted { ttl: hour, body_limit: 1 << 20, ..Wanted::default() };
        let (service, _) = (peer.build)(origin, wanted);
        let mut layer = Self { peer, service, origin: counts };
        runtime.block_on(layer.fill()).with_context(|| format!("filling {}", peer.name))?;
        Ok(layer)
    }

    /// Asks until the page is stored: some layers store it in a task after they have answered.
    async fn fill(&mut self) -> Result<()> {
        for _ in 0..50 {
            let before = self.asked();
            let body = hit(&mut self.service, request()).await?;
            ensure!(body == BODY, "a body of {body} bytes");
            if self.asked() == before {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("nothing is stored")
    }

    fn asked(&self) -> usize {
        self.origin.runs()
    }

    /// How long so many hits take in each of some threads.
    fn time(&self, runtime: &Runtime, threads: usize, hits: u64) -> Duration {
        let start = |_| runtime.spawn(time(self.service.clone(), hits));
        let tasks: Vec<_> = (0..threads).map(start).collect();
        let times = tasks.into_iter().map(|task| runtime.block_on(task).expect("no panic"));
        times.max().expect("there is a thread")
    }
}

/// A request with the fields of a simple client.
fn request() -> Request<Body> {
    Request::get("/hot")
        .header(header::HOST, "example.org")
        .header(header::USER_AGENT, "curl/8.5.0")
        .header(header::ACCEPT, "*/*")
        .body(Body::empty())
        .expect("valid")
}

/// How long so many hits take.
async fn time(mut service: Cached, hits: u64) -> Duration {
    let (mut left, mut all) = (hits, Duration::ZERO);
    while left > 0 {
        let batch = left.min(BATCH);
        let requests: Vec<_> = (0..batch).map(|_| request()).collect();
        let begin = Instant::now();
        for request in requests {
            let body = hit(&mut service, request).await.expect("a response");
            assert_eq!(black_box(body), BODY);
        }
        all += begin.elapsed();
        left -= batch;
        // Some layers have tasks of their own.
        tokio::task::yield_now().await;
    }
    all
}

/// How long the body of the response is.
async fn hit(service: &mut Cached, request: Request<Body>) -> Result<usize> {
    let service = service.ready().await.map_err(anyhow::Error::from_boxed)?;
    let response = service.call(request).await.map_err(anyhow::Error::from_boxed)?;
    Ok(response.into_body().collect().await.context("a body")?.to_bytes().len())
}

/// The median time of a hit in one round, in nanoseconds, as criterion has written it down.
fn median_of(results: &Path, round: &str, name: &str) -> Result<f64> {
    let file: PathBuf = [round, name, "new", "estimates.json"].iter().collect();
    let text = fs::read_to_string(results.join(file)).context("the results of criterion")?;
    let estimates: Value = serde_json::from_str(&text)?;
    estimates["median"]["point_estimate"].as_f64().context("a median")
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn print(threads: usize, times: &[f64]) -> Result<()> {
    let ours = PEERS.iter().position(|peer| peer.name == OURS).context("larder-http is there")?;
    println!("\nThreads that ask: {threads}.\n");
    println!("| layer | version | ns for a hit | hits a second | larder-http has |");
    println!("|---|---|---|---|---|");
    for (peer, time) in PEERS.iter().zip(times) {
        let (rate, times_more) = (1e9 / time * threads as f64, time / times[ours]);
        let more = if peer.name == OURS { String::new() } else { format!("{times_more:.2}x") };
        let [time, rate] = [time, rate].map(|it| thousands(it.round() as u64));
        println!("| {} | {} | {time} | {rate} | {more} |", peer.name, peer.version);
    }
    Ok(())
}

/// A count with a comma between thousands.
fn thousands(n: u64) -> String {
    let (above, below) = (n / 1000, n % 1000);
    if above == 0 { below.to_string() } else { format!("{},{below:03}", thousands(above)) }
}
