//! Which loads are under way: a table that writers look into and that loads are posted in.
//!
//! # Structure
//!
//! Each of [`CLASSES`] classes of hashes has a list of *posts*, one per load. The lists are lock-free
//! (Harris, DISC'01; Michael, SPAA'02): a post is pushed at the head, *ended* by the tag of its `next`,
//! and unlinked by whoever walks past an ended one. The table appears with the first load of a cache.
//! Until then a write pays for one load of a word that nobody writes, and after that for one more, of
//! the head of its class, which is null unless something is loading.
//!
//! ```text
//! posted ----------------------------> ended ---> unlinked ---> freed
//!    \                                  ^              (a grace period after)
//!     +--> superseded --> (bump) -------+
//! ```
//!
//! - *post*: by a thread that found no post of its key that can be joined. The compare-and-swap on the
//!   head says that nobody has pushed since that thread began to walk the list at that head.
//! - *supersede*: by a writer that finds a post of its hash. It sets the flag, bumps the control word
//!   of the set (`fill.rs` says what for), and only then ends the post. So a writer that does not
//!   find the post knows that the bump is done, whoever did it.
//! - *end*: by anybody who knows that the load is over, or as above.
//!
//! A post can be joined if it is neither superseded nor ended, and if its flight still lives. It never
//! becomes so again, and after a push everything behind the head had been looked at: so there is at
//! most one post per key that can be joined. (The head may have gone and come back between the look and
//! the swap. What was pushed meanwhile is unlinked again then, hence ended.)
//!
//! Writers compare hashes only, all 64 bits: superseding one load too many costs an entry that is not
//! stored. So writers run no user code here.
//!
//! # Memory
//!
//! A post is counted: by its flight, and by the list, whose share is given up after the grace period.
//! What then runs in whichever thread may free a post, but never a key or a value: the post knows its
//! flight only weakly. Flights are dropped by those who lead them or wait for them.
//!
//! # Orderings
//!
//! Pushing and unlinking are Release swaps, walks load with Acquire, and every change of a head or a
//! `next` is a read-modify-write: who walks sees the posts as they were written, and who finds a post
//! gone, or ended, sees what was done before that, by the load or by the writer.
//!
//! Loads and writers also need store-load order. A load posts, and then looks (into the cache, and
//! wherever the value comes from); a writer (of whatever the value comes from, or of the cache) looks for
//! a post after it has written. One of the two must see the other. Posting ends with a SeqCst fence; its
//! partner is that of the writer's pin, which crossbeam-epoch makes a full fence (a locked instruction on
//! x86). A writer that keeps a pin does not get another fence with its next: what it wrote to the source
//! must then be ordered before what it writes to the cache by other means, such as a lock around the
//! source, which the load takes, too.
//!
//! # ABA
//!
//! Everything here runs pinned, and a post that was reachable then is not freed until unpinned.
//!
//! # Progress
//!
//! Lock-free: a walk that starts again met a list that somebody else changed.

use crate::{
    engine::testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
    fork,
    sync::{Arc, AtomicBool, AtomicPtr, Ordering, Weak, array_of, fence},
};
use crossbeam_epoch::{Atomic, Guard, Shared, unprotected};
use std::{fmt, marker::PhantomData, ptr};

/// Lists of posts.
const CLASSES: usize = if cfg!(larder_loom) { 2 } else { 256 };

/// The tag of an ended post's `next`.
const ENDED: usize = 1;

/// A load that others can find.
pub(crate) struct Post<T> {
    hash: u64,
    /// The process in which it was posted (`fork.rs`).
    process: u64,
    superseded: AtomicBool,
    next: Atomic<Post<T>>,
    flight: Weak<T>,
}

impl<T> Post<T> {
    /// Whether a write of the key came in between: what is loaded must not be stored.
    #[inline]
    pub(crate) fn is_superseded(&self) -> bool {
        // Acquire of the control word, before this, is what makes it count: see `fill.rs`.
        !planted(Bug::FlagUnchecked) && self.superseded.load(Ordering::Acquire)
    }
}

impl<T> fmt::Debug for Post<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("hash", &self.hash).finish_non_exhaustive()
    }
}

type Table<T> = [Atomic<Post<T>>; CLASSES];

/// The loads of a cache, each a `T`.
pub(crate) struct Flights<T> {
    table: AtomicPtr<Table<T>>,
    _owned: PhantomData<Arc<T>>,
}

/// Where a load comes to stand.
#[derive(Debug)]
pub(crate) enum Boarded<T> {
    /// There was one already.
    Joined(Arc<T>),
    /// This is the one.
    Posted(Arc<T>),
}

/// What is to become of a post that was visited.
enum Visit {
    Pass,
    End,
}

impl<T> Flights<T> {
    pub(crate) fn new() -> Self {
        Self { table: AtomicPtr::new(ptr::null_mut()), _owned: PhantomData }
    }

    #[inline(always)]
    fn table(&self) -> Option<&Table<T>> {
        // SAFETY: a published table stays as long as `self`.
        unsafe { self.table.load(Ordering::Acquire).as_ref() }
    }

    #[inline(always)]
    fn class(table: &Table<T>, hash: u64) -> &Atomic<Post<T>> {
        &table[(hash >> 32) as usize % CLASSES]
    }

    /// Whether no load of this hash is posted: what a writer asks between its pin and its work.
    #[inline(always)]
    pub(crate) fn is_quiet(&self, hash: u64, pinned: &Guard) -> bool {
        self.table()
            .is_none_or(|table| Self::class(table, hash).load(Ordering::Acquire, pinned).is_null())
    }

    #[cold]
    fn make_table(&self) -> &Table<T> {
        let new = Box::into_raw(Box::new(array_of![Atomic::null(); CLASSES]));
        match self.table.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire)
        {
            // SAFETY: published, so it stays as long as `self`.
            Ok(_) => unsafe { &*new },
            Err(theirs) => {
                // SAFETY: it came from a box, and nobody else has seen it.
                drop(unsafe { Box::from_raw(new) });
                // SAFETY: as above.
                unsafe { &*theirs }
            }
        }
    }

    /// The load of this hash that `joins`, or the one that `make` makes of its post. Where a flight
    /// was made in vain it is dropped here.
    pub(crate) fn board(
        &self,
        hash: u64,
        pinned: &Guard,
        joins: &dyn Fn(&T) -> bool,
        make: &dyn Fn(Arc<Post<T>>) -> T,
    ) -> Boarded<T> {
        let table = self.table().unwrap_or_else(|| self.make_table());
        let head = Self::class(table, hash);
        let mut own: Option<(Arc<T>, Arc<Post<T>>)> = None;
        loop {
            let mut joined = None;
            let first = Self::walk(head, pinned, &mut |post| {
                if post.hash == hash && joined.is_none() && !post.superseded.load(Ordering::Acquire)
                {
                    joined = post.flight.upgrade().filter(|flight| joins(flight));
                }
                Visit::Pass
            });
            // Planted: the walk after a swap that failed does not count.
            if let Some(flight) = joined
                && !(planted(Bug::PostBlind) && own.is_some())
            {
                return Boarded::Joined(flight);
            }
            let (flight, post) = own.get_or_insert_with(|| Self::new_flight(hash, make));
            post.next.store(first, Ordering::Relaxed);
            let listed = Arc::into_raw(Arc::clone(post));
            let pushed = head.compare_exchange(
                first,
                Shared::from(listed),
                Ordering::AcqRel,
                Ordering::Relaxed,
                pinned,
            );
            if pushed.is_ok() {
                if !planted(Bug::SkipFence) {
                    fence(Ordering::SeqCst);
                }
                step(Step::LoadPosted);
                return Boarded::Posted(Arc::clone(flight));
            }
            // SAFETY: the list did not take the share that was meant for it.
            drop(unsafe { Arc::from_raw(listed) });
        }
    }

    fn new_flight(hash: u64, make: &dyn Fn(Arc<Post<T>>) -> T) -> (Arc<T>, Arc<Post<T>>) {
        let mut post = None;
        let flight = Arc::new_cyclic(|flight| {
            let new = Arc::new(Post {
                hash,
                process: fork::process(),
                superseded: AtomicBool::new(false),
                next: Atomic::null(),
                flight: flight.clone(),
            });
            make(Arc::clone(post.insert(new)))
        });
        (flight, post.expect("made with the flight"))
    }

    /// Ends every load of this hash that is posted, before a write; `bump` gets the hash.
    #[cold]
    #[inline(never)]
    pub(crate) fn supersede(&self, hash: u64, pinned: &Guard, bump: &dyn Fn(u64)) {
        if let Some(table) = self.table() {
            let meant = |post: &Post<T>| post.hash == hash;
            Self::supersede_in(Self::class(table, hash), pinned, &meant, bump);
        }
    }

    /// In a child of `fork`: the same for those that were posted in another process, whose leaders may have
    /// stayed there.
    #[cold]
    pub(crate) fn supersede_strangers(&self, hash: u64, pinned: &Guard, bump: &dyn Fn(u64)) {
        if let Some(table) = self.table() {
            let meant = |post: &Post<T>| post.hash == hash && post.process != fork::process();
            Self::supersede_in(Self::class(table, hash), pinned, &meant, bump);
        }
    }

    /// Ends every load that is posted, before everything is removed.
    pub(crate) fn supersede_all(&self, pinned: &Guard, bump: &dyn Fn(u64)) {
        for head in self.table().into_iter().flatten() {
            Self::supersede_in(head, pinned, &|_| true, bump);
        }
    }

    fn supersede_in(
        head: &Atomic<Post<T>>,
        pinned: &Guard,
        meant: &dyn Fn(&Post<T>) -> bool,
        bump: &dyn Fn(u64),
    ) {
        Self::walk(head, pinned, &mut |post| {
            if !meant(post) {
                return Visit::Pass;
            }
            post.superseded.store(true, Ordering::Release);
            step(Step::LoadSuperseded);
            if planted(Bug::EndBeforeBump) {
                post.next.fetch_or(ENDED, Ordering::AcqRel, pinned);
            }
            bump(post.hash);
            step(Step::Bumped);
            Visit::End
        });
    }

    /// Ends the post of a load that is over, and takes it out of its list.
    pub(crate) fn end(&self, post: &Post<T>, pinned: &Guard) {
        let Some(table) = self.table() else { return };
        step(Step::LoadOver);
        post.next.fetch_or(ENDED, Ordering::AcqRel, pinned);
        Self::walk(Self::class(table, post.hash), pinned, &mut |_| Visit::Pass);
    }

    /// Calls `visit` for every post of a list that is not ended, unlinks those that are, and returns
    /// the head behind which it has seen everything.
    fn walk<'g>(
        head: &Atomic<Post<T>>,
        pinned: &'g Guard,
        visit: &mut dyn FnMut(&Post<T>) -> Visit,
    ) -> Shared<'g, Post<T>> {
        'again: loop {
            let mut first = head.load(Ordering::Acquire, pinned);
            let mut from = head;
            let mut at = first;
            // SAFETY: pinned, and reachable since.
            while let Some(post) = unsafe { at.as_ref() } {
                let mut next = post.next.load(Ordering::Acquire, pinned);
                if next.tag() != ENDED {
                    match visit(post) {
                        Visit::Pass => {
                            (from, at) = (&post.next, next);
                            continue;
                        }
                        Visit::End => {
                            next = post.next.fetch_or(ENDED, Ordering::AcqRel, pinned);
                        }
                    }
                }
                let behind = next.with_tag(0);
                let order = Ordering::AcqRel;
                if from.compare_exchange(at, behind, order, Ordering::Relaxed, pinned).is_err() {
                    continue 'again;
                }
                let unlinked = at.as_raw();
                // SAFETY: the list's share, which ends with the link; those who are still looking at
                // the post are pinned. Freeing a post runs no code of the user's and needs none of
                // `T`, so it may come when that is gone.
                unsafe { pinned.defer_unchecked(move || drop(Arc::from_raw(unlinked))) };
                if at == first {
                    first = behind;
                }
                at = behind;
            }
            return first;
        }
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.table().map_or(0, size_of_val)
    }
}

impl<T> fmt::Debug for Flights<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").finish_non_exhaustive()
    }
}

impl<T> Drop for Flights<T> {
    fn drop(&mut self) {
        let table = self.table.load(Ordering::Acquire);
        if table.is_null() {
            return;
        }
        // SAFETY: it came from a box, and nobody else has the cache any more.
        let table = unsafe { Box::from_raw(table) };
        for head in table.iter() {
            // Loads that were forgotten, not dropped.
            // SAFETY: as above.
            let alone = unsafe { unprotected() };
            let mut at = head.load(Ordering::Acquire, alone);
            while !at.is_null() {
                // SAFETY: what is linked is the list's share, given up here.
                let post = unsafe { Arc::from_raw(at.as_raw()) };
                at = post.next.load(Ordering::Acquire, alone).with_tag(0);
            }
        }
    }
}
