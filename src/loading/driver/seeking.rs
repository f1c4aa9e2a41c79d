//! From a request to an answer, from the cache or from another caller's load, or to the lead of a
//! load.

use super::{EngineOf, Lookup, LookupOf, Request};
use crate::engine::{
    invalidate::tags::Tags,
    load::lead::{Lead, Replaced},
    singleflight::{
        flight::{Leader, Waiter},
        flights::Boarded,
        parker::block_on,
    },
};
use std::{
    future::poll_fn,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// A request on its way. Each step gets the engine of the cache that is asked.
pub(crate) struct Seeking<'c, R: Request> {
    pub(crate) request: R,
    stage: Stage<'c, R>,
}

enum Stage<'c, R: Request> {
    /// The key was not looked up.
    Unasked,
    /// No accepted value was found, or the load that was waited for did not answer the request.
    Absent,
    Waiting(Waiter<'c, R::Key, R::Value>),
    Over,
}

/// The state of a caller that does not have to wait.
pub(crate) enum Joined<'c, R: Request> {
    /// It has to load, for all waiting callers.
    Lead(Lead<'c, R::Key, R::Value>),
    /// It has to load, for itself.
    Alone(R::Alone),
    /// It has its answer.
    Done(R::Answer),
}

impl<'c, R: Request> Seeking<'c, R> {
    /// Returns a request that first looks its key up.
    pub(crate) fn new(request: R) -> Self {
        Self { request, stage: Stage::Unasked }
    }

    /// Returns a request whose caller has looked the key up.
    pub(crate) fn of_absent(request: R) -> Self {
        Self { request, stage: Stage::Absent }
    }

    /// Looks the key up, if that was not done yet. A value that is not accepted is absent.
    pub(crate) fn look(&mut self, engine: &'c EngineOf<R>) -> LookupOf<'c, R> {
        let Stage::Unasked = self.stage else { return Lookup::Absent };
        // After a panic of the lookup, and after a hit, the request is over.
        self.stage = Stage::Over;
        match self.request.look(engine) {
            Lookup::Found(value) if !self.request.accepts(&value) => {}
            Lookup::Absent => {}
            found => return found,
        }
        self.stage = Stage::Absent;
        Lookup::Absent
    }

    /// Goes as far as it can without waiting. Returns `None` if the caller has to wait.
    pub(crate) fn step(&mut self, engine: &'c EngineOf<R>) -> Option<Joined<'c, R>> {
        match self.look(engine) {
            Lookup::Found(value) => return Some(Joined::Done(self.request.found(value))),
            Lookup::Old(lead) => return Some(Joined::Lead(lead)),
            Lookup::Absent => {}
        }
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Absent => self.join(engine),
            Stage::Waiting(waiter) => {
                self.stage = Stage::Waiting(waiter);
                None
            }
            Stage::Unasked | Stage::Over => panic!("a load was polled after its end"),
        }
    }

    /// Goes on, and waits in a future.
    pub(crate) fn poll(
        &mut self,
        engine: &'c EngineOf<R>,
        context: &mut Context<'_>,
    ) -> Poll<Joined<'c, R>> {
        loop {
            if let Some(joined) = self.step(engine) {
                return Poll::Ready(joined);
            }
            let Stage::Waiting(waiter) = &mut self.stage else { unreachable!("it has to wait") };
            let leader = ready!(Pin::new(&mut *waiter).poll(context));
            let outcome = waiter.outcome().cloned();
            self.stage = Stage::Over;
            let joined = match leader {
                Some(leader) => Some(self.lead(engine, leader)),
                None => outcome.and_then(|it| self.request.answer(it)).map(Joined::Done),
            };
            if let Some(joined) = joined {
                return Poll::Ready(joined);
            }
            self.stage = Stage::Absent;
        }
    }

    /// Goes on, and waits by blocking this thread.
    pub(crate) fn wait(&mut self, engine: &'c EngineOf<R>) -> Joined<'c, R> {
        match self.step(engine) {
            Some(joined) => joined,
            None => block_on(poll_fn(|context| self.poll(engine, context))),
        }
    }

    /// Joins the load of the key: leads it, or waits for it.
    fn join(&mut self, engine: &'c EngineOf<R>) -> Option<Joined<'c, R>> {
        if let Some(alone) = self.request.alone() {
            return Some(Joined::Alone(alone));
        }
        let (request, flights) = (&self.request, &engine.common.flights);
        match engine.post(request.hash(), &|key| request.is(key), &|| request.to_key()) {
            Boarded::Posted(flight) => Some(self.lead(engine, Leader::new(flights, flight))),
            Boarded::Joined(flight) => {
                let waiter = Waiter::new(flights, flight);
                if let Some(alone) = request.alone_instead_of_waiting() {
                    return Some(Joined::Alone(alone));
                }
                self.stage = Stage::Waiting(waiter);
                None
            }
        }
    }

    /// Checks the key again after the load has been posted: a value present now is the one that the
    /// load may replace.
    fn lead(&self, engine: &'c EngineOf<R>, leader: Leader<'c, R::Key, R::Value>) -> Joined<'c, R> {
        let (request, hash) = (&self.request, self.request.hash());
        let found = engine.peek_at(hash, |key| request.is(key), |entry| entry.value.clone());
        match found {
            // Another caller may have stored it between the lookup and the joining.
            Some((value, _)) if request.accepts(&value) => {
                Joined::Done(request.found(leader.land_value(value)))
            }
            Some((old, node_ref)) => {
                let replaced = Replaced { node_ref, tags: Tags::NONE, counts: R::REFRESHES };
                Joined::Lead(Lead::new(engine, leader, Some(replaced), Some(old)))
            }
            None => Joined::Lead(Lead::new(engine, leader, None, None)),
        }
    }
}
