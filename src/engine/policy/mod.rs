//! Who stays, and how many.
//!
//! - `rules.rs`: the segmented LRU: its rules, its clocks, its adaptation
//! - `rules/due.rs`: which members of a set are due; `rules/visit.rs`: which of them go
//! - `rules/choice.rs`: policies that compare what entries are worth
//! - `rules/queue.rs`: the last newcomers, and the crowded sets
//! - `budget.rs`: credits, which hold the bound

pub(crate) mod budget;
pub(crate) mod rules;
