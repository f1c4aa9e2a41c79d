//! Addresses: asking for a cache line before it is needed, and computing one once.

/// Prefetches the cache line of `place`, which may be any address.
#[inline(always)]
pub(crate) fn prefetch<T>(place: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch accesses no memory and faults at no address; it only affects the
        // processor's caches.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri), not(larder_loom))))]
    let _ = place;
}

/// Returns the same reference, in a way that the compiler adds up the address here.
///
/// It would otherwise keep base and offset of an element and add them where the element is used.
/// Where a call lies in between, as in a pin, that takes two registers to save instead of one.
#[inline(always)]
#[allow(clippy::pointers_in_nomem_asm_block)] // The block accesses nothing.
pub(crate) fn added_up<T>(place: &T) -> &T {
    #[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
    {
        let mut place: *const T = place;
        // SAFETY: a block without instructions, so the pointer comes out as it goes in, and is
        // still valid as a reference.
        unsafe {
            std::arch::asm!(
                "/* {place} */",
                place = inout(reg) place,
                options(pure, nomem, nostack, preserves_flags),
            );
            &*place
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri), not(larder_loom))))]
    place
}
