//! Values of any type in one cache.

use crate::{process::clock::NEVER, sync::Arc};
use std::{any::Any, fmt, time::Duration};

/// How a value that is there compares with what its [`View`](super::View) wants.
///
/// What is not fresh is found all the same, until it expires: that is for
/// [`View::get_aged`](super::View::get_aged) to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Freshness {
    /// As good as new.
    Fresh,
    /// To be loaded anew in the background: it is past [`with_refresh`](super::View::with_refresh).
    Due,
    /// To be used only if nothing better can be had: it is past
    /// [`with_soft_ttl`](super::View::with_soft_ttl).
    Stale,
}

/// When a value is no longer what it was, times of its cache's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) stale_at: u64,
    pub(crate) due_at: u64,
}

impl Times {
    pub(crate) const NEVER: Times = Times { stale_at: NEVER, due_at: NEVER };
}

/// A value and its times.
#[derive(Debug)]
pub(crate) struct Held<V> {
    pub(crate) value: V,
    pub(crate) times: Times,
}

/// A value as it is stored: a pointer to a [`Parcel`] of a type that the pointer knows.
#[derive(Clone)]
pub(crate) struct StoredValue(Arc<dyn Priced>);

/// What is behind the pointer, so that a place for an entry is small.
struct Parcel<V> {
    held: Held<V>,
    price: Price,
}

#[derive(Clone, Copy, Debug)]
struct Price {
    /// What key and value take beside what the cache sets aside for every entry.
    bytes: u32,
    /// What it took to load it, in microseconds.
    cost: u32,
}

trait Priced: Any + Send + Sync {
    fn price(&self) -> Price;
}

impl<V: Send + Sync + 'static> Priced for Parcel<V> {
    fn price(&self) -> Price {
        self.price
    }
}

impl StoredValue {
    pub(crate) fn new<V: Send + Sync + 'static>(
        held: Held<V>,
        bytes: usize,
        took: Duration,
    ) -> Self {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let price = Price { bytes, cost: micros.max(1) };
        Self(Arc::new(Parcel { held, price }))
    }

    /// None if it is of another type; but the key says that it is not.
    #[inline]
    pub(crate) fn held<V: 'static>(&self) -> Option<&Held<V>> {
        let parcel: &dyn Any = &*self.0;
        parcel.downcast_ref::<Parcel<V>>().map(|parcel| &parcel.held)
    }

    pub(crate) fn bytes(&self) -> u32 {
        self.0.price().bytes
    }

    /// In microseconds, and at least 1.
    pub(crate) fn cost(&self) -> u32 {
        self.0.price().cost
    }
}

impl fmt::Debug for StoredValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredValue").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
