//! What is done to many keys together.

use super::{Begin, Plant, Recorder};
use crate::history::{Event, What};

/// Keys that are concerned, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// All of them.
    All,
    /// Those that leave this rest.
    Rest {
        /// Of a division by this.
        by: u32,
        /// The rest.
        rest: u32,
    },
}

impl Keys {
    fn contain(self, number: u32) -> bool {
        match self {
            Keys::All => true,
            Keys::Rest { by, rest } => number % by == rest,
        }
    }
}

/// An event of several keys.
#[derive(Clone, Copy, Debug)]
pub struct Together {
    keys: Keys,
    event: Event,
}

impl Together {
    /// What it is for one key: the loads of all end.
    pub fn event_of(&self, number: u32) -> Event {
        match self.keys.contain(number) {
            true => self.event,
            false => Event { what: What::LoadsEnded, ..self.event },
        }
    }
}

impl Recorder<'_> {
    fn record_together(&mut self, keys: Keys, begin: Begin, what: What) {
        let event = Event::new(begin.time, self.clock.now(), what);
        self.together.push(Together { keys, event });
    }

    /// `invalidate_all`
    pub fn clear(&mut self) {
        let begin = self.begin();
        self.cache.invalidate_all();
        self.record_together(Keys::All, begin, What::Cleared);
    }

    /// `invalidate_tag`, of the tag of that key.
    pub fn invalidate_tag(&mut self, number: u32) {
        let tag = number % self.tags;
        let keys = Keys::Rest { by: self.tags, rest: tag };
        let is_planted = self.is_planted(Plant::TagKept);
        let begin = self.begin();
        if !is_planted {
            self.cache.invalidate_tag(&tag);
        }
        self.record_together(keys, begin, What::TagInvalidated);
    }

    /// `invalidate_entries_if`: those it takes out were there at some moment of it.
    pub fn cull(&mut self, keys: Keys) {
        let is_planted = self.is_planted(Plant::NotCulled);
        let mut asked = Vec::new();
        let begin = self.begin();
        let taken = self.cache.invalidate_entries_if(|key, value| {
            let (number, is_meant) = (key.number(), keys.contain(key.number()));
            if is_meant {
                asked.push((number, value.id(number)));
            }
            is_meant && !is_planted
        });
        self.record_together(keys, begin, What::Culled);
        if taken > asked.len() as u64 {
            crate::die("more entries were invalidated than asked about");
        }
        for (number, id) in asked {
            self.record(number, begin, What::Hit(id));
        }
    }

    /// `drain`, of so many entries, or to the end: each was there when it was taken.
    pub fn drain(&mut self, most: usize) {
        let start = self.begin();
        let mut drain = self.cache.drain();
        self.record_together(Keys::All, start, What::LoadsEnded);
        for _ in 0..most {
            let begin = self.begin();
            let Some((key, value)) = drain.next() else {
                return self.record_together(Keys::All, start, What::Culled);
            };
            let number = key.number();
            self.record(number, begin, What::Drained(value.id(number)));
        }
    }
}
