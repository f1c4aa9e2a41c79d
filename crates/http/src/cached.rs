//! The cache for a single route: `cached(handler)`.

mod plan;

use crate::{
    Invalidator, Query, ResponseBody, ResponseFuture, Rule, RuleProblem, RulesError,
    rules::CacheRef,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use plan::Plan;
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// Caches the responses of one handler, or of one service, by a rule of its own.
///
/// With the feature `axum`, the result is a handler of axum if `inner` is one. A tower service of
/// [`http::Request`] becomes a tower service, for `route_service` or for no axum at all.
///
/// The rule is for the path that the route has, the prefixes of routers around it included, so that
/// tags may name the path's parameters. Where axum does not say which route a request has taken, in
/// a fallback or without axum, the [`path`](Cached::path) has to be said. Otherwise nothing is
/// cached, and `Cache-Status` has the detail `no-rule`. If the rule does not fit the route, because
/// a tag names a parameter that the route's path does not have, the detail is `bad-rule`.
///
/// Under a [`CacheLayer`](crate::CacheLayer), responses are in that layer's manager and are
/// invalidated by that layer's [`Invalidator`], and what it says of the scheme and of trusted
/// fields holds for the handler. Otherwise they are in the manager of the process, and
/// [`invalidator`] invalidates them. If a rule of the layer is for the same path, both cache.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::{Router, extract::Path, routing::get};
/// use larder_http::{Invalidator, cached};
/// use std::time::Duration;
///
/// async fn report(Path(id): Path<u64>) -> String {
///     format!("report {id}")
/// }
///
/// async fn write(Path(id): Path<u64>, cache: Invalidator) {
///     cache.tag(&format!("report:{id}"));
/// }
///
/// let reports = get(cached(report).ttl(Duration::from_secs(60)).tags(["report:{id}"]))
///     .put(cached(write));
/// let app: Router = Router::new().route("/reports/{id}", reports);
/// # }
/// ```
pub fn cached<T>(inner: T) -> Cached<T> {
    Cached { inner, plan: Arc::new(Plan::new(Rule::new("/"), false)) }
}

/// Returns what makes stale the responses of all [`cached`] handlers that have no
/// [`CacheLayer`](crate::CacheLayer) around them.
///
/// ```
/// larder_http::invalidator().tag("report:7");
/// ```
#[must_use]
pub fn invalidator() -> Invalidator {
    Invalidator::new(Arc::clone(plan::process()))
}

/// A handler, or a service, and the rule by which its responses are cached; comes from [`cached`].
///
/// Methods that take a setting say what the [`Rule`]'s methods of the same name say. A rule with
/// other settings comes with [`rule`](Self::rule).
#[derive(Clone)]
#[must_use]
pub struct Cached<T> {
    inner: T,
    plan: Arc<Plan>,
}

impl<T> Cached<T> {
    /// Sets all of the rule, its path included, in the place of what was said before.
    ///
    /// # Errors
    ///
    /// All that is wrong with the rule.
    ///
    /// ```
    /// use larder_http::{Rule, cached};
    ///
    /// let rule = Rule::new("/reports/{id}").per_user().max_body(1 << 10);
    /// let report = cached(|| async { "the report" }).rule(rule)?;
    /// # drop(report);
    /// # Ok::<(), larder_http::RulesError>(())
    /// ```
    pub fn rule(self, rule: Rule) -> Result<Self, RulesError> {
        let plan = Plan::new(rule, true);
        plan.check()?;
        Ok(Self { plan: Arc::new(plan), ..self })
    }

    /// Sets the path's pattern, as [`Rule::new`] takes it: all of the path that clients see.
    ///
    /// # Panics
    ///
    /// If it is no pattern, or if a tag or a path that was said before names a parameter that it
    /// does not have.
    #[track_caller]
    pub fn path(self, path: impl Into<String>) -> Self {
        let mut rule = self.plan.rule.clone();
        rule.path = path.into();
        let fields = ["path", "tags", "invalidates", "invalidates_paths"];
        self.with(Plan::new(rule, true), &fields)
    }

    /// Sets how long a response is fresh that does not say so itself: see [`Rule::ttl`].
    ///
    /// # Panics
    ///
    /// If it is less than a second or more than 3650 days.
    #[track_caller]
    pub fn ttl(self, ttl: Duration) -> Self {
        self.change(|rule| rule.ttl(ttl), "ttl")
    }

    /// Sets the cache that responses are in: see [`Rule::cache`]. If the manager has no such cache,
    /// nothing is cached, and `Cache-Status` has the detail `bad-rule`.
    pub fn cache(self, cache: impl Into<CacheRef>) -> Self {
        self.change(|rule| rule.cache(cache), "cache")
    }

    /// Says that responses are a single user's: see [`Rule::per_user`].
    ///
    /// # Panics
    ///
    /// If they are said to be [`shared`](Self::shared), too.
    #[track_caller]
    pub fn per_user(self) -> Self {
        self.change(Rule::per_user, "per_user")
    }

    /// Says that responses are the same for everybody, whatever credentials a request has: see
    /// [`Rule::shared`].
    ///
    /// # Panics
    ///
    /// If they are said to be a [single user's](Self::per_user), too.
    #[track_caller]
    pub fn shared(self) -> Self {
        self.change(Rule::shared, "per_user")
    }

    /// Sets which part of the query is part of the key: see [`Rule::query`].
    pub fn query(self, query: Query) -> Self {
        self.change(|rule| rule.query(query), "query")
    }

    /// Adds fields of requests to the key: see [`Rule::vary_headers`].
    ///
    /// # Panics
    ///
    /// If one is no name of a field, carries credentials, or can be sent by anybody to change what
    /// the request means.
    #[track_caller]
    pub fn vary_headers<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        self.change(|rule| rule.vary_headers(names), "vary_headers")
    }

    /// Sets for how long a stale response is given out while a new one is fetched: see
    /// [`Rule::stale_while_revalidate`].
    ///
    /// # Panics
    ///
    /// If it is more than 3650 days.
    #[track_caller]
    pub fn stale_while_revalidate(self, grace: Duration) -> Self {
        self.change(|rule| rule.stale_while_revalidate(grace), "stale_while_revalidate")
    }

    /// Sets for how long a stale response is given out if the handler fails: see
    /// [`Rule::stale_if_error`].
    ///
    /// # Panics
    ///
    /// If it is more than 3650 days.
    #[track_caller]
    pub fn stale_if_error(self, grace: Duration) -> Self {
        self.change(|rule| rule.stale_if_error(grace), "stale_if_error")
    }

    /// Adds tags to the responses: see [`Rule::tags`].
    ///
    /// # Panics
    ///
    /// If one is no template of a tag. Parameters of a path that was not [said](Self::path) are
    /// looked for when the first request comes.
    #[track_caller]
    pub fn tags<N: Into<String>>(self, templates: impl IntoIterator<Item = N>) -> Self {
        self.change(|rule| rule.tags(templates), "tags")
    }

    /// Adds tags that a successful POST, PUT, PATCH, DELETE or other unsafe method invalidates: see
    /// [`Rule::invalidates`].
    ///
    /// # Panics
    ///
    /// As [`tags`](Self::tags).
    #[track_caller]
    pub fn invalidates<N: Into<String>>(self, templates: impl IntoIterator<Item = N>) -> Self {
        self.change(|rule| rule.invalidates(templates), "invalidates")
    }

    #[track_caller]
    fn change(self, change: impl FnOnce(Rule) -> Rule, field: &str) -> Self {
        let plan = Plan::new(change(self.plan.rule.clone()), self.plan.has_path);
        self.with(plan, &[field])
    }

    /// Panics if something is wrong with these fields. What is wrong with others has been told, or
    /// is not said yet.
    #[track_caller]
    fn with(self, plan: Plan, fields: &[&str]) -> Self {
        let wrong = plan.check().err();
        let mut wrong = wrong.iter().flat_map(RulesError::problems);
        let is_of_these = |problem: &&RuleProblem| fields.contains(&problem.field);
        if let Some(problem) = wrong.find(is_of_these) {
            panic!("{problem}");
        }
        Self { plan: Arc::new(plan), ..self }
    }

    #[cfg(feature = "axum")]
    pub(crate) fn into_parts(self) -> (T, Arc<Plan>) {
        (self.inner, self.plan)
    }
}

impl<S, Q, B> Service<Request<Q>> for Cached<S>
where
    S: Service<Request<Q>, Response = Response<B>, Future: Send, Error: Send>
        + Clone
        + Send
        + 'static,
    Q: Body + Send + 'static,
    B: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        self.plan.call(&mut self.inner, request)
    }
}

impl<T> fmt::Debug for Cached<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("rule", &self.plan.rule).finish_non_exhaustive()
    }
}
