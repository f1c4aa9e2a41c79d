//! A request as a future, which holds the loader once and polls it in place.

use super::{EngineOf, Inquiry, Joined, Lookup, Request, Seeking, polling::poll_in_place, without};
use crate::engine::load::fill::LoadTimer;
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// A request with a loader `F` for its answer.
    pub(crate) struct Asking<'c, R: Request, F> {
        engine: &'c EngineOf<R>,
        // Declared before the lead, so that the loader is dropped before the lead goes to the next
        // caller.
        #[pin]
        init: Option<F>,
        // `None` once there is an answer.
        seeking: Option<Seeking<'c, R>>,
        // While the loader runs: the lead.
        kept: Option<Joined<'c, R>>,
        timer: Option<LoadTimer>,
        has_loaded: bool,
    }
}

impl<'c, R: Request, F> Asking<'c, R, F> {
    pub(crate) fn new(engine: &'c EngineOf<R>, seeking: Seeking<'c, R>, init: F) -> Self {
        let (init, seeking) = (Some(init), Some(seeking));
        Self { engine, init, seeking, kept: None, timer: None, has_loaded: false }
    }

    /// Returns a future whose caller loads for itself.
    pub(super) fn alone(
        engine: &'c EngineOf<R>,
        seeking: Seeking<'c, R>,
        alone: R::Alone,
        init: F,
    ) -> Self {
        Self { kept: Some(Joined::Alone(alone)), ..Self::new(engine, seeking, init) }
    }
}

impl<R: Request, F> Inquiry for Asking<'_, R, F> {
    type Request = R;

    fn request(&self) -> Option<&R> {
        self.seeking.as_ref().map(|seeking| &seeking.request)
    }

    fn has_loaded(&self) -> bool {
        self.has_loaded
    }

    fn look(self: Pin<&mut Self>) -> Option<(R, R::Value)> {
        let mut this = self.project();
        match this.seeking.as_mut()?.look(this.engine) {
            Lookup::Found(value) => {
                let request = this.seeking.take()?.request;
                this.init.set(None);
                return Some((request, value));
            }
            Lookup::Old(lead) => *this.kept = Some(Joined::Lead(lead)),
            Lookup::Absent => {}
        }
        None
    }
}

impl<R: Request, F: Future<Output = R::Loaded>> Future for Asking<'_, R, F> {
    type Output = R::Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R::Answer> {
        let mut this = self.project();
        let seeking = this.seeking.as_mut().expect("a load was polled after its end");
        // The lead is taken out while the loader's code runs, so that a panic passes it on.
        let joined = match this.kept.take() {
            Some(joined) => joined,
            None => ready!(seeking.poll(this.engine, context)),
        };
        let answer = match joined {
            Joined::Done(answer) => {
                this.init.set(None);
                return Poll::Ready(without(this.seeking.take(), answer));
            }
            Joined::Alone(alone) => {
                let Poll::Ready(loaded) = poll_in_place(this.init.as_mut(), context) else {
                    *this.kept = Some(Joined::Alone(alone));
                    return Poll::Pending;
                };
                let request = this.seeking.take().expect("it was there above").request;
                request.conclude_alone(alone, loaded)
            }
            Joined::Lead(lead) => {
                let engine = *this.engine;
                let timer = this.timer.take().unwrap_or_else(|| engine.start_timer());
                let stopwatch = engine.resume(timer);
                let polled = {
                    let _leading = lead.leading();
                    stopwatch.watch(|| poll_in_place(this.init.as_mut(), context))
                };
                let Poll::Ready(loaded) = polled else {
                    *this.kept = Some(Joined::Lead(lead));
                    *this.timer = Some(stopwatch.pause());
                    return Poll::Pending;
                };
                *this.has_loaded = R::has_value(&loaded);
                let took = stopwatch.stop(R::has_failed(&loaded));
                let request = this.seeking.take().expect("it was there above").request;
                let hashes = [lead.hash()];
                engine.conclude(hashes, |unused| request.conclude(lead, loaded, took, unused))
            }
        };
        // After the end of the load: the destructor of the loader may take long.
        this.init.set(None);
        Poll::Ready(answer)
    }
}
