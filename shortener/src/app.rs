//! The service, put together.

use crate::{
    api::{self, Service, Shared},
    auth::{HashError, Passwords, Token},
    caching::{Caches, CachingError},
    clicks::ClickQueue,
    config::Config,
    db::{self, Db, DbError},
    domain::{TargetPolicy, random_code},
    edge::{self, Counting, Outer},
    limits::RateLimits,
    page,
    store::Store,
};
use axum::{Router, extract::DefaultBodyLimit, middleware};
use larder_http::admin::{Admin, AdminError, Scope};
use std::{sync::Arc, time::Duration};
use thiserror::Error;
use tower_http::catch_panic::CatchPanicLayer;
use url::Url;

/// How often sessions that are over are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// Why a service could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The database cannot be used.
    #[error("database.url: {0}")]
    Database(#[from] DbError),
    /// The caches cannot be made.
    #[error(transparent)]
    Caching(#[from] CachingError),
    /// The management API does not take its tokens.
    #[error("admin: {0}")]
    Admin(#[from] AdminError),
    /// Passwords cannot be hashed.
    #[error(transparent)]
    Passwords(#[from] HashError),
}

/// How the demo user logs in.
#[derive(Clone, Debug)]
pub struct DemoLogin {
    /// The address of e-mail.
    pub email: String,
    /// The password, which is told this once.
    pub password: String,
}

/// A service that is ready to answer. Clones share it.
#[derive(Clone, Debug)]
pub struct App {
    /// All routes, with all layers.
    pub router: Router,
    /// How the demo user logs in, if this start has made it.
    pub demo: Option<DemoLogin>,
    /// The token of the management API, if this start has made it up.
    pub admin_token: Option<String>,
    admin: Option<Admin>,
    service: Shared,
}

impl App {
    /// Opens the database, makes the caches, and puts the routes together.
    ///
    /// The caches are those of the process's manager (`larder::manager::global`): the first service
    /// of a process decides how large they are.
    ///
    /// # Errors
    ///
    /// What does not work.
    pub async fn build(config: Config) -> Result<Self, BuildError> {
        let db = Db::open(&config.database).await?;
        let passwords = Passwords::new(&config.auth).await?;
        let demo = demo(&config, &db, &passwords).await?;
        let caches = match config.server.cache {
            true => Some(Caches::new(&config, &db)?),
            false => None,
        };
        let store = Store::new(db, caches);
        let base_url = config.server.base_url.clone().unwrap_or_else(|| own_url(&config));
        let service = Arc::new(Service {
            passwords,
            targets: TargetPolicy {
                max_length: usize::try_from(config.urls.max_length).unwrap_or(usize::MAX),
                allow_private: config.urls.allow_private,
                own: base_url.clone(),
            },
            limits: RateLimits::new(&config.limits),
            clicks: ClickQueue::start(&config.clicks, store.clone()),
            base_url,
            store,
            config,
        });
        tokio::spawn(tidy(service.store.db().clone()));
        let (admin, admin_token) = match service.store.caches() {
            Some(caches) if service.config.admin.enabled => admin(&service.config, caches)?,
            _ => (None, None),
        };
        let router = router(&service, admin.as_ref());
        Ok(Self { router, demo, admin_token, admin, service })
    }

    /// Returns how short addresses begin.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        &self.service.base_url
    }

    /// Waits until all clicks are written that have been taken so far.
    pub async fn flush_clicks(&self) {
        self.service.clicks.flush().await;
    }

    /// Has the responses end that would go on by themselves: the events of the management API.
    pub(crate) fn end_streams(&self) {
        if let Some(admin) = &self.admin {
            admin.end_events();
        }
    }

    /// Writes the clicks that wait, and closes the database. For when no request is under way any
    /// more.
    pub async fn close(&self) {
        self.flush_clicks().await;
        self.service.store.db().close().await;
    }

    /// Returns how many clicks wait to be written.
    #[must_use]
    pub fn unwritten_clicks(&self) -> u64 {
        let stats = self.service.clicks.stats();
        stats.taken.saturating_sub(stats.written)
    }

    pub(crate) fn config(&self) -> &Config {
        &self.service.config
    }
}

fn own_url(config: &Config) -> Url {
    let text = format!("http://{}/", config.server.listen);
    Url::parse(&text).expect("an address and a port are a host")
}

/// The management API, and its token if it is a new one.
fn admin(config: &Config, caches: &Caches) -> Result<(Option<Admin>, Option<String>), AdminError> {
    let new = config.admin.token.is_none().then(|| Token::random().reveal().to_owned());
    let token = config.admin.token.as_ref().or(new.as_ref());
    let mut admin = Admin::builder(caches.manager()).layer(caches.layer());
    for (token, scope) in [(token, Scope::Admin), (config.admin.read_token.as_ref(), Scope::Read)] {
        if let Some(token) = token {
            admin = admin.token(token, scope);
        }
    }
    Ok((Some(admin.build()?), new))
}

fn router(service: &Shared, admin: Option<&Admin>) -> Router {
    let server = &service.config.server;
    let max_body = usize::try_from(server.max_body).unwrap_or(usize::MAX);
    let mut router = page::router()
        .merge(api::router(Arc::clone(service)))
        .layer(DefaultBodyLimit::max(max_body));
    if let Some(caches) = service.store.caches() {
        router = router.layer(caches.layer().clone());
    }
    let counting = Counting {
        queue: service.clicks.clone(),
        country_header: server.country_header.as_ref().and_then(|it| it.parse().ok()),
    };
    let outer = Outer {
        timeout: server.request_timeout,
        timing: server.timing,
        https: service.base_url.scheme() == "https",
    };
    router = router
        .layer(middleware::from_fn_with_state(counting, edge::count))
        .layer(middleware::from_fn_with_state(Arc::clone(service), edge::authenticate));
    if let Some(admin) = admin {
        router = router.nest("/api/cache", admin.router());
    }
    router
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(middleware::from_fn_with_state(outer, edge::outer))
}

/// Fills an empty database with something to see.
async fn demo(
    config: &Config,
    db: &Db,
    passwords: &Passwords,
) -> Result<Option<DemoLogin>, BuildError> {
    if !config.demo.enabled || !db::users::are_none(db).await? {
        return Ok(None);
    }
    let password = config.demo.password.clone();
    let password = password.unwrap_or_else(|| [random_code(), random_code()].concat());
    db::demo::fill(db, &passwords.hash(password.clone()).await?).await?;
    Ok(Some(DemoLogin { email: db::demo::EMAIL.to_owned(), password }))
}

/// Forgets sessions that are over, as long as the process lives.
async fn tidy(db: Db) {
    let mut interval = tokio::time::interval(TIDY_EVERY);
    loop {
        interval.tick().await;
        match db::sessions::delete_expired(&db, crate::domain::now_ms()).await {
            Ok(0) => {}
            Ok(deleted) => tracing::debug!(deleted, "sessions that were over"),
            Err(error) => tracing::warn!(%error, "sessions that are over stay for now"),
        }
    }
}
