//! How old a response is, until when it is fresh, and what may be done with it when it is not
//! (RFC 9111 4.2, RFC 5861).

use std::time::Duration;

use super::{
    directives::{MaxStale, RequestDirectives},
    syntax::seconds::MOST_SECONDS,
};

/// How long a response that may still be useful is kept after its end, in seconds: as long as it
/// lived, within these bounds.
const LEAST_KEPT: u64 = 60;
const MOST_KEPT: u64 = 86_400;

/// How old a response was when it came, and until when it is what. In seconds.
///
/// Made once, when a response is stored. A hit asks it with the time that has passed since then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// The age when the response was received: `corrected_initial_age` of RFC 9111 4.2.3.
    pub(crate) initial_age: u64,
    /// The age at which the response becomes stale.
    pub(crate) lifetime: u64,
    /// For how long after its end the response may be used while it is revalidated: 0 if it must be
    /// revalidated before.
    pub(crate) while_revalidate: u64,
    /// For how long after its end the response may be used if the origin fails: 0 if it must be
    /// revalidated before.
    pub(crate) if_error: u64,
    /// The response may never be used after its end.
    pub(crate) must_revalidate: bool,
    /// The response may only be used after validation.
    pub(crate) always_revalidate: bool,
    /// The content does not change before its end (RFC 8246).
    pub(crate) immutable: bool,
    /// The lifetime is the origin's or a rule's, and no guess.
    pub(crate) explicit: bool,
    /// The origin can be asked whether the response is still valid.
    pub(crate) has_validator: bool,
}

/// What may be done with a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Answer with it.
    Fresh,
    /// Answer with it although it is stale: the client accepts that (`max-stale`).
    Stale,
    /// Answer with it although it is stale, and revalidate it in the background.
    StaleWhileRevalidate,
    /// Ask the origin first: it is stale, or origin or client want it so.
    Revalidate,
}

impl Freshness {
    /// Returns the age, `resident` seconds after the response was received.
    pub(crate) fn age(&self, resident: u64) -> u64 {
        self.initial_age.saturating_add(resident).min(MOST_SECONDS)
    }

    /// Returns for how many more seconds the response is fresh, negative if it is stale.
    pub(crate) fn ttl(&self, resident: u64) -> i64 {
        // Neither is above 2^31.
        self.lifetime.min(MOST_SECONDS) as i64 - self.age(resident) as i64
    }

    /// Returns whether the response is fresh, whatever the request says.
    pub(crate) fn is_fresh(&self, resident: u64) -> bool {
        self.lifetime > self.age(resident)
    }

    /// Decides what may be done with the response for a request. What the client asks for counts
    /// only with `obey`.
    pub(crate) fn judge_use(&self, resident: u64, request: &RequestDirectives, obey: bool) -> Use {
        if self.always_revalidate {
            return Use::Revalidate;
        }
        let age = self.age(resident);
        let fresh = self.lifetime > age;
        if !obey {
            return if fresh { Use::Fresh } else { self.stale_use(age) };
        }
        let too_old = request.max_age.is_some_and(|most| age > most) && !(fresh && self.immutable);
        let ends_too_soon =
            request.min_fresh.is_some_and(|least| self.lifetime.saturating_sub(age) < least);
        if request.no_cache || too_old || ends_too_soon {
            return Use::Revalidate;
        }
        if fresh {
            return Use::Fresh;
        }
        if self.must_revalidate {
            return Use::Revalidate;
        }
        let stale_for = age - self.lifetime;
        match request.max_stale {
            Some(MaxStale::Any) => Use::Stale,
            Some(MaxStale::Within(most)) if stale_for <= most => Use::Stale,
            // RFC 9111 5.2.1.1: with max-age alone, the client does not want a stale response.
            None if request.max_age.is_some() => Use::Revalidate,
            _ => self.stale_use(age),
        }
    }

    fn stale_use(&self, age: u64) -> Use {
        let in_grace = age < self.lifetime.saturating_add(self.while_revalidate);
        if in_grace { Use::StaleWhileRevalidate } else { Use::Revalidate }
    }

    /// Returns whether the response may be the answer when the origin fails (RFC 5861 4).
    pub(crate) fn may_stand_in_for_error(
        &self,
        resident: u64,
        request: &RequestDirectives,
    ) -> bool {
        let grace = self.if_error.max(request.stale_if_error.unwrap_or(0));
        let age = self.age(resident);
        !self.always_revalidate
            && (self.lifetime > age
                || !self.must_revalidate && age < self.lifetime.saturating_add(grace))
    }

    /// Returns for how long the response is worth keeping, from when it was received.
    ///
    /// That is until its end, and then as long as it may be used stale, or validated.
    pub(crate) fn keep(&self) -> Duration {
        let useful_after_end = self.has_validator || !self.must_revalidate;
        let kept = if useful_after_end { self.lifetime.clamp(LEAST_KEPT, MOST_KEPT) } else { 0 };
        let grace = self.while_revalidate.max(self.if_error);
        let left = self.lifetime.saturating_sub(self.initial_age);
        Duration::from_secs(left.saturating_add(kept.max(grace)))
    }

    /// Returns whether there is any use in storing the response.
    pub(crate) fn is_of_use(&self) -> bool {
        let grace = self.while_revalidate.max(self.if_error);
        let usable = self.initial_age < self.lifetime.saturating_add(grace);
        self.has_validator || usable && !self.always_revalidate
    }
}
