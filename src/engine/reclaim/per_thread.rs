//! One value per thread, which that thread writes without locked instructions.
//!
//! The value of a thread is found by its number (`epoch.rs`). Numbers have one owner at a time, and
//! handing one on is a Release/Acquire pair: so an owner may use plain loads and stores, and goes
//! on where the last one stopped. The type of the value decides what other threads may do with it.
//!
//! Values come in chunks, each as long as all before it together. A chunk appears when the first
//! thread with such a number needs it, and stays until the whole is dropped: a compare-and-swap
//! publishes it (Release), finding it is an Acquire load, and a thread whose swap fails frees its
//! own. A chunk's word changes once, so there is no ABA, and no operation retries.

use crate::{
    engine::{
        reclaim::epoch::{CHUNKS, Number, chunk_len},
        storage::chunked::{Element, zeroed},
    },
    sync::{AtomicPtr, Ordering, array_of},
};
use std::{
    ptr::{self, NonNull},
    slice,
};

/// A value of type `T` for each thread that has a number.
#[derive(Debug)]
pub(crate) struct PerThread<T: Element + Send + Sync> {
    /// The last chunk is never filled: see [`Number`].
    chunks: [AtomicPtr<T>; CHUNKS + 1],
}

impl<T: Element + Send + Sync> PerThread<T> {
    pub(crate) fn new() -> Self {
        Self { chunks: array_of![AtomicPtr::new(ptr::null_mut()); CHUNKS + 1] }
    }

    /// Returns the value of the thread with this number; `None` for threads without a number, and
    /// if there is no memory for it.
    #[inline(always)]
    pub(crate) fn of(&self, number: Number) -> Option<&T> {
        self.found(number).or_else(|| self.added(number))
    }

    /// Returns the value of the thread with this number, if it exists.
    #[inline(always)]
    pub(crate) fn found(&self, number: Number) -> Option<&T> {
        // SAFETY: a number's chunk is at most `CHUNKS`, and there are `CHUNKS + 1`.
        let start = unsafe { self.chunks.get_unchecked(number.chunk()) };
        // Acquire: pairs with the AcqRel in `add_chunk`; the chunk's zeros are visible.
        let start = NonNull::new(start.load(Ordering::Acquire))?;
        // SAFETY: a published chunk has `chunk_len` values and is freed only when `self` is
        // dropped; the place of a number is less than `chunk_len` of its chunk.
        Some(unsafe { start.byte_add(number.offset(size_of::<T>())).as_ref() })
    }

    #[cold]
    fn added(&self, number: Number) -> Option<&T> {
        self.add_chunk(number.chunk())?;
        self.found(number)
    }

    fn add_chunk(&self, chunk: usize) -> Option<NonNull<T>> {
        if chunk == CHUNKS {
            return None;
        }
        let mut new = zeroed::<T>(chunk_len(chunk)).ok()?;
        let start = new.as_mut_ptr();
        // AcqRel, on failure Acquire: publishes the zeros to the Acquire in `of`, or acquires those
        // that another thread has published here.
        match self.chunks[chunk].compare_exchange(
            ptr::null_mut(),
            start,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => {
                std::mem::forget(new);
                NonNull::new(start)
            }
            Err(theirs) => NonNull::new(theirs),
        }
    }

    /// Returns an iterator over the values that exist, of living threads and of threads that have
    /// ended.
    pub(crate) fn iter(&self) -> Iter<'_, T> {
        Iter { values: self, next: 0, chunk: [].iter() }
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.iter().count() * size_of::<T>()
    }
}

/// See [`PerThread::iter`].
pub(crate) struct Iter<'s, T: Element + Send + Sync> {
    values: &'s PerThread<T>,
    /// The number of the chunk to walk next.
    next: usize,
    chunk: slice::Iter<'s, T>,
}

impl<'s, T: Element + Send + Sync> Iterator for Iter<'s, T> {
    type Item = &'s T;

    fn next(&mut self) -> Option<&'s T> {
        loop {
            if let Some(value) = self.chunk.next() {
                return Some(value);
            }
            // Acquire: pairs with the AcqRel in `add_chunk`; the chunk's zeros are visible.
            let start = self.values.chunks.get(self.next)?.load(Ordering::Acquire);
            if !start.is_null() {
                // SAFETY: a published chunk has `chunk_len` values and is freed only when the
                // values are dropped, which are borrowed.
                self.chunk = unsafe { slice::from_raw_parts(start, chunk_len(self.next)) }.iter();
            }
            self.next += 1;
        }
    }
}

impl<T: Element + Send + Sync> Drop for PerThread<T> {
    fn drop(&mut self) {
        for (chunk, start) in self.chunks.iter().enumerate() {
            // Acquire: pairs with the AcqRel in `add_chunk`.
            let start = start.load(Ordering::Acquire);
            if !start.is_null() {
                let chunk = ptr::slice_from_raw_parts_mut(start, chunk_len(chunk));
                // SAFETY: it was a boxed slice of this length when `add_chunk` published it, and
                // `&mut self` says that no thread uses it any more.
                drop(unsafe { Box::from_raw(chunk) });
            }
        }
    }
}
