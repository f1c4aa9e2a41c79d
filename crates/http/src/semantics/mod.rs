//! What the standards say of HTTP caches, as pure functions over the types of `http`: no I/O, and
//! no clock of its own.
//!
//! Caching (RFC 9111), conditions and ranges (RFC 9110), stale answers (RFC 5861), `immutable` (RFC
//! 8246), `Cache-Status` (RFC 9211), targeted fields (RFC 9213) and groups (RFC 9875), for a shared
//! cache.
//!
//! What a response says is read once, when it is stored: [`judge`] makes a [`Freshness`] of it,
//! [`Validators::of`] its validators, [`Vary::of`] its secondary key. A hit asks these. Durations
//! are seconds, residence times are counted from when the response was received.

mod cache_status;
mod conditional;
mod directives;
mod fields;
mod freshness;
mod invalidation;
mod range;
mod storage;
mod syntax;
mod value_cache;
mod vary;
mod wishes;

#[cfg(test)]
mod tests;

pub(crate) use cache_status::{CACHE_STATUS, CacheName, Forward, Report, age_of};
pub(crate) use conditional::{
    Condition, Freshened, HeadEffect, Validators, evaluate, freshen, head_effect, is_about, make,
    make_of_parts,
};
pub(crate) use directives::{RequestDirectives, ResponseDirectives};
pub(crate) use fields::{is_encoded, strip_for_not_modified};
pub(crate) use freshness::{Freshness, Use};
pub(crate) use invalidation::{
    Origin, groups_of, invalidated_groups, invalidated_locations, invalidates, is_unsafe,
};
pub(crate) use range::{Ranged, content_range, select, unsatisfied_range};
pub(crate) use storage::{Exchange, Lifetimes, Refusal, RequestFacts, judge, stored_fields};
pub(crate) use syntax::date;
pub(crate) use vary::{Sink, Vary, write_values};
pub(crate) use wishes::Wishes;

/// What only tests and fuzz targets look at.
#[cfg(any(test, fuzzing, larder_internals))]
pub(crate) mod parts {
    pub(crate) use super::{
        conditional::EntityTag, directives::MaxStale, storage::age_value, syntax::structured,
    };
}
