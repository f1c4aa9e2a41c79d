//! The queue of clicks, and the task that writes them.

use super::{Click, lag::Lag};
use crate::{config::Clicks, db, store::Store};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

/// How long to wait before a batch that failed is tried again, at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

enum Message {
    Clicked(Click),
    /// Everything before this is to be written, and then to be told.
    Flush(oneshot::Sender<()>),
}

/// The way of clicks to the database. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct ClickQueue {
    sender: mpsc::Sender<Message>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    taken: AtomicU64,
    written: AtomicU64,
}

/// How many clicks have come, and how many of them have been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClickStats {
    pub(crate) taken: u64,
    pub(crate) written: u64,
}

impl ClickQueue {
    /// Starts the task that writes.
    pub(crate) fn start(settings: &Clicks, store: Store) -> Self {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (sender, receiver) = mpsc::channel(size(settings.queue));
        let counters = Arc::new(Counters::default());
        let writer = Writer {
            store,
            receiver,
            batch: size(settings.batch),
            every: settings.flush_every,
            lag: Lag::new(settings.count_lag),
            counters: Arc::clone(&counters),
        };
        tokio::spawn(writer.run());
        Self { sender, counters }
    }

    /// Takes a click. Waits while the queue is full.
    pub(crate) async fn push(&self, click: Click) {
        self.counters.taken.fetch_add(1, Relaxed);
        // The task ends when the last queue is gone.
        _ = self.sender.send(Message::Clicked(click)).await;
    }

    /// Waits until all clicks are written that were taken before.
    pub(crate) async fn flush(&self) {
        let (done, told) = oneshot::channel();
        if self.sender.send(Message::Flush(done)).await.is_ok() {
            _ = told.await;
        }
    }

    pub(crate) fn stats(&self) -> ClickStats {
        let written = self.counters.written.load(Relaxed);
        ClickStats { taken: self.counters.taken.load(Relaxed), written }
    }
}

struct Writer {
    store: Store,
    receiver: mpsc::Receiver<Message>,
    batch: usize,
    every: Duration,
    lag: Lag,
    counters: Arc<Counters>,
}

impl Writer {
    async fn run(mut self) {
        let (mut clicks, mut waiting) = (Vec::new(), Vec::new());
        // Since when the oldest click waits, or the last batch was written.
        let mut since = Instant::now();
        loop {
            let is_due = clicks.len() >= self.batch || !waiting.is_empty();
            let timed = !clicks.is_empty() || self.lag.is_waiting();
            let message = if is_due {
                None
            } else if timed {
                let rest = self.every.saturating_sub(since.elapsed());
                match tokio::time::timeout(rest, self.receiver.recv()).await {
                    Ok(None) => break,
                    Ok(message) => message,
                    Err(_) => None,
                }
            } else {
                let Some(message) = self.receiver.recv().await else { break };
                since = Instant::now();
                Some(message)
            };
            match message {
                Some(Message::Clicked(click)) => clicks.push(click),
                Some(Message::Flush(done)) => waiting.push(done),
                None => {
                    self.write(&mut clicks).await;
                    waiting.drain(..).for_each(|done| _ = done.send(()));
                    since = Instant::now();
                }
            }
        }
        self.write(&mut clicks).await;
    }

    /// Writes these clicks, however long it takes, and makes stale what they change.
    async fn write(&mut self, clicks: &mut Vec<Click>) {
        let users = if clicks.is_empty() { BTreeSet::new() } else { self.write_all(clicks).await };
        self.counters.written.fetch_add(clicks.len() as u64, Relaxed);
        clicks.clear();
        for user in self.lag.clicked(users, Instant::now()) {
            self.store.counts_changed(user);
        }
    }

    async fn write_all(&self, clicks: &[Click]) -> BTreeSet<i64> {
        let mut pause = Duration::from_millis(50);
        loop {
            match db::clicks::write(self.store.db(), clicks).await {
                Ok(users) => return users,
                Err(error) => {
                    tracing::error!(%error, clicks = clicks.len(), "clicks wait to be written");
                    tokio::time::sleep(pause).await;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
            }
        }
    }
}
