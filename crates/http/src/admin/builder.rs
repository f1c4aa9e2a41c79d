//! What the management API is made from.

use super::{
    auth::{Attempts, Gate, Scope, Tokens},
    events::LISTENERS,
    exposition::Exposition,
    router,
};
use crate::layer::CacheLayer;
use ::axum::Router;
use larder::{
    ManualClock,
    manager::{CacheKind, CacheManager},
};
use metrics_exporter_prometheus::PrometheusHandle;
use std::{
    collections::BTreeSet,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Wrong tokens that a peer may present in a window.
const TRIES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// The management API of a manager.
///
/// A handle: clones are the same one.
#[derive(Clone)]
pub struct Admin {
    state: Arc<State>,
    gate: Arc<Gate>,
}

/// What handlers work with.
pub(crate) struct State {
    pub(crate) manager: CacheManager,
    pub(crate) layers: Vec<CacheLayer>,
    pub(crate) started: Instant,
    /// Caches of which the keys are secret.
    pub(crate) hidden: BTreeSet<String>,
    pub(crate) exposition: Exposition,
    /// Held while settings change.
    pub(crate) changing: Mutex<()>,
    /// A permit for each client that listens to events; closed when they are to end.
    pub(crate) listeners: Arc<Semaphore>,
}

/// Puts an [`Admin`] together; comes from [`Admin::builder`].
#[derive(Clone)]
#[must_use]
pub struct AdminBuilder {
    manager: CacheManager,
    layers: Vec<CacheLayer>,
    /// Name, secret, scope.
    tokens: Vec<(String, String, Scope)>,
    loopback: Option<SocketAddr>,
    tries: (u32, Duration),
    hidden: BTreeSet<String>,
    prometheus: Option<PrometheusHandle>,
    clock: Option<ManualClock>,
}

/// Why there is no [`Admin`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// Whoever reaches it could do everything.
    #[error(
        "token: there is none; give one with `token`, or, for a server that is bound to the loopback interface, call \
         `allow_anonymous_on_loopback`"
    )]
    NoToken,
    /// Others than this machine reach the address.
    #[error(
        "allow_anonymous_on_loopback: {address} is not an address of the loopback interface; allowed are 127.0.0.0/8 \
         and ::1"
    )]
    NotLoopback {
        /// The address that the server is said to be bound to.
        address: SocketAddr,
    },
    /// It cannot be sent.
    #[error("token: that of {name:?} does not fit; allowed are 1 to 512 visible ASCII characters")]
    Token {
        /// The token's name.
        name: String,
    },
    /// Nobody could tell two tokens apart.
    #[error("token: {name:?} has the name or the secret of another one; each has its own")]
    SameToken {
        /// The name of the second one.
        name: String,
    },
    /// Nobody could come in.
    #[error(
        "failed_tries: {tries} in {window:?} does not fit; allowed are 1 and more in 1 s to 1 day"
    )]
    Tries {
        /// How many wrong tokens were to be allowed.
        tries: u32,
        /// In which time.
        window: Duration,
    },
}

impl Admin {
    /// Begins to put together the management API of a manager.
    pub fn builder(manager: &CacheManager) -> AdminBuilder {
        AdminBuilder {
            manager: manager.clone(),
            layers: Vec::new(),
            tokens: Vec::new(),
            loopback: None,
            tries: (TRIES, WINDOW),
            hidden: BTreeSet::from([CacheKind::Session.name().to_owned()]),
            prometheus: None,
            clock: None,
        }
    }

    /// Makes the router, to be [nested](Router::nest) where the API is to be.
    ///
    /// To limit wrong tokens by peer, and not all of them together, it needs the service to be
    /// served with
    /// [`into_make_service_with_connect_info::<SocketAddr>`](Router::into_make_service_with_connect_info).
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        router::router(&self.state, &self.gate).with_state(())
    }

    /// Ends the events that are being sent, each within a second, and has no others begin: for a
    /// server that is to stop, which waits for its responses to end.
    pub fn end_events(&self) {
        self.state.listeners.close();
    }
}

impl AdminBuilder {
    /// Adds the rules of a layer for HTTP responses, and what is stored by them. May be called for
    /// several layers.
    pub fn layer(mut self, layer: &CacheLayer) -> Self {
        self.layers.push(layer.clone());
        self
    }

    /// Adds a token. Its name in the audit is that of its scope, with a number from the second one
    /// on.
    ///
    /// It should be long and random, 128 bits or more.
    pub fn token(self, secret: impl Into<String>, scope: Scope) -> Self {
        let others = self.tokens.iter().filter(|it| it.2 == scope).count();
        let name = match others {
            0 => scope.name().to_owned(),
            others => format!("{scope}-{}", others + 1),
        };
        self.named_token(name, secret, scope)
    }

    /// Adds a token with a name, by which the audit says who has changed something.
    pub fn named_token(
        mut self,
        name: impl Into<String>,
        secret: impl Into<String>,
        scope: Scope,
    ) -> Self {
        self.tokens.push((name.into(), secret.into(), scope));
        self
    }

    /// Lets requests without a token do everything, for a server that is bound to `address`, which
    /// has to be one of the loopback interface.
    ///
    /// They still have to name this machine as their host, and no page of another site may have a
    /// browser send them.
    pub fn allow_anonymous_on_loopback(mut self, address: SocketAddr) -> Self {
        self.loopback = Some(address);
        self
    }

    /// Sets how many wrong tokens a peer may present in a time; 10 in a minute otherwise. Peers are
    /// told apart by their address, if the service [knows](Admin::router) it.
    pub fn failed_tries(mut self, tries: u32, window: Duration) -> Self {
        self.tries = (tries, window);
        self
    }

    /// Hides the keys of a cache: they are listed by their hashes. The keys of the cache `session`
    /// are hidden by default, since the key of a session may be all that a thief of it needs.
    pub fn hide_keys(mut self, cache: impl Into<String>) -> Self {
        self.hidden.insert(cache.into());
        self
    }

    /// Lists the keys of a cache in words, though it is the cache `session`.
    pub fn show_keys(mut self, cache: &str) -> Self {
        self.hidden.remove(cache);
        self
    }

    /// Answers `GET metrics/` with the metrics of this recorder, which the program has installed;
    /// they include the program's own. Without it, the answer has the metrics of the caches and
    /// rules alone, from a recorder that is not installed.
    pub fn prometheus(mut self, handle: PrometheusHandle) -> Self {
        self.prometheus = Some(handle);
        self
    }

    /// Sets the clock by which [`failed_tries`](Self::failed_tries) measures time, for tests: the
    /// program moves it.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// Builds it.
    ///
    /// # Errors
    ///
    /// If there is no token, or something that was said does not fit.
    ///
    /// ```
    /// use larder::manager::CacheManager;
    /// use larder_http::admin::{Admin, AdminError};
    ///
    /// let builder = Admin::builder(&CacheManager::new());
    /// assert_eq!(builder.clone().build().unwrap_err(), AdminError::NoToken);
    /// let everybody = "0.0.0.0:8080".parse().unwrap();
    /// assert!(builder.clone().allow_anonymous_on_loopback(everybody).build().is_err());
    /// let loopback = "127.0.0.1:8080".parse().unwrap();
    /// assert!(builder.allow_anonymous_on_loopback(loopback).build().is_ok());
    /// ```
    pub fn build(self) -> Result<Admin, AdminError> {
        self.check()?;
        let Self { manager, layers, tokens, loopback, tries, hidden, prometheus, clock } = self;
        let known = tokens.iter().map(|(name, secret, scope)| (&**name, &**secret, *scope));
        let gate = Gate {
            tokens: Tokens::new(known),
            attempts: Attempts::new(tries.0, tries.1, clock.as_ref()),
            open_on_loopback: loopback.is_some(),
        };
        let state = State {
            manager,
            layers,
            started: Instant::now(),
            hidden,
            exposition: Exposition::new(prometheus),
            changing: Mutex::default(),
            listeners: Arc::new(Semaphore::new(LISTENERS)),
        };
        Ok(Admin { state: Arc::new(state), gate: Arc::new(gate) })
    }

    fn check(&self) -> Result<(), AdminError> {
        if self.tokens.is_empty() && self.loopback.is_none() {
            return Err(AdminError::NoToken);
        }
        if let Some(address) = self.loopback.filter(|it| !it.ip().to_canonical().is_loopback()) {
            return Err(AdminError::NotLoopback { address });
        }
        let (tries, window) = self.tries;
        let allowed = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);
        if tries == 0 || !allowed.contains(&window) {
            return Err(AdminError::Tries { tries, window });
        }
        for (index, (name, secret, _)) in self.tokens.iter().enumerate() {
            let fits = (1..=512).contains(&secret.len())
                && secret.bytes().all(|byte| byte.is_ascii_graphic());
            if !fits {
                return Err(AdminError::Token { name: name.clone() });
            }
            if self.tokens[..index].iter().any(|other| other.0 == *name || other.1 == *secret) {
                return Err(AdminError::SameToken { name: name.clone() });
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl fmt::Debug for AdminBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.tokens.iter().map(|(name, _, scope)| (name, scope)).collect();
        f.debug_struct("AdminBuilder").field("tokens", &names).finish_non_exhaustive()
    }
}
