//! What was invalidated, and when: a stored response that was asked for before that is stale.
//!
//! # Words
//!
//! ```text
//! begun      invalidations that have begun: the stamp of the latest    + 1, first step of each
//! slots[t]   stamp of the latest invalidation of what has slot t       max, second step
//! prefixes   stamps of the latest invalidations of paths by prefix     under a lock, second step
//! ```
//!
//! A response has a *birth*: `begun` as it was before its handler was called. An invalidation takes
//! the next stamp and writes it to the slot of what it is about: a path, a tag, a user, a rule, a
//! group, everything. A response is *stale* if its birth is less than the stamp at one of its own
//! slots.
//!
//! # What holds
//!
//! *What was invalidated is not given out.* A request that begins after an invalidation has
//! returned sees its stamp at the slot (both SeqCst; the request's connection orders them as well).
//! Each response whose handler was called before that invalidation began has a birth that is less:
//! whether it was stored before, is stored later, or is handed on to waiters makes no difference,
//! since who gives a response out looks at the stamps when it does.
//!
//! *What is asked for afterwards is stored.* Its birth is the stamp of the invalidation at least.
//!
//! Nothing is removed here: a stale response is taken for absent, and goes when its time is over,
//! when it is replaced, or when the cache makes room.
//!
//! # Places
//!
//! A slot is 16 bits of a hash. Two tags may share one; then who invalidates one invalidates the
//! other's responses, too. That costs a miss, no more.
//!
//! # Progress
//!
//! Wait-free, but for prefixes: these are few and are kept in a list, whose lock is taken by
//! whoever invalidates a prefix, and by who comes upon a response that is older than the latest of
//! them and has not been compared since.

use crate::sync::{AtomicU64, Ordering::SeqCst, RwLock};
use std::{
    collections::VecDeque,
    fmt,
    hash::{BuildHasher, Hash, RandomState},
};

const SLOTS: usize = if cfg!(larder_loom) {
    2
} else if cfg!(fuzzing) {
    // Made for each input.
    1 << 10
} else {
    1 << 16
};
/// So many invalidations of prefixes are remembered one by one. Before the oldest is forgotten, all
/// that is as old as it is made stale.
const PREFIXES: usize = 256;

/// Where the stamps of one subject are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StampSlot(u16);

/// When a response was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Birth(u64);

/// What an invalidation may be about.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Subject<'a> {
    /// A path, without its query, of whichever host.
    Path(&'a [u8]),
    /// The same, of one user.
    PathOf {
        path: &'a [u8],
        user: &'a [u8],
    },
    /// A tag of the application.
    Tag(&'a [u8]),
    User(&'a [u8]),
    Rule(&'a str),
    /// A cache group (RFC 9875) of a host.
    Group {
        host: &'a [u8],
        group: &'a [u8],
    },
}

pub(crate) struct Stamps {
    begun: AtomicU64,
    slots: Box<[AtomicU64]>,
    /// Responses that were asked for before this are stale.
    valid_from: AtomicU64,
    /// The stamp of the latest invalidation of a prefix.
    latest_prefix: AtomicU64,
    prefixes: RwLock<VecDeque<(u64, Box<[u8]>)>>,
    hashes: RandomState,
}

/// What of a response decides whether it is stale.
#[derive(Debug)]
pub(crate) struct Provenance {
    birth: Birth,
    slots: Vec<StampSlot>,
    path: Box<[u8]>,
    /// It was compared with all prefixes up to this stamp.
    compared: AtomicU64,
}

impl Provenance {
    pub(crate) fn new(birth: Birth, slots: Vec<StampSlot>, path: &[u8]) -> Self {
        Self { birth, slots, path: path.into(), compared: AtomicU64::new(birth.0) }
    }

    pub(crate) fn slots(&self) -> &[StampSlot] {
        &self.slots
    }

    /// Adds what else makes the response stale.
    pub(crate) fn extend(&mut self, slots: impl IntoIterator<Item = StampSlot>) {
        for slot in slots {
            if !self.slots.contains(&slot) {
                self.slots.push(slot);
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.slots) + self.path.len()
    }
}

impl Clone for Provenance {
    fn clone(&self) -> Self {
        let compared = AtomicU64::new(self.compared.load(SeqCst));
        Self { birth: self.birth, slots: self.slots.clone(), path: self.path.clone(), compared }
    }
}

impl Stamps {
    pub(crate) fn new() -> Self {
        Self {
            begun: AtomicU64::new(0),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            valid_from: AtomicU64::new(0),
            latest_prefix: AtomicU64::new(0),
            prefixes: RwLock::default(),
            hashes: RandomState::new(),
        }
    }

    pub(crate) fn slot(&self, subject: Subject<'_>) -> StampSlot {
        // The top bits, as few as there are slots.
        StampSlot((self.hashes.hash_one(subject) >> (64 - SLOTS.ilog2())) as u16)
    }

    /// The birth of a response whose handler is called after this.
    pub(crate) fn birth(&self) -> Birth {
        Birth(self.begun.load(SeqCst))
    }

    fn next(&self) -> u64 {
        self.begun.fetch_add(1, SeqCst) + 1
    }

    pub(crate) fn invalidate(&self, slot: StampSlot) {
        let stamp = self.next();
        self.slots[usize::from(slot.0)].fetch_max(stamp, SeqCst);
    }

    pub(crate) fn invalidate_all(&self) {
        let stamp = self.next();
        self.valid_from.fetch_max(stamp, SeqCst);
    }

    /// Invalidates all paths that begin with `prefix`, whatever their host.
    pub(crate) fn invalidate_prefix(&self, prefix: &[u8]) {
        let mut prefixes = self.prefixes.write().unwrap_or_else(|it| it.into_inner());
        // Under the lock, so that the list is in the order of its stamps.
        let stamp = self.next();
        // One that is said again and again takes one slot.
        prefixes.retain(|(_, known)| !known.starts_with(prefix));
        if prefixes.len() == PREFIXES
            && let Some((oldest, _)) = prefixes.pop_front()
        {
            self.valid_from.fetch_max(oldest, SeqCst);
        }
        prefixes.push_back((stamp, prefix.into()));
        self.latest_prefix.store(stamp, SeqCst);
    }

    #[inline]
    pub(crate) fn is_stale(&self, provenance: &Provenance) -> bool {
        let birth = provenance.birth.0;
        let stamped = |slot: &StampSlot| self.slots[usize::from(slot.0)].load(SeqCst) > birth;
        self.valid_from.load(SeqCst) > birth
            || provenance.slots.iter().any(stamped)
            || (self.latest_prefix.load(SeqCst) > provenance.compared.load(SeqCst)
                && self.has_stale_prefix(provenance))
    }

    #[cold]
    fn has_stale_prefix(&self, provenance: &Provenance) -> bool {
        let prefixes = self.prefixes.read().unwrap_or_else(|it| it.into_inner());
        let compared = provenance.compared.load(SeqCst);
        let mut newer = prefixes.iter().rev().take_while(|(stamp, _)| *stamp > compared);
        // What was forgotten since this thread looked has raised `valid_from`.
        if newer.any(|(_, prefix)| provenance.path.starts_with(prefix))
            || self.valid_from.load(SeqCst) > provenance.birth.0
        {
            return true;
        }
        if let Some((latest, _)) = prefixes.back() {
            provenance.compared.fetch_max(*latest, SeqCst);
        }
        false
    }
}

impl fmt::Debug for Stamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stamps").field("begun", &self.begun).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn provenance(stamps: &Stamps, path: &str, subjects: &[Subject<'_>]) -> Provenance {
        let slots = subjects.iter().map(|it| stamps.slot(*it)).collect();
        Provenance::new(stamps.birth(), slots, path.as_bytes())
    }

    #[test]
    fn what_was_asked_for_before_is_stale_and_what_is_asked_for_after_is_not() {
        let stamps = Stamps::new();
        let (tag, other) = (Subject::Tag(b"a"), Subject::Tag(b"b"));
        let before = provenance(&stamps, "/a", &[tag]);
        let untouched = provenance(&stamps, "/a", &[other]);
        stamps.invalidate(stamps.slot(tag));
        let after = provenance(&stamps, "/a", &[tag]);
        assert!(stamps.is_stale(&before));
        assert!(!stamps.is_stale(&untouched) && !stamps.is_stale(&after));
        stamps.invalidate_all();
        assert!(stamps.is_stale(&untouched) && stamps.is_stale(&after));
        assert!(!stamps.is_stale(&provenance(&stamps, "/a", &[tag])));
    }

    #[test]
    fn a_prefix_takes_what_begins_with_it() {
        let stamps = Stamps::new();
        let inside = provenance(&stamps, "/api/urls/7", &[]);
        let outside = provenance(&stamps, "/api/users/7", &[]);
        stamps.invalidate_prefix(b"/api/urls/");
        assert!(stamps.is_stale(&inside), "though it is compared again");
        assert!(stamps.is_stale(&inside));
        assert!(!stamps.is_stale(&outside) && !stamps.is_stale(&outside));
        assert!(!stamps.is_stale(&provenance(&stamps, "/api/urls/7", &[])));
        stamps.invalidate_prefix(b"/api/users/");
        assert!(stamps.is_stale(&outside), "though it was compared with an earlier one");
    }

    #[test]
    fn a_wider_prefix_stands_in_for_what_it_covers() {
        let stamps = Stamps::new();
        let old = provenance(&stamps, "/a/b", &[]);
        stamps.invalidate_prefix(b"/a/b");
        stamps.invalidate_prefix(b"/a/");
        assert!(stamps.is_stale(&old));
        assert_eq!(stamps.prefixes.read().unwrap().len(), 1);
    }

    #[test]
    fn a_prefix_that_is_forgotten_takes_all_that_is_as_old() {
        let stamps = Stamps::new();
        let old = provenance(&stamps, "/0000", &[]);
        for i in 0..PREFIXES {
            stamps.invalidate_prefix(format!("/{i:04}").as_bytes());
        }
        assert!(stamps.is_stale(&old));
        let young = provenance(&stamps, "/x", &[]);
        stamps.invalidate_prefix(b"/y");
        assert!(stamps.is_stale(&old), "the first prefix has been forgotten");
        assert!(!stamps.is_stale(&young));
        assert_eq!(stamps.prefixes.read().unwrap().len(), PREFIXES);
    }
}
