//! Rule 8: no value is found whose end had come.

use super::{
    Event, Millis, Time, ValueId, Violation, What,
    check::{before, running_max},
    key_history::Life,
};
use std::collections::HashMap;

pub(super) fn nothing_past_its_end(
    lives: &HashMap<ValueId, Life>,
    events: &[Event],
) -> Result<(), Violation> {
    let touches = Touches::new(events);
    for event in events {
        let Some(life) = event.what.seen().map(|id| &lives[&id]) else { continue };
        if life.is_seen_by(event) && touches.latest_end(life, event) <= event.now {
            return Err(Violation::Expired(*event));
        }
    }
    Ok(())
}

/// The touches of a key that found something.
struct Touches {
    /// By begin.
    all: Vec<Event>,
    /// The latest end of those up to here.
    latest: Vec<Time>,
    /// Of those that ended by then, the latest begin.
    begins: Vec<(Time, Time)>,
}

impl Touches {
    fn new(events: &[Event]) -> Self {
        let mut all: Vec<Event> =
            events.iter().copied().filter(|event| event.what == What::Touched).collect();
        all.sort_unstable_by_key(|touch| touch.begin);
        let mut latest: Vec<Time> = all.iter().map(|touch| touch.end).collect();
        for i in 1..latest.len() {
            latest[i] = latest[i].max(latest[i - 1]);
        }
        let begins = running_max(all.iter().map(|touch| (touch.end, touch.begin)));
        Self { all, latest, begins }
    }

    /// The latest end that the value of `hit` may have had.
    fn latest_end(&self, life: &Life, hit: &Event) -> Millis {
        // What ended before that was overruled: the value was there, so it was this value's end.
        let overruled = before(&self.begins, hit.begin).unwrap_or(0);
        let mut until = if life.write.end < overruled { 0 } else { life.until };
        let begun = self.all.partition_point(|touch| touch.begin < hit.end);
        for (touch, latest) in self.all[..begun].iter().zip(&self.latest).rev() {
            if *latest < overruled.max(life.write.begin) {
                break;
            }
            if touch.end >= overruled && touch.end > life.write.begin {
                until = until.max(touch.until);
            }
        }
        until
    }
}
