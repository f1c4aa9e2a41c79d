//! What is called of the C library: clocks, and what is to be done when the process forks.
//!
//! On Linux with pointers of 64 bits, where `time_t` and `long` have 64 bits, too, the few
//! declarations stand here: the crate libc takes longer to compile than many a program. Elsewhere
//! that crate has them.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod imp {
    use std::ffi::{c_int, c_long};

    /// `struct timespec`.
    #[repr(C)]
    pub(crate) struct Timespec {
        pub(crate) tv_sec: i64,
        pub(crate) tv_nsec: c_long,
    }

    pub(crate) const CLOCK_MONOTONIC: c_int = 1;
    pub(crate) const CLOCK_MONOTONIC_COARSE: c_int = 6;

    unsafe extern "C" {
        pub(crate) fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int;
        pub(crate) fn clock_getres(clock: c_int, granule: *mut Timespec) -> c_int;
        pub(crate) fn pthread_atfork(
            prepare: Option<unsafe extern "C" fn()>,
            parent: Option<unsafe extern "C" fn()>,
            child: Option<unsafe extern "C" fn()>,
        ) -> c_int;
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod imp {
    pub(crate) use libc::pthread_atfork;
    #[cfg(target_os = "linux")]
    pub(crate) use libc::{
        CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, clock_getres, clock_gettime, timespec as Timespec,
    };
}

pub(crate) use imp::*;

#[cfg(all(test, target_os = "linux", target_pointer_width = "64"))]
mod tests {
    use super::Timespec;
    use std::{
        any::type_name_of_val,
        mem::{offset_of, size_of},
    };

    #[test]
    fn the_declarations_are_those_of_the_crate_libc() {
        assert_eq!(super::CLOCK_MONOTONIC, libc::CLOCK_MONOTONIC);
        assert_eq!(super::CLOCK_MONOTONIC_COARSE, libc::CLOCK_MONOTONIC_COARSE);
        assert_eq!(size_of::<Timespec>(), size_of::<libc::timespec>());
        assert_eq!(align_of::<Timespec>(), align_of::<libc::timespec>());
        let Timespec { tv_sec, tv_nsec } = Timespec { tv_sec: 0, tv_nsec: 0 };
        let time = libc::timespec { tv_sec, tv_nsec };
        assert_eq!(offset_of!(Timespec, tv_sec), offset_of!(libc::timespec, tv_sec));
        assert_eq!(offset_of!(Timespec, tv_nsec), offset_of!(libc::timespec, tv_nsec));
        assert_eq!(type_name_of_val(&time.tv_nsec), type_name_of_val(&tv_nsec));
        type Clock<T> = unsafe extern "C" fn(i32, *mut T) -> i32;
        let _: [Clock<Timespec>; 2] = [super::clock_gettime, super::clock_getres];
        let _: [Clock<libc::timespec>; 2] = [libc::clock_gettime, libc::clock_getres];
        let mut hooks: [unsafe extern "C" fn(_, _, _) -> _; 2] =
            [super::pthread_atfork, libc::pthread_atfork];
        hooks.reverse();
    }
}
