//! From a question to an answer that is there or that somebody else's load brings, or to the lead
//! of a load.

use super::{Lead, Question, Wanted, refresh::Lookup};
use crate::{
    Cache,
    engine::singleflight::flight::{Boarding, Turn, Waiter},
};
use std::{
    hash::{BuildHasher, Hash},
    mem,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll},
};

/// A key `W` whose value is sought in a future.
pub(super) struct Seeking<'c, K, V, S, W> {
    pub(super) cache: &'c Cache<K, V, S>,
    pub(super) key: W,
    stage: Stage<'c, K, V>,
}

enum Stage<'c, K, V> {
    Unasked,
    /// The key was found absent, or what was waited for was no answer.
    Absent,
    Waiting(Waiter<'c, K, V>),
    Leading(Lead<'c, K, V>),
    Over,
}

impl<'c, K, V, S, W> Seeking<'c, K, V, S, W>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
    W: Wanted<K>,
{
    /// Looks the key up first.
    pub(super) fn new(cache: &'c Cache<K, V, S>, key: W) -> Self {
        Self { cache, key, stage: Stage::Unasked }
    }

    /// The caller has looked the key up.
    #[cfg(feature = "manager")]
    pub(super) fn of_absent(cache: &'c Cache<K, V, S>, key: W) -> Self {
        Self { cache, key, stage: Stage::Absent }
    }

    pub(super) fn hash(&self) -> u64 {
        self.cache.hash(self.key.borrowed())
    }

    /// Looks the key up, if that was not done yet.
    pub(super) fn look(&mut self) -> Option<V> {
        let Stage::Unasked = self.stage else { return None };
        self.stage = match self.cache.lookup(&self.key) {
            Lookup::Absent => Stage::Absent,
            Lookup::Old(value, refresh) => Stage::Leading(Lead::Old(value, refresh)),
            Lookup::Found(value) => {
                self.stage = Stage::Over;
                return Some(value);
            }
        };
        None
    }

    /// Keeps a lead until the next poll, which returns it.
    pub(super) fn keep(&mut self, lead: Lead<'c, K, V>) {
        self.stage = Stage::Leading(lead);
    }

    /// The answer, or a lead.
    pub(super) fn poll<A: Question<V>>(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ControlFlow<A::Answer, Lead<'c, K, V>>> {
        if let Some(value) = self.look() {
            return Poll::Ready(ControlFlow::Break(A::found(value)));
        }
        loop {
            let turn = match mem::replace(&mut self.stage, Stage::Over) {
                Stage::Leading(lead) => return Poll::Ready(ControlFlow::Continue(lead)),
                Stage::Waiting(mut waiter) => match Pin::new(&mut waiter).poll(context) {
                    Poll::Ready(turn) => turn,
                    Poll::Pending => {
                        self.stage = Stage::Waiting(waiter);
                        return Poll::Pending;
                    }
                },
                Stage::Absent => match self.cache.board(self.hash(), &self.key) {
                    Boarding::Lead(leader) => Turn::Lead(leader),
                    Boarding::Wait(waiter) => {
                        self.stage = Stage::Waiting(waiter);
                        continue;
                    }
                },
                Stage::Unasked | Stage::Over => panic!("a load was polled after its end"),
            };
            self.stage = match self.cache.next::<A, _>(self.hash(), &self.key, turn) {
                ControlFlow::Break(answer) => return Poll::Ready(ControlFlow::Break(answer)),
                ControlFlow::Continue(None) => Stage::Absent,
                ControlFlow::Continue(Some(leader)) => Stage::Leading(Lead::Absent(leader)),
            };
        }
    }
}
