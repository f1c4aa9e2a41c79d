//! Which loads are under way: a table in which loads are posted and writers look.
//!
//! # Structure
//!
//! Each of [`CLASSES`] classes of hashes has a list of *posts*, one per load. The lists are
//! lock-free (Harris, DISC'01; Michael, SPAA'02): a post is pushed at the head, *ended* by the tag
//! of its `next`, and unlinked by any thread that walks past an ended one. The table appears with
//! the first load of a cache. Until then a write pays for one load of a word that no thread writes,
//! and after that for one more, of the head of its class, which is null unless something is
//! loading.
//!
//! ```text
//! posted ----------------------------> ended ---> unlinked ---> freed
//!    \                                  ^              (a grace period after)
//!     +--> superseded --> (bump) -------+
//! ```
//!
//! - *post*: by a thread that found no post of its key that can be joined. The compare-and-swap on
//!   the head says that no thread has pushed since that thread began to walk the list at that head.
//! - *supersede*: by a writer that finds a post of its hash. It sets the flag, bumps the control
//!   word of the set (`fill.rs` gives the reason), and only then ends the post. So a writer that
//!   does not find the post knows that the bump is done, whichever writer did it.
//! - *end*: by a thread that knows that the load is over, or by a writer as above.
//!
//! A post can be joined if it is neither superseded nor ended, and if its flight still lives. Once
//! that is false it stays false, and a push succeeds only after everything behind the head has been
//! looked at: so there is at most one post per key that can be joined. (The head may have gone and
//! come back between the look and the swap. What was pushed meanwhile is unlinked again then, hence
//! ended.)
//!
//! Writers compare hashes only, all 64 bits: superseding one load too many costs an entry that is
//! not stored. So writers run no user code here.
//!
//! # Memory
//!
//! A post is counted: by its flight, and by the list, whose share is given up after the grace
//! period. That may free a post in whichever thread runs it, but never a key or a value: the post
//! knows its flight only weakly. Flights are dropped by their leaders and waiters.
//!
//! # Orderings
//!
//! Pushing, unlinking and ending are AcqRel, walks load with Acquire, and every change of a head or
//! of a linked post's `next` is a read-modify-write: a thread that walks sees the posts as they
//! were written, and a thread that finds a post gone, or ended, sees what was done before that, by
//! the load or by the writer.
//!
//! Loads and writers also need store-load order. A load posts, and then looks (into the cache, and
//! at the source of the value); a writer (of that source, or of the cache) looks for a post after
//! it has written. One of the two must see the other. Posting ends with a SeqCst fence; its partner
//! is that of the writer's pin, which crossbeam-epoch makes a full fence (a locked instruction on
//! x86). A writer that keeps a pin does not get another fence with its next: what it wrote to the
//! source must then be ordered before what it writes to the cache by other means, such as a lock
//! around the source, which the load takes, too.
//!
//! # ABA
//!
//! Everything here runs pinned, and a post that was reachable then is not freed until unpinned.
//!
//! # Progress
//!
//! Lock-free: a walk starts again only if another thread has changed the list.

use crate::{
    process::fork,
    sync::{Arc, AtomicBool, AtomicPtr, Ordering, Weak, array_of, fence},
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
};
use crossbeam_epoch::{Atomic, Guard, Shared, unprotected};
use std::{fmt, marker::PhantomData, ptr};

/// The number of lists of posts.
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
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Returns whether a write of the key has superseded the load, so that its value must not be
    /// stored.
    #[inline]
    pub(crate) fn is_superseded(&self) -> bool {
        // Acquire: pairs with the Release in `Flights::supersede_in`. A fill has read the control
        // word with Acquire before, which makes the flag of each earlier bump visible (`fill.rs`).
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

/// The result of [`Flights::board`].
#[derive(Debug)]
pub(crate) enum Boarded<T> {
    /// A load was posted already.
    Joined(Arc<T>),
    /// The caller's load was posted.
    Posted(Arc<T>),
}

/// What [`Flights::walk`] does with a post that it has visited.
enum Fate {
    Keep,
    End,
}

impl<T> Flights<T> {
    pub(crate) fn new() -> Self {
        Self { table: AtomicPtr::new(ptr::null_mut()), _owned: PhantomData }
    }

    #[inline(always)]
    fn table(&self) -> Option<&Table<T>> {
        // Acquire: pairs with the AcqRel in `make_table`; the table's heads are initialised.
        // SAFETY: null, or a published table, which is freed only when `self` is dropped.
        unsafe { self.table.load(Ordering::Acquire).as_ref() }
    }

    #[inline(always)]
    fn class(table: &Table<T>, hash: u64) -> &Atomic<Post<T>> {
        &table[(hash >> 32) as usize % CLASSES]
    }

    /// Returns whether no load of this hash's class is posted. A writer asks between its pin and
    /// its work.
    #[inline(always)]
    pub(crate) fn is_quiet(&self, hash: u64, pinned: &Guard) -> bool {
        // Acquire: pairs with the AcqRel with which `walk` unlinks; if the post is gone, what its
        // load or its superseding writer did before is visible. The fence of the pin pairs with the
        // SeqCst fence in `board`: a post that is not seen belongs to a load that sees the writes
        // before the pin.
        self.table()
            .is_none_or(|table| Self::class(table, hash).load(Ordering::Acquire, pinned).is_null())
    }

    #[cold]
    fn make_table(&self) -> &Table<T> {
        let new = Box::into_raw(Box::new(array_of![Atomic::null(); CLASSES]));
        // AcqRel, on failure Acquire: publishes the heads to the Acquire in `table`, or acquires
        // those that another thread has published here.
        match self.table.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire)
        {
            // SAFETY: published, so it is freed only when `self` is dropped.
            Ok(_) => unsafe { &*new },
            Err(theirs) => {
                // SAFETY: it came from a box, and was not published.
                drop(unsafe { Box::from_raw(new) });
                // SAFETY: published by another thread, so it is freed only when `self` is dropped.
                unsafe { &*theirs }
            }
        }
    }

    /// Returns the posted load of this hash that `joins` accepts, or posts the one that `make`
    /// makes of its post. A flight that was made in vain is dropped here.
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
                // Acquire: pairs with the Release in `supersede_in`.
                if post.hash == hash && joined.is_none() && !post.superseded.load(Ordering::Acquire)
                {
                    joined = post.flight.upgrade().filter(|flight| joins(flight));
                }
                Fate::Keep
            });
            // Planted: the walk after a swap that failed does not count.
            if let Some(flight) = joined
                && !(planted(Bug::PostBlind) && own.is_some())
            {
                return Boarded::Joined(flight);
            }
            let (flight, post) = own.get_or_insert_with(|| Self::new_flight(hash, make));
            // Relaxed: the post is not linked; the push below publishes it.
            post.next.store(first, Ordering::Relaxed);
            let listed = Arc::into_raw(Arc::clone(post));
            // AcqRel: pairs with the Acquire loads in `walk`; the post's fields are visible.
            // Failure, Relaxed: the next walk reads the head again.
            let pushed = head.compare_exchange(
                first,
                Shared::from(listed),
                Ordering::AcqRel,
                Ordering::Relaxed,
                pinned,
            );
            if pushed.is_ok() {
                if !planted(Bug::SkipFence) {
                    // SeqCst: pairs with the fence of a writer's pin. If the fence comes first, the
                    // writer sees the post; otherwise the load sees what was written before the
                    // pin.
                    fence(Ordering::SeqCst);
                }
                step(Step::LoadPosted);
                return Boarded::Posted(Arc::clone(flight));
            }
            // SAFETY: `into_raw` above gave this share, and the push that would own it has failed.
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

    /// Supersedes every posted load of this hash, before a write. `bump` gets the hash.
    #[cold]
    #[inline(never)]
    pub(crate) fn supersede(&self, hash: u64, pinned: &Guard, bump: &dyn Fn(u64)) {
        if let Some(table) = self.table() {
            let meant = |post: &Post<T>| post.hash == hash;
            Self::supersede_in(Self::class(table, hash), pinned, &meant, bump);
        }
    }

    /// Supersedes, in a child of `fork`, every load of this hash that was posted in another
    /// process, where its leader may have stayed.
    #[cold]
    pub(crate) fn supersede_strangers(&self, hash: u64, pinned: &Guard, bump: &dyn Fn(u64)) {
        if let Some(table) = self.table() {
            let meant = |post: &Post<T>| post.hash == hash && post.process != fork::process();
            Self::supersede_in(Self::class(table, hash), pinned, &meant, bump);
        }
    }

    /// Supersedes every posted load, before all entries are removed.
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
                return Fate::Keep;
            }
            // Release: pairs with the Acquire in `Post::is_superseded`. `bump` orders it for fills.
            post.superseded.store(true, Ordering::Release);
            step(Step::LoadSuperseded);
            if planted(Bug::EndBeforeBump) {
                post.next.fetch_or(ENDED, Ordering::AcqRel, pinned);
            }
            bump(post.hash);
            step(Step::Bumped);
            Fate::End
        });
    }

    /// Ends the post of a load that is over, and removes it from its list.
    pub(crate) fn end(&self, post: &Post<T>, pinned: &Guard) {
        let Some(table) = self.table() else { return };
        step(Step::LoadOver);
        // AcqRel: pairs with the Acquire loads in `walk`; a thread that finds the post ended sees
        // what the load has stored.
        post.next.fetch_or(ENDED, Ordering::AcqRel, pinned);
        Self::walk(Self::class(table, post.hash), pinned, &mut |_| Fate::Keep);
    }

    /// Calls `visit` for every post of a list that is not ended, unlinks those that are, and
    /// returns the head behind which it has looked at all posts.
    fn walk<'g>(
        head: &Atomic<Post<T>>,
        pinned: &'g Guard,
        visit: &mut dyn FnMut(&Post<T>) -> Fate,
    ) -> Shared<'g, Post<T>> {
        'again: loop {
            // Acquire: pairs with the AcqRel of pushes and unlinks; the first post's fields are
            // visible, and so is what was done before a missing post was ended.
            let mut first = head.load(Ordering::Acquire, pinned);
            let mut from = head;
            let mut at = first;
            // SAFETY: `at` was read from the list during this pin, so the grace period that frees
            // it cannot end before this pin does.
            while let Some(post) = unsafe { at.as_ref() } {
                // Acquire: pairs with the AcqRel that ended the post, or that unlinked its
                // successor; the next post's fields are visible through the push of `post`, or of
                // that one.
                let mut next = post.next.load(Ordering::Acquire, pinned);
                if next.tag() != ENDED {
                    match visit(post) {
                        Fate::Keep => {
                            (from, at) = (&post.next, next);
                            continue;
                        }
                        Fate::End => {
                            // AcqRel: pairs with the Acquire load above, in other walks; a thread
                            // that finds the post ended sees the flag and the bump.
                            next = post.next.fetch_or(ENDED, Ordering::AcqRel, pinned);
                        }
                    }
                }
                let behind = next.with_tag(0);
                // AcqRel: pairs with the Acquire loads above and in `is_quiet`; passes on what was
                // acquired with the post's end. Failure, Relaxed: the walk starts again.
                let order = Ordering::AcqRel;
                if from.compare_exchange(at, behind, order, Ordering::Relaxed, pinned).is_err() {
                    continue 'again;
                }
                let unlinked = at.as_raw();
                // SAFETY: the list's share, which this thread alone has unlinked; threads that
                // still look at the post are pinned. Freeing a post runs no user code and needs no
                // `T`, so it may happen after the cache is dropped.
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
        // Acquire: pairs with the AcqRel in `make_table`.
        let table = self.table.load(Ordering::Acquire);
        if table.is_null() {
            return;
        }
        // SAFETY: it came from a box, and `&mut self` is the only access.
        let table = unsafe { Box::from_raw(table) };
        for head in table.iter() {
            // Posts are left if their leaders were forgotten (`mem::forget`) instead of dropped.
            // SAFETY: no other thread can reach the lists, so no pin is needed.
            let alone = unsafe { unprotected() };
            // Acquire: pairs with the AcqRel of pushes; the post is visible.
            let mut at = head.load(Ordering::Acquire, alone);
            while !at.is_null() {
                // SAFETY: a linked post holds the list's share, which is given up here.
                let post = unsafe { Arc::from_raw(at.as_raw()) };
                // Acquire: as for the head.
                at = post.next.load(Ordering::Acquire, alone).with_tag(0);
            }
        }
    }
}
