//! Loads in tasks: one per key at a time, shared by all that ask, and what happens when they fail.
//!
//! `cargo run --example async_loading`

use larder::Cache;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{sync::oneshot, task::JoinSet, time::sleep};

/// Something slow that counts how often it is asked.
#[derive(Default)]
struct Backend {
    asked: AtomicU64,
}

impl Backend {
    async fn fetch(&self, key: &str) -> Result<String, String> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        sleep(Duration::from_millis(100)).await;
        if key == "broken" {
            Err(format!("no answer to request {number}"))
        } else {
            Ok(key.to_uppercase())
        }
    }
}

#[tokio::main]
async fn main() {
    let cache: Cache<&str, String> = Cache::new(1_000);
    let backend = Arc::new(Backend::default());

    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..1_000 {
        let (cache, backend) = (cache.clone(), Arc::clone(&backend));
        tasks.spawn(async move {
            cache.try_get_with_async("greeting", backend.fetch("greeting")).await
        });
    }
    let answers = tasks.join_all().await;
    println!(
        "1,000 tasks asked for one key: {} answers of {:?}, {} request, {:.1} s",
        answers.len(),
        answers[0],
        backend.asked.load(Ordering::Relaxed),
        started.elapsed().as_secs_f64()
    );

    // An error goes to all that wait, and is not stored: the next call tries again.
    for _ in 0..2 {
        println!("broken: {:?}", cache.try_get_with_async("broken", backend.fetch("broken")).await);
    }
    println!("contains_key(broken): {}", cache.contains_key("broken"));

    // A write during a load wins: what was loaded is given to those that waited, and not stored.
    let load = cache.get_with_async("price", async {
        sleep(Duration::from_millis(100)).await;
        "9.99, as it was when the load began".to_owned()
    });
    let write = async {
        sleep(Duration::from_millis(20)).await;
        cache.insert("price", "8.99".to_owned());
    };
    let (loaded, ()) = tokio::join!(load, write);
    println!("loaded: {loaded:?}; stored: {:?}", cache.get("price"));

    // A load whose task goes away is taken over by one that waits.
    let first = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get_with_async("report", std::future::pending()).await }
    });
    sleep(Duration::from_millis(20)).await;
    let second = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get_with_async("report", async { "by the second".to_owned() }).await }
    });
    sleep(Duration::from_millis(20)).await;
    first.abort();
    println!("report: {:?}", second.await.expect("it takes over"));

    // A load in a task of its own needs nobody: it goes on when the task that asked for it goes
    // away.
    let detaching: Cache<&str, String> =
        Cache::builder().max_capacity(1_000).spawner(|load| drop(tokio::spawn(load))).build();
    let (begun, begins) = oneshot::channel();
    let client = tokio::spawn({
        let (cache, backend) = (detaching.clone(), Arc::clone(&backend));
        let load = async move {
            begun.send(()).expect("somebody waits for that");
            backend.fetch("invoice").await
        };
        async move { cache.try_get_with_detached("invoice", load).await }
    });
    begins.await.expect("the load begins");
    client.abort();
    let second = detaching.try_get_with_detached("invoice", async {
        Err("not asked: the first load is still running".to_owned())
    });
    println!("invoice, whose client has gone: {:?}", second.await);
    println!("detached loads: {}", detaching.stats().loads);

    let stats = cache.stats();
    println!(
        "loads: {} succeeded, {} failed, {:.0} ms in the mean",
        stats.loads,
        stats.load_failures,
        1_000.0 * stats.load_time.as_secs_f64() / (stats.loads + stats.load_failures) as f64
    );
}
