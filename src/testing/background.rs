//! For tests: keeps background work off a cache while its invariants are checked.
//!
//! A thread that is not a caller's (maintenance, a refresh, a change of the capacity under memory
//! pressure) *works* on the cache from [`Background::work`] until it drops the result; `validate`
//! *rests* it from [`Background::rest`] until it drops the result. A rest begins when the work that
//! has begun is over, and work that is about to begin waits for the end of the rest.
//!
//! In builds without `validate` the type is zero-sized, and `work` is empty.

#[cfg(all(any(test, fuzzing, larder_internals), not(larder_loom)))]
pub(crate) use checked::Background;
#[cfg(not(all(any(test, fuzzing, larder_internals), not(larder_loom))))]
pub(crate) use unchecked::Background;

// Models have only threads of their own, which have ended when they validate.
#[cfg(not(all(any(test, fuzzing, larder_internals), not(larder_loom))))]
mod unchecked {
    #[derive(Debug, Default)]
    pub(crate) struct Background {}

    impl Background {
        #[inline(always)]
        pub(crate) fn work(&self) -> impl Sized + use<> {}

        #[cfg(larder_loom)]
        pub(crate) fn rest(&self) -> impl Sized + use<> {}
    }
}

#[cfg(all(any(test, fuzzing, larder_internals), not(larder_loom)))]
mod checked {
    use std::{
        sync::{Condvar, Mutex, MutexGuard, PoisonError},
        thread::{self, ThreadId},
    };

    #[derive(Debug, Default)]
    pub(crate) struct Background {
        state: Mutex<State>,
        changed: Condvar,
    }

    #[derive(Debug, Default)]
    struct State {
        /// Holds a thread once for each piece of work that it is doing.
        working: Vec<ThreadId>,
        checks: usize,
        /// Checks that wait for work to end.
        waiting: usize,
    }

    impl Background {
        /// Begins work, as soon as no check is under way.
        pub(crate) fn work(&self) -> Work<'_> {
            let thread = thread::current().id();
            let mut state = self.state();
            // Not if this thread is at work already: a listener that it calls may do more.
            while state.checks > 0 && !state.working.contains(&thread) {
                state = self.wait(state);
            }
            state.working.push(thread);
            Work(self)
        }

        /// Waits for the end of the work that has begun, and then keeps other work from beginning.
        ///
        /// # Panics
        ///
        /// If the calling thread is at work itself.
        pub(crate) fn rest(&self) -> Rest<'_> {
            let thread = thread::current().id();
            let mut state = self.state();
            assert!(
                !state.working.contains(&thread),
                "a check amid the work that it has to wait for"
            );
            state.waiting += 1;
            while !state.working.is_empty() {
                state = self.wait(state);
            }
            state.waiting -= 1;
            state.checks += 1;
            Rest(self)
        }

        /// Returns whether a check waits for work to end.
        #[cfg(test)]
        pub(crate) fn is_waited_for(&self) -> bool {
            self.state().waiting > 0
        }

        fn state(&self) -> MutexGuard<'_, State> {
            // A panic leaves no change half done: each is one step.
            self.state.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
            self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
        }
    }

    #[derive(Debug)]
    #[must_use = "work lasts until this is dropped"]
    pub(crate) struct Work<'a>(&'a Background);

    impl Drop for Work<'_> {
        fn drop(&mut self) {
            let thread = thread::current().id();
            let mut state = self.0.state();
            let place = state.working.iter().rposition(|&working| working == thread);
            state.working.remove(place.expect("work ends in the thread in which it began"));
            self.0.changed.notify_all();
        }
    }

    #[derive(Debug)]
    #[must_use = "the rest lasts until this is dropped"]
    pub(crate) struct Rest<'a>(&'a Background);

    impl Drop for Rest<'_> {
        fn drop(&mut self) {
            self.0.state().checks -= 1;
            self.0.changed.notify_all();
        }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
