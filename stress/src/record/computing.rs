//! Operations that read a key and write it in one step.

use super::{Begin, Number, Plant, Recorder};
use crate::{
    census::Value,
    history::{InTime, ValueId, What},
};
use larder::{
    CasError,
    ops::compute::{CompResult, Op},
};
use std::thread;

/// What a computation does with what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Puts another value, whatever there is.
    Put,
    /// Puts another value if there is one.
    Change,
    /// Removes it.
    Remove,
    /// Leaves it as it is.
    Look,
}

impl Recorder<'_> {
    /// `and_compute_with`, whose closure lets others go first so many times.
    pub fn compute(&mut self, number: u32, does: Does, turns: u32) {
        if does == Does::Put && self.is_planted(Plant::LostUpdate) {
            return self.lose_update(number);
        }
        let (key, (value, id)) = (self.census.key(number), self.new_value(number));
        let mut found = None;
        let begin = self.begin();
        let result = self.cache.entry(key).and_compute_with(|entry| {
            found = entry.map(|entry| entry.value().id(number));
            (0..turns).for_each(|_| thread::yield_now());
            match does {
                Does::Put => Op::Put(value.clone()),
                Does::Change if found.is_some() => Op::Put(value.clone()),
                Does::Remove => Op::Remove,
                Does::Change | Does::Look => Op::Nop,
            }
        });
        let same = |value: &Value, id| match value.id(number) == id {
            true => id,
            false => crate::die("a computation came upon a value that its closure did not see"),
        };
        let what = match (&result, found) {
            (CompResult::Inserted(entry), None) => What::Added(same(entry.value(), id)),
            (CompResult::ReplacedWith(entry), Some(old)) => {
                self.replaced(begin, old, same(entry.value(), id))
            }
            (CompResult::Removed(entry), Some(old)) => What::Removed(same(entry.value(), old)),
            (CompResult::Unchanged(entry), Some(old)) => What::Hit(same(entry.value(), old)),
            (CompResult::StillNone(_), None) if does == Does::Look => What::Miss,
            (CompResult::StillNone(_), None) => What::StillNone,
            _ => crate::die("a computation says another thing than its closure saw"),
        };
        self.record_write(number, begin, what);
    }

    /// `replace`
    pub fn replace(&mut self, number: u32) {
        let (value, new) = self.new_value(number);
        let begin = self.begin();
        let old = self.cache.replace(&Number(number), value).map(|value| value.id(number));
        let what = old.map_or(What::StillNone, |old| self.replaced(begin, old, new));
        self.record_write(number, begin, what);
    }

    /// `get_versioned` and, after so many turns of others, `compare_and_swap`: the lookup is one
    /// event and the swap another.
    pub fn swap(&mut self, number: u32, turns: u32) {
        let begin = self.begin();
        let found = self.cache.get_versioned(&Number(number));
        let old = found.as_ref().map(|(value, _)| value.id(number));
        self.record(number, begin, old.map_or(What::Miss, What::Hit));
        let Some((old, (_, version))) = old.zip(found) else { return };
        (0..turns).for_each(|_| thread::yield_now());
        let (value, new) = self.new_value(number);
        let begin = self.begin();
        let what = match self.cache.compare_and_swap(&Number(number), version, value) {
            Ok(_) => self.replaced(begin, old, new),
            Err(CasError::Changed) => What::OtherThan(old),
            Err(CasError::Absent) => What::StillNone,
            Err(error) => crate::die(&error.to_string()),
        };
        self.record_write(number, begin, what);
    }

    /// A replacement that is over.
    fn replaced(&self, begin: Begin, old: ValueId, new: ValueId) -> What {
        let stood = self.hours.at_most() == begin.now;
        let in_time = if stood { InTime::Certainly } else { InTime::Perhaps };
        What::Replaced { old, new, in_time }
    }

    /// A computation that is none: what others write meanwhile is lost.
    fn lose_update(&mut self, number: u32) {
        let (key, (value, new)) = (self.census.key(number), self.new_value(number));
        let begin = self.begin();
        let old: Option<ValueId> = self.cache.peek(&Number(number)).map(|value| value.id(number));
        thread::yield_now();
        self.cache.insert(key, value);
        let what = old.map_or(What::Inserted(new), |old| self.replaced(begin, old, new));
        self.record_write(number, begin, what);
    }
}
