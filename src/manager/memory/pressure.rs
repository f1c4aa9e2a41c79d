//! What to do when memory runs short: decided here, done elsewhere.
//!
//! Each cache has a share of the capacity it was configured with: all of it at first. Above the
//! upper mark, every sample takes a step from the least important caches that are still above the
//! floor; below the lower mark, every sample gives a step back to the most important ones that lack
//! some. Between the marks nothing happens, so that what a step has freed is not given back at
//! once. Caches of the same priority shrink and grow together.

use std::fmt;

/// When caches shrink because memory runs short, and by how much.
///
/// ```
/// use larder::manager::memory::PressureSettings;
///
/// let settings = PressureSettings::default();
/// assert_eq!((settings.high, settings.low), (0.85, 0.70));
/// assert_eq!((settings.step, settings.floor), (0.10, 0.25));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PressureSettings {
    /// Whether anything is done at all.
    pub enabled: bool,
    /// The share of the limit above which caches shrink: above `low`, up to 1.0.
    pub high: f64,
    /// The share of the limit below which they grow back: above 0.0.
    pub low: f64,
    /// By which share of its configured capacity a cache shrinks or grows per sample: 0.01 to 1.0.
    pub step: f64,
    /// The share of its configured capacity that a cache always keeps: 0.01 to 1.0.
    pub floor: f64,
}

impl Default for PressureSettings {
    fn default() -> Self {
        Self { enabled: true, high: 0.85, low: 0.70, step: 0.10, floor: 0.25 }
    }
}

/// A share of a cache's configured capacity, in thousandths, so that steps down and up meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Share(u16);

impl Share {
    pub(crate) const WHOLE: Self = Self(1000);

    pub(crate) fn new(share: f64) -> Self {
        // The cast saturates, and what is no number becomes 0.
        Self((share * 1000.0).round() as u16).min(Self::WHOLE)
    }

    pub(crate) fn as_f64(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// Returns this share of `whole`, rounded down; at least 1 if `whole` is not 0.
    pub(crate) fn of(self, whole: u64) -> u64 {
        let part = u128::from(whole) * u128::from(self.0) / 1000;
        // Not more than the whole.
        (part as u64).max(whole.min(1))
    }

    fn less(self, step: Self, floor: Self) -> Self {
        // Who is below the floor, since that was raised, stays there.
        Self(self.0.saturating_sub(step.0)).max(floor).min(self)
    }

    fn more(self, step: Self) -> Self {
        Self(self.0.saturating_add(step.0)).min(Self::WHOLE)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_f64())
    }
}

/// One cache, as the plan sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Party<P> {
    pub(super) priority: P,
    pub(super) share: Share,
}

/// The cache at this place of the list gets this share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) place: usize,
    pub(super) share: Share,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing: between the marks, nothing to give back, or no way to tell.
    Hold,
    Shrink(Vec<Move>),
    Grow(Vec<Move>),
    /// Memory is short, and no cache may shrink any more.
    Exhausted,
}

/// The next step, with so much of the limit in use.
pub(super) fn plan<P: Copy + Ord>(
    settings: &PressureSettings,
    utilization: Option<f64>,
    parties: &[Party<P>],
) -> Plan {
    let (step, floor) = (Share::new(settings.step), Share::new(settings.floor));
    match utilization {
        Some(utilization) if utilization > settings.high => {
            let moves = |party: &Party<P>| party.share.less(step, floor);
            let least = movable(parties, moves).map(|party| party.priority).min();
            least.map_or(Plan::Exhausted, |least| Plan::Shrink(all_of(parties, least, moves)))
        }
        Some(utilization) if utilization < settings.low => {
            let moves = |party: &Party<P>| party.share.more(step);
            let most = movable(parties, moves).map(|party| party.priority).max();
            most.map_or(Plan::Hold, |most| Plan::Grow(all_of(parties, most, moves)))
        }
        _ => Plan::Hold,
    }
}

fn movable<P>(
    parties: &[Party<P>],
    to: impl Fn(&Party<P>) -> Share,
) -> impl Iterator<Item = &Party<P>> {
    parties.iter().filter(move |party| to(party) != party.share)
}

fn all_of<P: Eq>(parties: &[Party<P>], class: P, to: impl Fn(&Party<P>) -> Share) -> Vec<Move> {
    let numbered = parties.iter().enumerate().filter(|(_, party)| party.priority == class);
    let moves = numbered.map(|(place, party)| (party.share, Move { place, share: to(party) }));
    moves.filter(|(before, step)| *before != step.share).map(|(_, step)| step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares in percent after that utilization, for parties of these priorities.
    fn after(priorities: &[u8], shares: &mut [u16], utilization: f64) -> Plan {
        let parties: Vec<_> = priorities
            .iter()
            .zip(shares.iter())
            .map(|(priority, share)| Party { priority: *priority, share: Share(share * 10) })
            .collect();
        let plan = plan(&PressureSettings::default(), Some(utilization), &parties);
        if let Plan::Shrink(moves) | Plan::Grow(moves) = &plan {
            for step in moves {
                shares[step.place] = step.share.0 / 10;
            }
        }
        plan
    }

    #[test]
    fn the_least_important_shrink_first_and_grow_last() {
        let priorities = [3, 1, 2];
        let mut shares = [100; 3];
        let mut seen = Vec::new();
        while after(&priorities, &mut shares, 0.9) != Plan::Exhausted {
            seen.push(shares);
        }
        assert_eq!(seen.len(), 3 * 8, "{seen:?}");
        assert_eq!(seen[7], [100, 25, 100]);
        assert_eq!(seen[15], [100, 25, 25]);
        assert_eq!(seen[23], [25, 25, 25]);

        seen.clear();
        while after(&priorities, &mut shares, 0.5) != Plan::Hold {
            seen.push(shares);
        }
        assert_eq!(seen[7], [100, 25, 25]);
        assert_eq!(seen[15], [100, 25, 100]);
        assert_eq!(shares, [100, 100, 100]);
    }

    #[test]
    fn of_the_same_priority_all_move_at_once() {
        let mut shares = [100, 30, 25, 100];
        let plan = after(&[1, 1, 1, 2], &mut shares, 0.99);
        assert!(matches!(&plan, Plan::Shrink(moves) if moves.len() == 2), "{plan:?}");
        assert_eq!(shares, [90, 25, 25, 100]);
    }

    #[test]
    fn between_the_marks_nothing_moves() {
        let mut shares = [50];
        for utilization in [0.70, 0.78, 0.85] {
            assert_eq!(after(&[1], &mut shares, utilization), Plan::Hold);
        }
        assert_eq!(shares, [50]);
        let party = Party { priority: 1, share: Share(500) };
        assert_eq!(plan(&PressureSettings::default(), None, &[party]), Plan::Hold);
    }

    #[test]
    fn a_raised_floor_makes_nothing_grow() {
        let settings = PressureSettings { floor: 0.5, ..PressureSettings::default() };
        let party = Party { priority: 1, share: Share(300) };
        assert_eq!(plan(&settings, Some(1.2), &[party]), Plan::Exhausted);
    }

    #[test]
    fn a_share_of_something_is_not_nothing() {
        assert_eq!(Share::new(0.25).of(1000), 250);
        assert_eq!(Share::new(0.25).of(1), 1);
        assert_eq!(Share::new(0.25).of(0), 0);
        assert_eq!(Share::WHOLE.of(u64::MAX), u64::MAX);
        assert_eq!(Share::new(7.0), Share::WHOLE);
        assert_eq!(Share::new(f64::NAN).of(10), 1);
    }
}
