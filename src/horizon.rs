//! The horizon: a word that says, without a look at a clock, that a deadline is not past.
//!
//! Reading even the kernel's coarse clock costs several times what the rest of checking a deadline does,
//! and most deadlines are minutes away. So while somebody makes use of it, the maintenance thread
//! writes "ten seconds from now" here, once a second, and a deadline beyond that is not past: one
//! relaxed load and a compare. Nearer deadlines take the clock.
//!
//! # States
//!
//! ```text
//! nobody   there is no thread                                     clock
//! asleep   the thread does not write, since nobody looked         clock
//! asked    a reader wants it to                                   clock
//! paused   the thread runs somebody's code                        clock
//! unused   a horizon that nobody has made use of since written    clock, then as `used`
//! used     a horizon                                              deadline > word: not past
//! ```
//!
//! All but the last have the top bit set and are thus beyond every deadline, which makes the
//! compare fail: readers tell states apart only then.
//!
//! ```text
//! nobody -> asleep         the thread starts
//! asleep -> asked          a reader with a deadline beyond the horizon; it wakes the thread
//! asked  -> asleep         that reader, if it could not wake the thread without waiting
//! asked  -> unused         the thread
//! unused -> used           the first reader that profits: one write per period, not per read
//! used, unused -> unused   the thread, at the end of a period that somebody used it in
//! unused, paused -> asleep the thread, at the end of one that nobody did
//! used, unused -> paused   the thread, before it runs code whose duration it does not know
//! paused -> used, unused   the thread, afterwards
//! any    -> nobody         the thread ends
//! ```
//!
//! There is one thread at a time (`maintenance.rs` hands over under its lock). Readers change the word
//! by compare-and-swap only, and only as said. Horizons grow, so no old value comes back but the names
//! of states, and to those the transitions apply whenever they are there. Nothing is read through the
//! word, so all accesses are Relaxed.
//!
//! # How old it may be
//!
//! A horizon is right for ten seconds after it was written, and written anew after one. The thread runs
//! nothing of unknown duration in between. So it is wrong only if the thread gets no processor
//! for nine seconds while readers do; or if the whole process is stopped for that long by a signal or
//! a debugger, until the thread runs again. An entry that expired in such a gap may then still be
//! returned. A machine that sleeps stops the clock, too, and does no harm.

use crate::sync::{Ordering::Relaxed, StaticU64};

/// How far the horizon is from the time at which it is written, in milliseconds.
pub(crate) const SLACK: u64 = 10_000;
/// How often it is written, in milliseconds.
const PERIOD: u64 = 1_000;

/// Set in a horizon that nobody has made use of, and in the names of the other states.
const UNUSED: u64 = 1 << 63;
const NOBODY: u64 = u64::MAX - 1;
const ASLEEP: u64 = u64::MAX - 2;
const ASKED: u64 = u64::MAX - 3;
const PAUSED: u64 = u64::MAX - 4;

/// The word; see the head of this file. Alone on its line (and the one that is fetched with it), since
/// every reader has a copy of it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Horizon(StaticU64);

/// What a reader that would profit from the horizon has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Nothing: the thread knows, or there is none.
    Noted,
    /// Wake the thread, or say [`Horizon::not_woken`].
    Wake,
}

impl Horizon {
    pub(crate) const fn new() -> Self {
        Self(StaticU64::new(NOBODY))
    }

    /// Whether the deadline lies beyond the horizon, that is, is surely not past.
    #[inline(always)]
    pub(crate) fn is_before(&self, deadline: u64) -> bool {
        deadline > self.0.load(Relaxed)
    }

    /// Says that a deadline was looked at that would lie beyond the horizon.
    pub(crate) fn note_use(&self) -> Use {
        let word = self.0.load(Relaxed);
        let swap = |to| self.0.compare_exchange(word, to, Relaxed, Relaxed).is_ok();
        match word {
            ASLEEP if swap(ASKED) => return Use::Wake,
            NOBODY | ASLEEP | ASKED | PAUSED => {}
            // Who loses has been forestalled by another reader, or by the thread.
            unused if unused & UNUSED != 0 => _ = swap(unused & !UNUSED),
            _used => {}
        }
        Use::Noted
    }

    /// The thread was not woken: the next reader may try.
    pub(crate) fn not_woken(&self) {
        // If that fails, the thread is awake, or gone.
        let _ = self.0.compare_exchange(ASKED, ASLEEP, Relaxed, Relaxed);
    }
}

/// The thread's side.
#[derive(Debug)]
pub(crate) struct Ticker<'a> {
    word: &'a StaticU64,
    /// When it is to be written again; None while it is asleep.
    period_end: Option<u64>,
    /// Whether somebody has made use of it in this period, as far as seen before a pause.
    used: bool,
}

impl<'a> Ticker<'a> {
    /// For the one thread that writes it now.
    pub(crate) fn start(horizon: &'a Horizon) -> Self {
        horizon.0.store(ASLEEP, Relaxed);
        Self { word: &horizon.0, period_end: None, used: false }
    }

    /// Brings the word up to date, and ends a pause. Returns when to call again, if at all.
    pub(crate) fn tick(&mut self, now: u64) -> Option<u64> {
        let word = self.word.load(Relaxed);
        self.used |= word & UNUSED == 0;
        match self.period_end {
            None if word == ASKED => self.begin_period(now),
            None => {}
            Some(end) if now < end && word == PAUSED => self.write(now),
            Some(end) if now < end => {}
            Some(_) if self.used => self.begin_period(now),
            Some(_) => match self.word.compare_exchange(word, ASLEEP, Relaxed, Relaxed) {
                Ok(_) => self.period_end = None,
                // Somebody has just made use of it.
                Err(_) => self.begin_period(now),
            },
        }
        self.period_end
    }

    fn begin_period(&mut self, now: u64) {
        self.period_end = Some(now + PERIOD);
        self.used = false;
        self.write(now);
    }

    fn write(&self, now: u64) {
        let unused = if self.used { 0 } else { UNUSED };
        self.word.store((now + SLACK) | unused, Relaxed);
    }

    /// For as long as the thread cannot say when it will write again.
    pub(crate) fn pause(&mut self) {
        if self.period_end.is_some() {
            self.used |= self.word.swap(PAUSED, Relaxed) & UNUSED == 0;
        }
    }
}

impl Drop for Ticker<'_> {
    fn drop(&mut self) {
        self.word.store(NOBODY, Relaxed);
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    /// Far beyond every horizon of these tests.
    const FAR: u64 = 1_000_000;

    fn awake(horizon: &Horizon, now: u64) -> Ticker<'_> {
        let mut ticker = Ticker::start(horizon);
        assert_eq!(ticker.tick(now), None);
        assert_eq!(horizon.note_use(), Use::Wake);
        assert_eq!(ticker.tick(now), Some(now + PERIOD));
        ticker
    }

    #[test]
    fn without_a_thread_it_says_nothing() {
        let horizon = Horizon::new();
        assert_eq!(horizon.note_use(), Use::Noted);
        assert!(!horizon.is_before(FAR));
        drop(awake(&horizon, 7));
        assert_eq!(horizon.note_use(), Use::Noted);
        assert!(!horizon.is_before(FAR));
    }

    #[test]
    fn one_reader_wakes_the_thread() {
        let horizon = Horizon::new();
        let mut ticker = Ticker::start(&horizon);
        assert_eq!(horizon.note_use(), Use::Wake);
        assert_eq!(horizon.note_use(), Use::Noted);
        horizon.not_woken();
        assert_eq!(horizon.note_use(), Use::Wake);
        assert!(!horizon.is_before(FAR));
        ticker.tick(7);
        horizon.not_woken();
        assert_eq!(horizon.note_use(), Use::Noted);
        assert!(horizon.is_before(FAR), "a late word of failure changed a horizon");
    }

    #[test]
    fn deadlines_beyond_ten_seconds_are_not_past() {
        let horizon = Horizon::new();
        let mut ticker = awake(&horizon, 7);
        assert!(!horizon.is_before(FAR), "nobody has noted use");
        horizon.note_use();
        assert!(horizon.is_before(7 + SLACK + 1));
        assert!(!horizon.is_before(7 + SLACK));
        assert_eq!(ticker.tick(7 + PERIOD), Some(7 + 2 * PERIOD));
        horizon.note_use();
        assert!(horizon.is_before(7 + PERIOD + SLACK + 1));
        assert!(!horizon.is_before(7 + PERIOD + SLACK));
    }

    #[test]
    fn it_falls_asleep_after_a_period_without_use() {
        let horizon = Horizon::new();
        let mut ticker = awake(&horizon, 7);
        for period in 1..5 {
            horizon.note_use();
            assert_eq!(ticker.tick(7 + period * PERIOD), Some(7 + (period + 1) * PERIOD));
        }
        assert_eq!(ticker.tick(7 + 5 * PERIOD), None);
        assert_eq!(horizon.note_use(), Use::Wake);
    }

    #[test]
    fn it_says_nothing_during_a_pause_and_remembers_its_use() {
        let horizon = Horizon::new();
        let mut ticker = awake(&horizon, 7);
        horizon.note_use();
        ticker.pause();
        assert!(!horizon.is_before(FAR));
        assert_eq!(horizon.note_use(), Use::Noted);
        assert_eq!(ticker.tick(500), Some(7 + PERIOD), "the period goes on");
        assert!(horizon.is_before(500 + SLACK + 1), "used before the pause");
        assert!(!horizon.is_before(500 + SLACK));
        ticker.pause();
        assert_eq!(ticker.tick(7 + PERIOD), Some(7 + 2 * PERIOD), "used in the period");
        ticker.pause();
        assert_eq!(ticker.tick(7 + 2 * PERIOD), None, "not used in the period");
        ticker.pause();
        assert_eq!(horizon.note_use(), Use::Wake, "a pause while asleep changes nothing");
    }
}
