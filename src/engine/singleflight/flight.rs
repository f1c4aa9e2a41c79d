//! One load: its leader, its waiters and its outcome.
//!
//! # States
//!
//! ```text
//!          land, or abandon with no waiter
//!    Led ------------------------------------------> Over
//!    ^ |                                              ^
//!    | | abandon: wakes one waiter                    | the offer is dropped, and none waits;
//!    | v                                              | or a waiter finds the flight superseded
//!   Vacant -------------------------------------------+
//!      (back to Led: the first waiter, or job, that comes takes the lead over)
//! ```
//!
//! - A flight begins Led, by the thread or future that posted it (`flights.rs`). The leader runs
//!   its loader, stores the result (`fill.rs`), and *lands*: it leaves the outcome for the waiters,
//!   if there are any, and wakes all of them. A leader that panics or is dropped *abandons*.
//! - A waiter is a task or a thread, known by its waker and a waiter. When polled, it takes the
//!   lead if the flight is Vacant. If the flight is Over, it gets the outcome, or starts anew if
//!   there is none. Otherwise it queues up.
//! - A leader may hand its lead to a task (`handed.rs`), which abandons to *all* waiters.
//! - A leader that need not load at once *steps back*: the flight is Vacant then, and a refresh job
//!   (`refresh.rs`) is on its way to take the lead over, unless a waiter comes first.
//! - A waiter that finds a *superseded* flight Vacant does not take the lead. It makes the flight
//!   Over and wakes all others, so that they start anew: the key has or gets another flight by now,
//!   and two leaders would load at a time.
//! - The thread that makes a flight Over ends its post. A waiter that finds it Over ends the post,
//!   too, and so waits for no other thread to do it.
//!
//! # Who may touch what
//!
//! Stage and queue are under a mutex that leader and waiters hold for a few instructions, and that
//! writers never touch. No user code runs under it: wakers are cloned before, and woken and dropped
//! after; values are cloned from the outcome after the mutex is released. The outcome is set once,
//! by the leader, before it makes the flight Over under the mutex, and read by waiters that have
//! seen that under the mutex, so it needs no ordering of its own.
//!
//! # No wake-up is lost
//!
//! While a flight is Led, every waiter whose last poll returned Pending is in the queue with the
//! waker of that poll, or has been woken since. It joins the queue in the same critical section in
//! which it finds the flight Led, and leaves it only to be woken or when it is polled or dropped.
//! Landing empties the queue in the critical section that makes the flight Over, and wakes every
//! waiter that was in it.
//!
//! While a flight is Vacant, one of these holds:
//!
//! - Some waiter has been taken from the queue and woken, and has been neither polled nor dropped
//!   since. (A task that abandons wakes all of them.)
//! - A refresh job has neither run nor been dropped, and no waiter is in the queue: a waiter that
//!   is polled takes the lead.
//!
//! A woken waiter that is polled takes the lead, unless another came first: then the flight is Led,
//! and it queues up again (a refresh job is done in that case). A woken waiter that is dropped
//! wakes the next. It knows that it was woken, since its waiter is not in the queue. If two are on
//! their way at once, the one that is dropped may wake a third, or, if the queue is empty, make the
//! flight Over; the second then finds it Over and starts anew. A woken task that is neither polled
//! nor dropped keeps the others waiting, like a leader that is not polled.

use crate::{
    engine::{
        reclaim::epoch::pin,
        singleflight::{
            flights::{Flights, Post},
            reentrancy::{self, Leading},
        },
    },
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    testing::plant::{Bug, planted},
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

/// The result of a load.
#[derive(Clone, Debug)]
pub(crate) enum Outcome<V> {
    Value(V),
    /// The loader has no value for this key.
    Nothing,
    /// An error, of a type that the callers know.
    Error(Arc<dyn Any + Send + Sync>),
}

/// A load of one key.
pub(crate) struct Flight<K, V> {
    key: K,
    post: Arc<Post<Self>>,
    outcome: OnceLock<Outcome<V>>,
    waiting_line: Mutex<WaitQueue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Led,
    Vacant,
    Over,
}

struct WaitQueue {
    stage: Stage,
    /// In ascending order of identifiers.
    queue: VecDeque<(WaiterId, Waker)>,
    next: WaiterId,
}

type WaiterId = u64;

impl WaitQueue {
    /// Puts a waiter into the queue. Returns the waker that it replaces, which the caller drops
    /// after it has released the lock.
    fn enqueue(&mut self, waiter: &mut Option<WaiterId>, waker: Waker) -> Option<Waker> {
        if let Some(place) = waiter.and_then(|waiter| self.place(waiter)) {
            return Some(mem::replace(&mut self.queue[place].1, waker));
        }
        *waiter = Some(self.next);
        self.queue.push_back((self.next, waker));
        self.next += 1;
        None
    }

    fn place(&self, waiter: WaiterId) -> Option<usize> {
        self.queue.binary_search_by_key(&waiter, |(waiter, _)| *waiter).ok()
    }

    /// Removes a waiter and returns its waker, or `None` if it has been woken.
    fn leave(&mut self, waiter: WaiterId) -> Option<Waker> {
        let place = self.place(waiter)?;
        self.queue.remove(place).map(|(_, waker)| waker)
    }

    /// Makes the flight Vacant and returns the waker of the next waiter; without one, makes it
    /// Over.
    fn offer(&mut self) -> Option<Waker> {
        let next = self.queue.pop_front();
        self.stage = if next.is_some() { Stage::Vacant } else { Stage::Over };
        next.map(|(_, waker)| waker)
    }
}

fn wake_all(waiting: VecDeque<(WaiterId, Waker)>) {
    for (_, waker) in waiting {
        waker.wake();
    }
}

impl<K, V> Flight<K, V> {
    pub(crate) fn new(key: K, post: Arc<Post<Self>>) -> Self {
        let waiting_line = WaitQueue { stage: Stage::Led, queue: VecDeque::new(), next: 0 };
        Self { key, post, outcome: OnceLock::new(), waiting_line: Mutex::new(waiting_line) }
    }

    pub(crate) fn key(&self) -> &K {
        &self.key
    }

    /// Returns whether a write of the key has superseded this load.
    pub(crate) fn is_superseded(&self) -> bool {
        self.post.is_superseded()
    }

    fn waiting_line(&self) -> MutexGuard<'_, WaitQueue> {
        self.waiting_line.lock().expect("nothing panics under the lock")
    }

    /// Takes the lead if it is vacant. Returns whether it was.
    pub(crate) fn take_lead(&self) -> bool {
        let mut waiting_line = self.waiting_line();
        let vacant = waiting_line.stage == Stage::Vacant;
        if vacant {
            waiting_line.stage = Stage::Led;
        }
        vacant
    }

    /// Offers the lead to the next waiter if it is vacant. Called by a refresh job that will not
    /// run.
    pub(crate) fn decline(&self, flights: &Flights<Self>) {
        let mut waiting_line = self.waiting_line();
        if waiting_line.stage == Stage::Vacant {
            let next = waiting_line.offer();
            drop(waiting_line);
            pass_on(flights, self, next, Bug::OfferDropped);
        }
    }

    /// Leaves the lead to the waiter that comes first, and wakes all of them, so that one that is
    /// not polled any more keeps no other waiting. (A [`Leader`] wakes one: if the loads of many
    /// waiters fail in turn, each would otherwise wake all others.)
    pub(crate) fn abandon_to_all(&self, flights: &Flights<Self>) {
        let waiting = {
            let mut waiting_line = self.waiting_line();
            waiting_line.stage =
                if waiting_line.queue.is_empty() { Stage::Over } else { Stage::Vacant };
            mem::take(&mut waiting_line.queue)
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

    /// Makes the flight Over if there are no waiters. Returns whether it did.
    fn close_unattended(&self) -> bool {
        let mut waiting_line = self.waiting_line();
        let unattended = waiting_line.queue.is_empty();
        if unattended {
            waiting_line.stage = Stage::Over;
        }
        unattended
    }

    /// Makes the flight Over and returns its waiters.
    fn close(&self) -> VecDeque<(WaiterId, Waker)> {
        let mut waiting_line = self.waiting_line();
        waiting_line.stage = Stage::Over;
        mem::take(&mut waiting_line.queue)
    }
}

impl<K, V> fmt::Debug for Flight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("post", &self.post).finish_non_exhaustive()
    }
}

/// The lead of a flight. Abandons the flight when it is dropped before it has landed.
#[derive(Debug)]
pub(crate) struct Leader<'e, K, V> {
    flights: &'e Flights<Flight<K, V>>,
    flight: Arc<Flight<K, V>>,
    /// Whether the lead is given up: landed, handed over, or stepped back from.
    landed: bool,
}

impl<'e, K, V> Leader<'e, K, V> {
    pub(crate) fn new(flights: &'e Flights<Flight<K, V>>, flight: Arc<Flight<K, V>>) -> Self {
        Self { flights, flight, landed: false }
    }

    pub(crate) fn key(&self) -> &K {
        &self.flight.key
    }

    pub(crate) fn post(&self) -> &Post<Flight<K, V>> {
        &self.flight.post
    }

    /// Notes that this thread leads the flight. The caller keeps the result while the loader runs.
    pub(crate) fn leading(&self) -> Leading {
        Leading::new(Arc::as_ptr(&self.flight).cast())
    }

    /// Hands the lead to the caller, who has to land or abandon the flight.
    pub(crate) fn hand_over(mut self) -> Arc<Flight<K, V>> {
        self.landed = true;
        Arc::clone(&self.flight)
    }

    /// Leaves the lead to the refresh job that the caller sends, or to a waiter, whichever comes
    /// first.
    pub(crate) fn step_back(mut self) -> Arc<Flight<K, V>> {
        let next = {
            let mut waiting_line = self.flight.waiting_line();
            waiting_line.stage = Stage::Vacant;
            waiting_line.queue.pop_front()
        };
        self.landed = true;
        if let Some((_, waker)) = next {
            waker.wake();
        }
        Arc::clone(&self.flight)
    }

    /// Ends the flight, leaves the outcome for its waiters, and returns it.
    pub(crate) fn land(mut self, outcome: Outcome<V>) -> Outcome<V>
    where
        V: Clone,
    {
        let mut waiting = VecDeque::new();
        if !self.flight.close_unattended() {
            // If cloning panics, the flight is abandoned.
            let set = self.flight.outcome.set(outcome.clone());
            debug_assert!(set.is_ok(), "a flight lands once");
            waiting = self.flight.close();
        }
        self.landed = true;
        self.flight.end_post(self.flights);
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
        // Dropped here: a panic of this drop after `outcome` is moved into the return place would
        // leak the outcome.
        drop(self);
        outcome
    }
}

impl<K, V: Clone> Leader<'_, K, V> {
    /// [`Leader::land`] with a value.
    pub(crate) fn land_value(self, value: V) -> V {
        match self.land(Outcome::Value(value)) {
            Outcome::Value(value) => value,
            Outcome::Nothing | Outcome::Error(_) => unreachable!("what has landed comes back"),
        }
    }
}

impl<K, V> Drop for Leader<'_, K, V> {
    fn drop(&mut self) {
        if !self.landed {
            let next = self.flight.waiting_line().offer();
            pass_on(self.flights, &self.flight, next, Bug::AbandonSilent);
        }
    }
}

/// Wakes the waiter that the lead is offered to; without one, ends the post of the flight.
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

/// A future that waits for another caller's load, or for its turn to load. Returns the lead if the
/// caller has to load, or `None` when the flight is over: then [`Waiter::outcome`] is its outcome.
#[derive(Debug)]
pub(crate) struct Waiter<'e, K, V> {
    flights: &'e Flights<Flight<K, V>>,
    flight: Arc<Flight<K, V>>,
    /// `Some` while it may be in the queue, or was woken from there and has not been polled since.
    waiter: Option<WaiterId>,
}

impl<'e, K, V> Waiter<'e, K, V> {
    /// Returns a waiter for a flight.
    ///
    /// # Panics
    ///
    /// Panics if this thread is running that very load.
    pub(crate) fn new(flights: &'e Flights<Flight<K, V>>, flight: Arc<Flight<K, V>>) -> Self {
        assert!(
            !reentrancy::leads(Arc::as_ptr(&flight).cast()),
            "recursive load: the loader of a key asked the cache to load the same key, and would \
             have waited for itself"
        );
        Self { flights, flight, waiter: None }
    }

    /// Returns the outcome of the flight, or `None` if it is not over or was abandoned.
    pub(crate) fn outcome(&self) -> Option<&Outcome<V>> {
        self.flight.outcome.get()
    }
}

impl<'e, K, V> Future for Waiter<'e, K, V> {
    type Output = Option<Leader<'e, K, V>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let waker = context.waker().clone();
        let mut waiting_line = this.flight.waiting_line();
        match waiting_line.stage {
            Stage::Led => {
                let replaced = waiting_line.enqueue(&mut this.waiter, waker);
                drop(waiting_line);
                drop(replaced);
                Poll::Pending
            }
            Stage::Vacant if this.flight.post.is_superseded() => {
                waiting_line.stage = Stage::Over;
                let own = this.waiter.take().and_then(|waiter| waiting_line.leave(waiter));
                let others = mem::take(&mut waiting_line.queue);
                drop(waiting_line);
                drop(own);
                this.flight.end_post(this.flights);
                if !planted(Bug::OverSilent) {
                    wake_all(others);
                }
                Poll::Ready(None)
            }
            Stage::Vacant => {
                waiting_line.stage = Stage::Led;
                let own = this.waiter.take().and_then(|waiter| waiting_line.leave(waiter));
                drop(waiting_line);
                drop(own);
                Poll::Ready(Some(Leader::new(this.flights, Arc::clone(&this.flight))))
            }
            Stage::Over => {
                drop(waiting_line);
                this.waiter = None;
                this.flight.end_post(this.flights);
                Poll::Ready(None)
            }
        }
    }
}

impl<K, V> Drop for Waiter<'_, K, V> {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter else { return };
        let mut waiting_line = self.flight.waiting_line();
        let own = waiting_line.leave(waiter);
        let was_offered = own.is_none() && waiting_line.stage == Stage::Vacant;
        if !was_offered {
            drop(waiting_line);
            return drop(own);
        }
        let next = waiting_line.offer();
        drop(waiting_line);
        pass_on(self.flights, &self.flight, next, Bug::OfferDropped);
    }
}
