//! Values of any type in one cache.

use crate::{clock::NEVER, sync::Arc};
use std::{any::Any, fmt};

/// When a value is no longer what it was, in milliseconds of its cache's clock. What expires is not there
/// any more; what is past these times is, for whoever wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// From then on only for want of better.
    pub(crate) fresh_until: u64,
    /// From then on it should be loaded anew.
    pub(crate) refresh_at: u64,
}

impl Times {
    pub(crate) const NEVER: Times = Times { fresh_until: NEVER, refresh_at: NEVER };
}

/// A value and what is known of it.
#[derive(Debug)]
pub(crate) struct Held<V> {
    pub(crate) value: V,
    pub(crate) times: Times,
}

/// A value as it is stored: a pointer to a [`Held`] of a type that the pointer knows.
#[derive(Clone)]
pub(crate) struct StoredValue {
    held: Arc<dyn Any + Send + Sync>,
    /// What key and value take beside what the cache sets aside for every entry.
    bytes: u32,
    /// Whether how long it lives is for the cache's settings to say.
    by_rule: bool,
}

impl StoredValue {
    pub(crate) fn new<V: Send + Sync + 'static>(
        value: V,
        times: Times,
        bytes: usize,
        by_rule: bool,
    ) -> Self {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Self { held: Arc::new(Held { value, times }), bytes, by_rule }
    }

    /// None if it is of another type; the key says that it is not.
    #[inline]
    pub(crate) fn held<V: 'static>(&self) -> Option<&Held<V>> {
        self.held.downcast_ref()
    }

    pub(crate) fn bytes(&self) -> u32 {
        self.bytes
    }

    pub(crate) fn is_by_rule(&self) -> bool {
        self.by_rule
    }
}

impl fmt::Debug for StoredValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredValue").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
