//! Operations that are overtaken at a moment to which only the stop points lead.
//!
//! Inserts that lose a race and then panic, with a node, a credit and a claimed slot in hand: at
//! the moment at which one has claimed a slot, another key of the same bucket is inserted. So it
//! looks for its key again, and that comparison panics.
//!
//! Removals of what ends when it has left the index already.

use crate::stopping::{self, At};
use larder::{Cache, Maintenance, ManualClock, hooks::Step};
use std::{
    cell::Cell,
    hash::{BuildHasherDefault, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    time::Duration,
};

thread_local! {
    static PANIC_IN_EQ: Cell<bool> = const { Cell::new(false) };
}

#[derive(Clone, Debug)]
struct Key(u64, #[allow(dead_code, reason = "counts the keys that live")] Arc<()>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        if PANIC_IN_EQ.take() {
            resume_unwind(Box::new("bang"));
        }
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// All keys collide.
#[derive(Default)]
struct One;

impl Hasher for One {
    fn write(&mut self, _: &[u8]) {}

    fn finish(&self) -> u64 {
        0
    }
}

#[test]
fn what_an_insert_holds_is_given_back_when_it_panics_after_a_lost_race() {
    let _alone = stopping::install();
    // More often than there are slots, nodes and credits, so that each of them would run out.
    const TIMES: u64 = 20_000;
    const CAPACITY: u64 = 20;
    // While the rival is inserted, the loser holds one credit.
    const ENTRIES: u64 = CAPACITY - 1;
    let hasher = BuildHasherDefault::<One>::default();
    let cache = Cache::builder().max_capacity(CAPACITY).shards(1).hasher(hasher).build();
    let count = Arc::new(());
    let key = |number| Key(number, count.clone());
    let mut panics = 0;
    for i in 0..TIMES {
        let (handle, rival) = (cache.clone(), key(2 * i));
        stopping::do_at(At::Step(Step::SlotClaimed), move || {
            handle.insert(rival, ());
            PANIC_IN_EQ.set(true);
        });
        let insert = AssertUnwindSafe(|| cache.insert(key(2 * i + 1), ()));
        panics += u64::from(catch_unwind(insert).is_err());
        PANIC_IN_EQ.set(false);
        assert_eq!(cache.entry_count(), ENTRIES.min(i + 1), "round {i}");
    }
    assert_eq!(panics, TIMES, "an insert did not lose its race: this tests nothing");
    assert_eq!(cache.iter().count() as u64, ENTRIES);
    assert_eq!(cache.stats().rejections, 0);
    cache.run_pending_tasks();
    assert_eq!(Arc::strong_count(&count) as u64, 1 + ENTRIES, "keys that live, but for ours");
}

/// Others have found the key absent by then, so it is the removal that has the value.
#[test]
fn what_ends_after_it_was_taken_out_was_removed_in_time() {
    type End = fn(&Cache<u32, u32>, &ManualClock);

    /// Ends the entry of key 1 when this thread has taken it out of the index. A removal sweeps a
    /// little as well, so what it takes out first may be the stale entry of another key.
    fn end_once_taken_out(cache: Cache<u32, u32>, clock: ManualClock, end: End) {
        stopping::do_at(At::Step(Step::Unlinked), move || {
            if cache.contains_key(&1) {
                end_once_taken_out(cache, clock, end);
            } else {
                end(&cache, &clock);
            }
        });
    }

    let _alone = stopping::install();
    let (clock, second) = (ManualClock::new(), Duration::from_secs(1));
    let cache = Cache::builder()
        .max_capacity(100)
        .time_to_live(second)
        .clock(&clock)
        .maintenance(Maintenance::Manual)
        .build();
    let ends: [End; 2] =
        [|_, clock| clock.advance(Duration::from_secs(2)), |cache, _| cache.invalidate_all()];
    for (i, end) in ends.into_iter().enumerate() {
        cache.insert(1, 1);
        // So that removals look for what is stale.
        cache.insert(2, 2);
        cache.invalidate_all();
        cache.insert(1, 1);
        end_once_taken_out(cache.clone(), clock.clone(), end);
        assert_eq!(cache.remove(&1), Some(1), "end {i}");
        assert!(!stopping::is_armed(), "nothing ended while the removal ran");
    }
}
