//! A value that is made when it is first needed, and stays.
//!
//! A compare-and-swap publishes it (Release), and finding it is an Acquire load. A thread that
//! loses the race drops its own: no thread waits.

use crate::{
    sync::{AtomicPtr, Ordering},
    testing::plant::{Bug, planted},
};
use std::{fmt, marker::PhantomData, ptr};

/// A `T`, once a thread has needed it.
pub(crate) struct OnceBox<T> {
    value: AtomicPtr<T>,
    owned: PhantomData<T>,
}

impl<T> OnceBox<T> {
    pub(crate) fn new() -> Self {
        Self { value: AtomicPtr::new(ptr::null_mut()), owned: PhantomData }
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> Option<&T> {
        // Acquire: pairs with the AcqRel in `publish`; the value is initialised.
        // SAFETY: null, or a published value, which is freed only when `self` is dropped.
        unsafe { self.value.load(Ordering::Acquire).as_ref() }
    }

    /// Returns the value. If there is none, the thread that publishes one later acquires what this
    /// thread has done so far: the look is a read-modify-write.
    pub(crate) fn get_or_precede(&self) -> Option<&T> {
        if planted(Bug::PrecedeBlind) {
            return self.get();
        }
        let null = ptr::null_mut();
        // AcqRel, on failure Acquire: on success, null stays, and the AcqRel in `publish` acquires
        // from this write; on failure, pairs with that AcqRel like the load in `get`.
        let found = self.value.compare_exchange(null, null, Ordering::AcqRel, Ordering::Acquire);
        // SAFETY: a published value, which is freed only when `self` is dropped.
        found.err().and_then(|value| unsafe { value.as_ref() })
    }

    /// Returns the value, which `make` makes if there is none. What it made is dropped if another
    /// thread is first.
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        self.get().unwrap_or_else(|| self.publish(make()))
    }

    /// Like [`OnceBox::get_or_make`], with a `make` that may fail.
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
        // AcqRel, on failure Acquire: publishes the value to the Acquire in `get`, and acquires
        // from threads that found none in `get_or_precede`; on failure, acquires the other thread's
        // value.
        let relaxed = planted(Bug::OnceBoxRelaxed);
        let order = if relaxed { Ordering::Relaxed } else { Ordering::AcqRel };
        match self.value.compare_exchange(null, own, order, Ordering::Acquire) {
            // SAFETY: published, so it is freed only when `self` is dropped.
            Ok(_) => unsafe { &*own },
            Err(theirs) => {
                // SAFETY: it came from a box, and was not published.
                drop(unsafe { Box::from_raw(own) });
                // SAFETY: published by another thread, so it is freed only when `self` is dropped.
                unsafe { &*theirs }
            }
        }
    }
}

impl<T> Default for OnceBox<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for OnceBox<T> {
    fn drop(&mut self) {
        // Acquire: pairs with the AcqRel in `publish`.
        let value = self.value.load(Ordering::Acquire);
        if !value.is_null() {
            // SAFETY: it came from a box, and `&mut self` is the only access.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Late").field(&self.get()).finish()
    }
}
