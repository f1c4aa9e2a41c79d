//! HTTP response caching as a tower layer, on the caches of a larder manager.
//!
//! [`CacheLayer`] answers from the cache what [`Rules`] say may be answered from it, for axum and
//! every tower service of [`http::Request`] and [`http::Response`]. The [`guide`] tells all of it;
//! in short:
//!
//! - a shared cache as RFC 9111 has it, with conditions, ranges, `Vary`, stale responses (RFC
//!   5861), `Cache-Status` (RFC 9211), targeted fields (RFC 9213) and groups (RFC 9875);
//! - users by what an authentication layer has [verified](User), never by a header;
//! - [invalidation](Invalidator) by path, prefix, tag, user or rule, in O(1), which wins over a
//!   response in the making;
//! - one request per key goes to the handler, and the others wait for it;
//! - bodies pass through while they are copied, and a hit allocates nothing but the response.
//!
//! ```
//! use larder::manager::{CacheKind, CacheManager};
//! use larder_http::{CacheLayer, Rule, Rules};
//! use std::time::Duration;
//!
//! let rules = Rules::builder()
//!     .rule(Rule::new("/articles/{id}").cache(CacheKind::General).ttl(Duration::from_secs(300)))
//!     .build()?;
//! let layer = CacheLayer::new(&CacheManager::new(), rules);
//! // `Router::new().route("/articles/{id}", get(article)).layer(layer)`
//! # drop(layer);
//! # Ok::<(), larder_http::RulesError>(())
//! ```
//!
//! # Features
//!
//! None is on by default. `admin`: the [management API](admin). `axum`: [`cached`] handlers, the
//! extractor, `cache_view`. `compression`: bodies that are compressed in memory. `config`: rules
//! from the manager's files. `metrics`, `tracing`: numbers and spans of each rule.
//!
//! Needs a runtime of tokio with its clock enabled, for the time limits of waiting requests and to
//! refresh what is stale; without one, requests do not wait for one another, and what is stale is
//! not refreshed in the background.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "admin")]
#[cfg_attr(docsrs, doc(cfg(feature = "admin")))]
pub mod admin;
#[cfg(feature = "axum")]
mod axum;
mod body;
mod cached;
#[cfg(any(test, fuzzing, larder_internals))]
#[doc(hidden)]
pub mod internals;
mod invalidate;
mod key;
mod layer;
mod requested;
mod rules;
mod semantics;
mod service;
mod stats;
mod store;
mod sync;
mod table;
mod telemetry;
mod time;
mod user;

#[cfg(any(doc, doctest))]
#[doc = include_str!("../guide.md")]
pub mod guide {}

pub use body::ResponseBody;
pub use cached::{Cached, cached, invalidator};
pub use invalidate::Invalidator;
pub use key::Query;
pub use layer::{CacheLayer, CacheLayerBuilder};
#[cfg(feature = "config")]
pub use rules::config;
pub use rules::{CacheRef, Rule, RuleProblem, Rules, RulesBuilder, RulesError, tag_value};
pub use service::{CacheService, ResponseFuture};
pub use stats::RuleStats;
pub use user::User;

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub use axum::MissingCacheLayer;
#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub use larder_macros::cache_view;

/// What the expansions of [`cache_view`] call. No part of the public API: it changes with them.
#[cfg(feature = "axum")]
#[doc(hidden)]
pub mod rt {
    pub use crate::axum::view::{
        Extracted, KeptResponse, OfRequest, OtherExtracted, Response, keep_response, respond,
    };
    pub use larder::memo::rt::*;
}
