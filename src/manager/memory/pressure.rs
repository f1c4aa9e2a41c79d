//! Plans which caches shrink when memory runs short. `observability/memory_monitor.rs` executes the
//! plan.
//!
//! Each cache has a share of its configured capacity: the whole at first. Above the upper mark,
//! every sample takes a step from the caches of the lowest priority that are still above the floor;
//! below the lower mark, every sample gives a step back to the caches of the highest priority that
//! lack some. Between the marks nothing happens, so that what a step has freed is not given back at
//! once. Caches of the same priority shrink and grow together.

use crate::manager::managed_cache::share::CapacityShare;

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
    /// Whether caches are resized at all.
    pub enabled: bool,
    /// The share of the limit above which caches shrink: more than `low`, at most 1.0.
    pub high: f64,
    /// The share of the limit below which caches grow back: more than 0.0.
    pub low: f64,
    /// The share of its configured capacity by which a cache shrinks or grows per sample: 0.01 to
    /// 1.0.
    pub step: f64,
    /// The share of its configured capacity that a cache always keeps: 0.01 to 1.0.
    pub floor: f64,
}

impl Default for PressureSettings {
    fn default() -> Self {
        Self { enabled: true, high: 0.85, low: 0.70, step: 0.10, floor: 0.25 }
    }
}

/// A cache that may be resized.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<P> {
    pub(crate) priority: P,
    pub(crate) share: CapacityShare,
}

/// The new share of the candidate at this place of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resize {
    pub(crate) place: usize,
    pub(crate) share: CapacityShare,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PressureStep {
    /// No change: between the marks, nothing to give back, or the utilization is unknown.
    Hold,
    Shrink(Vec<Resize>),
    Grow(Vec<Resize>),
    /// Memory is short, and no cache may shrink any more.
    Exhausted,
}

/// Returns the next step for the share `utilization` of the limit in use.
pub(crate) fn next_step<P: Copy + Ord>(
    settings: &PressureSettings,
    utilization: Option<f64>,
    candidates: &[Candidate<P>],
) -> PressureStep {
    let (step, floor) = (CapacityShare::new(settings.step), CapacityShare::new(settings.floor));
    match utilization {
        Some(utilization) if utilization > settings.high => {
            let to = |it: &Candidate<P>| it.share.less(step, floor);
            let lowest = resizable(candidates, to).map(|it| it.priority).min();
            lowest.map_or(PressureStep::Exhausted, |it| {
                PressureStep::Shrink(resizes(candidates, it, to))
            })
        }
        Some(utilization) if utilization < settings.low => {
            let to = |it: &Candidate<P>| it.share.more(step);
            let highest = resizable(candidates, to).map(|it| it.priority).max();
            highest.map_or(PressureStep::Hold, |it| PressureStep::Grow(resizes(candidates, it, to)))
        }
        _ => PressureStep::Hold,
    }
}

fn resizable<P>(
    candidates: &[Candidate<P>],
    to: impl Fn(&Candidate<P>) -> CapacityShare,
) -> impl Iterator<Item = &Candidate<P>> {
    candidates.iter().filter(move |it| to(it) != it.share)
}

/// Returns the changes of the candidates of one priority.
fn resizes<P: Eq>(
    candidates: &[Candidate<P>],
    priority: P,
    to: impl Fn(&Candidate<P>) -> CapacityShare,
) -> Vec<Resize> {
    let numbered = candidates.iter().enumerate();
    numbered
        .filter(|(_, it)| it.priority == priority && to(it) != it.share)
        .map(|(place, it)| Resize { place, share: to(it) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(priority: u8, share: f64) -> Candidate<u8> {
        Candidate { priority, share: CapacityShare::new(share) }
    }

    /// Updates `shares`, in percent, by the next step for candidates of these priorities.
    fn after(priorities: &[u8], shares: &mut [u16], utilization: f64) -> PressureStep {
        let candidates: Vec<_> = priorities
            .iter()
            .zip(shares.iter())
            .map(|(priority, share)| candidate(*priority, f64::from(*share) / 100.0))
            .collect();
        let step = next_step(&PressureSettings::default(), Some(utilization), &candidates);
        if let PressureStep::Shrink(resizes) | PressureStep::Grow(resizes) = &step {
            for resize in resizes {
                shares[resize.place] = (resize.share.as_f64() * 100.0).round() as u16;
            }
        }
        step
    }

    #[test]
    fn the_least_important_shrink_first_and_grow_last() {
        let priorities = [3, 1, 2];
        let mut shares = [100; 3];
        let mut seen = Vec::new();
        while after(&priorities, &mut shares, 0.9) != PressureStep::Exhausted {
            seen.push(shares);
        }
        assert_eq!(seen.len(), 3 * 8, "{seen:?}");
        assert_eq!(seen[7], [100, 25, 100]);
        assert_eq!(seen[15], [100, 25, 25]);
        assert_eq!(seen[23], [25, 25, 25]);

        seen.clear();
        while after(&priorities, &mut shares, 0.5) != PressureStep::Hold {
            seen.push(shares);
        }
        assert_eq!(seen[7], [100, 25, 25]);
        assert_eq!(seen[15], [100, 25, 100]);
        assert_eq!(shares, [100, 100, 100]);
    }

    #[test]
    fn caches_of_the_same_priority_are_resized_together() {
        let mut shares = [100, 30, 25, 100];
        let step = after(&[1, 1, 1, 2], &mut shares, 0.99);
        assert!(matches!(&step, PressureStep::Shrink(resizes) if resizes.len() == 2), "{step:?}");
        assert_eq!(shares, [90, 25, 25, 100]);
    }

    #[test]
    fn between_the_marks_nothing_is_resized() {
        let mut shares = [50];
        for utilization in [0.70, 0.78, 0.85] {
            assert_eq!(after(&[1], &mut shares, utilization), PressureStep::Hold);
        }
        assert_eq!(shares, [50]);
        let candidates = [candidate(1, 0.5)];
        assert_eq!(next_step(&PressureSettings::default(), None, &candidates), PressureStep::Hold);
    }

    #[test]
    fn a_raised_floor_grows_no_cache() {
        let settings = PressureSettings { floor: 0.5, ..PressureSettings::default() };
        assert_eq!(next_step(&settings, Some(1.2), &[candidate(1, 0.3)]), PressureStep::Exhausted);
    }
}
