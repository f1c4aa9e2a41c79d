//! Stop points inside the protocols, for tests of progress.
//!
//! With `--cfg larder_hooks` a test can install a function that is called at every step and blocks
//! the thread that the test stops. Without it a step compiles to nothing.

/// The points at which a thread can be stopped: after each write that other threads can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// The thread is pinned and has done nothing else.
    Pinned,
    /// A node was taken from the thread's cache or the depot and is filled.
    NodeFilled,
    /// A credit was taken from the budget.
    CreditTaken,
    /// A slot was claimed for an insert: tentative.
    SlotClaimed,
    /// The insert was decided in the control word; the slot is still tentative.
    Decided,
    /// The slot became a member.
    Published,
    /// An insert has evicted an entry by claiming its slot; the entry's node is not yet retired.
    Ousted,
    /// A member left its slot; its node is not yet retired.
    Unlinked,
    /// A member was replaced by another node; the old one is not yet retired.
    Replaced,
    /// A node was put on the retired list.
    Retired,
    /// A batch was taken from the retired list and is not yet handed to the collector.
    BatchTaken,
    /// A load was posted: other threads can find it.
    LoadPosted,
    /// A writer has marked a load superseded; the control word is not bumped yet.
    LoadSuperseded,
    /// The control word is bumped; the load's post can still be found.
    Bumped,
    /// A load is over; its post can still be found.
    LoadOver,
    /// A tier was added; nothing is in it.
    TierAdded,
    /// A key's home was sealed in an older tier; the key is in no newer one yet.
    Sealed,
    /// A tick of the wheel was closed; its slots are not vacated yet.
    TickClosed,
    /// The occupied bits of the slots that came are cleared; their marks are not.
    SlotsVacated,
    /// Blocks were made ready; their marks are not cleared yet.
    MadeReady,
    /// Marks were cleared; blocks that were marked in between are not made ready yet.
    MarksCleared,
    /// All slots that came are empty; the tick is not done yet.
    SlotsEmptied,
    /// Blocks were taken in hand; no other thread looks at them.
    BlocksTaken,
    /// A deadline was claimed; its entry is still in the index.
    Claimed,
    /// A deadline that has come was marked past; the thread has not yet reported the entry absent.
    Settled,
}

impl Step {
    /// Every step, for tests that stop at each.
    pub const ALL: [Step; 25] = [
        Step::Pinned,
        Step::NodeFilled,
        Step::CreditTaken,
        Step::SlotClaimed,
        Step::Decided,
        Step::Published,
        Step::Ousted,
        Step::Unlinked,
        Step::Replaced,
        Step::Retired,
        Step::BatchTaken,
        Step::LoadPosted,
        Step::LoadSuperseded,
        Step::Bumped,
        Step::LoadOver,
        Step::TierAdded,
        Step::Sealed,
        Step::TickClosed,
        Step::SlotsVacated,
        Step::MadeReady,
        Step::MarksCleared,
        Step::SlotsEmptied,
        Step::BlocksTaken,
        Step::Claimed,
        Step::Settled,
    ];
}

#[cfg(larder_hooks)]
mod active {
    use super::Step;
    use std::sync::{Arc, RwLock};

    type Hook = Arc<dyn Fn(Step) + Send + Sync>;

    static HOOK: RwLock<Option<Hook>> = RwLock::new(None);

    /// Installs the function that every step calls, in every thread of the process.
    ///
    /// # Panics
    ///
    /// If a thread panicked while it installed a hook.
    pub fn install(hook: impl Fn(Step) + Send + Sync + 'static) {
        *HOOK.write().expect("no hook panics under the lock") = Some(Arc::new(hook));
    }

    #[inline]
    pub(crate) fn step(step: Step) {
        // Called outside the lock: a hook that blocks must not block the other threads' hooks.
        let hook = HOOK.read().expect("no hook panics under the lock").clone();
        if let Some(hook) = hook {
            hook(step);
        }
    }
}

#[cfg(larder_hooks)]
pub use active::install;
#[cfg(larder_hooks)]
pub(crate) use active::step;

#[cfg(not(larder_hooks))]
#[inline(always)]
pub(crate) fn step(_: Step) {}
