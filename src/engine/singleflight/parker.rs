//! Waiting for a future by blocking the thread.

use crate::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Wake, Waker},
};

/// A thread that sleeps until it is woken. (`thread::park` would consume tokens that other code has
/// left for this thread.)
struct Parker {
    woken: Mutex<bool>,
    bell: Condvar,
}

impl Parker {
    fn woken(&self) -> MutexGuard<'_, bool> {
        self.woken.lock().expect("nothing panics under the lock")
    }

    fn sleep(&self) {
        let mut woken = self.woken();
        while !*woken {
            woken = self.bell.wait(woken).expect("nothing panics under the lock");
        }
        *woken = false;
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        *self.woken() = true;
        self.bell.notify_one();
    }
}

/// Polls a future until it is ready, and sleeps between polls.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let parker = Arc::new(Parker { woken: Mutex::new(false), bell: Condvar::new() });
    let waker = Waker::from(Arc::clone(&parker));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => parker.sleep(),
        }
    }
}
