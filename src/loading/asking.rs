//! From a question to its answer in a future, which holds the loader once and runs it in place.

use super::{Lead, Question, Wanted, refresh::Lookup, without};
use crate::{
    Cache,
    engine::{
        fill::Stopwatch,
        flight::{Boarding, Outcome, Turn, Waiter},
    },
    polling::poll_in_place,
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    hash::{BuildHasher, Hash},
    marker::PhantomData,
    mem,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// A question of kind `A` about a key `W`, with a loader `F` for the answer.
    pub(crate) struct Asking<'c, K, V, S, A, W, F> {
        cache: &'c Cache<K, V, S>,
        // Until it is stored or given back.
        key: Option<W>,
        // Before the stage, so that one that has not ended is dropped before its lead is passed on to the next.
        #[pin]
        init: Option<F>,
        stage: Stage<'c, K, V>,
        is_fresh: bool,
        question: PhantomData<fn() -> A>,
    }
}

enum Stage<'c, K, V> {
    Unasked,
    /// The key was found absent, or what was waited for was no answer.
    Absent,
    Waiting(Waiter<'c, K, V>),
    Leading(Lead<'c, K, V>, Stopwatch<'c, K, V>),
    /// Answered, or its poll has panicked.
    Over,
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
        Self::at(Stage::Unasked, cache, key, init)
    }

    /// The caller has looked the key up.
    #[cfg(feature = "manager")]
    pub(crate) fn of_absent(cache: &'c Cache<K, V, S>, key: W, init: F) -> Self {
        Self::at(Stage::Absent, cache, key, init)
    }

    fn at(stage: Stage<'c, K, V>, cache: &'c Cache<K, V, S>, key: W, init: F) -> Self {
        let (key, init) = (Some(key), Some(init));
        Self { cache, key, init, stage, is_fresh: false, question: PhantomData }
    }

    /// The key, until it is stored or given back.
    pub(crate) fn key(&self) -> Option<&W> {
        self.key.as_ref()
    }

    /// Whether the loader has brought a value.
    pub(crate) fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Looks the key up, if that was not done yet; gives it back with its value if there is one. Then the question
    /// is answered, and is not to be polled any more.
    pub(crate) fn look(self: Pin<&mut Self>) -> Option<(W, V)> {
        let mut this = self.project();
        let Stage::Unasked = this.stage else { return None };
        let lookup = this.cache.lookup(this.key.as_ref().expect("it is not answered"));
        *this.stage = match lookup {
            Lookup::Absent => Stage::Absent,
            Lookup::Old(value, refresh) => {
                Stage::Leading(Lead::Old(value, refresh), this.cache.engine().time_load())
            }
            Lookup::Found(value) => {
                *this.stage = Stage::Over;
                let key = this.key.take().expect("just looked");
                this.init.set(None);
                return Some((key, value));
            }
        };
        None
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

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A::Answer> {
        if let Some((key, value)) = self.as_mut().look() {
            return Poll::Ready(without(key, A::found(value)));
        }
        let mut this = self.project();
        let cache = *this.cache;
        let key = this.key.as_ref().expect("a load was polled after its end");
        let hash = cache.hash(key.borrowed());
        // What is led is not kept in its place while user code runs: a panic passes it on.
        let (lead, stopwatch) = loop {
            let turn = match mem::replace(this.stage, Stage::Over) {
                Stage::Leading(lead, stopwatch) => break (lead, stopwatch),
                Stage::Waiting(mut waiter) => match Pin::new(&mut waiter).poll(context) {
                    Poll::Ready(turn) => turn,
                    Poll::Pending => {
                        *this.stage = Stage::Waiting(waiter);
                        return Poll::Pending;
                    }
                },
                Stage::Absent => match cache.board(hash, key) {
                    Boarding::Lead(leader) => Turn::Lead(leader),
                    Boarding::Wait(waiter) => {
                        *this.stage = Stage::Waiting(waiter);
                        continue;
                    }
                },
                Stage::Unasked | Stage::Over => panic!("a load was polled after a panic"),
            };
            *this.stage = match cache.next::<A, _>(hash, key, turn) {
                ControlFlow::Break(answer) => {
                    *this.stage = Stage::Over;
                    this.init.set(None);
                    return Poll::Ready(without(this.key.take(), answer));
                }
                ControlFlow::Continue(None) => Stage::Absent,
                ControlFlow::Continue(Some(leader)) => {
                    Stage::Leading(Lead::Absent(leader), cache.engine().time_load())
                }
            };
        };
        let polled = {
            let _leading = lead.leading();
            stopwatch.watch(|| poll_in_place(this.init.as_mut(), context))
        };
        let Poll::Ready(loaded) = polled else {
            *this.stage = Stage::Leading(lead, stopwatch);
            return Poll::Pending;
        };
        *this.is_fresh = A::is_value(&loaded);
        let outcome = A::outcome(loaded);
        let took = stopwatch.stop(matches!(outcome, Outcome::Error(_)));
        let key = this.key.take().expect("it was there above");
        let answer = match lead {
            Lead::Absent(leader) => cache.conclude::<A>(hash, key, leader, outcome, took),
            Lead::Old(old, refresh) => cache.refreshed::<A>(key, old, refresh, outcome, took),
        };
        // What is left of a loader that has ended may have a destructor, for which nothing is to wait.
        this.init.set(None);
        Poll::Ready(answer)
    }
}
