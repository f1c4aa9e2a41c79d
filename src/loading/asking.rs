//! From a question to its answer in a future, which holds the loader once and runs it in place.

use super::{Inquiry, Lead, Question, Wanted, conclude, refreshed, seeking::Seeking, without};
use crate::{
    Cache,
    engine::{load::fill::Stopwatch, singleflight::flight::Outcome},
    loading::polling::poll_in_place,
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    hash::{BuildHasher, Hash},
    marker::PhantomData,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// A question of kind `A` about a key `W`, with a loader `F` for the answer.
    pub(crate) struct Asking<'c, K, V, S, A, W, F> {
        // Before the lead, so that one that has not ended is dropped before its lead is passed on
        // to the next.
        #[pin]
        init: Option<F>,
        // Until there is an answer; keeps the lead while the loader runs.
        seeking: Option<Seeking<'c, K, V, S, W>>,
        stopwatch: Option<Stopwatch<'c, K, V>>,
        is_fresh: bool,
        question: PhantomData<fn() -> A>,
    }
}

impl<'c, K, V, S, A, W, F> Asking<'c, K, V, S, A, W, F>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
    A: Question<V>,
    W: Wanted<K>,
    F: Future<Output = A::Loaded>,
{
    /// Looks the key up first.
    pub(crate) fn new(cache: &'c Cache<K, V, S>, key: W, init: F) -> Self {
        Self::of(Seeking::new(cache, key), init)
    }

    /// The caller has looked the key up.
    #[cfg(feature = "manager")]
    pub(crate) fn of_absent(cache: &'c Cache<K, V, S>, key: W, init: F) -> Self {
        Self::of(Seeking::of_absent(cache, key), init)
    }

    fn of(seeking: Seeking<'c, K, V, S, W>, init: F) -> Self {
        let (init, seeking) = (Some(init), Some(seeking));
        Self { init, seeking, stopwatch: None, is_fresh: false, question: PhantomData }
    }
}

impl<K, V, S, A, W, F> Inquiry for Asking<'_, K, V, S, A, W, F>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
    A: Question<V>,
    W: Wanted<K>,
{
    type Key = K;
    type Value = V;
    type Question = A;
    type Wanted = W;

    fn key(&self) -> Option<&W> {
        self.seeking.as_ref().map(|seeking| &seeking.key)
    }

    fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    fn look(self: Pin<&mut Self>) -> Option<(W, V)> {
        let mut this = self.project();
        let value = this.seeking.as_mut()?.look()?;
        let key = this.seeking.take()?.key;
        this.init.set(None);
        Some((key, value))
    }
}

impl<K, V, S, A, W, F> Future for Asking<'_, K, V, S, A, W, F>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
    A: Question<V>,
    W: Wanted<K>,
    F: Future<Output = A::Loaded>,
{
    type Output = A::Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A::Answer> {
        let mut this = self.project();
        let seeking = this.seeking.as_mut().expect("a load was polled after its end");
        // What is led is not kept in its place while the loader runs: a panic passes it on.
        let lead = match ready!(seeking.poll::<A>(context)) {
            ControlFlow::Continue(lead) => lead,
            ControlFlow::Break(answer) => {
                this.init.set(None);
                return Poll::Ready(without(this.seeking.take(), answer));
            }
        };
        let engine = seeking.cache.engine();
        let stopwatch = this.stopwatch.get_or_insert_with(|| engine.time_load());
        let polled = {
            let _leading = lead.leading();
            stopwatch.watch(|| poll_in_place(this.init.as_mut(), context))
        };
        let Poll::Ready(loaded) = polled else {
            seeking.keep(lead);
            return Poll::Pending;
        };
        *this.is_fresh = A::is_value(&loaded);
        let outcome = A::outcome(loaded);
        let took = stopwatch.stop(matches!(outcome, Outcome::Error(_)));
        let hash = seeking.hash();
        let key = this.seeking.take().expect("it was there above").key;
        let answer = match lead {
            Lead::Absent(leader) => conclude::<A, _, _>(engine, hash, key, leader, outcome, took),
            Lead::Old(old, refresh) => refreshed::<A, _, _>(key, old, refresh, outcome, took),
        };
        // What is left of a loader that has ended may have a destructor, for which nothing is to
        // wait.
        this.init.set(None);
        Poll::Ready(answer)
    }
}
