//! Values that a loader gives: how they are stored, and when they are loaded anew.
//!
//! - `fill.rs`: why what was loaded never outlasts a later write
//! - `lead.rs`: the lead of a load, and how loads end
//! - `refresh.rs`: loading anew while the old value is given out
//! - `refresh_job.rs`: refreshes in the background
//! - `handed.rs`: leads without a lifetime: of loads in tasks, and of guards

pub(crate) mod fill;
pub(crate) mod handed;
pub(crate) mod lead;
pub(crate) mod refresh;
pub(crate) mod refresh_job;
