//! One load: who leads it, who waits for it, and what comes of it.
//!
//! # States
//!
//! ```text
//!          land, or abandon with nobody waiting
//!    Led ------------------------------------------> Over
//!    ^ |                                              ^
//!    | | abandon: wakes one waiter                    | the offer is dropped, and nobody else waits
//!    | v                                              |
//!   Vacant -------------------------------------------+
//!          take over: whichever waiter comes first      or whoever comes first finds it superseded
//! ```
//!
//! - A flight begins Led, by the thread or future that posted it (`flights.rs`). The leader runs its
//!   loader, stores what came of it (`fill.rs`), and *lands*: leaves the outcome for those who wait,
//!   if there are any, and wakes all of them. A leader that panics or is dropped *abandons*.
//! - A waiter is a task or a thread, known by its waker and a ticket. When it is polled it takes the lead
//!   if that is vacant, gets the outcome if the flight is over (if it landed; else it starts anew), and
//!   queues up otherwise.
//! - A leader may hand its lead to a task (`handed.rs`), which abandons to *all* who wait.
//! - A leader that need not load at once *steps back*: the flight is Vacant then, and an errand
//!   (`refresh.rs`) is on its way to take the lead over, if nobody comes first.
//! - A waiter that finds the lead of a *superseded* flight vacant does not take it. It makes the flight Over and
//!   wakes all others, so that they start anew: the key has or gets another flight by now, and two leaders would
//!   load at a time.
//! - Who makes a flight Over ends its post; who finds it Over does so, too, and so waits for nobody.
//!
//! # Who may touch what
//!
//! State and queue are under a mutex that leader and waiters hold for a few instructions, and that
//! writers never touch. No code of the user's runs under it: wakers are cloned before, and woken
//! and dropped after; values are cloned from the outcome when it is released. The outcome is set once,
//! by the leader, before it makes the flight Over under the mutex, and read by waiters that have
//! seen that under the mutex, so it needs no ordering of its own.
//!
//! # No wake-up is lost
//!
//! While a flight is Led, every waiter that was polled last without success is in the queue with the
//! waker of that poll, or has been woken since. It joins the queue in the same critical section in
//! which it finds the flight Led, and leaves it only to be woken or by its own doing. Landing empties the
//! queue in the critical section that makes the flight Over, and wakes everyone who was in it.
//!
//! While a flight is Vacant, some waiter has been taken from the queue and woken, and is neither
//! polled nor dropped since (a task that abandons wakes all of them); or an errand has neither run nor been dropped, and nobody waits, for
//! whoever is polled takes the lead. If the waiter is polled, it takes the lead, unless another came
//! first: then the flight is Led, and it queues up again (an errand is done then). If it is dropped, it wakes the next (it knows that it was woken
//! since its ticket is not in the queue). Should two be on their way at once, the one that is dropped
//! may wake a third, or, with nobody in the queue, make the flight Over; the second then finds it Over
//! and starts anew. A woken task that is neither polled nor dropped keeps the others waiting, like a leader
//! that is not polled.

use crate::{
    engine::{
        reclaim::epoch::pin,
        singleflight::{
            flights::{Flights, Post},
            leading::Leading,
            parker::block_on,
        },
        testing::plant::{Bug, planted},
    },
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};
use std::{
    any::Any,
    collections::VecDeque,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// What a load came to.
#[derive(Clone, Debug)]
pub(crate) enum Outcome<V> {
    Value(V),
    /// The loader has no value for this key.
    Nothing,
    /// An error of a type that those who ask know.
    Error(Arc<dyn Any + Send + Sync>),
}

/// A load of one key.
pub(crate) struct Flight<K, V> {
    key: K,
    post: Arc<Post<Self>>,
    outcome: OnceLock<Outcome<V>>,
    desk: Mutex<Desk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Led,
    Vacant,
    Over,
}

struct Desk {
    stage: Stage,
    /// By ticket, ascending.
    queue: VecDeque<(Ticket, Waker)>,
    next: Ticket,
}

type Ticket = u64;

impl Desk {
    /// Puts a waiter into the queue, and returns a waker to be dropped outside the lock.
    fn enqueue(&mut self, ticket: &mut Option<Ticket>, waker: Waker) -> Option<Waker> {
        if let Some(place) = ticket.and_then(|ticket| self.place(ticket)) {
            return Some(mem::replace(&mut self.queue[place].1, waker));
        }
        *ticket = Some(self.next);
        self.queue.push_back((self.next, waker));
        self.next += 1;
        None
    }

    fn place(&self, ticket: Ticket) -> Option<usize> {
        self.queue.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()
    }

    /// The waker of a waiter that leaves; None if it has been woken.
    fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        let place = self.place(ticket)?;
        self.queue.remove(place).map(|(_, waker)| waker)
    }

    /// Offers the lead to the next waiter: its waker. If there is none the flight is over.
    fn offer(&mut self) -> Option<Waker> {
        let next = self.queue.pop_front();
        self.stage = if next.is_some() { Stage::Vacant } else { Stage::Over };
        next.map(|(_, waker)| waker)
    }
}

fn wake_all(waiting: VecDeque<(Ticket, Waker)>) {
    for (_, waker) in waiting {
        waker.wake();
    }
}

impl<K, V> Flight<K, V> {
    pub(crate) fn new(key: K, post: Arc<Post<Self>>) -> Self {
        let desk = Desk { stage: Stage::Led, queue: VecDeque::new(), next: 0 };
        Self { key, post, outcome: OnceLock::new(), desk: Mutex::new(desk) }
    }

    pub(crate) fn key(&self) -> &K {
        &self.key
    }

    /// Whether a write of the key has come in between.
    pub(crate) fn is_superseded(&self) -> bool {
        self.post.is_superseded()
    }

    /// What it came to; None while it is not over, and if it was abandoned.
    pub(crate) fn outcome(&self) -> Option<&Outcome<V>> {
        self.outcome.get()
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().expect("nothing panics under the lock")
    }

    /// Takes the lead if it is vacant; whether it was.
    pub(crate) fn take_lead(&self) -> bool {
        let mut desk = self.desk();
        let vacant = desk.stage == Stage::Vacant;
        if vacant {
            desk.stage = Stage::Led;
        }
        vacant
    }

    /// Passes an offer on, if the lead is vacant: what an errand does that will not run.
    pub(crate) fn decline(&self, flights: &Flights<Self>) {
        let mut desk = self.desk();
        if desk.stage == Stage::Vacant {
            let next = desk.offer();
            drop(desk);
            pass_on(flights, self, next, Bug::OfferDropped);
        }
    }

    /// Leaves the lead to whichever of those who wait comes first, and wakes all of them, so that one that is not
    /// polled any more keeps none waiting. (A [`Leader`] wakes one: of many whose loads fail in turn each would wake all
    /// others.)
    pub(crate) fn abandon_to_all(&self, flights: &Flights<Self>) {
        let waiting = {
            let mut desk = self.desk();
            desk.stage = if desk.queue.is_empty() { Stage::Over } else { Stage::Vacant };
            mem::take(&mut desk.queue)
        };
        if waiting.is_empty() {
            self.end_post(flights);
        }
        if !planted(Bug::HandedSilent) {
            wake_all(waiting);
        }
    }

    /// Ends the post of a flight that is over.
    fn end_post(&self, flights: &Flights<Self>) {
        flights.end(&self.post, &pin().guard);
    }

    /// Makes the flight over if nobody waits; whether it did.
    fn close_unattended(&self) -> bool {
        let mut desk = self.desk();
        let unattended = desk.queue.is_empty();
        if unattended {
            desk.stage = Stage::Over;
        }
        unattended
    }

    /// Makes the flight over; those who wait.
    fn close(&self) -> VecDeque<(Ticket, Waker)> {
        let mut desk = self.desk();
        desk.stage = Stage::Over;
        mem::take(&mut desk.queue)
    }
}

impl<K, V> fmt::Debug for Flight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("post", &self.post).finish_non_exhaustive()
    }
}

/// A place in a load.
#[derive(Debug)]
pub(crate) enum Boarding<'e, K, V> {
    Lead(Leader<'e, K, V>),
    Wait(Waiter<'e, K, V>),
}

impl<'e, K, V> Boarding<'e, K, V> {
    /// Waits, if that is what is to be done, in this thread.
    pub(crate) fn turn_blocking(self) -> Turn<'e, K, V> {
        match self {
            Boarding::Lead(leader) => Turn::Lead(leader),
            Boarding::Wait(waiter) => block_on(waiter),
        }
    }

    /// Waits, if that is what is to be done.
    pub(crate) async fn turn(self) -> Turn<'e, K, V> {
        match self {
            Boarding::Lead(leader) => Turn::Lead(leader),
            Boarding::Wait(waiter) => waiter.await,
        }
    }
}

/// What waiting leads to.
#[derive(Debug)]
pub(crate) enum Turn<'e, K, V> {
    /// To load oneself.
    Lead(Leader<'e, K, V>),
    /// The flight is over. Without an outcome one has to start anew.
    Over(Arc<Flight<K, V>>),
}

/// The one that loads. Abandons the flight when it is dropped before it has landed.
#[derive(Debug)]
pub(crate) struct Leader<'e, K, V> {
    flights: &'e Flights<Flight<K, V>>,
    flight: Arc<Flight<K, V>>,
    landed: bool,
}

impl<'e, K, V> Leader<'e, K, V> {
    pub(crate) fn new(flights: &'e Flights<Flight<K, V>>, flight: Arc<Flight<K, V>>) -> Self {
        Self { flights, flight, landed: false }
    }

    pub(crate) fn post(&self) -> &Post<Flight<K, V>> {
        &self.flight.post
    }

    /// To be kept while the loader's code runs.
    pub(crate) fn leading(&self) -> Leading {
        Leading::new(Arc::as_ptr(&self.flight).cast())
    }

    /// Hands the lead to somebody else, who lands the flight or abandons it.
    pub(crate) fn hand_over(mut self) -> Arc<Flight<K, V>> {
        self.landed = true;
        Arc::clone(&self.flight)
    }

    /// Leaves the lead to all who wait, whichever of them comes first.
    #[cfg(feature = "macros")]
    pub(crate) fn abandon_to_all(self) {
        let flights = self.flights;
        self.hand_over().abandon_to_all(flights);
    }

    /// Leaves the lead to whoever comes first: the errand that the caller sends, or one that waits.
    pub(crate) fn step_back(mut self) -> Arc<Flight<K, V>> {
        let next = {
            let mut desk = self.flight.desk();
            desk.stage = Stage::Vacant;
            desk.queue.pop_front()
        };
        self.landed = true;
        if let Some((_, waker)) = next {
            waker.wake();
        }
        Arc::clone(&self.flight)
    }

    /// Ends the flight and gives the outcome to those who wait for it, and back.
    pub(crate) fn land(mut self, outcome: Outcome<V>) -> Outcome<V>
    where
        V: Clone,
    {
        let mut waiting = VecDeque::new();
        if !self.flight.close_unattended() {
            // If cloning panics, this is abandoned.
            let set = self.flight.outcome.set(outcome.clone());
            debug_assert!(set.is_ok(), "a flight lands once");
            waiting = self.flight.close();
        }
        self.landed = true;
        self.flight.end_post(self.flights);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
        // Not left to the end of the function: what is being returned then is leaked if it panics.
        drop(self);
        outcome
    }
}

impl<K, V> Drop for Leader<'_, K, V> {
    fn drop(&mut self) {
        if !self.landed {
            let next = self.flight.desk().offer();
            pass_on(self.flights, &self.flight, next, Bug::AbandonSilent);
        }
    }
}

/// Wakes the waiter that the lead was offered to, or ends the post of a flight that is over.
fn pass_on<K, V>(
    flights: &Flights<Flight<K, V>>,
    flight: &Flight<K, V>,
    next: Option<Waker>,
    silent: Bug,
) {
    match next {
        Some(_) if planted(silent) => {}
        Some(waker) => waker.wake(),
        None => flight.end_post(flights),
    }
}

/// One that waits for somebody else's load, or for its turn to load.
#[derive(Debug)]
pub(crate) struct Waiter<'e, K, V> {
    flights: &'e Flights<Flight<K, V>>,
    flight: Arc<Flight<K, V>>,
    /// While it may be in the queue, or was woken from there and has not been polled since.
    ticket: Option<Ticket>,
}

impl<'e, K, V> Waiter<'e, K, V> {
    pub(crate) fn new(flights: &'e Flights<Flight<K, V>>, flight: Arc<Flight<K, V>>) -> Self {
        Self { flights, flight, ticket: None }
    }
}

impl<'e, K, V> Future for Waiter<'e, K, V> {
    type Output = Turn<'e, K, V>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Turn<'e, K, V>> {
        let this = self.get_mut();
        let waker = context.waker().clone();
        let mut desk = this.flight.desk();
        match desk.stage {
            Stage::Led => {
                let replaced = desk.enqueue(&mut this.ticket, waker);
                drop(desk);
                drop(replaced);
                Poll::Pending
            }
            Stage::Vacant if this.flight.post.is_superseded() => {
                desk.stage = Stage::Over;
                let own = this.ticket.take().and_then(|ticket| desk.leave(ticket));
                let others = mem::take(&mut desk.queue);
                drop(desk);
                drop(own);
                this.flight.end_post(this.flights);
                if !planted(Bug::OverSilent) {
                    wake_all(others);
                }
                Poll::Ready(Turn::Over(Arc::clone(&this.flight)))
            }
            Stage::Vacant => {
                desk.stage = Stage::Led;
                let own = this.ticket.take().and_then(|ticket| desk.leave(ticket));
                drop(desk);
                drop(own);
                Poll::Ready(Turn::Lead(Leader::new(this.flights, Arc::clone(&this.flight))))
            }
            Stage::Over => {
                drop(desk);
                this.ticket = None;
                this.flight.end_post(this.flights);
                Poll::Ready(Turn::Over(Arc::clone(&this.flight)))
            }
        }
    }
}

impl<K, V> Drop for Waiter<'_, K, V> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let mut desk = self.flight.desk();
        let own = desk.leave(ticket);
        let was_offered = own.is_none() && desk.stage == Stage::Vacant;
        if !was_offered {
            drop(desk);
            return drop(own);
        }
        let next = desk.offer();
        drop(desk);
        pass_on(self.flights, &self.flight, next, Bug::OfferDropped);
    }
}
