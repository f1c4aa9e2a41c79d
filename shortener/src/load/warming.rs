//! Requests before all others, one after another on each connection (*closed-loop*).
//!
//! How warm a cache is depends on how many requests it has seen, not on how long they took. So this
//! sends a number of requests, as fast as answers come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use tokio::task::JoinSet;

use super::client::Connection;
use super::options::Settings;
use super::plan::Chooser;
use super::progress_bar;
use super::target::Target;
use super::world::World;

/// What all connections share.
#[derive(Debug)]
struct Run {
    world: Arc<World>,
    chooser: Chooser,
    /// Requests are numbered after those of the plan, which asks for the same with or without them.
    numbers: std::ops::Range<usize>,
    next: AtomicUsize,
    bar: ProgressBar,
}

/// Sends the requests, whatever becomes of them, and returns how long that took.
pub(super) async fn run(target: &Target, world: &Arc<World>, settings: &Settings) -> Duration {
    let start = Instant::now();
    if settings.warm_up_requests == 0 {
        return Duration::ZERO;
    }
    let first = settings.requests;
    let run = Arc::new(Run {
        world: Arc::clone(world),
        chooser: Chooser::new(settings, world.users(), world.codes()),
        numbers: first..first + settings.warm_up_requests,
        next: AtomicUsize::new(first),
        bar: progress_bar(settings.warm_up_requests).with_message("warm-up"),
    });
    let mut tasks = JoinSet::new();
    for _ in 0..settings.connections {
        tasks.spawn(work(Arc::clone(&run), Connection::new(target, settings.timeout)));
    }
    while tasks.join_next().await.is_some() {}
    run.bar.finish_and_clear();
    start.elapsed()
}

/// One connection's part.
async fn work(run: Arc<Run>, mut connection: Connection) {
    loop {
        let number = run.next.fetch_add(1, Ordering::Relaxed);
        if !run.numbers.contains(&number) {
            return;
        }
        let call = run.world.call(run.chooser.draw(number), number);
        _ = connection.send(call).await;
        run.bar.inc(1);
    }
}
