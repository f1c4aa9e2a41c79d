//! What of larder the service uses, and what a change makes stale in it.
//!
//! Three layers, from the client inwards: responses (`larder-http`, by the rules of `rules.rs`),
//! sessions and users (typed views), and what queries return (`#[cache_query]`, in `db`). Each
//! would do alone; together they show what each is for.
//!
//! What is further inside becomes stale first: otherwise a response could be made anew of rows that
//! are about to be stale, and stay.

mod rules;

use crate::{
    config::Config,
    db::{
        Db,
        sessions::{Session, TokenHash},
        users::User,
    },
};
use larder::manager::{self, CacheKind, CacheManager, KeyedView, config::ConfigError};
use larder_http::{CacheLayer, Invalidator, tag_value};
use std::sync::Arc;
use thiserror::Error;

/// Why there are no caches.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CachingError {
    /// The caches' settings cannot be met.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The manager does not take them.
    #[error(transparent)]
    Manager(#[from] larder::manager::ManagerError),
    /// Rules that do not fit together.
    #[error(transparent)]
    Rules(#[from] larder_http::RulesError),
}

/// All caches of a service.
#[derive(Clone, Debug)]
pub(crate) struct Caches {
    manager: CacheManager,
    layer: CacheLayer,
    invalidator: Invalidator,
    pub(crate) sessions: KeyedView<TokenHash, Session>,
    pub(crate) users: KeyedView<i64, Arc<User>>,
}

impl Caches {
    /// Makes the caches. Functions with attributes keep what they return in the manager of the
    /// process, so that is the one for all; it has the settings of the first service of the
    /// process.
    pub(crate) fn new(config: &Config, db: &Db) -> Result<Self, CachingError> {
        // If somebody was first, theirs is there.
        _ = manager::set_global(CacheManager::from_config(&config.caches)?);
        let manager = manager::global().clone();
        let layer = CacheLayer::new(&manager, rules::rules(config)?);
        layer.reload(&config.caches)?;
        let namespace = |name: &str| format!("{name}-{}", db.id());
        let sessions = manager.view(CacheKind::Session).with_namespace(&namespace("sessions"));
        let users = manager.view(CacheKind::User).with_namespace(&namespace("users"));
        Ok(Self {
            invalidator: layer.invalidator(),
            layer,
            sessions: sessions.keyed(),
            users: users.keyed(),
            manager,
        })
    }

    pub(crate) fn manager(&self) -> &CacheManager {
        &self.manager
    }

    pub(crate) fn layer(&self) -> &CacheLayer {
        &self.layer
    }

    /// A user has other addresses than before, and these codes lead elsewhere: those that an
    /// address had, and those that it has now. The queries' results went when the function returned
    /// that wrote.
    pub(crate) fn urls_changed(&self, user: i64, codes: &[&str]) {
        for code in codes {
            self.invalidator.tag(&format!("redirect:{}", tag_value(code)));
        }
        self.responses_changed(user);
    }

    /// A user's addresses have been clicked.
    pub(crate) fn counts_changed(&self, user: i64) {
        manager::invalidate_table(&format!("urls:{user}"));
        self.responses_changed(user);
    }

    /// A user has another name.
    pub(crate) fn user_changed(&self, user: i64) {
        self.users.remove(&user);
        self.invalidator.tag(&format!("profile:{user}"));
    }

    /// The profile has sums of addresses and clicks.
    fn responses_changed(&self, user: i64) {
        self.invalidator.tag(&format!("urls:{user}"));
        self.invalidator.tag(&format!("profile:{user}"));
    }
}
