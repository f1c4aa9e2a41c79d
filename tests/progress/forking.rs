//! Children of `fork` that have their parent's memory in the middle of an insert, and not the
//! thread that inserts.

use crate::{
    common::fork::in_a_child,
    stopping::{self, At},
};
use larder::{Cache, hooks::Step};

/// The insert has begun before an invalidation, and publishes when the sweep has been there. In the
/// parent it looks a second time, and takes its entry out.
#[test]
fn a_child_takes_out_what_the_thread_that_it_does_not_have_would_have() {
    let _alone = stopping::install();
    let cache = Cache::builder().max_capacity(100).shards(1).build();
    // From now on a sweep waits for nobody.
    cache.invalidate_all();
    cache.run_pending_tasks();
    let (overtaking, child) = (cache.clone(), cache.clone());
    stopping::do_at(At::Step(Step::SlotClaimed), move || {
        overtaking.invalidate_all();
        overtaking.run_pending_tasks();
        stopping::do_at(At::Step(Step::Published), move || {
            in_a_child(|| {
                assert_eq!(child.get(&1), Some(1), "it was not overtaken: this tests nothing");
                child.run_pending_tasks();
                assert_eq!(child.get(&1), None, "it has outlasted the invalidation");
            });
        });
    });
    cache.insert(1, 1);
    assert!(!stopping::is_armed(), "a stop point was lost");
    assert_eq!(cache.get(&1), None, "the parent looks a second time");
}
