//! Storage that grows in extents and never moves: element `i` has one address for good.
//!
//! The first extent is allocated at build time and holds what the shard is planned for. Further
//! ones come when they are needed, up to a bound that is fixed at build time: of some sixteen kilobytes to begin with, or
//! about as large as the first, if that is smaller; then each as long as all of these before it, up to a megabyte. Their
//! directory comes with the first of them.
//! A missing extent is allocated by whoever needs it and published by compare-and-swap; the loser
//! frees its own. Published extents stay until the whole is dropped, so a reader needs nothing but
//! an Acquire load of the pointer, whose partner is the Release of the publishing swap.

use crate::{
    engine::storage::late::Late,
    sync::{AtomicPtr, Ordering},
};
use std::{
    alloc::{Layout, alloc_zeroed},
    ptr::{self, NonNull},
};

/// Bytes of the second extent, at most.
const SPILL_BYTES: usize = 16 * 1024;
/// Bytes of any extent but the first, at most.
const SPILL_BYTES_MAX: usize = 1024 * 1024;

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

// SAFETY: a set is atomic integers only.
unsafe impl Element for crate::engine::index::sets::Set {
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
    /// Elements of the second extent, as a power of two.
    spill_bits: u32,
    /// How many other extents there may be.
    spills: usize,
    spill: Late<Box<[AtomicPtr<T>]>>,
}

// SAFETY: the extents own their elements, like a vector.
unsafe impl<T: Element + Send> Send for Extents<T> {}
// SAFETY: shared access gives out shared references to elements only.
unsafe impl<T: Element + Sync> Sync for Extents<T> {}

impl<T: Element> Extents<T> {
    const SIZE: usize = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
    /// The most elements of an extent but the first, as a power of two.
    const SPILL_BITS_MAX: u32 = match SPILL_BYTES_MAX / Self::SIZE {
        ..16 => 4,
        elements => elements.ilog2(),
    };

    /// Room for `first_len` elements now and `bound` in the end.
    pub(crate) fn new(first_len: usize, bound: usize) -> Result<Self, OutOfMemory> {
        let second_len = first_len.min((SPILL_BYTES / Self::SIZE).max(16)).max(2);
        let first = zeroed_raw(first_len)?;
        let spill_bits = second_len.ilog2();
        let mut new = Self { first, first_len, spill_bits, spills: 0, spill: Late::new() };
        new.spills = (bound.checked_sub(first_len + 1)).map_or(0, |last| new.locate(last).0 + 1);
        Ok(new)
    }

    /// Bytes that [`Extents::new`] allocates.
    pub(crate) fn bytes(first_len: usize) -> Option<usize> {
        first_len.checked_mul(size_of::<T>())
    }

    /// The extent of an element behind the first extent, and the element's place in it.
    fn locate(&self, i: usize) -> (usize, usize) {
        let (bits, most) = (self.spill_bits, Self::SPILL_BITS_MAX.max(self.spill_bits));
        if i < 1 << most {
            let extent = (i >> bits).checked_ilog2().map_or(0, |log| log as usize + 1);
            (extent, if extent == 0 { i } else { i - self.spill_len(extent) })
        } else {
            // All before those that grow no more have as many elements together as one of these.
            ((most - bits) as usize + (i >> most), i & ((1 << most) - 1))
        }
    }

    /// Elements of an extent but the first: as many as all before it, and the second, have together.
    fn spill_len(&self, extent: usize) -> usize {
        let most = Self::SPILL_BITS_MAX.max(self.spill_bits);
        1 << (self.spill_bits as usize + extent.saturating_sub(1)).min(most as usize)
    }

    /// The extent of an element behind the first extent, if it exists, and the element's place in it.
    fn spilled(&self, i: usize) -> Option<(NonNull<T>, usize)> {
        let (extent, place) = self.locate(i);
        let extent = self.spill.get()?.get(extent)?.load(Ordering::Acquire);
        Some((NonNull::new(extent)?, place))
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
        let spilled = self.spilled(i - self.first_len);
        debug_assert!(spilled.is_some(), "element {i} was never ensured");
        // SAFETY: the caller says that the extent exists, and the place is within it.
        unsafe {
            let (extent, place) = spilled.unwrap_unchecked();
            extent.add(place)
        }
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
        let (extent, place) = self.spilled(i)?;
        // SAFETY: the place is within the extent.
        Some(unsafe { extent.add(place) })
    }

    /// The elements from `start` on, `len` of them, if they have addresses and lie in one extent.
    #[inline]
    pub(crate) fn find_run(&self, start: usize, len: usize) -> Option<&[T]> {
        let (first, room) = if start < self.first_len {
            (self.find(start)?, self.first_len - start)
        } else {
            let (extent, place) = self.locate(start - self.first_len);
            (self.find(start)?, self.spill_len(extent) - place)
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
        let (extent, _) = self.locate(i);
        if extent >= self.spills {
            return Err(OutOfMemory);
        }
        let len = self.spill_len(extent);
        let place = &self.spill.get_or_try_make(|| zeroed(self.spills))?[extent];
        if !place.load(Ordering::Acquire).is_null() {
            return Ok(());
        }
        let extent = zeroed_raw::<T>(len)?;
        let published = place.compare_exchange(
            ptr::null_mut(),
            extent.as_ptr(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if published.is_err() {
            // SAFETY: allocated above with this length and seen by nobody else.
            unsafe { free_raw(extent, len) };
        }
        Ok(())
    }

    /// Bytes allocated now.
    pub(crate) fn allocated_bytes(&self) -> usize {
        let spill = self.spill.get().map_or(&[][..], |spill| spill);
        let mut spilled = 0;
        for (extent, place) in spill.iter().enumerate() {
            if !place.load(Ordering::Relaxed).is_null() {
                spilled += self.spill_len(extent);
            }
        }
        (self.first_len + spilled) * size_of::<T>() + size_of_val(spill)
    }
}

impl<T: Element> Drop for Extents<T> {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this length; the last owner is gone.
        unsafe { free_raw(self.first, self.first_len) };
        let spill = self.spill.get().map_or(&[][..], |spill| spill);
        for (extent, place) in spill.iter().enumerate() {
            let len = self.spill_len(extent);
            if let Some(extent) = NonNull::new(place.load(Ordering::Acquire)) {
                // SAFETY: published by `ensure_spilled`, allocated with this length.
                unsafe { free_raw(extent, len) };
            }
        }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::sync::AtomicU32;

    // SAFETY: an array of atomic integers.
    unsafe impl Element for [AtomicU32; 1024] {}

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
    fn every_element_has_a_place_of_its_own() {
        for first_len in [0, 1, 2, 10, 128, 132, 5_000] {
            let extents = Extents::<[AtomicU32; 1024]>::new(first_len, first_len + 3_000);
            let extents = extents.expect("memory");
            let mut next = (0, 0);
            for i in 0..3_000 {
                assert_eq!(extents.locate(i), next, "{i} behind {first_len}");
                next.1 += 1;
                if next.1 == extents.spill_len(next.0) {
                    next = (next.0 + 1, 0);
                }
            }
            assert_eq!(extents.spills, next.0 + usize::from(next.1 > 0));
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
