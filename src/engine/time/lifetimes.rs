//! How long the entries of a cache live: the rules, and what they come to for one entry.

#[cfg(feature = "manager")]
use crate::engine::time::soft::Moments;
use crate::{
    engine::{
        load::refresh::RefreshRules,
        storage::nodes::Entry,
        time::{options::TimeOptions, timing::Extent},
    },
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
    /// How long expired entries are kept, in units of the clock, for callers that get no newer
    /// value.
    pub(crate) grace: u64,
    /// When a value is loaded again before its time is over, if at all.
    pub(crate) refresh_rules: Option<Box<RefreshRules<K, V>>>,
}

/// Whether entries have times by rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Entries have no times, unless a caller gives them some.
    None,
    /// The rules are the same for as long as the cache lives.
    Fixed,
    /// The rules may change, also to none.
    Changing,
}

/// A duration, or none. It may be changed at any time, and holds for what begins afterwards.
#[derive(Debug)]
pub(crate) struct Limit(SettingU64);

impl Limit {
    const NONE: u64 = u64::MAX;

    pub(crate) fn none() -> Self {
        Self(SettingU64::new(Self::NONE))
    }

    /// Sets the limit. A duration of more than 584 years is no limit.
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

/// A number from 0 to 1. It may be changed at any time.
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
pub(crate) enum OnRead {
    Nothing,
    /// It moves the deadline to this time, unless the entry has an end of its own.
    Move(u64),
    /// That depends on the details of the entry.
    Ask,
}

/// What the end of an entry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The rules of the cache. All of them hold.
    Rule,
    /// A caller, in place of every rule.
    Caller,
}

/// The first time that counts as no end. Earlier ends leave one bit, which says what they come from
/// (`timing.rs`).
pub(crate) const LATEST: u64 = i64::MAX as u64;

/// The deadlines of one entry, as times of the cache's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// The deadline that counts: the end alone if a caller gave it, otherwise the earliest of the
    /// end, of `own` and of the idle deadline.
    pub(crate) deadline: u64,
    /// The end that no read postpones: by the time to live, or by a caller.
    pub(crate) end: u64,
    /// What `end` comes from.
    pub(crate) by: By,
    /// What the user's [`Expiry`] said last.
    pub(crate) own: u64,
    /// When the entry was written; 0 if that is not known.
    pub(crate) written: u64,
}

impl Life {
    pub(crate) const ENDLESS: Life =
        Life { deadline: NEVER, end: NEVER, by: By::Rule, own: NEVER, written: 0 };

    /// Returns the life of an entry that lives until `end`, as a caller says.
    fn until(end: u64, written: u64) -> Self {
        let noted = if end < LATEST { end } else { NEVER };
        Life { deadline: end, end: noted, by: By::Caller, written, ..Self::ENDLESS }
    }

    /// Returns whether no lookup can find an entry that begins with this life now.
    #[inline(always)]
    pub(crate) fn ends_at_once(self) -> bool {
        self.deadline <= self.written
    }

    /// Returns whether the deadline is marked past, or claimed.
    pub(crate) fn is_over(self) -> bool {
        self.deadline == DEAD || self.deadline == PAST
    }

    /// Returns whether the ends are equal and come from the same.
    pub(crate) fn ends_as(self, other: Self) -> bool {
        (self.end, self.by) == (other.end, other.by)
    }

    /// Returns this life with the end as its deadline; `None` if it is the deadline already.
    pub(crate) fn at_its_end(self) -> Option<Self> {
        (self.deadline != self.end).then_some(Self { deadline: self.end, ..self })
    }
}

impl<K, V> Lifetimes<K, V> {
    /// Returns rules by which no entry expires, unless a caller gives it an end.
    pub(crate) fn endless(clock: Clock) -> Self {
        Self {
            clock,
            rules: Rules::None,
            to_live: Limit::none(),
            to_idle: Limit::none(),
            jitter: Share::none(),
            expiry: None,
            grace: 0,
            refresh_rules: None,
        }
    }

    /// Returns whether the rules contain no code of the user's.
    pub(crate) fn is_plain_data(&self) -> bool {
        self.expiry.is_none() && self.refresh_rules.is_none()
    }

    /// Returns whether reads change deadlines.
    #[inline(always)]
    pub(crate) fn follows_reads(&self) -> bool {
        self.to_idle.is_some() || self.expiry.is_some()
    }

    /// Returns the life of a new entry, or of one that takes the place of another, whose life is
    /// `replaced`.
    pub(crate) fn begin(
        &self,
        entry: &Entry<K, V>,
        hash: u64,
        options: &TimeOptions,
        replaced: Option<Life>,
    ) -> Life {
        let now = self.clock.read();
        let end = self.end(now, hash, options);
        if options.given_ttl().is_some() {
            return Life::until(end, self.clock.time(now));
        }
        let own = self.own(now, entry, replaced);
        let idle = self.after(now, self.to_idle.get());
        let deadline = end.min(own).min(idle);
        Life { deadline, end, by: By::Rule, own, written: self.clock.time(now) }
    }

    /// Returns the life of an entry that keeps the times of the one that it replaces. Writing it
    /// counts as a use of that one.
    pub(crate) fn kept(&self, entry: &Entry<K, V>, old: Life) -> Life {
        if old.by == By::Caller {
            // A touch that has noted the end may not have changed the deadline yet.
            return Life::until(old.end, old.written);
        }
        let now = self.clock.read();
        let own = self.own(now, entry, Some(old));
        let idle = self.after(now, self.to_idle.get());
        Life { deadline: old.end.min(own).min(idle), own, ..old }
    }

    /// Returns the deadline that the user's [`Expiry`] gives an entry that is written.
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

    /// Returns whether an entry's deadline says all of its times, unless a caller gives it an end:
    /// if all entries have the same time to live.
    pub(crate) fn are_plain(&self) -> bool {
        self.rules == Rules::Fixed
            && self.to_live.is_some()
            && !self.to_idle.is_some()
            && self.expiry.is_none()
            && self.refresh_rules.is_none()
            && self.jitter.get() == 0.0
            && self.grace == 0
    }

    /// Returns which details to note of entries whose deadlines do not say all.
    pub(crate) fn extent(&self) -> Extent {
        if self.expiry.is_some() || self.refresh_rules.is_some() || self.grace > 0 {
            Extent::All
        } else {
            Extent::Ends
        }
    }

    /// Returns by how much an entry's deadline is later than its writing, in units of the clock, if
    /// that is the same for all entries.
    pub(crate) fn span(&self) -> u64 {
        self.to_live.get().map_or(0, |to_live| self.clock.span(to_live))
    }

    /// Returns what a read does to its entry's deadline, a moment after the clock said `reading`.
    #[inline]
    pub(crate) fn on_read_at(&self, deadline: u64, reading: Option<Reading>) -> OnRead {
        if self.expiry.is_some() {
            return OnRead::Ask;
        }
        let Some(to_idle) = self.to_idle.nanos() else { return OnRead::Nothing };
        let now = reading.unwrap_or_else(|| self.clock.read());
        let idle = self.clock.deadline_in(now, to_idle);
        // A read that writes sets the deadline a granule later, which is enough for the reads that
        // follow, so that not every read writes.
        if deadline >= idle {
            OnRead::Nothing
        } else if self.rules == Rules::Changing || self.to_live.is_some() || deadline <= PAST {
            OnRead::Ask
        } else {
            OnRead::Move(idle.saturating_add(self.clock.idle_granule()))
        }
    }

    /// Returns the life of an entry after a read; `None` if that changes nothing.
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

    /// Returns the life of an entry after a touch, which gives it the time of `options` from now on.
    pub(crate) fn touched(&self, hash: u64, life: Life, options: &TimeOptions) -> Life {
        let now = self.clock.read();
        let end = self.end(now, hash, options);
        if options.given_ttl().is_some() {
            return Life::until(end, life.written);
        }
        let own = if life.by == By::Caller { NEVER } else { life.own };
        let deadline = end.min(own).min(self.after(now, self.to_idle.get()));
        Life { deadline, end, by: By::Rule, own, ..life }
    }

    /// Returns the life that the present rules leave an entry that began under other rules. No life
    /// gets longer. The time to live counts from the writing, the time to idle from now. An end
    /// that a caller gave stays. `None` if there is nothing to change.
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

    /// Returns how long ago an entry was written; `None` if that was not noted.
    pub(crate) fn age(&self, life: Life) -> Option<Duration> {
        let since = || self.clock.between(life.written, self.clock.now());
        (life.written != Life::ENDLESS.written).then(since)
    }

    /// Returns the time that is left until a deadline; `None` if it never comes.
    pub(crate) fn remaining(&self, deadline: u64) -> Option<Duration> {
        match self.clock.until(deadline) {
            Until::Never => None,
            Until::Past => Some(Duration::ZERO),
            Until::In(duration) => Some(duration),
        }
    }

    /// Returns the end of an entry that gets the time of `options` now.
    #[inline(always)]
    fn end(&self, now: Reading, hash: u64, options: &TimeOptions) -> u64 {
        let longest = options.given_ttl().or_else(|| self.to_live.get());
        self.after(now, longest.map(|longest| self.jittered(longest, now, hash, options)))
    }

    /// Returns a time to live that may be as long as `longest`.
    #[inline(always)]
    fn jittered(
        &self,
        longest: Duration,
        now: Reading,
        hash: u64,
        options: &TimeOptions,
    ) -> Duration {
        let share = options.jitter.unwrap_or_else(|| self.jitter.get());
        chance::jittered(longest, share, chance::mix(hash ^ now.nanos()))
    }

    /// Returns options without grace that come to the same: the entry is stale at the end of its
    /// time to live, and lives for that and the grace. Grace needs an end, so that an entry that
    /// would live until it has not been used for some time lives as long from its writing.
    #[cfg(feature = "macros")]
    pub(crate) fn resolve(&self, hash: u64, options: TimeOptions) -> TimeOptions {
        let longest = options.given_ttl().or_else(|| self.to_live.get().or(self.to_idle.get()));
        let (Some(grace), Some(longest)) = (options.grace, longest) else { return options };
        let ttl = self.jittered(longest, self.clock.read(), hash, &options);
        TimeOptions { soft_ttl: Some(ttl), grace: None, ..options }
            .with_ttl(ttl.saturating_add(grace))
    }

    /// Returns when an entry that is written now is due and stale.
    #[cfg(feature = "manager")]
    pub(crate) fn moments(&self, options: &TimeOptions) -> Moments {
        let after = |duration: Option<Duration>| {
            duration.map_or(NEVER, |duration| self.clock.deadline_after(duration))
        };
        Moments::new(after(options.soft_ttl), after(options.refresh_after))
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
