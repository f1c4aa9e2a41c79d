//! HTTP response caching as a tower layer, on the caches of a larder manager.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

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
#[allow(dead_code, unused_imports, reason = "what a complete cache needs, ahead of its use")]
mod semantics;
mod service;
mod stats;
mod store;
mod sync;
mod table;
mod telemetry;
mod time;
mod user;

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
