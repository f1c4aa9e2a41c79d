//! Doors into the engine for the models in `loom-tests/`: a cache of exactly the measures that a
//! model asks for, and single protocols for what would be too much with a cache around it.
//!
//! Thin on purpose: a model has to run the engine's own code.
//!
//! - `cache.rs`: a cache of given measures, and what is done to one as a whole
//! - `protocols.rs`: credits, node numbers, late values, parts
//! - `times.rs`: deadlines, and the timer wheel
//! - `waking.rs`: alarms and requests

mod cache;
mod protocols;
mod times;
mod waking;

pub use cache::{Tiny, grow, is_armed, refresh, sweep, sweep_once};
pub use protocols::{BudgetDoor, OnceBoxDoor, PartsDoor, RecyclerDoor};
pub use times::{HandingDoor, TimesDoor, WheelDoor};
pub use waking::{AlarmDoor, RequestsDoor};

use crate::engine::{
    reclaim::{epoch::pin, recycle::NodePlan},
    singleflight::parker,
};
use std::future::Future;

/// Polls a future to its end, as a thread does that waits for a load.
pub fn block_on<F: Future>(future: F) -> F::Output {
    parker::block_on(future)
}

/// As few nodes as models have are better not kept in thread cache.
fn node_plan(max_nodes: u32, batch: u32) -> NodePlan {
    NodePlan { max_nodes, batch, thread_caches: 0 }
}

/// Registers this thread with the collector, which is not what a model is about and takes more
/// steps than most operations.
pub fn register() {
    drop(pin());
}

/// Lets the collector hand back every batch for which no thread is pinned.
pub fn collect() {
    // It does so when the epoch has advanced twice since the batch was sealed.
    for _ in 0..3 {
        pin().guard.flush();
    }
}
