//! [`Turn::load`] as a future, which holds the function's future once and polls it in place.

use super::{Lead, Next, Shape, Turn, outcome};
use crate::{
    engine::{
        load::fill::Stopwatch,
        singleflight::flight::{Boarding, Waiter},
    },
    loading::polling::poll_in_place,
    manager::{StoredKey, StoredValue, telemetry::LoadSpan},
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    mem,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

pin_project! {
    pub(super) struct Loading<S, C, F>
    where
        S: Shape,
    {
        turn: Option<Turn<S>>,
        keep: Option<C>,
        // Declared before the stage, so that the function's future is dropped before the lead goes
        // to the next caller.
        #[pin]
        run: Option<F>,
        stage: Stage<S>,
    }
}

pub(super) enum Stage<S: Shape> {
    /// The start: which caller leads is unknown.
    Unknown,
    Waiting(Waiter<'static, StoredKey, StoredValue>),
    Leading(Lead<S::Value>, Run<Stopwatch<'static, StoredKey, StoredValue>>),
    /// The function runs for this caller only.
    Alone(Run<()>),
    /// The load has ended, or a poll has panicked.
    Over,
}

/// A run of the function that has begun.
pub(super) struct Run<W> {
    pub(super) span: LoadSpan,
    pub(super) started: Instant,
    pub(super) stopwatch: W,
}

impl<S: Shape> Turn<S> {
    /// [`load`](Self::load) as a future, which polls `run` itself.
    pub fn load_async(
        self,
        keep: impl FnOnce(&S::Value) -> bool,
        run: impl Future<Output = S::Output>,
    ) -> impl Future<Output = S::Output> {
        Loading::new(self, keep, run, Stage::Unknown)
    }

    fn stage_of(&self, next: Option<Next<S>>) -> ControlFlow<S::Output, Stage<S>> {
        ControlFlow::Continue(match next {
            None => Stage::Unknown,
            Some(Next::Done(output)) => return ControlFlow::Break(output),
            Some(Next::Alone) => Stage::Alone(self.run(())),
            Some(Next::Lead(lead)) => {
                Stage::Leading(lead, self.run(self.home().entries.engine().time_load()))
            }
        })
    }

    /// Advances to a stage in which the function runs, or returns the result.
    pub(super) fn seek(
        &self,
        stage: &mut Stage<S>,
        context: &mut Context<'_>,
    ) -> Poll<ControlFlow<S::Output>> {
        loop {
            let next = match mem::replace(stage, Stage::Over) {
                Stage::Unknown => self.begin(),
                Stage::Waiting(mut waiter) => match Pin::new(&mut waiter).poll(context) {
                    Poll::Ready(flown) => self.stage_of(self.next(Some(flown))),
                    Poll::Pending => {
                        *stage = Stage::Waiting(waiter);
                        return Poll::Pending;
                    }
                },
                found => {
                    *stage = found;
                    return Poll::Ready(ControlFlow::Continue(()));
                }
            };
            match next {
                ControlFlow::Continue(next) => *stage = next,
                ControlFlow::Break(output) => return Poll::Ready(ControlFlow::Break(output)),
            }
        }
    }

    fn run<W>(&self, stopwatch: W) -> Run<W> {
        Run { span: self.span(), started: Instant::now(), stopwatch }
    }

    fn begin(&self) -> ControlFlow<S::Output, Stage<S>> {
        if let Some(next) = self.refresh() {
            return self.stage_of(next);
        }
        match self.board() {
            None => self.stage_of(self.next(None)),
            Some(Boarding::Wait(waiter)) => ControlFlow::Continue(Stage::Waiting(waiter)),
            Some(boarding @ Boarding::Lead(_)) => {
                self.stage_of(self.next(Some(boarding.turn_blocking())))
            }
        }
    }
}

impl<S: Shape, C, F> Loading<S, C, F> {
    pub(super) fn new(turn: Turn<S>, keep: C, run: F, stage: Stage<S>) -> Self {
        Self { turn: Some(turn), keep: Some(keep), run: Some(run), stage }
    }
}

impl<S, C, F> Future for Loading<S, C, F>
where
    S: Shape,
    C: FnOnce(&S::Value) -> bool,
    F: Future<Output = S::Output>,
{
    type Output = S::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<S::Output> {
        let mut this = self.project();
        let turn = this.turn.as_ref().expect("a load was polled after its end");
        if let ControlFlow::Break(output) = ready!(turn.seek(this.stage, context)) {
            this.run.set(None);
            *this.turn = None;
            return Poll::Ready(output);
        }
        // The lead is taken out while the function runs, so that a panic passes it on.
        match mem::replace(this.stage, Stage::Over) {
            Stage::Leading(lead, run) => {
                let polled = {
                    let _leading = lead.leader.leading();
                    let poll = || poll_in_place(this.run.as_mut(), context);
                    run.stopwatch.watch(|| run.span.within(poll))
                };
                let Poll::Ready(output) = polled else {
                    *this.stage = Stage::Leading(lead, run);
                    return Poll::Pending;
                };
                let split = S::split(output);
                run.span.end(outcome::<S>(&split));
                let took = run.stopwatch.stop(S::FAILS && split.is_err());
                let turn = this.turn.take().expect("checked above");
                let keep = this.keep.take().expect("taken with the turn");
                let output = turn.end(lead, split, keep, run.started, took);
                // After the end: the destructor of the function's future may take long.
                this.run.set(None);
                Poll::Ready(output)
            }
            Stage::Alone(run) => {
                let polled = run.span.within(|| poll_in_place(this.run.as_mut(), context));
                let Poll::Ready(output) = polled else {
                    *this.stage = Stage::Alone(run);
                    return Poll::Pending;
                };
                let split = S::split(output);
                run.span.end(outcome::<S>(&split));
                let output = turn.ran_alone(run.started, split);
                *this.turn = None;
                Poll::Ready(output)
            }
            Stage::Unknown | Stage::Waiting(_) | Stage::Over => {
                panic!("a load was polled after a panic")
            }
        }
    }
}
