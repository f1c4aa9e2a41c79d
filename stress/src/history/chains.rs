//! Values that were made of each other, seen as one (rule 10).

use super::{ValueId, Violation, key_history::Life};
use std::collections::HashMap;

/// The chains; most are of a single value.
pub(super) fn chains(lives: &HashMap<ValueId, Life>) -> Result<Vec<Life>, Violation> {
    // One follows each at most: it would have been replaced twice.
    let links = lives.values().filter_map(|life| Some((life.made_of?, life)));
    let next: HashMap<ValueId, &Life> = links.collect();
    let mut linked = 0;
    let mut chains = Vec::new();
    for first in lives.values().filter(|life| life.made_of.is_none()) {
        let (mut chain, mut last) = (*first, first.id);
        linked += 1;
        while let Some(life) = next.get(&last) {
            if life.first_end < chain.last_begin {
                return Err(Violation::OutOfOrder(last, life.id));
            }
            chain.first_end = chain.first_end.min(life.first_end);
            chain.last_begin = chain.last_begin.max(life.last_begin);
            chain.removed = life.removed;
            // What was made of it has no tags.
            chain.is_tagged = false;
            last = life.id;
            linked += 1;
        }
        chains.push(chain);
    }
    if linked < lives.len() {
        return Err(in_a_circle(&next));
    }
    Ok(chains)
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
