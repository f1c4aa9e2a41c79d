//! A value that appears when it is first needed, and stays.
//!
//! A compare-and-swap publishes it (Release), finding it is an Acquire load, and who comes second
//! drops its own: nobody waits.

use crate::{
    engine::testing::plant::{Bug, planted},
    sync::{AtomicPtr, Ordering},
};
use std::{fmt, marker::PhantomData, ptr};

/// A `T`, once somebody has needed it.
pub(crate) struct Late<T> {
    value: AtomicPtr<T>,
    owned: PhantomData<T>,
}

impl<T> Late<T> {
    pub(crate) fn new() -> Self {
        Self { value: AtomicPtr::new(ptr::null_mut()), owned: PhantomData }
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: null, or a published value, which stays as long as `self`.
        unsafe { self.value.load(Ordering::Acquire).as_ref() }
    }

    /// The value. If there is none, whoever publishes one later acquires what this thread has released
    /// so far: a look that is a write.
    pub(crate) fn get_or_precede(&self) -> Option<&T> {
        if planted(Bug::PrecedeBlind) {
            return self.get();
        }
        let null = ptr::null_mut();
        let found = self.value.compare_exchange(null, null, Ordering::AcqRel, Ordering::Acquire);
        // SAFETY: as in `get`.
        found.err().and_then(|value| unsafe { value.as_ref() })
    }

    /// The value; `make` makes it if there is none, perhaps in vain.
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        self.get().unwrap_or_else(|| self.publish(make()))
    }

    /// The same where that may fail.
    pub(crate) fn get_or_try_make<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        match self.get() {
            Some(value) => Ok(value),
            None => make().map(|value| self.publish(value)),
        }
    }

    #[cold]
    fn publish(&self, value: T) -> &T {
        let own = Box::into_raw(Box::new(value));
        let null = ptr::null_mut();
        let relaxed = planted(Bug::LateRelaxed);
        let order = if relaxed { Ordering::Relaxed } else { Ordering::AcqRel };
        match self.value.compare_exchange(null, own, order, Ordering::Acquire) {
            // SAFETY: published, so it stays as long as `self`.
            Ok(_) => unsafe { &*own },
            Err(theirs) => {
                // SAFETY: it came from a box, and nobody else has seen it.
                drop(unsafe { Box::from_raw(own) });
                // SAFETY: as above.
                unsafe { &*theirs }
            }
        }
    }
}

impl<T> Default for Late<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for Late<T> {
    fn drop(&mut self) {
        let value = self.value.load(Ordering::Acquire);
        if !value.is_null() {
            // SAFETY: it came from a box, and nobody else has `self` any more.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Late<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Late").field(&self.get()).finish()
    }
}
