//! What left the cache, through a channel: for consumers that wait for it, threads or tasks.
//!
//! # The channel
//!
//! A stack: senders push with a compare-and-swap, the receiver takes the whole by a swap and turns it
//! around. So sending is lock-free and order is kept, and since nodes are only ever taken all together,
//! a node that comes back at the same address between a sender's look and its swap does no harm: what
//! the swap compares is the head, and the sender's link to it is right whatever node that is now.
//!
//! A receiver that finds nothing puts its waker on the desk and looks once more. A sender pushes, and then
//! takes the waker from the desk, if there is one. The desk is a pointer, which both change by a swap: whoever
//! takes a waker off it owns that waker, and wakes or drops it with nothing locked. Stack and desk are two
//! words, so a SeqCst fence stands between them on either side: either the sender sees the waker, or the
//! receiver's second look sees what was pushed.
//!
//! So nothing here waits for another thread, not even in a child of `fork`, which has its parent's channel and none of
//! the threads that were at it. A waker that one of these had in hand is lost to the child; a receiver that the
//! child has and asks again puts another there.

use crate::{
    RemovalCause,
    engine::testing::plant::{Bug, planted},
    sync::{Arc, AtomicBool, AtomicPtr, AtomicU32, Ordering, fence},
};
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    ptr,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

/// A value that has left the cache, or never got into it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removal<K, V> {
    /// Its key.
    pub key: K,
    /// The value.
    pub value: V,
    /// Why.
    pub cause: RemovalCause,
}

struct Link<T> {
    item: T,
    next: *mut Link<T>,
}

struct Channel<T> {
    head: AtomicPtr<Link<T>>,
    /// From a box: the waker of the receiver, if that waits.
    desk: AtomicPtr<Waker>,
    /// Senders that live.
    senders: AtomicU32,
    /// Cleared when the receiver is dropped: what is sent then goes nowhere.
    open: AtomicBool,
}

// SAFETY: the links that hang on the head are owned by the channel, like a vector of items.
unsafe impl<T: Send> Send for Channel<T> {}
// SAFETY: shared access pushes items, and takes them, to the thread that takes them.
unsafe impl<T: Send> Sync for Channel<T> {}

impl<T> Channel<T> {
    fn push(&self, item: T) {
        let link = Box::into_raw(Box::new(Link { item, next: ptr::null_mut() }));
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: not pushed yet, so this thread's alone.
            unsafe { (*link).next = head };
            // Release: who takes the link sees the item.
            match self.head.compare_exchange_weak(head, link, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(now) => head = now,
            }
        }
        self.wake();
    }

    fn wake(&self) {
        fence(Ordering::SeqCst);
        if !self.desk.load(Ordering::Relaxed).is_null()
            && let Some(waker) = self.swap_waker(None)
        {
            waker.wake();
        }
    }

    /// Puts a waker on the desk; the one that was there.
    fn swap_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        let waker = waker.map_or(ptr::null_mut(), |waker| Box::into_raw(Box::new(waker)));
        // Release: who takes it sees the waker. Acquire: so does this thread, of what was there.
        let old = self.desk.swap(waker, Ordering::AcqRel);
        // SAFETY: it came from a box, and the swap took it off the only place where it was.
        (!old.is_null()).then(|| *unsafe { Box::from_raw(old) })
    }

    /// Everything that was sent since the last time, the oldest first.
    fn take(&self) -> Vec<T> {
        // Acquire: pairs with the push.
        let mut link = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        let mut items = Vec::new();
        while !link.is_null() {
            // SAFETY: the swap took it off the channel with all that follows; it came from a box.
            let Link { item, next } = *unsafe { Box::from_raw(link) };
            items.push(item);
            link = next;
        }
        items.reverse();
        items
    }
}

impl<T> Drop for Channel<T> {
    fn drop(&mut self) {
        drop(self.take());
        drop(self.swap_waker(None));
    }
}

/// The cache's end.
pub(crate) struct Sender<K, V>(Arc<Channel<Removal<K, V>>>);

impl<K: Clone, V: Clone> Sender<K, V> {
    pub(crate) fn send(&self, key: &K, value: &V, cause: RemovalCause) {
        if self.0.open.load(Ordering::Relaxed) {
            self.0.push(Removal { key: key.clone(), value: value.clone(), cause });
        }
    }
}

impl<K, V> Drop for Sender<K, V> {
    fn drop(&mut self) {
        if self.0.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.wake();
        }
    }
}

/// Receives what leaves a cache; comes from
/// [`CacheBuilder::removal_channel`](crate::CacheBuilder::removal_channel).
///
/// Nothing is lost while it lives: what is not received yet waits, without a bound. It ends when the cache
/// is gone and everything has been received.
///
/// ```
/// use larder::{Cache, RemovalCause};
///
/// let (builder, mut removals) = Cache::builder().max_capacity(10).removal_channel();
/// let cache: Cache<u32, String> = builder.build();
/// let consumer = std::thread::spawn(move || {
///     let mut causes = Vec::new();
///     while let Some(removal) = removals.recv() {
///         causes.push((removal.key, removal.cause));
///     }
///     causes
/// });
/// cache.insert(1, "one".to_owned());
/// cache.insert(1, "uno".to_owned());
/// cache.invalidate(&1);
/// drop(cache);
/// let expected = [(1, RemovalCause::Replaced), (1, RemovalCause::Explicit)];
/// assert_eq!(consumer.join().unwrap(), expected);
/// ```
pub struct Removals<K, V> {
    channel: Arc<Channel<Removal<K, V>>>,
    /// Taken and not handed out yet.
    ready: std::vec::IntoIter<Removal<K, V>>,
}

pub(crate) fn channel<K, V>() -> (Sender<K, V>, Removals<K, V>) {
    let channel = Arc::new(Channel {
        head: AtomicPtr::new(ptr::null_mut()),
        desk: AtomicPtr::new(ptr::null_mut()),
        senders: AtomicU32::new(1),
        open: AtomicBool::new(true),
    });
    (Sender(channel.clone()), Removals { channel, ready: Vec::new().into_iter() })
}

impl<K, V> Removals<K, V> {
    /// The next one, if there is one now. O(1) amortized.
    pub fn try_recv(&mut self) -> Option<Removal<K, V>> {
        if self.ready.len() == 0 {
            self.ready = self.channel.take().into_iter();
        }
        self.ready.next()
    }

    /// Waits for the next one, in this thread; `None` when the cache is gone and nothing is left.
    pub fn recv(&mut self) -> Option<Removal<K, V>> {
        struct Unpark(Thread);

        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }

        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut next = pin!(self.recv_async());
        loop {
            match next.as_mut().poll(&mut context) {
                Poll::Ready(removal) => return removal,
                Poll::Pending => thread::park(),
            }
        }
    }

    /// Waits for the next one, in whatever task; `None` when the cache is gone and nothing is left.
    ///
    /// A future that is dropped takes nothing with it.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let (builder, mut removals) = larder::Cache::builder().max_capacity(1).removal_channel();
    /// let cache = builder.build();
    /// cache.insert("a", 1);
    /// cache.insert("b", 2);
    /// assert_eq!(removals.recv_async().await.map(|removal| removal.key), Some("a"));
    /// # });
    /// ```
    pub async fn recv_async(&mut self) -> Option<Removal<K, V>> {
        poll_fn(|context| {
            if let Some(removal) = self.try_recv() {
                return Poll::Ready(Some(removal));
            }
            drop(self.channel.swap_waker(Some(context.waker().clone())));
            fence(Ordering::SeqCst);
            if planted(Bug::LookedAtOnce) {
                return Poll::Pending;
            }
            let gone = self.channel.senders.load(Ordering::Acquire) == 0;
            match self.try_recv() {
                Some(removal) => Poll::Ready(Some(removal)),
                None if gone => Poll::Ready(None),
                None => Poll::Pending,
            }
        })
        .await
    }
}

impl<K, V> Drop for Removals<K, V> {
    fn drop(&mut self) {
        self.channel.open.store(false, Ordering::Relaxed);
        drop(self.channel.swap_waker(None));
        // The cache keeps the channel, and nobody will ask for these. (What is being sent at this moment
        // may come too late, one removal per thread.)
        drop(self.channel.take());
    }
}

impl<K, V> fmt::Debug for Removals<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Removals").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}
