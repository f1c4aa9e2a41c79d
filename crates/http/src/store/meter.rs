//! How much of a rule is stored, and what became of its requests.

use super::Quota;
use std::{
    cell::Cell,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Hit,
    /// Given out while a newer one is asked for.
    Stale,
    /// Given out in place of an error.
    StaleIfError,
    Miss,
    /// Got what another request has brought.
    Collapsed,
    /// Asked the handler whether what is stored still holds.
    Revalidated,
}

const OUTCOMES: usize = 6;

/// What kind of thing is stored: only so many errors may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryClass {
    Usual,
    /// A response that says that something is wrong, or that a response was not for others.
    Error,
}

#[derive(Debug, Default)]
pub(crate) struct Meter {
    entries: AtomicU64,
    errors: AtomicU64,
    bytes: AtomicU64,
    outcomes: Stripes<OUTCOMES>,
    /// Why requests went past the cache.
    pub(crate) bypassed: Reasons,
    /// Why responses were not stored.
    pub(crate) unstored: Reasons,
    /// Empty, unless the rule may have only so many responses. Not on the path of a hit.
    quota: Mutex<Quota>,
}

impl Meter {
    fn counter(&self, class: EntryClass) -> &AtomicU64 {
        match class {
            EntryClass::Usual => &self.entries,
            EntryClass::Error => &self.errors,
        }
    }

    pub(crate) fn stored(&self, bytes: u64, class: EntryClass) {
        self.counter(class).fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn dropped(&self, bytes: u64, class: EntryClass) {
        self.counter(class).fetch_sub(1, Relaxed);
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    /// Stored responses but errors; those among them that are being sent and have left the cache
    /// count, too.
    pub(crate) fn entries(&self) -> u64 {
        self.entries.load(Relaxed)
    }

    pub(crate) fn quota(&self) -> MutexGuard<'_, Quota> {
        self.quota.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn errors(&self) -> u64 {
        self.errors.load(Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        self.outcomes.add(outcome as usize);
    }

    pub(crate) fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes.sum(outcome as usize)
    }
}

/// Counts by reasons, of which there are few. Not on the path of a hit.
#[derive(Debug, Default)]
pub(crate) struct Reasons(RwLock<Vec<(&'static str, AtomicU64)>>);

impl Reasons {
    pub(crate) fn count(&self, reason: &'static str) {
        let known = |counts: &[(&'static str, AtomicU64)]| {
            let count = counts.iter().find(|(known, _)| *known == reason);
            count.map(|(_, count)| count.fetch_add(1, Relaxed)).is_some()
        };
        if known(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut counts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !known(&counts) {
            counts.push((reason, AtomicU64::new(1)));
        }
    }

    pub(crate) fn all(&self) -> Vec<(&'static str, u64)> {
        let counts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(reason, count)| (*reason, count.load(Relaxed))).collect()
    }
}

const STRIPES: usize = 16;

/// Counters of which each thread has one for itself, up to so many threads.
pub(crate) struct Stripes<const N: usize>([Stripe<N>; STRIPES]);

// Two lines, since processors fetch lines in pairs.
#[repr(align(128))]
struct Stripe<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Stripes<N> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Stripe(std::array::from_fn(|_| AtomicU64::new(0)))))
    }
}

fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    let own = OWN.get();
    if own != usize::MAX {
        return own;
    }
    let own = NEXT.fetch_add(1, Relaxed) % STRIPES;
    OWN.set(own);
    own
}

impl<const N: usize> Stripes<N> {
    pub(crate) fn add(&self, counter: usize) {
        self.0[stripe()].0[counter].fetch_add(1, Relaxed);
    }

    pub(crate) fn sum(&self, counter: usize) -> u64 {
        self.0.iter().map(|stripe| stripe.0[counter].load(Relaxed)).sum()
    }
}

impl<const N: usize> fmt::Debug for Stripes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..N).map(|it| self.sum(it))).finish()
    }
}
