//! Sends each request when it is due, or as soon after as a connection is free.
//!
//! A thread of its own watches the clock, since the runtime's timer counts whole milliseconds. It
//! hands out permits; whoever gets one takes the next number of the plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::client::{Answer, Connection};
use super::options::Settings;
use super::plan::{Chooser, Plan};
use super::tally::{Failure, Outcome, Tallies, Timing};
use super::target::Target;
use super::world::World;

/// The longest sleep of the clock's thread, after which it looks whether it is still needed.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Debug)]
struct Run {
    world: Arc<World>,
    plan: Plan,
    chooser: Chooser,
    tallies: Tallies,
    permits: Semaphore,
    next: AtomicUsize,
    start: Instant,
}

/// Runs `plan`; ends at the latest one time limit after its last request was due.
pub(super) async fn run(
    target: &Target,
    world: Arc<World>,
    plan: Plan,
    settings: &Settings,
    bar: &ProgressBar,
) -> Outcome {
    let chooser = Chooser::new(settings, world.users(), world.codes());
    let total = plan.len();
    let last = Duration::from_nanos(plan.due(total - 1));
    let run = Arc::new(Run {
        world,
        plan,
        chooser,
        tallies: Tallies::new(settings.warm_up, settings.measured),
        permits: Semaphore::new(0),
        next: AtomicUsize::new(0),
        start: Instant::now(),
    });
    let wanted = Arc::new(AtomicBool::new(true));
    let clock = thread::spawn({
        let (run, wanted, connections) = (run.clone(), wanted.clone(), settings.connections);
        move || watch(&run, &wanted, connections)
    });
    let mut tasks = JoinSet::new();
    for _ in 0..settings.connections {
        let connection = Connection::new(target, settings.timeout);
        tasks.spawn(work(run.clone(), connection, bar.clone()));
    }
    let limit = run.start + last + settings.timeout;
    let all = async { while tasks.join_next().await.is_some() {} };
    let ended = tokio::time::timeout_at(limit.into(), all).await;
    wanted.store(false, Ordering::Relaxed);
    if ended.is_err() {
        tasks.shutdown().await;
    }
    // It panics nowhere; and if it did, the requests it did not release are counted below.
    let _ = clock.join();
    for number in run.next.load(Ordering::Relaxed).min(total)..total {
        let due = Duration::from_nanos(run.plan.due(number));
        run.tallies.failed(run.chooser.draw(number).endpoint, due, Failure::Unanswered);
    }
    run.tallies.finish()
}

/// Hands out a permit for each request that is due, and one for each connection at the end.
fn watch(run: &Run, wanted: &AtomicBool, connections: usize) {
    let mut number = 0;
    while number < run.plan.len() {
        let now = run.start.elapsed();
        let due = (number..run.plan.len())
            .take_while(|&number| Duration::from_nanos(run.plan.due(number)) <= now)
            .count();
        if due > 0 {
            run.permits.add_permits(due);
            number += due;
        } else {
            let left = Duration::from_nanos(run.plan.due(number)) - now;
            thread::sleep(left.min(LONGEST_SLEEP));
        }
        if !wanted.load(Ordering::Relaxed) {
            return;
        }
    }
    run.permits.add_permits(connections);
}

/// One connection's part.
async fn work(run: Arc<Run>, mut connection: Connection, bar: ProgressBar) {
    loop {
        // Never closed, so there is always one to come.
        let Ok(permit) = run.permits.acquire().await else { return };
        permit.forget();
        let number = run.next.fetch_add(1, Ordering::Relaxed);
        if number >= run.plan.len() {
            return;
        }
        let draw = run.chooser.draw(number);
        let due = Duration::from_nanos(run.plan.due(number));
        let lost = Lost { run: &run, endpoint: draw.endpoint, due, armed: true };
        let call = run.world.call(draw, number);
        let sent = run.start.elapsed();
        let answer = connection.send(call).await;
        let done = run.start.elapsed();
        lost.disarm();
        match answer {
            Ok(answer) if answer.status.as_u16() < 400 => {
                let Answer { server, hit, body, .. } = answer;
                let timing = Timing { due, sent, done, server, hit, bytes: body.len() };
                run.tallies.answered(draw.endpoint, timing);
            }
            Ok(answer) => {
                let failure = Failure::Status(answer.status.as_u16());
                run.tallies.failed(draw.endpoint, due, failure);
            }
            Err(error) => run.tallies.failed(draw.endpoint, due, error.into()),
        }
        bar.inc(1);
    }
}

/// Counts a request whose task is ended while it waits.
#[derive(Debug)]
struct Lost<'a> {
    run: &'a Run,
    endpoint: super::mix::Endpoint,
    due: Duration,
    armed: bool,
}

impl Lost<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Lost<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.run.tallies.failed(self.endpoint, self.due, Failure::Unanswered);
        }
    }
}
