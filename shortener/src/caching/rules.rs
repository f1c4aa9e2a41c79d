//! Which responses are cached.

use crate::config::Config;
use larder::manager::CacheKind;
use larder_http::{Query, Rule, Rules, RulesError};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// The rules that larder-http has for a shortener, and one for the short addresses themselves. Both
/// kinds of redirects have the tag `redirect:{code}`.
///
/// What browsers may keep is another question than what is kept here. They are told to ask each
/// time (see `edge/headers.rs`), so that each click is counted.
pub(super) fn rules(config: &Config) -> Result<Rules, RulesError> {
    let redirect = Rule::new("/{code}")
        .named("short")
        .cache(CacheKind::Url)
        .ttl(60 * MINUTE)
        .status_ttl(302, 60 * MINUTE)
        // Who guesses codes asks the database once for each, and for no more of them than there is
        // room for.
        .status_ttl(404, MINUTE)
        .shared()
        .query(Query::None)
        .tags(["redirect:{code}"]);
    Rules::builder()
        .built_in()
        .rule(redirect)
        .trusted_headers(config.server.trusted_headers.iter().map(String::as_str))
        .build()
}
