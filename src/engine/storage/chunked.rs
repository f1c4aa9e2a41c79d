//! Storage that grows in chunks and never moves: the address of element `i` never changes.
//!
//! The first chunk is allocated at build time and holds what the shard is planned for. Further
//! ones are allocated when they are needed, up to a bound that is fixed at build time. The second
//! has about 16 KiB, or about as many elements as the first, if those are fewer; each later one is
//! as long as all before it but the first, up to about 1 MiB. Their directory is allocated with the
//! first of them.
//!
//! A missing chunk is allocated by the thread that needs it and published by compare-and-swap; a
//! thread that loses the race frees its own. Published chunks stay until the whole is dropped, so
//! a reader needs only an Acquire load of the pointer, which pairs with the Release of the
//! publishing swap.

use crate::{
    engine::storage::once_box::OnceBox,
    sync::{AtomicPtr, Ordering},
};
use std::{
    alloc::{Layout, alloc_zeroed},
    ptr::{self, NonNull},
};

/// The maximum size of the second chunk, in bytes, unless 16 elements take more.
const SPILL_BYTES: usize = 16 * 1024;
/// The maximum size of any later chunk, in bytes, unless 16 elements, or the second chunk, take
/// more.
const SPILL_BYTES_MAX: usize = 1024 * 1024;

/// Types for which all-zero memory is a valid value, or that need no value at all.
///
/// # Safety
///
/// All-zero bytes must be a valid value. (For loom's types they are not: under `larder_loom` every
/// element is initialised with [`Element::zero`] before it is used.)
pub(crate) unsafe trait Element: Sized {
    /// Returns the value that zero bytes stand for.
    #[cfg(larder_loom)]
    fn zero() -> Self;
}

// SAFETY: an atomic integer has the representation of the integer, for which zero is valid.
unsafe impl Element for crate::sync::AtomicU32 {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Self::new(0)
    }
}

// SAFETY: an atomic integer has the representation of the integer, for which zero is valid.
unsafe impl Element for crate::sync::AtomicU64 {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Self::new(0)
    }
}

// SAFETY: an atomic pointer has the representation of a pointer, whose zero is null.
unsafe impl<T> Element for AtomicPtr<T> {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Self::new(ptr::null_mut())
    }
}

// SAFETY: a set consists of atomic integers, for which zero is valid.
unsafe impl Element for crate::engine::index::sets::Set {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Self::new()
    }
}

/// The allocator has no memory left, or the bound of the storage is reached.
#[derive(Debug)]
pub(crate) struct OutOfMemory;

/// Allocates a boxed slice of `len` zero elements, without writing to each page: the allocator
/// takes large ones from fresh zero pages.
pub(crate) fn zeroed<T: Element>(len: usize) -> Result<Box<[T]>, OutOfMemory> {
    let start = zeroed_raw::<T>(len)?;
    // SAFETY: `start` is an allocation of `len` initialised elements by the global allocator, with
    // the layout of a boxed slice of this length, and this is its only owner.
    Ok(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(start.as_ptr(), len)) })
}

fn zeroed_raw<T: Element>(len: usize) -> Result<NonNull<T>, OutOfMemory> {
    let layout = Layout::array::<T>(len).map_err(|_| OutOfMemory)?;
    if layout.size() == 0 {
        return Ok(NonNull::dangling());
    }
    // SAFETY: the layout is not empty.
    let start = unsafe { alloc_zeroed(layout) };
    let start = NonNull::new(start.cast::<T>()).ok_or(OutOfMemory)?;
    #[cfg(larder_loom)]
    for i in 0..len {
        // SAFETY: `i` is within the allocation, which no other thread has seen.
        unsafe { start.add(i).write(T::zero()) };
    }
    Ok(start)
}

/// Frees an allocation of [`zeroed_raw`].
///
/// # Safety
///
/// `start` comes from `zeroed_raw::<T>(len)`, and no reference to it is left.
unsafe fn free_raw<T: Element>(start: NonNull<T>, len: usize) {
    // SAFETY: the caller guarantees an allocation with this layout that nothing else refers to; its
    // elements are initialised.
    drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(start.as_ptr(), len)) });
}

/// Elements `0..bound`, of which some have storage.
#[derive(Debug)]
pub(crate) struct Chunked<T: Element> {
    first: NonNull<T>,
    first_len: usize,
    /// The binary logarithm of the second chunk's length.
    spill_bits: u32,
    /// The maximum number of chunks behind the first.
    spills: usize,
    spill: OnceBox<Box<[AtomicPtr<T>]>>,
}

// SAFETY: the chunks own their elements, like a vector, and `T: Send`.
unsafe impl<T: Element + Send> Send for Chunked<T> {}
// SAFETY: shared access gives out shared references to elements only, and `T: Sync`.
unsafe impl<T: Element + Sync> Sync for Chunked<T> {}

impl<T: Element> Chunked<T> {
    const SIZE: usize = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
    /// The binary logarithm of the length of the longest chunk behind the first.
    const SPILL_BITS_MAX: u32 = match SPILL_BYTES_MAX / Self::SIZE {
        ..16 => 4,
        elements => elements.ilog2(),
    };

    /// Allocates room for `first_len` elements, which can grow to `bound`.
    pub(crate) fn new(first_len: usize, bound: usize) -> Result<Self, OutOfMemory> {
        let second_len = first_len.min((SPILL_BYTES / Self::SIZE).max(16)).max(2);
        let first = zeroed_raw(first_len)?;
        let spill_bits = second_len.ilog2();
        let mut new = Self { first, first_len, spill_bits, spills: 0, spill: OnceBox::new() };
        new.spills = (bound.checked_sub(first_len + 1)).map_or(0, |last| new.locate(last).0 + 1);
        Ok(new)
    }

    /// Returns the number of bytes that [`Chunked::new`] allocates.
    pub(crate) fn bytes(first_len: usize) -> Option<usize> {
        first_len.checked_mul(size_of::<T>())
    }

    /// Returns the number of elements of the first chunk.
    #[inline(always)]
    pub(crate) fn first_len(&self) -> usize {
        self.first_len
    }

    /// Returns the number of an element's chunk, and its place in it. Both count from the end of
    /// the first chunk.
    fn locate(&self, i: usize) -> (usize, usize) {
        let (bits, most) = (self.spill_bits, Self::SPILL_BITS_MAX.max(self.spill_bits));
        if i < 1 << most {
            let chunk = (i >> bits).checked_ilog2().map_or(0, |log| log as usize + 1);
            (chunk, if chunk == 0 { i } else { i - self.spill_len(chunk) })
        } else {
            // All chunks before those of the maximum length have as many elements together as one
            // of these.
            ((most - bits) as usize + (i >> most), i & ((1 << most) - 1))
        }
    }

    /// Returns the length of a chunk, counted from the end of the first: that of all before it
    /// together, up to the maximum.
    fn spill_len(&self, chunk: usize) -> usize {
        let most = Self::SPILL_BITS_MAX.max(self.spill_bits);
        1 << (self.spill_bits as usize + chunk.saturating_sub(1)).min(most as usize)
    }

    /// Returns the start of an element's chunk, if that exists, and the element's place in it. `i`
    /// counts from the end of the first chunk.
    fn spilled(&self, i: usize) -> Option<(NonNull<T>, usize)> {
        let (chunk, place) = self.locate(i);
        // Acquire: pairs with the AcqRel in `ensure_spilled`; the chunk's elements are zeroed.
        let chunk = self.spill.get()?.get(chunk)?.load(Ordering::Acquire);
        Some((NonNull::new(chunk)?, place))
    }

    /// Returns the address of element `i`.
    ///
    /// # Safety
    ///
    /// [`Chunked::ensure`] has succeeded for `i`, and that happened before this call.
    #[inline(always)]
    pub(crate) unsafe fn get(&self, i: usize) -> NonNull<T> {
        if i < self.first_len {
            // SAFETY: `i` is within the first chunk.
            unsafe { self.first.add(i) }
        } else {
            // SAFETY: the caller guarantees that `i` was ensured, and it is behind the first
            // chunk.
            unsafe { self.get_spilled(i) }
        }
    }

    /// # Safety
    ///
    /// As for [`Chunked::get`], and `i` is behind the first chunk.
    #[cold]
    unsafe fn get_spilled(&self, i: usize) -> NonNull<T> {
        let spilled = self.spilled(i - self.first_len);
        debug_assert!(spilled.is_some(), "element {i} was never ensured");
        // SAFETY: the caller guarantees that the chunk exists, and `place` is within it.
        unsafe {
            let (chunk, place) = spilled.unwrap_unchecked();
            chunk.add(place)
        }
    }

    /// Returns the address of element `i`, if it is in the first chunk. Returns any address
    /// otherwise.
    #[inline(always)]
    pub(crate) fn first_at(&self, i: usize) -> *const T {
        self.first.as_ptr().wrapping_add(i)
    }

    /// Returns the address of element `i`, if it has storage.
    #[inline(always)]
    pub(crate) fn find(&self, i: usize) -> Option<NonNull<T>> {
        if i < self.first_len {
            // SAFETY: `i` is within the first chunk.
            Some(unsafe { self.first.add(i) })
        } else {
            self.find_spilled(i)
        }
    }

    /// Like [`Chunked::find`], for an element behind the first chunk.
    #[cold]
    fn find_spilled(&self, i: usize) -> Option<NonNull<T>> {
        let (chunk, place) = self.spilled(i - self.first_len)?;
        // SAFETY: `place` is within the chunk.
        Some(unsafe { chunk.add(place) })
    }

    /// Returns `len` elements from `start` on, if they have storage and lie in one chunk.
    #[inline]
    pub(crate) fn find_run(&self, start: usize, len: usize) -> Option<&[T]> {
        let (first, room) = if start < self.first_len {
            (self.find(start)?, self.first_len - start)
        } else {
            let (chunk, place) = self.locate(start - self.first_len);
            (self.find(start)?, self.spill_len(chunk) - place)
        };
        // SAFETY: the `len` elements from `first` on are within its chunk, which is initialised,
        // never moves, and is freed only when `self` is dropped.
        (len <= room).then(|| unsafe { std::slice::from_raw_parts(first.as_ptr(), len) })
    }

    /// Makes sure that element `i` has storage.
    #[inline]
    pub(crate) fn ensure(&self, i: usize) -> Result<(), OutOfMemory> {
        if i < self.first_len { Ok(()) } else { self.ensure_spilled(i - self.first_len) }
    }

    #[cold]
    fn ensure_spilled(&self, i: usize) -> Result<(), OutOfMemory> {
        let (chunk, _) = self.locate(i);
        if chunk >= self.spills {
            return Err(OutOfMemory);
        }
        let len = self.spill_len(chunk);
        let place = &self.spill.get_or_try_make(|| zeroed(self.spills))?[chunk];
        // Acquire: pairs with the AcqRel below; element `i` may be used after this call.
        if !place.load(Ordering::Acquire).is_null() {
            return Ok(());
        }
        let chunk = zeroed_raw::<T>(len)?;
        // AcqRel, on failure Acquire: publishes the zeroed elements to the Acquire in `spilled`, or
        // acquires those of the thread that has won.
        let published = place.compare_exchange(
            ptr::null_mut(),
            chunk.as_ptr(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if published.is_err() {
            // SAFETY: allocated above with this length, and not published.
            unsafe { free_raw(chunk, len) };
        }
        Ok(())
    }

    /// Returns the number of bytes that are allocated now.
    pub(crate) fn allocated_bytes(&self) -> usize {
        let spill = self.spill.get().map_or(&[][..], |spill| spill);
        let mut spilled = 0;
        for (chunk, place) in spill.iter().enumerate() {
            // Relaxed: the pointer is not followed.
            if !place.load(Ordering::Relaxed).is_null() {
                spilled += self.spill_len(chunk);
            }
        }
        (self.first_len + spilled) * size_of::<T>() + size_of_val(spill)
    }
}

impl<T: Element> Drop for Chunked<T> {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this length; `&mut self` is the only access.
        unsafe { free_raw(self.first, self.first_len) };
        let spill = self.spill.get().map_or(&[][..], |spill| spill);
        for (chunk, place) in spill.iter().enumerate() {
            let len = self.spill_len(chunk);
            // Acquire: pairs with the AcqRel in `ensure_spilled`.
            if let Some(chunk) = NonNull::new(place.load(Ordering::Acquire)) {
                // SAFETY: `ensure_spilled` allocated it with this length; `&mut self` is the only
                // access.
                unsafe { free_raw(chunk, len) };
            }
        }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::sync::AtomicU32;

    // SAFETY: an array of atomic integers, for which zero is valid.
    unsafe impl Element for [AtomicU32; 1024] {}

    #[test]
    fn addresses_are_distinct_and_stay() {
        let chunks = Chunked::<AtomicU32>::new(10, 5_000).expect("memory");
        // SAFETY: the element is ensured first.
        let at = |i| unsafe {
            chunks.ensure(i).expect("within the bound");
            chunks.get(i).as_ref()
        };
        for i in (0..5_000).rev() {
            assert_eq!(at(i).swap(i as u32 + 1, Ordering::Relaxed), 0);
        }
        for i in 0..5_000 {
            assert_eq!(at(i).load(Ordering::Relaxed), i as u32 + 1);
        }
    }

    #[test]
    fn every_element_has_a_place_of_its_own() {
        for first_len in [0, 1, 2, 10, 128, 132, 5_000] {
            let chunks = Chunked::<[AtomicU32; 1024]>::new(first_len, first_len + 3_000);
            let chunks = chunks.expect("memory");
            let mut next = (0, 0);
            for i in 0..3_000 {
                assert_eq!(chunks.locate(i), next, "{i} behind {first_len}");
                next.1 += 1;
                if next.1 == chunks.spill_len(next.0) {
                    next = (next.0 + 1, 0);
                }
            }
            assert_eq!(chunks.spills, next.0 + usize::from(next.1 > 0));
        }
    }

    #[test]
    fn nothing_lies_beyond_the_bound() {
        let chunks = Chunked::<AtomicU32>::new(10, 10).expect("memory");
        assert!(chunks.ensure(9).is_ok());
        assert!(chunks.ensure(10).is_err());
    }

    #[test]
    fn memory_that_cannot_be_had_is_an_error() {
        assert!(zeroed::<AtomicU32>(usize::MAX / 2).is_err());
        assert!(zeroed::<AtomicU32>(isize::MAX as usize / 8).is_err());
    }
}
