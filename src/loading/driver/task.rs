//! The task of a detached load.

use super::{
    Conclude,
    slot::{End, Payload, Slot},
};
use crate::{
    engine::load::{
        fill::Took,
        handed::{HandedLead, Holder},
        lead::Lead,
    },
    process::{pool::caught, spawner::Spawner},
};
use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// For an answer, and whether the loader has brought a value; or for the request and its loader.
pub(super) type AnswerSlot<C, F> = Arc<Slot<(<C as Conclude>::Answer, bool), (C, Pin<Box<F>>)>>;

/// A load in a task.
pub(super) struct Task<C: Conclude, F> {
    /// `None` once the loader has ended.
    request: Option<C>,
    lead: Option<HandedLead<C::Key, C::Value>>,
    loader: Option<Pin<Box<F>>>,
    slot: AnswerSlot<C, F>,
}

impl<C, F> Task<C, F>
where
    C: Conclude<Key: Send + Sync + 'static, Value: Send + Sync + 'static> + Send + 'static,
    C::Answer: Send + 'static,
    F: Future<Output = C::Loaded> + Send + 'static,
{
    /// Hands the load to a spawner.
    pub(super) fn start(
        Spawner(spawn): &Spawner,
        request: C,
        lead: Lead<'_, C::Key, C::Value>,
        init: F,
    ) -> AnswerSlot<C, F> {
        let slot = Slot::new();
        let task = Self {
            request: Some(request),
            lead: Some(lead.hand_over(Holder::Task)),
            loader: Some(Box::pin(init)),
            slot: Arc::clone(&slot),
        };
        spawn(Box::pin(task.run()));
        slot
    }

    async fn run(mut self) {
        let Some(timer) = self.lead.as_ref().and_then(HandedLead::timer) else { return };
        let loaded = poll_fn(|context| self.poll(context)).await;
        let took = timer.stop();
        match loaded {
            Ok(loaded) => self.conclude(loaded, took),
            Err(payload) => self.fail(payload, took),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<C::Loaded, Payload>> {
        let (Some(lead), Some(loader)) = (&self.lead, &mut self.loader) else {
            unreachable!("the loader has not ended")
        };
        let _leading = lead.leading();
        match catch_unwind(AssertUnwindSafe(|| loader.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(loaded)) => Poll::Ready(Ok(loaded)),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }

    /// Ends the load, and answers the caller, which does not wait for listeners.
    fn conclude(mut self, loaded: C::Loaded, took: Took) {
        let (Some(lead), Some(request)) = (self.lead.take(), self.request.take()) else { return };
        let slot = Arc::clone(&self.slot);
        let has_value = C::has_value(&loaded);
        let conclude = move || {
            lead.take_up(|lead| {
                let engine = lead.engine();
                engine.count_load(took.wall, C::has_failed(&loaded));
                engine.conclude([lead.hash()], |unused| {
                    let answer = request.conclude(lead, loaded, took.by_clock, unused);
                    slot.end(End::Answer((answer, has_value)));
                });
            });
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(conclude)) {
            self.slot.end(End::Panic(payload));
        }
    }

    /// Abandons the load to the other callers, and passes the panic on to this one.
    fn fail(mut self, payload: Payload, took: Took) {
        caught(|| drop(self.loader.take()));
        if let Some(lead) = self.lead.take() {
            lead.count_failure(took.wall);
            drop(lead);
        }
        self.slot.end(End::Panic(payload));
    }
}

impl<C: Conclude, F> Drop for Task<C, F> {
    fn drop(&mut self) {
        // In this order: the caller starts again, and has to find the load abandoned.
        if let Some(lead) = self.lead.take() {
            drop(lead);
            if let (Some(request), Some(loader)) = (self.request.take(), self.loader.take()) {
                self.slot.end(End::Dropped((request, loader)));
            }
        }
    }
}
