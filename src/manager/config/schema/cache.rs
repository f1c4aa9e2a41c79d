//! The settings of a cache.

use super::field::{Field, describe_one_of, only};
use crate::{
    EvictionPolicy,
    manager::{
        CacheSettings, ExpiryMode,
        config::raw::{Raw, describe_duration, describe_size},
    },
};

const POLICIES: &[(&str, EvictionPolicy)] = &[
    ("segmented-lru", EvictionPolicy::SegmentedLru),
    ("lru", EvictionPolicy::Lru),
    ("lfu", EvictionPolicy::Lfu),
    ("size-aware", EvictionPolicy::SizeAware),
    ("cost-aware", EvictionPolicy::CostAware),
];

const MODES: &[(&str, ExpiryMode)] =
    &[("after_write", ExpiryMode::AfterWrite), ("after_access", ExpiryMode::AfterAccess)];

pub(super) const CACHE: &[Field<CacheSettings>] = &[
    Field::new(
        "max_entries",
        || "a whole number".to_owned(),
        |cache, raw| raw.integer().map(|entries| cache.max_entries = entries),
    ),
    Field::new(
        "max_bytes",
        || describe_size() + ", or \"none\"",
        |cache, raw| raw.unless("none", Raw::size).map(|bytes| cache.max_bytes = bytes),
    ),
    Field::with_path(
        "ttl",
        "time_to_live",
        || describe_duration() + ", or \"none\"",
        |cache, raw| raw.unless("none", Raw::duration).map(|time| cache.time_to_live = time),
    ),
    Field::new(
        "expiry",
        || describe_one_of(MODES),
        |cache, raw| raw.one_of(MODES).map(|mode| cache.expiry = mode),
    ),
    Field::new(
        "jitter",
        || "a number from 0.0 to 1.0".to_owned(),
        |cache, raw| raw.float().map(|share| cache.jitter = share),
    ),
    Field::new(
        "shards",
        || "a whole number, or \"auto\"".to_owned(),
        |cache, raw| raw.unless("auto", Raw::number).map(|shards| cache.shards = shards),
    ),
    Field::new(
        "new_key_share",
        || "a number from 0.01 to 0.60, or \"auto\"".to_owned(),
        |cache, raw| raw.unless("auto", Raw::float).map(|share| cache.new_key_share = share),
    ),
    Field::new(
        "eviction_policy",
        || describe_one_of(POLICIES),
        |cache, raw| raw.one_of(POLICIES).map(|policy| cache.eviction_policy = policy),
    ),
    Field::new(
        "priority",
        || "a whole number from 0 to 255".to_owned(),
        |cache, raw| raw.number().map(|priority| cache.priority = priority),
    ),
];

/// Checks one field. The error is the range that is allowed.
pub(super) fn check(settings: &CacheSettings, field: &'static str) -> Result<(), String> {
    // What is `None` in the program is `"auto"` in a file.
    let words = |allowed: String| match field {
        "shards" | "new_key_share" => allowed.replace("or none", "or \"auto\""),
        _ => allowed,
    };
    only(field, settings.validate()).map_err(words)
}

/// Returns the name in a section of a field of [`CacheSettings`].
pub(in crate::manager::config) fn name_of_cache_field(field: &str) -> &str {
    CACHE.iter().find(|known| known.field == field).map_or(field, |known| known.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_one_of_the_settings() {
        // `validate` names fields so: a misspelt field would never be out of range.
        let fields: Vec<_> = CACHE.iter().map(|field| field.field).collect();
        let settings = format!("{:?}", CacheSettings::new(1));
        for field in fields {
            assert!(settings.contains(&format!("{field}: ")), "{field} in {settings}");
        }
        // Each of the settings has a field.
        assert_eq!(settings.matches(": ").count(), CACHE.len());
    }
}
