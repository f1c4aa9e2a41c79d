//! The futures of loads: created at the first poll, or run in a span. Their captures are stored
//! once, which an `async` block does not guarantee.

use crate::manager::observability::telemetry::{LoadSpan, LoadStatus};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// A future that `make` creates at the first poll, from a value that is held until then.
    #[project = LazyStage]
    #[project_replace = LazyWas]
    pub(crate) enum Lazy<T, M, F> {
        Unpolled { value: T, make: M },
        Polled { #[pin] future: F },
        Making,
    }
}

impl<T, M: FnOnce(T) -> F, F: Future> Lazy<T, M, F> {
    pub(crate) fn new(value: T, make: M) -> Self {
        Self::Unpolled { value, make }
    }
}

impl<T, M: FnOnce(T) -> F, F: Future> Future for Lazy<T, M, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if let LazyStage::Unpolled { .. } = self.as_mut().project() {
            let was = self.as_mut().project_replace(Self::Making);
            let LazyWas::Unpolled { value, make } = was else { unreachable!("checked above") };
            self.set(Self::Polled { future: make(value) });
        }
        match self.project() {
            LazyStage::Polled { future } => future.poll(context),
            LazyStage::Unpolled { .. } | LazyStage::Making => panic!("polled after a panic"),
        }
    }
}

pin_project! {
    /// An answer that is known, or a future of it.
    #[project = FoundStage]
    pub(crate) enum FoundOr<T, F> {
        Found { answer: Option<T> },
        Else { #[pin] future: F },
    }
}

impl<T, F: Future<Output = T>> Future for FoundOr<T, F> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match self.project() {
            FoundStage::Found { answer } => {
                Poll::Ready(answer.take().expect("polled after its end"))
            }
            FoundStage::Else { future } => future.poll(context),
        }
    }
}

pin_project! {
    /// A load that runs in its span.
    pub(crate) struct Followed<F, O> {
        // Dropped before its span.
        #[pin]
        load: F,
        span: Option<LoadSpan>,
        outcome: O,
    }
}

impl<F: Future, O: Fn(&F::Output) -> LoadStatus> Followed<F, O> {
    pub(crate) fn new(load: F, span: LoadSpan, outcome: O) -> Self {
        Self { load, span: Some(span), outcome }
    }
}

impl<F: Future, O: Fn(&F::Output) -> LoadStatus> Future for Followed<F, O> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let span = this.span.take().expect("polled after its end");
        match span.within(|| this.load.poll(context)) {
            Poll::Pending => {
                *this.span = Some(span);
                Poll::Pending
            }
            Poll::Ready(loaded) => {
                span.end((this.outcome)(&loaded));
                Poll::Ready(loaded)
            }
        }
    }
}
