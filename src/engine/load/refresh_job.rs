//! Refresh jobs: refreshes in the background, sent to whatever runs the loader.
//!
//! A refresh job is a lead without a lifetime (`handed.rs`), and like a waiter that the lead of the
//! flight was offered to (`flight.rs`): when it runs it takes the lead, unless another came first;
//! then there is nothing to do. A refresh job that is dropped, at any point, is a failed refresh,
//! and leaves the lead to the waiters. One that is forgotten (`mem::forget`) keeps its key from
//! being refreshed, but not from being loaded.
//!
//! A panic of the loader is a failed refresh. It is caught, and not passed on to the executor.

use crate::{
    engine::{
        load::{
            fill::Took,
            handed::{HandedLead, Holder},
            lead::Lead,
        },
        ops::insert::EntryOptions,
        singleflight::flight::Outcome,
    },
    process::pool,
};
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

/// A refresh in the background.
pub(crate) struct RefreshJob<K, V>(HandedLead<K, V>);

impl<K, V> RefreshJob<K, V> {
    /// Leaves the lead to the refresh job, or to a waiter, whichever comes first.
    pub(crate) fn new(lead: Lead<'_, K, V>) -> Self {
        Self(lead.hand_over(Holder::RefreshJob))
    }
}

impl<K, V> RefreshJob<K, V>
where
    K: Eq + Clone,
    V: Clone,
{
    /// Runs the loader in this thread.
    pub(crate) fn run(mut self, loader: impl Fn(&K) -> Option<V>) {
        let Some(timer) = self.0.begin() else { return };
        let loaded = self.step(|key| loader(key)).flatten();
        self.end(loaded, timer.stop());
    }

    /// Runs the loader's future.
    pub(crate) async fn run_async<F>(mut self, loader: impl Fn(&K) -> F)
    where
        F: Future<Output = Option<V>>,
    {
        let Some(timer) = self.0.begin() else { return };
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

    /// Runs code of the loader. Returns `None` if it panics.
    fn step<R>(&self, f: impl FnOnce(&K) -> R) -> Option<R> {
        let _leading = self.0.leading();
        pool::caught(|| f(self.0.key()))
    }

    fn end(self, loaded: Option<V>, took: Took) {
        self.0.take_up(|lead| {
            let engine = lead.engine();
            engine.count_load(took.wall, loaded.is_none());
            let outcome = loaded.map_or(Outcome::Nothing, Outcome::Value);
            engine.conclude([lead.hash()], |unused| {
                lead.finish(K::clone, outcome, &EntryOptions::BY_RULE, took.by_clock, unused)
            })
        });
    }
}

impl<K, V> fmt::Debug for RefreshJob<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RefreshJob").field(&self.0).finish()
    }
}
