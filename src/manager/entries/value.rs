//! Values of any type in one cache.

use crate::{engine::time::soft::Moments, sync::Arc};
use std::{any::Any, fmt, time::Duration};

/// A value and its times.
#[derive(Debug)]
pub(crate) struct Timed<V> {
    pub(crate) value: V,
    pub(crate) times: Moments,
}

/// The bytes of the allocations of a key and a value beside these: two reference counts each, the
/// namespace, bytes and cost.
const REFERENCES: usize = 4 * size_of::<usize>() + 2 * size_of::<u64>();

/// A value as it is stored: a pointer to a [`Parcel`] of any type.
#[derive(Clone)]
pub(crate) struct StoredValue(Arc<dyn Priced>);

/// A value and its price, behind a pointer to keep entries small in the cache.
struct Parcel<V> {
    held: Timed<V>,
    price: Price,
}

#[derive(Clone, Copy, Debug)]
struct Price {
    /// The bytes of key and value on the heap, beside what the cache reserves for every entry.
    bytes: u32,
    /// How long the load of the value took, in microseconds.
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
    /// Stores a value with `bytes` of its own and of its key.
    pub(crate) fn new<V: Send + Sync + 'static>(
        held: Timed<V>,
        bytes: usize,
        took: Duration,
    ) -> Self {
        let bytes = bytes.saturating_add(REFERENCES + size_of::<Timed<V>>());
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let price = Price { bytes, cost: micros.max(1) };
        Self(Arc::new(Parcel { held, price }))
    }

    /// Returns the value and its times; `None` if it is of another type, which its key rules out.
    #[inline]
    pub(crate) fn held<V: 'static>(&self) -> Option<&Timed<V>> {
        let parcel: &dyn Any = &*self.0;
        parcel.downcast_ref::<Parcel<V>>().map(|parcel| &parcel.held)
    }

    /// Returns the value and its times.
    ///
    /// # Panics
    ///
    /// If the value is of another type, which its key rules out.
    #[inline]
    pub(crate) fn held_by_key<V: 'static>(&self) -> &Timed<V> {
        self.held().expect("the key says of what type its value is")
    }

    pub(crate) fn bytes(&self) -> u32 {
        self.0.price().bytes
    }

    /// Returns how long the load took, in microseconds; at least 1.
    pub(crate) fn cost(&self) -> u32 {
        self.0.price().cost
    }
}

impl fmt::Debug for StoredValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredValue").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
