//! Rule 7: what was loaded before a write is not seen after it.

use super::{
    Event, Time, ValueId, Violation, What,
    check::{before, running_max},
    key_history::Life,
};
use std::collections::HashMap;

pub(super) fn no_load_outlasts_a_write(
    lives: &HashMap<ValueId, Life>,
    events: &[Event],
) -> Result<(), Violation> {
    let mut writes: Vec<(Time, Time)> = events
        .iter()
        .filter(|event| event.is_write())
        .map(|event| (event.begin, event.end))
        .collect();
    writes.sort_unstable();
    // The earliest end of those that begin here or later.
    for i in (1..writes.len()).rev() {
        writes[i - 1].1 = writes[i - 1].1.min(writes[i].1);
    }
    for event in events.iter().filter(|event| event.returns_value()) {
        let since = event.what.value().and_then(|id| lives[&id].loaded_since);
        let Some(since) = since else { continue };
        let later = writes.partition_point(|(begin, _)| *begin <= since);
        if writes.get(later).is_some_and(|(_, end)| *end < event.begin) {
            return Err(Violation::LoadedBeforeWrite(*event));
        }
    }
    Ok(())
}

/// Whether a write overlaps an interval.
pub(super) fn is_overlapped(events: &[Event]) -> impl Fn(Time, Time) -> bool {
    // An `add` ends the loads of its key before it knows whether it will be refused.
    let writes = events.iter().filter(|event| event.is_write() || event.what == What::Refused);
    let writes = running_max(writes.map(|event| (event.begin, event.end)));
    move |begin, end| before(&writes, end).is_some_and(|latest| latest > begin)
}
