//! Functions that write, what they make stale, and what they see of it themselves.
//!
//! A write is open from its function's call to its end, and at its end it invalidates its tables,
//! whatever the function returns. While the function runs, or its future is polled, it is on this
//! thread's list of *open* writes. A function that reads what an open write of its thread has
//! written, or may be about to write, is not looked up: it runs, so that it sees what was written;
//! and what it returns is not kept, since that may never be committed.
//!
//! What is written within an open write is the outer one's, too: a transaction may be committed by
//! the outermost function only, and what is stale at the inner function's end may be read anew, and
//! kept, before that.

use super::{
    function::{Function, all},
    shape::Success,
    tables::{Table, may_mean},
};
use crate::manager::{ManagedCache, global};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    future::{Future, poll_fn},
    marker::PhantomData,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// Parts of tables that a write remembers; beyond that, it remembers the tables.
const PARTS_MAX: usize = 256;

/// Tables that [`invalidate_table`] was told of, remembered for the sake of warnings.
const REPORTED_MAX: usize = 1_024;

/// Makes stale what any [`cache_query`](crate::cache_query) has read of a table, in every cache
/// where such a function keeps its results, as a `writes(..)` function does. For writes that no
/// function of this program makes. The table may be a part of one: `users:7` makes stale what reads
/// `users`, `users:7` or `users:7:posts`, and not what reads `users:8`. O(caches).
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

/// The tables that [`invalidate_table`] was told of.
pub(super) fn reported() -> BTreeSet<String> {
    locked(&REPORTED).clone()
}

fn invalidate(table: &Table) {
    for cache in caches_of_queries() {
        table.invalidate_in(cache.entries());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The caches where functions keep what they have read. A named one may be made at any time; as
/// long as it is not there, no function has kept anything in it.
fn caches_of_queries() -> impl Iterator<Item = ManagedCache> {
    static NAMES: OnceLock<BTreeSet<&'static str>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let declared = all().map(|function| function.declared());
        declared.filter(|declared| !declared.reads.is_empty()).map(|it| it.cache).collect()
    });
    names.iter().filter_map(|name| global().get_cache(name).ok())
}

/// What a write writes, and what is written within it.
type Written = Arc<Mutex<Vec<Table>>>;

thread_local! {
    /// How many writes are open: cheaper to read than `OPEN`.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The writes whose functions run on this thread, the innermost one last.
    static OPEN: RefCell<Vec<Written>> = const { RefCell::new(Vec::new()) };
}

/// Whether any of the writes that this thread is within is one for which `holds` holds.
#[cold]
fn any_open(holds: impl Fn(&[Table]) -> bool) -> bool {
    OPEN.try_with(|open| open.borrow().iter().any(|written| holds(&locked(written))))
        .unwrap_or(false)
}

/// Whether this thread is within a write.
#[inline(always)]
pub(super) fn is_within() -> bool {
    DEPTH.get() > 0
}

/// Whether this thread is within a write of what `tables` are.
pub(super) fn is_writing(tables: &[Table]) -> bool {
    any_open(|written| written.iter().any(|one| tables.iter().any(|other| one.meets(other))))
}

/// Whether this thread is within a write of a table that these templates may mean.
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

/// A write that is open. When it is dropped, at its function's end or because that panics or its
/// future is dropped, what it has written is stale.
#[derive(Debug)]
pub struct Write(Written);

impl Write {
    /// One that begins, of these tables.
    #[must_use]
    pub fn new(function: &'static Function, tables: Vec<Table>) -> Self {
        function.check_tables();
        add_to_open(&tables);
        Self(Arc::new(Mutex::new(tables)))
    }

    /// Opens it on this thread, until what is returned is dropped.
    #[must_use]
    pub fn enter(&self) -> Within {
        let _ = OPEN.try_with(|open| open.borrow_mut().push(Arc::clone(&self.0)));
        DEPTH.set(DEPTH.get() + 1);
        Within(PhantomData)
    }

    /// The function's future, while which is polled it is open.
    pub fn follow<F: Future>(&self, mut run: Pin<&mut F>) -> impl Future<Output = F::Output> {
        poll_fn(move |context| {
            let _within = self.enter();
            run.as_mut().poll(context)
        })
    }

    /// Nothing was written if this, which is what the function returns, says so; `shape` is its
    /// shape.
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

/// That a write is open on this thread.
#[derive(Debug)]
pub struct Within(PhantomData<*const ()>);

impl Drop for Within {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        let _ = OPEN.try_with(|open| open.borrow_mut().pop());
    }
}
