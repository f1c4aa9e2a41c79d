//! The cache: its size, and what is cached.

use std::error::Error;
use std::time::Duration;

use larder::manager::{CacheKind, CacheManager, CacheSettings};
use larder_http::{CacheLayer, Rule, Rules, RulesBuilder};

use crate::arguments::Arguments;

/// How long a response is expected to be: a guess, on which only the sizes of tables depend.
const EXPECTED_BYTES: u64 = 4 << 10;
/// The longest body that is stored.
const LONGEST_BODY: u64 = 8 << 20;

/// What origins say to caches like this one: the standard (RFC 9213), and what was used before there was one.
const TARGETED: [&str; 2] = ["cdn-cache-control", "surrogate-control"];

/// The layer that caches.
#[cfg(feature = "config")]
pub(crate) fn layer(arguments: &Arguments) -> Result<CacheLayer, Box<dyn Error>> {
    let mut config = rules(arguments).config().kind(CacheKind::General, settings(arguments));
    if let Some(file) = &arguments.rules {
        config = config.file(file);
    }
    let config = config.build()?;
    let manager = CacheManager::from_config(&config)?;
    Ok(CacheLayer::new(&manager, rules(arguments).configured(&config)?))
}

/// The layer that caches.
#[cfg(not(feature = "config"))]
pub(crate) fn layer(arguments: &Arguments) -> Result<CacheLayer, Box<dyn Error>> {
    let settings = settings(arguments);
    let manager = CacheManager::builder().kind(CacheKind::General, settings).try_build()?;
    Ok(CacheLayer::new(&manager, rules(arguments).build()?))
}

fn settings(arguments: &Arguments) -> CacheSettings {
    let bytes = arguments.capacity << 20;
    CacheSettings::new(bytes / EXPECTED_BYTES).max_bytes(bytes)
}

/// Everything, for as long as the origin says, and for whom it says.
fn rules(arguments: &Arguments) -> RulesBuilder {
    let all = |name: &str, path: &str| {
        Rule::new(path)
            .named(name)
            .as_responses_say()
            .heuristics(true)
            .targeted_fields(TARGETED)
            .stale_if_error(Duration::from_secs(arguments.stale_if_error))
            .max_body(LONGEST_BODY)
    };
    Rules::builder().rule(all("root", "/")).rule(all("everything", "/{*path}"))
}
