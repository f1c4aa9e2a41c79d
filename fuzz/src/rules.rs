//! How long entries live and what they weigh, by the input's first bytes; and what that comes to
//! for one entry.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use larder::{Expiry, Maintenance, ManualClock, RemovalCause};

use crate::setup::{CacheBuilder, Key};
use crate::{Setup, Value};

/// No time at all.
pub const NEVER: u64 = u64::MAX;

/// How much later than promised an idle entry may go, in milliseconds.
const GRANULE: u64 = 10;

/// The rules of a cache. Times are milliseconds of its clock.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Rules {
    bits: u8,
    to_live: u8,
    to_idle: u8,
}

impl Rules {
    /// Whether entries weigh what their values say. Otherwise each weighs 1.
    pub fn weighted(&self) -> bool {
        self.bits & 1 != 0
    }

    /// Whether the cache tells of what leaves it through a channel. Otherwise it has a listener.
    fn sends(&self) -> bool {
        self.bits & 32 != 0
    }

    /// How long entries live.
    pub fn to_live(self) -> Option<u64> {
        (self.bits & 2 != 0).then_some(self.to_live.into())
    }

    fn to_idle(self) -> Option<u64> {
        (self.bits & 12 == 4).then_some(self.to_idle.into())
    }

    /// How long what is expired is kept, for want of better; for caches that one thread uses.
    pub(crate) fn grace(self) -> u64 {
        if self.bits & 64 != 0 { self.to_idle.into() } else { 0 }
    }

    /// The age at which values are refreshed; for caches that one thread uses.
    pub(crate) fn refresh_after(self) -> Option<u64> {
        (self.bits & 128 != 0).then_some(u64::from(self.to_live) / 4 + 1)
    }

    /// Whether the cache has an [`Expiry`].
    fn expires(&self) -> bool {
        self.bits & 12 == 12
    }

    /// How long a key lives by the cache's [`Expiry`]; not in a cache whose entries idle, where it
    /// would not be certain whether an insert replaces.
    fn own(&self, key: u8) -> Option<u64> {
        self.expires().then_some(())?;
        own(key)
    }

    /// A cache of these rules, which nobody tends to, and its clock.
    pub fn builder(&self, setup: &Setup) -> (CacheBuilder, ManualClock) {
        let clock = ManualClock::new();
        let mut builder = setup.builder().clock(&clock).maintenance(Maintenance::Manual);
        if self.weighted() {
            // Built for a single entry, half of them come to grow.
            let estimate = if self.bits & 16 == 0 { setup.capacity() } else { 1 };
            builder = builder.weigher(|_, value| value.weight()).estimated_entries(estimate);
        }
        if let Some(to_live) = self.to_live() {
            builder = builder.time_to_live(Duration::from_millis(to_live));
        }
        if let Some(to_idle) = self.to_idle() {
            builder = builder.time_to_idle(Duration::from_millis(to_idle));
        }
        if self.expires() {
            builder = builder.expire_after(ByKey);
        }
        (builder, clock)
    }
}

/// Some keys live for a time that only a replacement does not start anew.
struct ByKey;

fn own(key: u8) -> Option<u64> {
    (!key.is_multiple_of(3)).then_some(u64::from(key) * 7)
}

impl Expiry<Key, Value> for ByKey {
    fn expire_after_create(&self, key: &Key, _: &Value, _: Instant) -> Option<Duration> {
        own(**key).map(Duration::from_millis)
    }
}

/// When an entry dies.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    end: u64,
    /// Whether somebody gave it its end, in place of the cache's rules.
    given: bool,
    own: u64,
    idle: u64,
    /// A lookup has found it dead.
    over: bool,
}

impl Life {
    /// Of an entry that is inserted at `now`, by rule or for a time that somebody says, in the
    /// place of one that lives or of none.
    pub fn new(
        rules: &Rules,
        key: u8,
        now: u64,
        time: Option<u64>,
        replaced: Option<Life>,
    ) -> Self {
        let after = |time: Option<u64>| time.map_or(NEVER, |time| now + time);
        if let Some(time) = time {
            return Life { end: now + time, given: true, own: NEVER, idle: NEVER, over: false };
        }
        let own = match replaced {
            None => after(rules.own(key)),
            Some(_) if !rules.expires() => NEVER,
            Some(replaced) if replaced.given => replaced.end,
            Some(replaced) => replaced.own,
        };
        let (end, idle) = (after(rules.to_live()), after(rules.to_idle()));
        Life { end, given: false, own, idle, over: false }
    }

    /// Somebody has used it.
    pub fn used(&mut self, rules: &Rules, now: u64) {
        if !self.given {
            self.idle = rules.to_idle().map_or(NEVER, |time| now + time);
        }
    }

    /// Somebody wants it to live for `time` from now on.
    pub fn touched(&mut self, now: u64, time: u64) {
        (self.end, self.own, self.idle, self.given) = (now + time, NEVER, NEVER, true);
    }

    /// Somebody has found it dead, and so it stays.
    pub fn found_dead(&mut self) {
        self.over = true;
    }

    /// Until then it must be found.
    pub fn earliest_end(&self) -> u64 {
        self.end.min(self.own).min(self.idle)
    }

    /// From then on it must not be found.
    pub fn latest_end(&self) -> u64 {
        self.end.min(self.own).min(self.idle.saturating_add(GRANULE))
    }

    /// Whether a lookup may find it.
    pub fn may_live(&self, now: u64) -> bool {
        !self.over && now < self.latest_end()
    }

    /// Whether a lookup may find it expired.
    pub fn may_be_dead(&self, now: u64) -> bool {
        self.over || now >= self.earliest_end()
    }
}

/// Of what left a cache: writer and number of the value, and the cause.
pub(crate) type Left = (u8, u32, RemovalCause);

/// What a cache has told of, to a listener or through a channel.
#[derive(Debug)]
pub enum Told {
    /// What the listener has heard.
    Heard(Arc<Mutex<Vec<Left>>>),
    /// Where the rest is to be received.
    Sent(mpsc::Receiver<Left>),
}

impl Told {
    /// Has a cache tell of what leaves it, in the way that the rules say.
    pub fn listen(rules: &Rules, builder: CacheBuilder) -> (CacheBuilder, Self) {
        if rules.sends() {
            let (sender, removals) = mpsc::channel();
            let builder = builder.eviction_listener(move |key, value, cause| {
                // The receiver may be gone already when the cache ends.
                let _ = sender.send(left(key, value, cause));
            });
            return (builder, Self::Sent(removals));
        }
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = Self::Heard(heard.clone());
        let builder = builder.eviction_listener(move |key, value, cause| {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.push(left(key, value, cause));
        });
        (builder, told)
    }

    /// What it has told of since the last time.
    pub fn take(&mut self) -> Vec<Left> {
        match self {
            Self::Heard(heard) => {
                std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Self::Sent(removals) => removals.try_iter().collect(),
        }
    }
}

fn left(key: &Key, value: &Value, cause: RemovalCause) -> Left {
    assert_eq!(**key, value.key(), "another key's value");
    (value.writer(), value.sequence(), cause)
}
