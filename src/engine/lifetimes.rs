//! How long the entries of a cache live: the rules, and what they come to for one entry.

use crate::{
    clock::{Clock, DEAD, NEVER, PAST, Reading, Until},
    engine::{nodes::Entry, refresh::Freshness},
    expiry::Expiry,
    sync::{Ordering::Relaxed, SettingU64},
};
use std::{fmt, time::Duration};

/// The rules of one cache.
pub(crate) struct Lifetimes<K, V> {
    pub(crate) clock: Clock,
    pub(crate) rules: Rules,
    pub(crate) to_live: Limit,
    pub(crate) to_idle: Limit,
    /// The share of `to_live` that is left to chance.
    pub(crate) jitter: Share,
    pub(crate) expiry: Option<Box<dyn Expiry<K, V>>>,
    /// How long what is expired is kept for want of better, in units of the clock.
    pub(crate) grace: u64,
    /// When a value is loaded anew before its time is over, if ever.
    pub(crate) freshness: Option<Box<Freshness<K, V>>>,
}

/// Whether entries have times by rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// They have none, but for those that are told so.
    None,
    /// The same ones for as long as the cache is there.
    Fixed,
    /// Those that hold at the moment, if any.
    Changing,
}

/// A duration, or none; may be changed at any time, and holds for what begins afterwards.
#[derive(Debug)]
pub(crate) struct Limit(SettingU64);

impl Limit {
    const NONE: u64 = u64::MAX;

    pub(crate) fn none() -> Self {
        Self(SettingU64::new(Self::NONE))
    }

    /// What is longer than 584 years is no limit.
    pub(crate) fn set(&self, duration: Option<Duration>) {
        let nanos = duration.map(|duration| u64::try_from(duration.as_nanos()));
        self.0.store(nanos.and_then(Result::ok).unwrap_or(Self::NONE), Relaxed);
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> Option<Duration> {
        match self.0.load(Relaxed) {
            Self::NONE => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    #[inline(always)]
    pub(crate) fn is_some(&self) -> bool {
        self.0.load(Relaxed) != Self::NONE
    }
}

/// A part of one; may be changed at any time.
#[derive(Debug)]
pub(crate) struct Share(SettingU64);

impl Share {
    pub(crate) fn none() -> Self {
        Self(SettingU64::new(0))
    }

    pub(crate) fn set(&self, share: f64) {
        self.0.store(share.to_bits(), Relaxed);
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }
}

/// What a read does to its entry's deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heed {
    Nothing,
    /// It is that from now on, unless the entry has an end of its own.
    Move(u64),
    /// All that is known of the entry is to be looked at.
    Ask,
}

/// Who says how long an entry lives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    /// The rules of the cache.
    ByRule,
    /// Whoever inserts it.
    For(Duration),
}

/// The deadlines of one entry, times of the cache's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// What counts: the earliest of the others, and of the idle deadline.
    pub(crate) deadline: u64,
    /// Which no read postpones: of the time to live, or of whoever inserted it.
    pub(crate) end: u64,
    /// What the user's [`Expiry`] said last.
    pub(crate) own: u64,
    /// When it was written; 0 if that is not known.
    pub(crate) written: u64,
}

impl Life {
    pub(crate) const ENDLESS: Life = Life { deadline: NEVER, end: NEVER, own: NEVER, written: 0 };

    /// Whether it has been settled that it is.
    pub(crate) fn is_over(self) -> bool {
        self.deadline == DEAD || self.deadline == PAST
    }
}

impl<K, V> Lifetimes<K, V> {
    /// No entry expires, but for what inserts may say.
    pub(crate) fn endless(clock: Clock) -> Self {
        Self {
            clock,
            rules: Rules::None,
            to_live: Limit::none(),
            to_idle: Limit::none(),
            jitter: Share::none(),
            expiry: None,
            grace: 0,
            freshness: None,
        }
    }

    /// Whether reads change deadlines.
    #[inline(always)]
    pub(crate) fn heed_reads(&self) -> bool {
        self.to_idle.is_some() || self.expiry.is_some()
    }

    /// For a new entry; or one that takes the place of another, whose own deadline was `replaced`.
    pub(crate) fn begin(
        &self,
        entry: &Entry<K, V>,
        hash: u64,
        span: Span,
        replaced: Option<u64>,
    ) -> Life {
        let now = self.clock.read();
        let end = match (span, self.to_live.get()) {
            (Span::For(duration), _) => self.clock.deadline_from(now, duration),
            (Span::ByRule, None) => NEVER,
            (Span::ByRule, Some(to_live)) => {
                self.clock.deadline_from(now, self.with_jitter(to_live, hash ^ now.nanos()))
            }
        };
        let own = self.expiry.as_ref().map_or(NEVER, |expiry| {
            let at = self.clock.instant(self.clock.time(now));
            match replaced {
                None => self.after(now, expiry.expire_after_create(&entry.key, &entry.value, at)),
                Some(old) => {
                    let remaining = self.remaining(old);
                    let said = expiry.expire_after_update(&entry.key, &entry.value, at, remaining);
                    if said == remaining { old } else { self.after(now, said) }
                }
            }
        });
        let idle = self.after(now, self.to_idle.get());
        Life { deadline: end.min(own).min(idle), end, own, written: self.clock.time(now) }
    }

    /// Whether an entry's deadline says all that there is to know of its times, unless it is told something
    /// else: where all have the same time to live.
    pub(crate) fn are_plain(&self) -> bool {
        self.rules == Rules::Fixed
            && self.to_live.is_some()
            && !self.to_idle.is_some()
            && self.expiry.is_none()
            && self.freshness.is_none()
            && self.jitter.get() == 0.0
            && self.grace == 0
    }

    /// How much later than its writing an entry's deadline is, in units of the clock, where that is the same for
    /// all.
    pub(crate) fn span(&self) -> u64 {
        self.to_live.get().map_or(0, |to_live| self.clock.span(to_live))
    }

    /// What becomes of a deadline when its entry is read.
    #[inline]
    pub(crate) fn heed_read_at(&self, deadline: u64) -> Heed {
        if self.expiry.is_some() {
            return Heed::Ask;
        }
        let Some(to_idle) = self.to_idle.get() else { return Heed::Nothing };
        let idle = self.clock.deadline_from(self.clock.read(), to_idle);
        // Not each read writes: a deadline that is later by a granule will do for those that follow.
        if deadline >= idle {
            Heed::Nothing
        } else if self.rules == Rules::Changing || self.to_live.is_some() || deadline <= PAST {
            Heed::Ask
        } else {
            Heed::Move(idle.saturating_add(self.clock.idle_granule()))
        }
    }

    /// What a read makes of an entry's life; None if it leaves things as they are.
    #[cold]
    pub(crate) fn after_read(&self, entry: &Entry<K, V>, life: Life) -> Option<Life> {
        let now = self.clock.read();
        let own = self.expiry.as_ref().map_or(life.own, |expiry| {
            let remaining = self.remaining(life.own);
            let said = expiry.expire_after_read(
                &entry.key,
                &entry.value,
                self.clock.instant(self.clock.time(now)),
                remaining,
                self.clock.instant(life.written),
            );
            if said == remaining { life.own } else { self.after(now, said) }
        });
        let others = life.end.min(own);
        let deadline = others.min(self.after(now, self.to_idle.get()));
        let granule = self.clock.idle_granule();
        let late_enough = deadline..=deadline.saturating_add(granule);
        if own == life.own && late_enough.contains(&life.deadline) {
            return None;
        }
        let slack = if self.to_idle.is_some() { granule } else { 0 };
        let deadline = others.min(deadline.saturating_add(slack));
        Some(Life { deadline, own, ..life })
    }

    /// What somebody's wish makes of it, who wants the entry to live that long from now on.
    pub(crate) fn touched(&self, life: Life, duration: Duration) -> Life {
        let now = self.clock.read();
        let end = self.clock.deadline_from(now, duration);
        let idle = self.after(now, self.to_idle.get());
        Life { deadline: end.min(idle), end, own: NEVER, ..life }
    }

    /// What the rules make of the life of an entry that began under others: none gets longer. The time to
    /// live counts from its writing, if that is for the rules to say; the time to idle counts from now.
    #[cfg(feature = "manager")]
    pub(crate) fn shortened(&self, life: Life, by_rule: bool) -> Life {
        let now = self.clock.read();
        let since = self.clock.time(now).saturating_sub(life.written);
        let to_live = self.to_live.get().filter(|_| by_rule);
        let by_rule = match self.after(now, to_live) {
            NEVER => NEVER,
            from_now => from_now.saturating_sub(since),
        };
        let end = life.end.min(by_rule);
        let deadline = life.deadline.min(end).min(self.after(now, self.to_idle.get()));
        Life { deadline, end, ..life }
    }

    fn after(&self, now: Reading, duration: Option<Duration>) -> u64 {
        duration.map_or(NEVER, |duration| self.clock.deadline_from(now, duration))
    }

    /// How long ago an entry was written; None if nobody has noted that.
    pub(crate) fn age(&self, life: Life) -> Option<Duration> {
        let since = || self.clock.between(life.written, self.clock.now());
        (life.written != Life::ENDLESS.written).then(since)
    }

    /// None if it is never.
    pub(crate) fn remaining(&self, deadline: u64) -> Option<Duration> {
        match self.clock.until(deadline) {
            Until::Never => None,
            Until::Past => Some(Duration::ZERO),
            Until::In(duration) => Some(duration),
        }
    }

    fn with_jitter(&self, duration: Duration, chance: u64) -> Duration {
        let jitter = self.jitter.get();
        if jitter == 0.0 {
            return duration;
        }
        // Not for secrets: the finalizer of splitmix64 (Steele et al., OOPSLA'14) spreads it evenly.
        let mut bits = chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let part = ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        duration.mul_f64(1.0 - jitter * part)
    }
}

impl<K, V> fmt::Debug for Lifetimes<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifetimes")
            .field("to_live", &self.to_live)
            .field("to_idle", &self.to_idle)
            .field("jitter", &self.jitter)
            .field("expiry", &self.expiry.is_some())
            .finish_non_exhaustive()
    }
}
