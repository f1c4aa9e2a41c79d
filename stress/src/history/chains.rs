//! Values that were made of each other, seen as one (rule 10).

use super::{
    Event, Time, ValueId, Violation, What,
    check::{before, running_max},
    key_history::Life,
};
use std::collections::HashMap;

/// The chains; most are of a single value.
pub(super) fn chains(
    lives: &HashMap<ValueId, Life>,
    events: &[Event],
) -> Result<Vec<Life>, Violation> {
    let ends = Ends::new(events);
    // One follows each at most: it would have been replaced twice.
    let links = lives.values().filter_map(|life| Some((life.made_of?, life)));
    let next: HashMap<ValueId, &Life> = links.collect();
    let mut linked = 0;
    let mut chains = Vec::new();
    for first in lives.values().filter(|life| life.made_of.is_none()) {
        let (mut chain, mut last) = (*first, first);
        // Of all before, those included that are no part of this chain.
        let mut latest = first.last_begin;
        linked += 1;
        while let Some(life) = next.get(&last.id) {
            if life.first_end < latest {
                return Err(Violation::OutOfOrder(last.id, life.id));
            }
            latest = latest.max(life.last_begin);
            if ends.may_have_ended(last, life) {
                chains.push(chain);
                chain = **life;
            } else {
                chain.first_end = chain.first_end.min(life.first_end);
                chain.last_begin = chain.last_begin.max(life.last_begin);
                chain.removed = life.removed;
                // What was made of it has no tags.
                chain.is_tagged = false;
            }
            last = life;
            linked += 1;
        }
        chains.push(chain);
    }
    if linked < lives.len() {
        return Err(in_a_circle(&next));
    }
    Ok(chains)
}

/// What may take a value away between a computation's last look and its write.
struct Ends {
    touches: Vec<(Time, Time)>,
    invalidations: Vec<(Time, Time)>,
}

impl Ends {
    fn new(events: &[Event]) -> Self {
        let spans = |what| {
            let meant = events.iter().filter(|event| event.what == what);
            running_max(meant.map(|event| (event.begin, event.end)))
        };
        Self { touches: spans(What::Touched), invalidations: spans(What::TagInvalidated) }
    }

    fn may_have_ended(&self, old: &Life, new: &Life) -> bool {
        let overlap = |spans: &[(Time, Time)]| {
            before(spans, new.write.end).is_some_and(|end| end > new.write.begin)
        };
        !new.in_time || overlap(&self.touches) || old.is_tagged && overlap(&self.invalidations)
    }
}

/// Of what has no first value, each was made of the other.
fn in_a_circle(next: &HashMap<ValueId, &Life>) -> Violation {
    let circular = |start: ValueId| {
        let mut id = start;
        for _ in 0..next.len() {
            let Some(life) = next.get(&id) else { return false };
            id = life.id;
            if id == start {
                return true;
            }
        }
        false
    };
    let old = next.keys().copied().filter(|id| circular(*id)).min().expect("there is a circle");
    Violation::OutOfOrder(old, next[&old].id)
}
