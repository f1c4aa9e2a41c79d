//! Futures that are built around a user's future and hold it once.
//!
//! An `async fn` stores each argument where it was passed, and again where it is awaited, so a
//! future that passes through `n` of them takes `2^n` times its size. The futures of this file
//! store it once; they are used wherever a loader is passed on by value.

use pin_project_lite::pin_project;
use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// A future whose output goes through `map`.
    pub(crate) struct Map<F, M> {
        #[pin]
        future: F,
        map: Option<M>,
    }
}

impl<F: Future, R, M: FnOnce(F::Output) -> R> Map<F, M> {
    pub(crate) fn new(future: F, map: M) -> Self {
        Self { future, map: Some(map) }
    }
}

impl<F: Future, R, M: FnOnce(F::Output) -> R> Future for Map<F, M> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let this = self.project();
        let output = ready!(this.future.poll(context));
        Poll::Ready(this.map.take().expect("polled after its end")(output))
    }
}

/// Polls a future in place. If it panics, it is dropped in place before the panic goes on.
///
/// # Panics
///
/// If the place is empty, or if polling panics.
pub(crate) fn poll_in_place<F: Future>(
    mut place: Pin<&mut Option<F>>,
    context: &mut Context<'_>,
) -> Poll<F::Output> {
    struct Unwinding<'p, F>(Pin<&'p mut Option<F>>);

    impl<F> Drop for Unwinding<'_, F> {
        fn drop(&mut self) {
            self.0.set(None);
        }
    }

    let mut unwinding = Unwinding(place.as_mut());
    let future = unwinding.0.as_mut().as_pin_mut().expect("polled after its end");
    let polled = future.poll(context);
    mem::forget(unwinding);
    polled
}
