//! HTTP response caching as a tower layer, on the caches of a larder manager.
#![forbid(unsafe_code)]

#[allow(dead_code, reason = "the service uses it, which is being written")]
mod key;
#[allow(dead_code, unused_imports, reason = "the service uses it, which is being written")]
mod rules;
#[allow(dead_code, unused_imports, reason = "the service uses it, which is being written")]
mod semantics;
mod user;

pub use rules::{CacheRef, Query, Rule, RuleProblem, Rules, RulesBuilder, RulesError, tag_value};
pub use user::User;
