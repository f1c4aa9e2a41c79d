//! The task of a detached load.

use super::slot::{End, Payload, Slot};
use crate::{
    Cache,
    engine::{
        load::{
            fill::Took,
            handed::{HandedLead, TakenUp},
        },
        ops::insert::EntryOptions,
        singleflight::flight::Outcome,
    },
    loading::{Lead, Question, Wanted, land},
    process::{pool::caught, spawner::Spawner},
};
use std::{
    future::{Future, poll_fn},
    hash::Hash,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// A key, and what is to hold of the entry that is loaded for it.
struct Given<K> {
    key: K,
    options: EntryOptions,
}

impl<K: Hash + Eq + Clone> Wanted<K> for Given<K> {
    type Borrowed = K;

    fn borrowed(&self) -> &K {
        &self.key
    }

    fn to_key(&self) -> K {
        self.key.clone()
    }

    fn into_key(self) -> K {
        self.key
    }

    fn options(&self) -> EntryOptions {
        self.options
    }
}

/// For an answer, and whether it comes from the loader.
pub(super) type AnswerSlot<A, F> = Arc<Slot<(A, bool), Pin<Box<F>>>>;

/// A load in a task.
pub(super) struct Task<K, V, A: Question<V>, F> {
    hash: u64,
    /// Until the loader has ended.
    given: Option<Given<K>>,
    lead: Option<HandedLead<K, V>>,
    loader: Option<Pin<Box<F>>>,
    /// The value that is to be replaced.
    old: Option<V>,
    slot: AnswerSlot<A::Answer, F>,
}

impl<K, V, A, F> Task<K, V, A, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    A: Question<V, Answer: Send> + 'static,
    F: Future<Output = A::Loaded> + Send + 'static,
{
    /// Hands the load to the cache's spawner.
    pub(super) fn start<S>(
        cache: &Cache<K, V, S>,
        hash: u64,
        key: &impl Wanted<K>,
        lead: Lead<'_, K, V>,
        init: F,
    ) -> AnswerSlot<A::Answer, F> {
        let (lead, old) = match lead {
            Lead::Absent(leader) => (HandedLead::of_absent(cache.engine(), leader, hash), None),
            Lead::Old(old, refresh) => (refresh.hand_over(), Some(old)),
        };
        let slot = Slot::new();
        let task = Self {
            hash,
            given: Some(Given { key: key.to_key(), options: key.options() }),
            lead: Some(lead),
            loader: Some(Box::pin(init)),
            old,
            slot: Arc::clone(&slot),
        };
        let Spawner(spawn) = cache.spawner().expect("asked for when the future was made");
        spawn(Box::pin(task.run()));
        slot
    }

    async fn run(mut self) {
        let Some(timer) = self.lead.as_ref().and_then(HandedLead::timer) else { return };
        let loaded = poll_fn(|context| self.poll(context)).await;
        let took = timer.stop();
        match loaded {
            Ok(loaded) => self.conclude(loaded, took),
            Err(payload) => self.fail(payload, took),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<A::Loaded, Payload>> {
        let (Some(lead), Some(loader)) = (&self.lead, &mut self.loader) else {
            unreachable!("the loader has not ended")
        };
        let _leading = lead.leading();
        match catch_unwind(AssertUnwindSafe(|| loader.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(loaded)) => Poll::Ready(Ok(loaded)),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }

    /// Stores what was loaded, lands, and answers the caller.
    fn conclude(mut self, loaded: A::Loaded, took: Took) {
        let (Some(lead), Some(key)) = (self.lead.take(), self.given.take()) else { return };
        let (hash, old, slot) = (self.hash, self.old.take(), Arc::clone(&self.slot));
        let is_fresh = A::is_value(&loaded);
        let conclude = move || {
            lead.take_up(|engine, lead| {
                let outcome = A::outcome(loaded);
                engine.count_load(took.wall, matches!(outcome, Outcome::Error(_)));
                engine.conclude([hash], |unused| {
                    let (answer, old) = match (lead, old) {
                        (TakenUp::Old(refresh), Some(old)) => {
                            match refresh.land(|| key.into_key(), outcome, took.by_clock, unused) {
                                Outcome::Value(value) => (A::found(value), Some(old)),
                                Outcome::Nothing | Outcome::Error(_) => (A::found(old), None),
                            }
                        }
                        (TakenUp::Absent(leader), old) => {
                            let took = took.by_clock;
                            let answer =
                                land::<A, _, _>(engine, hash, key, leader, outcome, took, unused);
                            (answer, old)
                        }
                        (TakenUp::Old(_), None) => unreachable!("it is handed over with its value"),
                    };
                    slot.end(End::Answer((answer, is_fresh)));
                    old
                });
            });
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(conclude)) {
            self.slot.end(End::Panic(payload));
        }
    }

    /// Leaves the load to the others, and the panic to the caller.
    fn fail(mut self, payload: Payload, took: Took) {
        caught(|| drop(self.loader.take()));
        if let Some(lead) = self.lead.take() {
            lead.count_failure(took.wall);
            drop(lead);
        }
        self.slot.end(End::Panic(payload));
    }
}

impl<K, V, A: Question<V>, F> Drop for Task<K, V, A, F> {
    fn drop(&mut self) {
        // In this order: the caller asks anew, and is to find the load abandoned.
        if let Some(lead) = self.lead.take() {
            drop(lead);
            if let Some(loader) = self.loader.take() {
                self.slot.end(End::Dropped(loader));
            }
        }
    }
}
