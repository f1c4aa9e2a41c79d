//! The rules of [`super`], one function each.

use std::collections::HashMap;

use super::{
    Event, Rules, Time, ValueId, Verdict, Violation, What,
    chains::chains,
    key_history::{Life, Span, lives},
    loads::{is_overlapped, no_load_outlasts_a_write},
    times::nothing_past_its_end,
};

/// Checks the history of one key, whose events may come in any order.
///
/// # Errors
///
/// The first answer that was not possible.
///
/// # Panics
///
/// If a value was written twice: that is not a history.
pub fn check(events: &[Event], rules: Rules) -> Result<Verdict, Violation> {
    let by_id = lives(events)?;
    let chains = chains(&by_id, events)?;
    let forward = forward_zones(&chains)?;
    nothing_within(&forward, &chains, events)?;
    nothing_outlives_its_group(&by_id, events)?;
    no_load_outlasts_a_write(&by_id, events)?;
    nothing_past_its_end(&by_id, events)?;
    let verdict = something_to_find(&chains, events)?;
    if rules != Rules::Evicting {
        nothing_lost(events, rules)?;
    }
    Ok(verdict)
}

/// The values that were there over some time, in order: two at a time are not possible.
fn forward_zones(lives: &[Life]) -> Result<Vec<Life>, Violation> {
    let mut forward: Vec<Life> = lives.iter().copied().filter(Life::is_forward).collect();
    forward.sort_unstable_by_key(|life| life.first_end);
    match forward.windows(2).find(|pair| pair[1].first_end < pair[0].last_begin) {
        Some(pair) => Err(Violation::TwoValues(pair[0].id, pair[1].id)),
        None => Ok(forward),
    }
}

/// While a value was there, the key was not absent, nor did it have another value.
fn nothing_within(forward: &[Life], lives: &[Life], events: &[Event]) -> Result<(), Violation> {
    for event in events.iter().filter(|event| event.sees_absence()) {
        if let Some(zone) = around(forward, event.span()) {
            return Err(Violation::BackFromAbsence(zone.id, *event));
        }
    }
    for life in lives.iter().filter(|life| life.certain && !life.is_forward()) {
        // All its operations overlap: it was there at some moment that they share.
        if let Some(zone) = around(forward, Span { begin: life.last_begin, end: life.first_end }) {
            return Err(Violation::BackFromReplacement(zone.id, life.id));
        }
    }
    Ok(())
}

/// The zone that contains all of a span, of those that are in order.
fn around(forward: &[Life], span: Span) -> Option<&Life> {
    // Zones do not overlap: only the last that begins before can reach beyond the end.
    let before = forward.partition_point(|life| life.first_end < span.begin);
    let zone = forward[..before].last()?;
    (span.end < zone.last_begin).then_some(zone)
}

/// What had to take a value out, or to find another, did not leave it there (rules 11 to 13).
fn nothing_outlives_its_group(
    lives: &HashMap<ValueId, Life>,
    events: &[Event],
) -> Result<(), Violation> {
    // Those of a chain do not overlap either: it is in order.
    let mut forward: Vec<Life> = lives.values().copied().filter(Life::is_forward).collect();
    forward.sort_unstable_by_key(|life| life.first_end);
    for event in events {
        let meant = |life: &Life| match event.what {
            What::TagInvalidated => life.is_tagged,
            What::Culled => true,
            What::OtherThan(id) => life.id == id,
            _ => false,
        };
        if let Some(zone) = around(&forward, event.span()).filter(|life| meant(life)) {
            return Err(Violation::Outlived(zone.id, *event));
        }
    }
    Ok(())
}

/// When something was found, something may have been there (rule 5).
fn something_to_find(lives: &[Life], events: &[Event]) -> Result<Verdict, Violation> {
    let gone = Gone::new(lives, events.iter().filter(|event| event.sees_absence()));
    let tagged_gone = Gone::new(
        lives,
        events.iter().filter(|event| event.sees_absence() || event.what == What::TagInvalidated),
    );
    let gone = |life: &Life| match life.is_tagged {
        true => tagged_gone.certainly_at(life),
        false => gone.certainly_at(life),
    };
    let mut candidates: Vec<(Time, Time)> =
        lives.iter().map(|life| (life.write.begin, gone(life))).collect();
    candidates.sort_unstable();
    // The latest time at which one of the values written so far may still be there.
    let mut latest = 0;
    for (_, gone) in &mut candidates {
        latest = latest.max(*gone);
        *gone = latest;
    }
    let explained = |event: &Event| {
        let written = candidates.partition_point(|(begin, _)| *begin < event.end);
        candidates[..written].last().is_some_and(|(_, gone)| *gone > event.begin)
    };
    let mut verdict = Verdict::default();
    for event in events {
        match event.what {
            What::Refused if !explained(event) => verdict.unexplained_refusals += 1,
            What::Invalidated | What::Present | What::OtherThan(_) | What::Touched
                if !explained(event) =>
            {
                return Err(Violation::NothingToFind(*event));
            }
            _ => {}
        }
    }
    Ok(verdict)
}

/// Intervals at a moment of which the key was absent, or had some value, by begin: any other value
/// that was there before is gone at their end.
struct Gone {
    begins: Vec<Time>,
    /// The earliest end of those that begin here or later.
    earliest: Vec<Time>,
}

impl Gone {
    fn new<'a>(lives: &[Life], absences: impl Iterator<Item = &'a Event>) -> Self {
        let absences = absences.map(|event| (event.begin, event.end));
        // A value that was there over some time was there at its begin.
        let certain = lives.iter().filter(|life| life.certain);
        let replacements = certain.map(|life| match life.is_forward() {
            true => (life.first_end, life.first_end),
            false => (life.last_begin, life.first_end),
        });
        let mut spans: Vec<(Time, Time)> = absences.chain(replacements).collect();
        spans.sort_unstable();
        let mut earliest: Vec<Time> = spans.iter().map(|(_, end)| *end).collect();
        for i in (1..earliest.len()).rev() {
            earliest[i - 1] = earliest[i - 1].min(earliest[i]);
        }
        Self { begins: spans.into_iter().map(|(begin, _)| begin).collect(), earliest }
    }

    /// The time from which on a value is certainly gone.
    fn certainly_at(&self, life: &Life) -> Time {
        let later = self.begins.partition_point(|begin| *begin <= life.first_end);
        let other = self.earliest.get(later).copied().unwrap_or(Time::MAX);
        life.removed.map_or(other, |removed| other.min(removed.end))
    }
}

/// When nothing was found although something had been written, somebody removed it (rule 6).
fn nothing_lost(events: &[Event], rules: Rules) -> Result<(), Violation> {
    // Of the writes that ended by then, the latest begin.
    let overlapped = is_overlapped(events);
    // A load is posted some time after its caller has begun: the look that ends when the loader
    // begins.
    let asked: HashMap<Time, Time> = events
        .iter()
        .filter(|event| matches!(event.what, What::Miss | What::Hit(_)))
        .map(|event| (event.end, event.begin))
        .collect();
    let asked = |since: Time| asked.get(&since).copied().unwrap_or(since);
    let writes = running_max(events.iter().filter_map(|event| match event.what {
        What::Inserted(_) | What::InsertedTagged(_) | What::Added(_) | What::Replaced { .. } => {
            Some((event.end, event.begin))
        }
        What::Loaded { since, .. }
            if rules == Rules::Storing && !overlapped(asked(since), event.end) =>
        {
            Some((event.end, event.begin))
        }
        _ => None,
    }));
    // Of those that began by then, the latest end.
    let latest_end = |meant: fn(What) -> bool| {
        running_max(events.iter().filter(|e| meant(e.what)).map(|event| (event.begin, event.end)))
    };
    let removals = latest_end(|what| {
        matches!(
            what,
            What::Removed(_) | What::Drained(_) | What::Invalidated | What::Cleared | What::Culled
        )
    });
    let of_tag = latest_end(|what| what == What::TagInvalidated);
    let tagged = latest_end(|what| matches!(what, What::InsertedTagged(_)));
    for event in events {
        let (What::Miss | What::StillNone | What::NothingRemoved | What::Added(_)) = event.what
        else {
            continue;
        };
        let Some(written) = before(&writes, event.begin) else { continue };
        let since =
            |ends: &[(Time, Time)]| before(ends, event.end).is_some_and(|end| end >= written);
        // An invalidation of a tag does nothing to a value that was written without.
        if !(since(&removals) || since(&of_tag) && since(&tagged)) {
            return Err(Violation::Lost(*event));
        }
    }
    Ok(())
}

/// Sorts by the first, and replaces the second by the largest so far.
pub(super) fn running_max(pairs: impl Iterator<Item = (Time, Time)>) -> Vec<(Time, Time)> {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    let mut largest = 0;
    for (_, second) in &mut pairs {
        largest = largest.max(*second);
        *second = largest;
    }
    pairs
}

/// The second of the last pair whose first is smaller than `time`.
pub(super) fn before(pairs: &[(Time, Time)], time: Time) -> Option<Time> {
    let n = pairs.partition_point(|(first, _)| *first < time);
    Some(pairs[..n].last()?.1)
}
