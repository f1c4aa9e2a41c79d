//! The cache: its size, and what is cached.

use std::error::Error;
use std::time::Duration;

use http_body_util::Empty;
use larder::manager::{CacheKind, CacheManager, CacheSettings};
use larder_http::{CacheLayer, Rule, Rules, RulesBuilder};

use crate::arguments::Arguments;
use crate::body::RequestBody;

/// How long a response is expected to be: a guess, on which only the sizes of tables depend.
const EXPECTED_BYTES: u64 = 4 << 10;
/// The longest body that is stored.
const LONGEST_BODY: u64 = 8 << 20;

/// What origins say to caches like this one: the standard (RFC 9213), and what was used before
/// there was one.
const TARGETED: [&str; 2] = ["cdn-cache-control", "surrogate-control"];

/// The layer that caches, and where its responses are.
#[derive(Clone, Debug)]
pub(crate) struct Caching {
    pub(crate) layer: CacheLayer,
    #[cfg(feature = "config")]
    manager: CacheManager,
    #[cfg(feature = "config")]
    arguments: Arguments,
}

#[cfg(feature = "config")]
impl Caching {
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let config = configuration(arguments)?;
        let manager = CacheManager::from_config(&config)?;
        let layer = layer(&manager, rules(arguments).configured(&config)?);
        Ok(Self { layer, manager, arguments: arguments.clone() })
    }

    /// Takes over what the file says now. If anything is wrong with it, nothing changes.
    pub(crate) fn reload(&self) -> Result<(), Box<dyn Error>> {
        let config = configuration(&self.arguments)?;
        self.manager.reload(&config)?;
        self.layer.reload(&config)?;
        Ok(())
    }
}

#[cfg(feature = "config")]
fn configuration(
    arguments: &Arguments,
) -> Result<larder::manager::config::ManagerConfig, larder::manager::config::ConfigError> {
    let config = rules(arguments).config().kind(CacheKind::General, settings(arguments));
    match &arguments.rules {
        Some(file) => config.file(file).build(),
        None => config.build(),
    }
}

#[cfg(not(feature = "config"))]
impl Caching {
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let settings = settings(arguments);
        let manager = CacheManager::builder().kind(CacheKind::General, settings).try_build()?;
        Ok(Self { layer: layer(&manager, rules(arguments).build()?) })
    }
}

fn layer(manager: &CacheManager, rules: Rules) -> CacheLayer {
    let empty = || RequestBody::Right(Empty::new());
    CacheLayer::builder(manager).rules(rules).empty_body(empty).build()
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
