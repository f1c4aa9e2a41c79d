//! Rule 7: what was loaded before a write is not seen after it.

use super::{
    Event, Time, ValueId, Violation,
    check::{before, running_max},
    key_history::Life,
};
use std::collections::HashMap;

pub(super) fn no_load_outlasts_a_write(
    lives: &HashMap<ValueId, Life>,
    events: &[Event],
) -> Result<(), Violation> {
    let writes = earliest_ends(events.iter().filter(|event| event.is_write()));
    let groups = earliest_ends(events.iter().filter(|event| event.ends_loads_only()));
    for event in events {
        let Some(life) = event.what.seen().map(|id| &lives[&id]) else { continue };
        let Some(since) = life.loaded_since else { continue };
        // What is not a write does nothing to a load that is over.
        let under_way = event.begin.min(life.write.begin);
        if ends_between(&writes, since, event.begin) || ends_between(&groups, since, under_way) {
            return Err(Violation::LoadedBeforeWrite(*event));
        }
    }
    Ok(())
}

/// Begins in order, each with the earliest end of those that begin there or later.
fn earliest_ends<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<(Time, Time)> {
    let mut spans: Vec<_> = events.map(|event| (event.begin, event.end)).collect();
    spans.sort_unstable();
    for i in (1..spans.len()).rev() {
        spans[i - 1].1 = spans[i - 1].1.min(spans[i].1);
    }
    spans
}

/// Whether one of them began after a time, and ended before another.
fn ends_between(spans: &[(Time, Time)], since: Time, until: Time) -> bool {
    let later = spans.partition_point(|(begin, _)| *begin <= since);
    spans.get(later).is_some_and(|(_, end)| *end < until)
}

/// Whether anything that may end a load overlaps an interval.
pub(super) fn is_overlapped(events: &[Event]) -> impl Fn(Time, Time) -> bool {
    let writes = events.iter().filter(|event| event.may_end_loads());
    let writes = running_max(writes.map(|event| (event.begin, event.end)));
    move |begin, end| before(&writes, end).is_some_and(|latest| latest > begin)
}
