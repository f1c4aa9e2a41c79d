//! What the timer wheel counts in, which depends on its clock.

/// The maximum number of levels of a wheel.
pub(crate) const LEVELS_MAX: usize = if cfg!(larder_loom) { 2 } else { 10 };

/// What a wheel counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    /// Units of the clock per tick, as a power of two.
    pub(crate) tick: u32,
    pub(crate) levels: usize,
}

#[cfg(not(larder_loom))]
impl Scale {
    /// For clocks that count milliseconds.
    pub(crate) const MILLIS: Scale = Scale { tick: 2, levels: 5 };
    /// For clocks that count nanoseconds. Exact, so that tests see what they expect.
    pub(crate) const NANOS: Scale = Scale { tick: 0, levels: LEVELS_MAX };
}

/// Fine, so that models get from level to level in a few steps.
#[cfg(larder_loom)]
impl Scale {
    pub(crate) const MILLIS: Scale = Scale { tick: 0, levels: LEVELS_MAX };
    pub(crate) const NANOS: Scale = Self::MILLIS;
}

impl Scale {
    /// Returns the first tick that is not before a time.
    #[inline]
    pub(crate) fn tick_of(self, time: u64) -> u64 {
        (time >> self.tick) + u64::from(time & ((1 << self.tick) - 1) != 0)
    }
}
