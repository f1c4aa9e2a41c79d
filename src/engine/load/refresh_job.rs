//! Refresh jobs: refreshes in the background, sent to whatever runs the loader.
//!
//! A refresh job knows the cache weakly, and holds it neither while it waits nor while its loader
//! runs: a cache ends with its last handle. It is like a waiter that the lead of the flight was
//! offered to (`flight.rs`): when it runs it takes the lead, unless another came first; then there
//! is nothing to do. A refresh job that is dropped, at any point, is a failed refresh, and passes
//! the lead on. One that is forgotten (`mem::forget`) keeps its key from being refreshed, but not
//! from being loaded.
//!
//! A panic of the loader is a failed refresh. It is caught, and not passed on to the executor.

use crate::{
    engine::{
        Engine,
        invalidate::tags::Tags,
        load::{
            fill::{Timer, Took},
            refresh::Refresh,
        },
        shards::{common::Common, tiers::NodeRef},
        singleflight::{
            flight::{Flight, Leader, Outcome},
            reentrancy::Leading,
        },
    },
    process::pool,
    sync::{Arc, Weak},
};
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// A refresh in the background.
pub(crate) struct RefreshJob<K, V> {
    cache: Weak<Common<K, V>>,
    flight: Arc<Flight<K, V>>,
    hash: u64,
    node_ref: NodeRef,
    tags: Tags,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Sent,
    Leading,
    Over,
}

impl<K, V> RefreshJob<K, V> {
    pub(crate) fn new(
        cache: &Arc<Common<K, V>>,
        flight: Arc<Flight<K, V>>,
        hash: u64,
        node_ref: NodeRef,
        tags: Tags,
    ) -> Self {
        Self { cache: Arc::downgrade(cache), flight, hash, node_ref, tags, stage: Stage::Sent }
    }
}

impl<K, V> RefreshJob<K, V>
where
    K: Eq + Clone,
    V: Clone,
{
    /// Runs the loader in this thread.
    pub(crate) fn run(mut self, loader: impl Fn(&K) -> Option<V>) {
        let Some(timer) = self.begin() else { return };
        let loaded = self.step(|key| loader(key)).flatten();
        self.end(loaded, timer.stop());
    }

    /// Runs the loader's future.
    pub(crate) async fn run_async<F>(mut self, loader: impl Fn(&K) -> F)
    where
        F: Future<Output = Option<V>>,
    {
        let Some(timer) = self.begin() else { return };
        let loaded = match self.step(|key| loader(key)) {
            None => None,
            Some(load) => {
                let mut load = pin!(load);
                poll_fn(|context| {
                    let polled = self.step(|_| load.as_mut().poll(context));
                    polled.unwrap_or(Poll::Ready(None))
                })
                .await
            }
        };
        self.end(loaded, timer.stop());
    }

    /// Takes the lead. Returns `None` if there is nothing to do.
    fn begin(&mut self) -> Option<Timer> {
        let engine = Engine::engine_of(&self.cache)?;
        if !self.flight.take_lead() {
            self.stage = Stage::Over;
            return None;
        }
        self.stage = Stage::Leading;
        Some(Timer::start(&engine.common.lifetimes.clock))
    }

    /// Runs code of the loader. Returns `None` if it panics.
    fn step<R>(&self, f: impl FnOnce(&K) -> R) -> Option<R> {
        let _leading = Leading::new(Arc::as_ptr(&self.flight).cast());
        pool::caught(|| f(self.flight.key()))
    }

    fn end(mut self, loaded: Option<V>, took: Took) {
        let Some(engine) = Engine::engine_of(&self.cache) else { return };
        let _work = engine.common.background.work();
        self.stage = Stage::Over;
        engine.count_load(took.wall, loaded.is_none());
        let lead = Leader::new(&engine.common.flights, Arc::clone(&self.flight));
        let refresh = Refresh::new(&engine, lead, self.hash, self.node_ref, self.tags);
        let outcome = loaded.map_or(Outcome::Nothing, Outcome::Value);
        refresh.conclude(|| self.flight.key().clone(), outcome, took.by_clock);
    }
}

impl<K, V> Drop for RefreshJob<K, V> {
    fn drop(&mut self) {
        if self.stage == Stage::Over {
            return;
        }
        // Without a cache there are no waiters and no counters left.
        let Some(engine) = Engine::engine_of(&self.cache) else { return };
        let _work = engine.common.background.work();
        engine.count_refresh(self.node_ref, true);
        match self.stage {
            Stage::Leading => drop(Leader::new(&engine.common.flights, Arc::clone(&self.flight))),
            Stage::Sent | Stage::Over => self.flight.decline(&engine.common.flights),
        }
    }
}

impl<K, V> fmt::Debug for RefreshJob<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshJob").field("stage", &self.stage).finish_non_exhaustive()
    }
}
