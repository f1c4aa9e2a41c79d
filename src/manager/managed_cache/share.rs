//! The share of its configured capacity that a cache has.

use std::fmt;

/// A share of a cache's configured capacity, in thousandths, so that steps down and up meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CapacityShare(u16);

impl CapacityShare {
    pub(crate) const WHOLE: Self = Self(1000);

    pub(crate) fn new(share: f64) -> Self {
        // The cast saturates, and turns a NaN into 0.
        Self((share * 1000.0).round() as u16).min(Self::WHOLE)
    }

    pub(crate) fn as_f64(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// Returns this share of `whole`, rounded down; at least 1 if `whole` is not 0.
    pub(crate) fn of(self, whole: u64) -> u64 {
        let part = u128::from(whole) * u128::from(self.0) / 1000;
        // No more than `whole`, so the cast keeps the value.
        (part as u64).max(whole.min(1))
    }

    /// Returns the share one `step` lower, but not below `floor`.
    pub(crate) fn less(self, step: Self, floor: Self) -> Self {
        // A share below the floor, which was raised meanwhile, stays where it is.
        Self(self.0.saturating_sub(step.0)).max(floor).min(self)
    }

    pub(crate) fn more(self, step: Self) -> Self {
        Self(self.0.saturating_add(step.0)).min(Self::WHOLE)
    }
}

impl fmt::Debug for CapacityShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_a_capacity_is_at_least_one() {
        assert_eq!(CapacityShare::new(0.25).of(1000), 250);
        assert_eq!(CapacityShare::new(0.25).of(1), 1);
        assert_eq!(CapacityShare::new(0.25).of(0), 0);
        assert_eq!(CapacityShare::WHOLE.of(u64::MAX), u64::MAX);
        assert_eq!(CapacityShare::new(7.0), CapacityShare::WHOLE);
        assert_eq!(CapacityShare::new(f64::NAN).of(10), 1);
    }
}
