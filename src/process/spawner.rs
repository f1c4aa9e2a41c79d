//! Tasks that a runtime of the user polls to their ends.

use crate::sync::Arc;
use std::{fmt, future::Future, pin::Pin};

/// A future that is polled to its end by a runtime.
type Load = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Passes futures to a runtime, which polls them to their ends.
#[derive(Clone)]
pub(crate) struct Spawner(pub(crate) Arc<dyn Fn(Load) + Send + Sync>);

impl Spawner {
    pub(crate) fn new(spawn: impl Fn(Load) + Send + Sync + 'static) -> Self {
        Self(Arc::new(spawn))
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").finish_non_exhaustive()
    }
}
