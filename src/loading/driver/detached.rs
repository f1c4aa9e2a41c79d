//! A request as a future whose loader runs in a task of its own, which the future waits for.
//!
//! The caller that gets the lead of a load hands it, with its loader, to a task
//! (`engine/load/handed.rs`), and waits at a slot (`slot.rs`). It does not wait at the flight,
//! since it could not take over the lead: the task has its loader. The task ends in one of three
//! ways, of which the flight informs all other waiting callers:
//!
//! - The loader has ended: its outcome is stored and landed, and the answer goes into the slot.
//! - The loader has panicked: the flight is abandoned, and the panic goes on in the caller, if it
//!   still waits.
//! - The task is dropped, by its runtime or by the spawner: the flight is abandoned, and the loader
//!   goes back to the caller, which starts again, and runs the loader in place if it leads again.

use super::{
    Asking, Conclude, EngineOf, Inquiry, Joined, Lead, Lookup, Request, Seeking,
    slot::End,
    task::{AnswerSlot, Task},
    without,
};
use crate::process::spawner::Spawner;
use pin_project_lite::pin_project;
use std::{
    future::Future,
    mem,
    panic::resume_unwind,
    pin::Pin,
    task::{Context, Poll},
};

/// A request whose loader can run in a task.
pub(crate) trait Detach: Request {
    /// What stays with the caller.
    type Stays;
    /// What the task has.
    type Sent: Conclude<Key = Self::Key, Value = Self::Value, Loaded = Self::Loaded, Answer = Self::Answer>;
    /// What starts again if the task is dropped.
    type Again: Request<
            Key = Self::Key,
            Value = Self::Value,
            Loaded = Self::Loaded,
            Answer = Self::Answer,
            Alone = Self::Alone,
        >;

    fn send(self) -> (Self::Stays, Self::Sent);
    fn again(stays: Self::Stays, sent: Self::Sent) -> Self::Again;
}

pin_project! {
    /// A request with a loader `F` for its answer, which runs in a task.
    pub(crate) struct Detached<'c, R: Detach, F> {
        engine: &'c EngineOf<R>,
        spawner: &'c Spawner,
        // No field is pinned: the loader is boxed before it is polled.
        stage: Stage<'c, R, F>,
        has_loaded: bool,
    }
}

enum Stage<'c, R: Detach, F> {
    Seeking(Seeking<'c, R>, F),
    /// The lookup has found an old value.
    Leading(Lead<'c, R::Key, R::Value>, R, F),
    /// A task has the loader.
    Following(AnswerSlot<R::Sent, F>, R::Stays),
    /// The caller loads alone, or the task was dropped.
    InPlace(Asking<'c, R::Again, Pin<Box<F>>>),
    Over,
}

impl<'c, R: Detach, F> Detached<'c, R, F> {
    pub(crate) fn new(
        engine: &'c EngineOf<R>,
        spawner: &'c Spawner,
        seeking: Seeking<'c, R>,
        init: F,
    ) -> Self {
        Self { engine, spawner, stage: Stage::Seeking(seeking, init), has_loaded: false }
    }
}

impl<R: Detach, F> Inquiry for Detached<'_, R, F> {
    type Request = R;

    fn request(&self) -> Option<&R> {
        match &self.stage {
            Stage::Seeking(Seeking { request, .. }, _) | Stage::Leading(_, request, _) => {
                Some(request)
            }
            Stage::Following(..) | Stage::InPlace(_) | Stage::Over => None,
        }
    }

    fn has_loaded(&self) -> bool {
        self.has_loaded
    }

    fn look(self: Pin<&mut Self>) -> Option<(R, R::Value)> {
        let this = self.project();
        let Stage::Seeking(seeking, _) = this.stage else { return None };
        let looked = seeking.look(this.engine);
        if let Lookup::Absent = looked {
            return None;
        }
        let Stage::Seeking(Seeking { request, .. }, init) = mem::replace(this.stage, Stage::Over)
        else {
            unreachable!("as above")
        };
        match looked {
            Lookup::Found(value) => return Some((request, value)),
            Lookup::Old(lead) => *this.stage = Stage::Leading(lead, request, init),
            Lookup::Absent => unreachable!("as above"),
        }
        None
    }
}

impl<R, F> Future for Detached<'_, R, F>
where
    R: Detach<Key: Send + Sync + 'static, Value: Send + Sync + 'static, Sent: Send + 'static>,
    R::Answer: Send + 'static,
    F: Future<Output = R::Loaded> + Send + 'static,
{
    type Output = R::Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R::Answer> {
        let this = self.project();
        let stage = this.stage;
        loop {
            match mem::replace(stage, Stage::Over) {
                Stage::Seeking(mut seeking, init) => match seeking.poll(this.engine, context) {
                    Poll::Pending => {
                        *stage = Stage::Seeking(seeking, init);
                        return Poll::Pending;
                    }
                    Poll::Ready(Joined::Done(answer)) => {
                        return Poll::Ready(without((seeking, init), answer));
                    }
                    Poll::Ready(Joined::Alone(alone)) => {
                        let (stays, sent) = seeking.request.send();
                        let (seeking, init) =
                            (Seeking::of_absent(R::again(stays, sent)), Box::pin(init));
                        *stage = Stage::InPlace(Asking::alone(this.engine, seeking, alone, init));
                    }
                    Poll::Ready(Joined::Lead(lead)) => {
                        *stage = Stage::Leading(lead, seeking.request, init);
                    }
                },
                Stage::Leading(lead, request, init) => {
                    let (stays, sent) = request.send();
                    let slot = Task::start(this.spawner, sent, lead, init);
                    *stage = Stage::Following(slot, stays);
                }
                Stage::Following(slot, stays) => match slot.poll(context) {
                    Poll::Pending => {
                        *stage = Stage::Following(slot, stays);
                        return Poll::Pending;
                    }
                    Poll::Ready(End::Answer((answer, has_loaded))) => {
                        *this.has_loaded = has_loaded;
                        return Poll::Ready(answer);
                    }
                    Poll::Ready(End::Panic(payload)) => resume_unwind(payload),
                    Poll::Ready(End::Dropped((sent, init))) => {
                        let seeking = Seeking::new(R::again(stays, sent));
                        *stage = Stage::InPlace(Asking::new(this.engine, seeking, init));
                    }
                },
                Stage::InPlace(mut asking) => {
                    let polled = Pin::new(&mut asking).poll(context);
                    *this.has_loaded = asking.has_loaded();
                    if polled.is_pending() {
                        *stage = Stage::InPlace(asking);
                    }
                    return polled;
                }
                Stage::Over => panic!("a load was polled after its end"),
            }
        }
    }
}
