//! How long the entries of a cache live: the rules, and what they come to for one entry.

use crate::{
    engine::{load::refresh::Freshness, storage::nodes::Entry, time::timing::Extent},
    process::clock::{Clock, DEAD, NEVER, PAST, Reading, Until},
    sync::{Ordering::Relaxed, SettingU64},
    types::{chance, expiry::Expiry},
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
        self.nanos().map(Duration::from_nanos)
    }

    #[inline(always)]
    fn nanos(&self) -> Option<u64> {
        Some(self.0.load(Relaxed)).filter(|&nanos| nanos != Self::NONE)
    }

    #[inline(always)]
    pub(crate) fn is_some(&self) -> bool {
        self.nanos().is_some()
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

/// How long an entry is to live.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    /// As the rules of the cache say.
    ByRule,
    /// As its caller says, whatever the rules.
    For(Duration),
    /// As long as the entry that it replaces.
    Kept,
}

/// What the end of an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The rules of the cache, all of which hold.
    Rule,
    /// A caller, in place of every rule.
    Caller,
}

/// The first end that is taken for none: those before leave a bit to note what they come from
/// (`timing.rs`).
pub(crate) const LATEST: u64 = i64::MAX as u64;

/// The deadlines of one entry, times of the cache's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// What counts: the end alone if a caller gave it, otherwise the earliest of the end, of `own`
    /// and of the idle deadline.
    pub(crate) deadline: u64,
    /// Which no read postpones: of the time to live, or of a caller.
    pub(crate) end: u64,
    pub(crate) by: By,
    /// What the user's [`Expiry`] said last.
    pub(crate) own: u64,
    /// When it was written; 0 if that is not known.
    pub(crate) written: u64,
}

impl Life {
    pub(crate) const ENDLESS: Life =
        Life { deadline: NEVER, end: NEVER, by: By::Rule, own: NEVER, written: 0 };

    /// That of an entry which lives until `end`, as a caller says.
    fn until(end: u64, written: u64) -> Self {
        let noted = if end < LATEST { end } else { NEVER };
        Life { deadline: end, end: noted, by: By::Caller, written, ..Self::ENDLESS }
    }

    /// Whether nobody can find an entry that begins with it now.
    #[inline(always)]
    pub(crate) fn ends_at_once(self) -> bool {
        self.deadline <= self.written
    }

    /// Whether it has been settled that it is.
    pub(crate) fn is_over(self) -> bool {
        self.deadline == DEAD || self.deadline == PAST
    }

    /// Whether the end is the same, and comes from the same.
    pub(crate) fn ends_as(self, other: Self) -> bool {
        (self.end, self.by) == (other.end, other.by)
    }

    /// That which ends with the end that a caller gave; None if it does.
    pub(crate) fn at_its_end(self) -> Option<Self> {
        (self.deadline != self.end).then_some(Self { deadline: self.end, ..self })
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

    /// Whether there is nothing of the user's in it.
    pub(crate) fn is_plain_data(&self) -> bool {
        self.expiry.is_none() && self.freshness.is_none()
    }

    /// Whether reads change deadlines.
    #[inline(always)]
    pub(crate) fn heed_reads(&self) -> bool {
        self.to_idle.is_some() || self.expiry.is_some()
    }

    /// For a new entry; or one that takes the place of another, which had `replaced`.
    pub(crate) fn begin(
        &self,
        entry: &Entry<K, V>,
        hash: u64,
        span: Span,
        replaced: Option<Life>,
    ) -> Life {
        let now = self.clock.read();
        if let Span::For(duration) = span {
            return Life::until(self.clock.deadline_from(now, duration), self.clock.time(now));
        }
        let end = self.to_live.get().map_or(NEVER, |to_live| {
            self.clock.deadline_from(now, self.with_jitter(to_live, hash ^ now.nanos()))
        });
        let own = self.own(now, entry, replaced);
        let idle = self.after(now, self.to_idle.get());
        let deadline = end.min(own).min(idle);
        Life { deadline, end, by: By::Rule, own, written: self.clock.time(now) }
    }

    /// For an entry that keeps the times of the one that it replaces, which its writing is a use
    /// of.
    pub(crate) fn kept(&self, entry: &Entry<K, V>, old: Life) -> Life {
        if old.by == By::Caller {
            // The deadline may not have been changed yet by the touch that has noted the end.
            return Life::until(old.end, old.written);
        }
        let now = self.clock.read();
        let own = self.own(now, entry, Some(old));
        let idle = self.after(now, self.to_idle.get());
        Life { deadline: old.end.min(own).min(idle), own, ..old }
    }

    /// What the user's [`Expiry`] says of an entry that is written.
    fn own(&self, now: Reading, entry: &Entry<K, V>, replaced: Option<Life>) -> u64 {
        let Some(expiry) = &self.expiry else { return NEVER };
        let at = self.clock.instant(self.clock.time(now));
        let Some(old) = replaced else {
            return self.after(now, expiry.expire_after_create(&entry.key, &entry.value, at));
        };
        let old = if old.by == By::Caller { old.end } else { old.own };
        let remaining = self.remaining(old);
        let said = expiry.expire_after_update(&entry.key, &entry.value, at, remaining);
        if said == remaining { old } else { self.after(now, said) }
    }

    /// Whether an entry's deadline says all that there is to know of its times, unless it is told
    /// something else: where all have the same time to live.
    pub(crate) fn are_plain(&self) -> bool {
        self.rules == Rules::Fixed
            && self.to_live.is_some()
            && !self.to_idle.is_some()
            && self.expiry.is_none()
            && self.freshness.is_none()
            && self.jitter.get() == 0.0
            && self.grace == 0
    }

    /// What is to be noted of entries whose deadlines do not say all.
    pub(crate) fn extent(&self) -> Extent {
        if self.expiry.is_some() || self.freshness.is_some() || self.grace > 0 {
            Extent::All
        } else {
            Extent::Ends
        }
    }

    /// How much later than its writing an entry's deadline is, in units of the clock, where that is
    /// the same for all.
    pub(crate) fn span(&self) -> u64 {
        self.to_live.get().map_or(0, |to_live| self.clock.span(to_live))
    }

    /// What becomes of a deadline when its entry is read, a moment after the clock said `reading`.
    #[inline]
    pub(crate) fn heed_read_at(&self, deadline: u64, reading: Option<Reading>) -> Heed {
        if self.expiry.is_some() {
            return Heed::Ask;
        }
        let Some(to_idle) = self.to_idle.nanos() else { return Heed::Nothing };
        let now = reading.unwrap_or_else(|| self.clock.read());
        let idle = self.clock.deadline_in(now, to_idle);
        // Not each read writes: a deadline that is later by a granule will do for those that
        // follow.
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
        if life.by == By::Caller {
            return life.at_its_end();
        }
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

    /// What a touch makes of it, which gives the entry `span` from now on.
    pub(crate) fn touched(&self, life: Life, span: Span) -> Life {
        let now = self.clock.read();
        match span {
            Span::For(duration) => {
                Life::until(self.clock.deadline_from(now, duration), life.written)
            }
            Span::ByRule | Span::Kept => {
                let end = self.after(now, self.to_live.get());
                let own = if life.by == By::Caller { NEVER } else { life.own };
                let deadline = end.min(own).min(self.after(now, self.to_idle.get()));
                Life { deadline, end, by: By::Rule, own, ..life }
            }
        }
    }

    /// What the rules make of the life of an entry that began under others, unless a caller gave
    /// it: none gets longer. The time to live counts from its writing; the time to idle counts from
    /// now. None if it stays.
    #[cfg(feature = "manager")]
    pub(crate) fn shortened(&self, life: Life) -> Option<Life> {
        if life.by == By::Caller {
            return life.at_its_end();
        }
        let now = self.clock.read();
        let since = self.clock.time(now).saturating_sub(life.written);
        let by_rule = match self.after(now, self.to_live.get()) {
            NEVER => NEVER,
            from_now => from_now.saturating_sub(since),
        };
        let end = life.end.min(by_rule);
        let deadline = life.deadline.min(end).min(self.after(now, self.to_idle.get()));
        Some(Life { deadline, end, ..life })
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

    /// Shortens `duration` by the cache's jitter; `state` decides by how much.
    fn with_jitter(&self, duration: Duration, state: u64) -> Duration {
        chance::jittered(duration, self.jitter.get(), chance::mix(state))
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
