//! Several measurements at once: the few numbers of the README, and the report with everything.

pub(crate) mod headline;
pub(crate) mod report;
