//! Loads: of each, when it was begun, what it found then, and what it brought.

use super::{Begin, Recorder};
use crate::history::{Event, NEVER, What};
use std::thread;

/// What a load by hand is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByHand {
    /// To have a value.
    IfAbsent,
    /// To have another one.
    InAnyCase,
    /// For nothing: its guard is dropped.
    InVain,
}

impl Recorder<'_> {
    /// `get_with`, whose loader lets others go first so many times.
    pub fn load(&mut self, number: u32, turns: u32) {
        let (key, (value, id)) = (self.census.key(number), self.new_value(number));
        let mut loader = None;
        let begin = self.begin();
        let answer = self.cache.get_with(key, || {
            let began = self.clock.now();
            (0..turns).for_each(|_| thread::yield_now());
            loader = Some((began, self.begin()));
            value
        });
        let answered = answer.id(number);
        let Some((since, loaded)) = loader else {
            return self.record(number, begin, What::Answered(answered));
        };
        if answered != id {
            crate::die("a caller that loaded got another value");
        }
        self.record_write(number, loaded, What::Loaded { id, since });
        let Begin { now, time: begin } = begin;
        self.events
            .push((number, Event { begin, end: since, what: What::Miss, now, until: NEVER }));
    }

    /// `get_or_guard`, whose guard lets others go first so many times and then inserts a value, or
    /// is dropped.
    pub fn load_by_hand(&mut self, number: u32, by: ByHand, turns: u32) {
        let begin = self.begin();
        let key = self.census.key(number);
        let found = match by {
            ByHand::IfAbsent | ByHand::InVain => self.cache.get_or_guard(key),
            ByHand::InAnyCase => self.cache.get_or_guard_if(key, |_| false),
        };
        let guard = match found {
            Ok(value) => {
                let answered = value.id(number);
                drop(value);
                return self.record(number, begin, What::Answered(answered));
            }
            Err(guard) => guard,
        };
        let since = self.clock.now();
        let old = guard.old_value().map_or(What::Miss, |old| What::Hit(old.id(number)));
        let Begin { now, time: begin } = begin;
        self.events.push((number, Event { begin, end: since, what: old, now, until: NEVER }));
        (0..turns).for_each(|_| thread::yield_now());
        if by == ByHand::InVain {
            return;
        }
        let (value, id) = self.new_value(number);
        let begin = self.begin();
        guard.insert(value);
        self.record_write(number, begin, What::Loaded { id, since });
    }
}
