//! Refreshes, which run when the input says.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Run;
use super::model::Terms;
use crate::{CacheBuilder, Census, Rules, Tags};

type Job = Box<dyn FnOnce() + Send>;
/// Key, number and weight of a value that a loader has brought; no value if it failed.
type Brought = (u8, Option<(u32, u32)>);

/// A refresh that was sent and has not run.
struct Sent {
    job: Job,
    key: u8,
    /// Those of the value that is to be replaced.
    tags: Tags,
    /// Somebody has written a key of its hash since.
    superseded: bool,
    /// The key was absent meanwhile, and somebody who needed it has loaded it instead.
    overtaken: bool,
}

/// All that there are.
pub(super) struct Refreshes {
    jobs: Arc<Mutex<Vec<Job>>>,
    brought: Arc<Mutex<Vec<Brought>>>,
    sent: Vec<Sent>,
    /// Any has failed: then some are put off.
    failed: bool,
}

fn push<T>(list: &Mutex<Vec<T>>, item: T) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(item);
}

fn take<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Refreshes {
    /// Has a cache refresh its values, and keep old ones, if the rules say so.
    pub(super) fn of(
        rules: &Rules,
        mut builder: CacheBuilder,
        census: &Census,
        writes: &Arc<AtomicU32>,
    ) -> (CacheBuilder, Self) {
        if rules.grace() > 0 {
            builder = builder.stale_if_error(Duration::from_millis(rules.grace()));
        }
        let (jobs, brought) = (Arc::default(), Arc::<Mutex<Vec<Brought>>>::default());
        if let Some(after) = rules.refresh_after() {
            let sink: Arc<Mutex<Vec<Job>>> = Arc::clone(&jobs);
            let (brought, writes, census) = (brought.clone(), writes.clone(), census.clone());
            let weighted = rules.weighted();
            builder = builder
                .refresh_after(Duration::from_millis(after), move |key| {
                    let number = writes.fetch_add(1, Ordering::Relaxed) + 1;
                    let weight = if weighted { number % 4 } else { 1 };
                    let value = (!number.is_multiple_of(8))
                        .then(|| census.value(**key, 0, number).weighing(weight));
                    push(&brought, (**key, value.as_ref().map(|_| (number, weight))));
                    value
                })
                .refresh_executor(move |job| push(&sink, job));
        }
        (builder, Self { jobs, brought, sent: Vec::new(), failed: false })
    }

    pub(super) fn supersede(&mut self, is_written: impl Fn(u8) -> bool) {
        for sent in &mut self.sent {
            sent.superseded |= is_written(sent.key);
        }
    }

    /// One has failed that was none of those that were sent.
    pub(super) fn fail_if(&mut self, failed: bool) {
        self.failed |= failed;
    }

    /// Who finds the key absent, or does not accept its value, takes over what nobody has begun.
    pub(super) fn overtake(&mut self, key: u8) {
        for sent in self.under_way(key) {
            sent.overtaken = true;
        }
    }

    /// Those that are joined by who loads the key.
    fn under_way(&mut self, key: u8) -> impl Iterator<Item = &mut Sent> {
        self.sent.iter_mut().filter(move |sent| sent.key == key && !sent.superseded)
    }
}

impl Run {
    /// A loading lookup of `key` is over; what it found may have been old.
    pub(super) fn may_have_sent(&mut self, key: u8) {
        let mut jobs = take(&self.refreshes.jobs);
        let job = jobs.pop();
        assert!(jobs.is_empty(), "more than one refresh");
        let Some(after) = self.rules.refresh_after() else { return };
        let Some(entry) = self.latest.get(&key).map(|number| &self.there[number]) else {
            return assert!(job.is_none(), "a refresh of nothing");
        };
        let (tags, is_old) = (entry.tags, self.now >= entry.written + after);
        let mut others = self.refreshes.under_way(key);
        let is_first = others.all(|sent| sent.overtaken);
        drop(others);
        match job {
            Some(job) => {
                assert!(is_old && is_first, "refreshed too early: {is_old}, {is_first}");
                let sent = Sent { job, key, tags, superseded: false, overtaken: false };
                self.refreshes.sent.push(sent);
            }
            None => assert!(!is_old || !is_first || self.refreshes.failed, "not refreshed"),
        }
    }

    fn next_sent(&mut self, which: u8) -> Option<Sent> {
        let sent = &mut self.refreshes.sent;
        (!sent.is_empty()).then(|| sent.remove(usize::from(which) % sent.len()))
    }

    /// Runs a refresh that was sent.
    pub(super) fn refresh(&mut self, which: u8) {
        let Some(Sent { job, key, tags, superseded, overtaken }) = self.next_sent(which) else {
            return;
        };
        job();
        let mut brought = take(&self.refreshes.brought);
        let Some((of, value)) = brought.pop() else {
            return assert!(overtaken, "its loader has not run");
        };
        assert!(!overtaken && of == key && brought.is_empty(), "its loader has run");
        match value {
            None => self.refreshes.failed = true,
            Some((number, weight)) if !superseded => {
                // Nothing else is kept of the one before.
                let terms = Terms { tags, refreshed: true, ..Terms::default() };
                self.register(key, number, weight, terms);
            }
            Some(_) => {}
        }
    }

    /// Drops one, which has failed thereby.
    pub(super) fn drop_refresh(&mut self, which: u8) {
        if let Some(sent) = self.next_sent(which) {
            drop(sent.job);
            self.refreshes.failed = true;
        }
    }
}
