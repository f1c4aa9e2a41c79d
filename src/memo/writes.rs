//! Functions that write tables, and calls of other functions within such a write.
//!
//! A write lasts from the call of its function to its end, and invalidates its tables at the end,
//! for any result of the function. While the function runs, or its future is polled, the write is
//! in this thread's list of *open* writes. A call that reads tables of an open write of its thread
//! is not looked up: the function runs, so that it sees what was written, and its result is not
//! stored, since the write may never be committed.
//!
//! The tables of an inner write are added to the outer ones: a transaction may be committed by the
//! outermost function only, and between the end of the inner function and that commit, another
//! thread may read and store the old state again.

use super::{
    function::{Function, all},
    shape::Success,
    tables::{Table, may_mean},
};
use crate::manager::{ManagedCache, global, locked};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    future::{Future, poll_fn},
    marker::PhantomData,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
};

/// The maximum number of parts of tables that a write remembers; beyond it, it remembers whole
/// tables.
const PARTS_MAX: usize = 256;

/// The maximum number of tables given to [`invalidate_table`] that are remembered for warnings.
const REPORTED_MAX: usize = 1_024;

/// Invalidates the results of every [`cache_query`](crate::cache_query) that reads a table, in all
/// caches that such functions use, as a `writes(..)` function does. For writes that no function of
/// this program makes. The name may be a part of a table: `users:7` invalidates what reads `users`,
/// `users:7` or `users:7:posts`, and not what reads `users:8`. O(caches).
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
///
/// static ROWS: AtomicU32 = AtomicU32::new(1);
///
/// #[larder::cache_query(reads("urls"))]
/// fn count_urls() -> u32 {
///     ROWS.load(Relaxed)
/// }
///
/// assert_eq!(count_urls(), 1);
/// ROWS.store(2, Relaxed);
/// assert_eq!(count_urls(), 1);
/// larder::manager::invalidate_table("urls");
/// assert_eq!(count_urls(), 2);
/// ```
pub fn invalidate_table(table: &str) {
    let table = Table::named(table);
    {
        let mut reported = locked(&REPORTED);
        if reported.len() < REPORTED_MAX && !reported.contains(table.root()) {
            reported.insert(table.root().to_owned());
        }
    }
    add_to_open(std::slice::from_ref(&table));
    invalidate(&table);
}

static REPORTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Returns the tables given to [`invalidate_table`].
pub(super) fn reported() -> BTreeSet<String> {
    locked(&REPORTED).clone()
}

fn invalidate(table: &Table) {
    for cache in caches_of_queries() {
        table.invalidate_in(cache.entries());
    }
}

/// Returns the caches of functions that read tables. A named cache may be created at any time;
/// before that, no function has stored a result in it.
fn caches_of_queries() -> impl Iterator<Item = ManagedCache> {
    static NAMES: OnceLock<BTreeSet<&'static str>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let declared = all().map(|function| function.declared());
        declared.filter(|declared| !declared.reads.is_empty()).map(|it| it.cache).collect()
    });
    names.iter().filter_map(|name| global().get_cache(name).ok())
}

/// The tables of a write, and of the writes within it.
type Written = Arc<Mutex<Vec<Table>>>;

thread_local! {
    /// The number of open writes: cheaper to read than `OPEN`.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The writes whose functions run on this thread, the innermost one last.
    static OPEN: RefCell<Vec<Written>> = const { RefCell::new(Vec::new()) };
}

/// Returns whether `holds` returns true for any open write of this thread.
#[cold]
fn any_open(holds: impl Fn(&[Table]) -> bool) -> bool {
    OPEN.try_with(|open| open.borrow().iter().any(|written| holds(&locked(written))))
        .unwrap_or(false)
}

/// Returns whether this thread is within a write.
#[inline(always)]
pub(super) fn is_within() -> bool {
    DEPTH.get() > 0
}

/// Returns whether this thread is within a write of any of `tables`.
pub(super) fn is_writing(tables: &[Table]) -> bool {
    any_open(|written| written.iter().any(|one| tables.iter().any(|other| one.meets(other))))
}

/// Returns whether this thread is within a write of a table that these templates may mean.
pub(super) fn may_be_writing(templates: &[&str]) -> bool {
    is_within() && any_open(|written| written.iter().any(|it| may_mean(templates, it.root())))
}

fn add_to_open(tables: &[Table]) {
    if is_within() {
        let _ = OPEN.try_with(|open| {
            open.borrow().iter().for_each(|written| add(&mut locked(written), tables));
        });
    }
}

fn add(written: &mut Vec<Table>, tables: &[Table]) {
    for table in tables {
        if !written.iter().any(|other| other.covers(table)) {
            written.push(table.clone());
        }
    }
    if written.len() > PARTS_MAX {
        let roots = std::mem::take(written).into_iter().map(Table::into_root);
        for root in roots {
            if !written.contains(&root) {
                written.push(root);
            }
        }
    }
}

/// A write. Its drop invalidates its tables: at the end of its function, also if the function
/// panics or its future is dropped.
#[derive(Debug)]
pub struct Write(Written);

impl Write {
    /// Begins a write of these tables.
    #[must_use]
    pub fn new(function: &'static Function, tables: Vec<Table>) -> Self {
        function.check_tables();
        add_to_open(&tables);
        Self(Arc::new(Mutex::new(tables)))
    }

    /// Opens the write on this thread, until the returned guard is dropped.
    #[must_use]
    pub fn enter(&self) -> Within {
        let _ = OPEN.try_with(|open| open.borrow_mut().push(Arc::clone(&self.0)));
        DEPTH.set(DEPTH.get() + 1);
        Within(PhantomData)
    }

    /// Returns the function's future, with the write open while it is polled.
    pub fn follow<F: Future>(&self, mut run: Pin<&mut F>) -> impl Future<Output = F::Output> {
        poll_fn(move |context| {
            let _within = self.enter();
            run.as_mut().poll(context)
        })
    }

    /// Forgets all tables if the function's result `output`, of the form `shape`, says that the
    /// write has failed.
    pub fn unless_failed<T>(&self, shape: impl Success<T>, output: &T) {
        if !shape.succeeded(output) {
            locked(&self.0).clear();
        }
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        let written = std::mem::take(&mut *locked(&self.0));
        written.iter().for_each(invalidate);
    }
}

/// A guard: the write is open on this thread until it is dropped.
#[derive(Debug)]
pub struct Within(PhantomData<*const ()>);

impl Drop for Within {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        let _ = OPEN.try_with(|open| open.borrow_mut().pop());
    }
}
