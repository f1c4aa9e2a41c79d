//! HTTP response caching as a tower layer, on the caches of a larder manager.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
mod axum;
#[allow(dead_code, reason = "the service uses it, which is being written")]
mod key;
#[allow(dead_code, unused_imports, reason = "the service uses it, which is being written")]
mod rules;
#[allow(dead_code, unused_imports, reason = "the service uses it, which is being written")]
mod semantics;
mod user;

pub use rules::{CacheRef, Query, Rule, RuleProblem, Rules, RulesBuilder, RulesError, tag_value};
pub use user::User;

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
