//! Storage that grows in extents and never moves: element `i` has one address for good.
//!
//! The first extent is allocated at build time and holds what the shard is planned for. Further
//! ones of some sixteen kilobytes come when they are needed, up to a bound that is fixed at build time.
//! A missing extent is allocated by whoever needs it and published by compare-and-swap; the loser
//! frees its own. Published extents stay until the whole is dropped, so a reader needs nothing but
//! an Acquire load of the pointer, whose partner is the Release of the publishing swap.

use crate::sync::{AtomicPtr, Ordering};
use std::{
    alloc::{Layout, alloc_zeroed},
    ptr::{self, NonNull},
};

/// Bytes of every extent but the first, about.
const SPILL_BYTES: usize = 16 * 1024;

/// Types for which memory full of zeroes is a value, or that need no value at all.
///
/// # Safety
///
/// All-zero bytes must be a valid value. (Loom's types are not of that kind; under `larder_loom`
/// every element is written by [`Element::zero`] before it is used.)
pub(crate) unsafe trait Element: Sized {
    /// The value that zero bytes stand for.
    #[cfg(larder_loom)]
    fn zero() -> Self;
}

// SAFETY: an atomic integer has the representation of the integer.
unsafe impl Element for crate::sync::AtomicU32 {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Self::new(0)
    }
}

// SAFETY: as above.
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

// SAFETY: a bucket is atomic integers only.
unsafe impl Element for super::index::Bucket {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Self::new()
    }
}

/// The allocator has no memory for it.
#[derive(Debug)]
pub(crate) struct OutOfMemory;

/// A boxed slice of `len` zero elements, not touched page by page: the allocator gives large ones
/// from fresh zero pages.
pub(crate) fn zeroed<T: Element>(len: usize) -> Result<Box<[T]>, OutOfMemory> {
    let start = zeroed_raw::<T>(len)?;
    // SAFETY: `start` is an allocation of `len` initialised elements by the global allocator, with
    // the layout that a boxed slice of this length has, and nobody else has it.
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
        // SAFETY: `i` is within the allocation, which nobody else has yet.
        unsafe { start.add(i).write(T::zero()) };
    }
    Ok(start)
}

/// Frees what [`zeroed_raw`] gave.
///
/// # Safety
///
/// `start` comes from `zeroed_raw::<T>(len)`, and nobody uses it any more.
unsafe fn free_raw<T: Element>(start: NonNull<T>, len: usize) {
    // SAFETY: the caller passes on an allocation made with this layout; its elements are
    // initialised, and dropping the slice drops them.
    drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(start.as_ptr(), len)) });
}

/// Elements `0..bound`, of which some extents exist.
#[derive(Debug)]
pub(crate) struct Extents<T: Element> {
    first: NonNull<T>,
    first_len: usize,
    spill: Box<[AtomicPtr<T>]>,
}

// SAFETY: the extents own their elements, like a vector.
unsafe impl<T: Element + Send> Send for Extents<T> {}
// SAFETY: shared access gives out shared references to elements only.
unsafe impl<T: Element + Sync> Sync for Extents<T> {}

impl<T: Element> Extents<T> {
    /// Elements of every extent but the first.
    const SPILL: usize = {
        let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
        let fit = SPILL_BYTES / size;
        if fit < 16 { 16 } else { fit }
    };

    /// Room for `first_len` elements now and `bound` in the end.
    pub(crate) fn new(first_len: usize, bound: usize) -> Result<Self, OutOfMemory> {
        let spill = bound.saturating_sub(first_len).div_ceil(Self::SPILL);
        Ok(Self { first: zeroed_raw(first_len)?, first_len, spill: zeroed(spill)? })
    }

    /// Bytes that [`Extents::new`] allocates.
    pub(crate) fn bytes(first_len: usize, bound: usize) -> Option<usize> {
        let spill = bound.saturating_sub(first_len).div_ceil(Self::SPILL);
        first_len.checked_mul(size_of::<T>())?.checked_add(spill.checked_mul(size_of::<usize>())?)
    }

    /// The address of element `i`.
    ///
    /// # Safety
    ///
    /// [`Extents::ensure`] has succeeded for `i`, and that happened before this call.
    #[inline(always)]
    pub(crate) unsafe fn get(&self, i: usize) -> NonNull<T> {
        if i < self.first_len {
            // SAFETY: within the first extent.
            unsafe { self.first.add(i) }
        } else {
            // SAFETY: the caller's promise is passed on.
            unsafe { self.get_spilled(i) }
        }
    }

    /// # Safety
    ///
    /// As for [`Extents::get`], and `i` lies behind the first extent.
    #[cold]
    unsafe fn get_spilled(&self, i: usize) -> NonNull<T> {
        let i = i - self.first_len;
        let extent = self.spill[i / Self::SPILL].load(Ordering::Acquire);
        debug_assert!(!extent.is_null(), "element {i} was never ensured");
        // SAFETY: the caller says that the extent exists, and `i % Self::SPILL` is within it.
        unsafe { NonNull::new_unchecked(extent.add(i % Self::SPILL)) }
    }

    /// The address of element `i`, if it has one.
    #[inline(always)]
    pub(crate) fn find(&self, i: usize) -> Option<NonNull<T>> {
        if i < self.first_len {
            // SAFETY: within the first extent.
            Some(unsafe { self.first.add(i) })
        } else {
            self.find_spilled(i - self.first_len)
        }
    }

    #[cold]
    fn find_spilled(&self, i: usize) -> Option<NonNull<T>> {
        let extent = NonNull::new(self.spill.get(i / Self::SPILL)?.load(Ordering::Acquire))?;
        // SAFETY: `i % Self::SPILL` is within the extent.
        Some(unsafe { extent.add(i % Self::SPILL) })
    }

    /// The elements from `start` on, `len` of them, if they have addresses and lie in one extent.
    #[inline]
    pub(crate) fn find_run(&self, start: usize, len: usize) -> Option<&[T]> {
        let (first, room) = if start < self.first_len {
            (self.find(start)?, self.first_len - start)
        } else {
            (self.find(start)?, Self::SPILL - (start - self.first_len) % Self::SPILL)
        };
        // SAFETY: `first` has an address, and so have all up to the end of its extent, which is zeroed
        // and stays where it is as long as `self`.
        (len <= room).then(|| unsafe { std::slice::from_raw_parts(first.as_ptr(), len) })
    }

    /// Makes sure that element `i` has an address.
    #[inline]
    pub(crate) fn ensure(&self, i: usize) -> Result<(), OutOfMemory> {
        if i < self.first_len { Ok(()) } else { self.ensure_spilled(i - self.first_len) }
    }

    #[cold]
    fn ensure_spilled(&self, i: usize) -> Result<(), OutOfMemory> {
        let place = self.spill.get(i / Self::SPILL).ok_or(OutOfMemory)?;
        if !place.load(Ordering::Acquire).is_null() {
            return Ok(());
        }
        let extent = zeroed_raw::<T>(Self::SPILL)?;
        let published = place.compare_exchange(
            ptr::null_mut(),
            extent.as_ptr(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if published.is_err() {
            // SAFETY: allocated above with this length and seen by nobody else.
            unsafe { free_raw(extent, Self::SPILL) };
        }
        Ok(())
    }

    /// Bytes allocated now.
    pub(crate) fn allocated_bytes(&self) -> usize {
        let spilled = self.spill.iter().filter(|p| !p.load(Ordering::Relaxed).is_null()).count();
        (self.first_len + spilled * Self::SPILL) * size_of::<T>() + size_of_val(&*self.spill)
    }
}

impl<T: Element> Drop for Extents<T> {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this length; the last owner is gone.
        unsafe { free_raw(self.first, self.first_len) };
        for place in &self.spill {
            if let Some(extent) = NonNull::new(place.load(Ordering::Acquire)) {
                // SAFETY: published by `ensure_spilled`, allocated with this length.
                unsafe { free_raw(extent, Self::SPILL) };
            }
        }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::sync::AtomicU32;

    #[test]
    fn addresses_are_distinct_and_stay() {
        let extents = Extents::<AtomicU32>::new(10, 5_000).expect("memory");
        // SAFETY: each element is ensured first.
        let at = |i| unsafe {
            extents.ensure(i).expect("within the bound");
            extents.get(i).as_ref()
        };
        for i in (0..5_000).rev() {
            assert_eq!(at(i).swap(i as u32 + 1, Ordering::Relaxed), 0);
        }
        for i in 0..5_000 {
            assert_eq!(at(i).load(Ordering::Relaxed), i as u32 + 1);
        }
    }

    #[test]
    fn nothing_lies_beyond_the_bound() {
        let extents = Extents::<AtomicU32>::new(10, 10).expect("memory");
        assert!(extents.ensure(9).is_ok());
        assert!(extents.ensure(10).is_err());
    }

    #[test]
    fn memory_that_cannot_be_had_is_an_error() {
        assert!(zeroed::<AtomicU32>(usize::MAX / 2).is_err());
        assert!(zeroed::<AtomicU32>(isize::MAX as usize / 8).is_err());
    }
}
