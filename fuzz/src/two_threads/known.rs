//! What each thread knows, and what therefore must not be.

use std::sync::atomic::Ordering;

use super::LOADED;
use super::worker::Worker;
use crate::Value;

/// What one thread knows of one key.
#[derive(Clone, Copy, Default)]
pub(super) struct Known {
    /// For each writer, the lowest number that a value of its may still have. Writes of one thread
    /// replace each other in order, thus whoever sees one has seen the end of those before it.
    pub(super) lowest: [u32; 2],
    /// For each writer, the highest number seen so far or, of our own writes, written.
    pub(super) highest: [u32; 2],
    /// The same as `lowest` for values that were loaded: of loads that had begun before we wrote.
    pub(super) lowest_loaded: [u32; 2],
}

impl Worker<'_> {
    /// Our write took effect: it ended whatever we had seen.
    pub(super) fn wrote(&mut self, key: u8, sequence: u32) {
        self.gone(key);
        self.ended_loads(key);
        self.stored.insert(sequence);
        let known = &mut self.known[usize::from(key)];
        known.lowest[self.me] = sequence;
        known.highest[self.me] = sequence;
    }

    /// The key was absent at some moment of the operation that has just ended, or overwritten.
    pub(super) fn gone(&mut self, key: u8) {
        let known = &mut self.known[usize::from(key)];
        for writer in 0..2 {
            known.lowest[writer] = known.highest[writer] + 1;
        }
    }

    /// An operation took this out of the cache, as one step.
    pub(super) fn took(&mut self, key: u8, value: &Value) {
        self.gone(key);
        self.taken.push((value.writer() & 1, value.sequence()));
    }

    /// We wrote: what was being loaded when we began must not be stored, nor given to us.
    pub(super) fn ended_loads(&mut self, key: u8) {
        let known = &mut self.known[usize::from(key)];
        for writer in 0..2 {
            let lowest = self.begun[writer] + 1;
            known.lowest_loaded[writer] = known.lowest_loaded[writer].max(lowest);
        }
    }

    pub(super) fn is_possible(&self, key: u8, value: &Value) {
        let (writer, sequence) = (usize::from(value.writer() & 1), value.sequence());
        assert_eq!(value.key(), key, "another key's value");
        let begun = self.common.begun[writer].load(Ordering::Relaxed);
        assert!(sequence <= begun, "never written: {value:?}");
        let lowest = self.known[usize::from(key)].lowest_loaded[writer];
        let is_loaded = value.writer() & LOADED != 0;
        assert!(!is_loaded || sequence >= lowest, "loaded before we wrote: {value:?}");
    }

    /// A lookup of `key`, which began at `now`, found this.
    pub(super) fn saw(&mut self, key: u8, found: Option<&Value>, now: u64) {
        let Some(value) = found else { return self.gone(key) };
        self.is_possible(key, value);
        let (writer, sequence) = (usize::from(value.writer() & 1), value.sequence());
        for tag in value.tags().numbers() {
            let outdated = self.outdated[usize::from(tag)][writer];
            assert!(sequence > outdated, "tag {tag} was invalidated since: {value:?}");
        }
        let touched = self.common.touched[usize::from(key)].load(Ordering::Relaxed);
        assert!(
            now < value.dies().max(touched),
            "found at {now}, touched till {touched}: {value:?}"
        );
        let me = self.me;
        let known = &mut self.known[usize::from(key)];
        assert!(sequence >= known.lowest[writer], "a value that was gone is back: {value:?}");
        // A value of ours that `add` did not store must not be found either.
        assert!(writer != me || sequence == known.highest[me], "never stored: {value:?}");
        known.lowest[writer] = sequence;
        known.highest[writer] = known.highest[writer].max(sequence);
        if writer != me {
            // Not ours: whatever we wrote before was replaced.
            known.lowest[me] = known.highest[me] + 1;
        }
    }
}
