//! The only door to atomics, cells and shared ownership.
//!
//! Normal builds get the standard library's types, `--cfg larder_loom` gets loom's, so that the
//! models in `loom-tests/` run the engine itself and not a copy of it. The cell has loom's
//! closure-taking interface; around the standard cell it compiles to nothing.
//!
//! `Arc` is the standard one in models too. Its counting is not ours to check, what it holds here
//! is atomics only, and a counted reference more per batch would make every model larger. The same
//! goes for `OnceLock`, for what it holds here is handed over under a mutex, and for `Weak`, whose
//! upgrade fails only after something that models do see.

#[cfg(larder_loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence},
    },
    thread::yield_now,
    thread_local,
};

#[cfg(not(larder_loom))]
pub(crate) use std::{
    sync::{
        Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence},
    },
    thread::yield_now,
    thread_local,
};

/// An array of as many of a value. Not all of loom's types can be made in a constant; what
/// [`std::array::from_fn`] needs, an unoptimized build compiles anew for each type and length.
#[cfg(not(larder_loom))]
macro_rules! array_of {
    ($value:expr; $len:expr) => {
        [const { $value }; $len]
    };
}
#[cfg(larder_loom)]
macro_rules! array_of {
    ($value:expr; $len:expr) => {
        std::array::from_fn::<_, { $len }, _>(|_| $value)
    };
}
pub(crate) use array_of;

pub(crate) use std::sync::{Arc, OnceLock, Weak};

/// For words of the process: statics outlive a model's execution, and loom's atomics do not. No
/// model is about them.
pub(crate) use std::sync::atomic::{AtomicBool as StaticBool, AtomicU64 as StaticU64};

/// For settings: numbers that nothing is learned from but what they are. They would make every
/// model larger.
pub(crate) use std::sync::atomic::AtomicU64 as SettingU64;

/// [`std::cell::UnsafeCell`] with loom's interface.
#[cfg(not(larder_loom))]
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(larder_loom))]
impl<T> UnsafeCell<T> {
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// A SeqCst fence where a locked instruction stands between every store before it and every load
/// behind it that it has to order, or no store comes before it. On x86 these are full fences
/// already, and loads keep their order. (By the letter of the memory model they are not, so models
/// have the real one.)
#[inline(always)]
pub(crate) fn fence_after_swap() {
    if cfg!(all(target_arch = "x86_64", not(larder_loom), not(miri))) {
        std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}
