//! [`Turn::load`] with the function in a task of its own, which the caller waits for.
//!
//! Like a detached load of a cache (`loading/detached.rs`). But the cache of a function lives as
//! long as the process, so the task can own the lead. A task that fails abandons the lead to all
//! waiting callers.

use super::{
    Form, Lead, Shape, Turn,
    future::{Loading, Run, Stage},
    outcome,
};
use crate::{
    engine::load::fill::Stopwatch,
    loading::slot::{End, Payload, Slot},
    manager::{StoredKey, StoredValue},
    process::{pool::caught, spawner::Spawner},
};
use pin_project_lite::pin_project;
use std::{
    future::{Future, poll_fn},
    mem,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

type FunctionSlot<S, C, F> = Arc<Slot<<S as Form>::Output, Call<S, C, F>>>;

/// A call and its function, boxed because it moves between task and caller.
struct Call<S: Shape, C, F> {
    turn: Turn<S>,
    keep: C,
    run: Pin<Box<F>>,
}

pin_project! {
    // No field is pinned: the function is boxed before it is polled.
    struct Following<S, C, F>
    where
        S: Shape,
    {
        at: At<S, C, F>,
    }
}

enum At<S: Shape, C, F> {
    Seeking(Turn<S>, C, F, Stage<S>),
    /// A task has the function.
    Task(FunctionSlot<S, C, F>),
    /// The function runs for this caller only, or the task was dropped.
    InPlace(Loading<S, C, Pin<Box<F>>>),
    Over,
}

impl<S: Shape<Output: Send> + 'static> Turn<S> {
    /// [`load`](Self::load) with `run` in a task.
    ///
    /// # Panics
    ///
    /// If the cache has no spawner.
    pub fn load_detached<C, F>(self, keep: C, run: F) -> impl Future<Output = S::Output>
    where
        C: FnOnce(&S::Value) -> bool + Send + 'static,
        F: Future<Output = S::Output> + Send + 'static,
    {
        assert!(
            self.home().entries.spawner().is_some(),
            "a function with `detached` needs a spawner, and the manager has none: give one to its builder, by \
             `.spawner(..)`, and the manager to `larder::manager::set_global`"
        );
        Following { at: At::Seeking(self, keep, run, Stage::Unknown) }
    }
}

impl<S, C, F> Future for Following<S, C, F>
where
    S: Shape<Output: Send> + 'static,
    C: FnOnce(&S::Value) -> bool + Send + 'static,
    F: Future<Output = S::Output> + Send + 'static,
{
    type Output = S::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<S::Output> {
        let at = self.project().at;
        loop {
            match mem::replace(at, At::Over) {
                At::Seeking(turn, keep, run, mut stage) => {
                    match turn.seek(&mut stage, context) {
                        Poll::Pending => {
                            *at = At::Seeking(turn, keep, run, stage);
                            return Poll::Pending;
                        }
                        Poll::Ready(ControlFlow::Break(output)) => return Poll::Ready(output),
                        Poll::Ready(ControlFlow::Continue(())) => {}
                    }
                    let run = Box::pin(run);
                    *at = match stage {
                        Stage::Leading(lead, begun) => {
                            At::Task(Task::start(Call { turn, keep, run }, lead, begun))
                        }
                        alone => At::InPlace(Loading::new(turn, keep, run, alone)),
                    };
                }
                At::Task(slot) => match slot.poll(context) {
                    Poll::Pending => {
                        *at = At::Task(slot);
                        return Poll::Pending;
                    }
                    Poll::Ready(End::Answer(output)) => return Poll::Ready(output),
                    Poll::Ready(End::Panic(payload)) => resume_unwind(payload),
                    Poll::Ready(End::Dropped(Call { turn, keep, run })) => {
                        *at = At::InPlace(Loading::new(turn, keep, run, Stage::Unknown));
                    }
                },
                At::InPlace(mut loading) => {
                    let polled = Pin::new(&mut loading).poll(context);
                    if polled.is_pending() {
                        *at = At::InPlace(loading);
                    }
                    return polled;
                }
                At::Over => panic!("a load was polled after its end"),
            }
        }
    }
}

type Begun = Run<Stopwatch<'static, StoredKey, StoredValue>>;

/// A call whose function runs, and the lead of its load.
type Load<S, C, F> = (Call<S, C, F>, Lead<<S as Form>::Value>, Begun);

/// A run of a function in a task.
struct Task<S: Shape, C, F> {
    /// `None` once the function has ended.
    load: Option<Load<S, C, F>>,
    slot: FunctionSlot<S, C, F>,
}

impl<S, C, F> Task<S, C, F>
where
    S: Shape<Output: Send> + 'static,
    C: FnOnce(&S::Value) -> bool + Send + 'static,
    F: Future<Output = S::Output> + Send + 'static,
{
    /// Starts a task by the spawner of the function's cache.
    fn start(call: Call<S, C, F>, lead: Lead<S::Value>, begun: Begun) -> FunctionSlot<S, C, F> {
        let Spawner(spawn) = call.turn.home().entries.spawner().expect("asked for at the call");
        let slot = Slot::new();
        let task = Self { load: Some((call, lead, begun)), slot: Arc::clone(&slot) };
        spawn(Box::pin(task.run()));
        slot
    }

    async fn run(mut self) {
        match poll_fn(|context| self.poll(context)).await {
            Ok(output) => self.conclude(output),
            Err(payload) => self.fail(payload),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<S::Output, Payload>> {
        let (call, lead, begun) = self.load.as_mut().expect("the function has not ended");
        let _leading = lead.leader.leading();
        let poll = || begun.span.within(|| call.run.as_mut().poll(context));
        let polled = catch_unwind(AssertUnwindSafe(|| begun.stopwatch.watch(poll)));
        Poll::Ready(match polled {
            Ok(polled) => Ok(ready!(polled)),
            Err(payload) => Err(payload),
        })
    }

    /// Stores the result, lands, and answers the caller before listeners are notified.
    fn conclude(mut self, output: S::Output) {
        let Some((Call { turn, keep, run }, lead, begun)) = self.load.take() else { return };
        let slot = Arc::clone(&self.slot);
        let conclude = move || {
            let split = S::split(output);
            begun.span.end(outcome::<S>(&split));
            let took = begun.stopwatch.stop(S::FAILS && split.is_err());
            turn.end_with(lead, split, keep, begun.started, took, |output| {
                slot.end(End::Answer(output));
            });
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(conclude)) {
            self.slot.end(End::Panic(payload));
        }
        // After the answer: the destructor of the function's future may take long.
        drop(run);
    }

    /// Abandons the load to the other callers, and passes the panic on to this one.
    fn fail(mut self, payload: Payload) {
        if let Some((Call { run, .. }, lead, _)) = self.load.take() {
            caught(|| drop(run));
            lead.leader.abandon_to_all();
        }
        self.slot.end(End::Panic(payload));
    }
}

impl<S: Shape, C, F> Drop for Task<S, C, F> {
    fn drop(&mut self) {
        // In this order: the caller starts again, and has to find the load abandoned.
        if let Some((call, lead, _)) = self.load.take() {
            lead.leader.abandon_to_all();
            self.slot.end(End::Dropped(call));
        }
    }
}
