//! Whether what was due is done.

/// Whether [`run_pending_tasks_for`](crate::Cache::run_pending_tasks_for) came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Pending {
    /// Nothing is left to be done at present.
    Done,
    /// The time was over before that.
    More,
}
