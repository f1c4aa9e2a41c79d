//! The rule of a handler, and what comes of it on the routes that the handler is on.

use crate::{
    CacheLayer, Invalidator, ResponseFuture, Rule, Rules, RulesError, key::Bypass, layer::Shared,
    service::Caller,
};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use std::sync::{Arc, OnceLock};
use tower_service::Service;

/// The layer of all handlers that have no other around them.
pub(super) fn process() -> &'static Arc<Shared> {
    static PROCESS: OnceLock<Arc<Shared>> = OnceLock::new();
    PROCESS.get_or_init(|| {
        let none = Rules::builder().build().expect("nothing is wrong with no rules");
        CacheLayer::new(larder::manager::global(), none).into_shared()
    })
}

/// A rule, and what has come of it.
pub(crate) struct Plan {
    pub(super) rule: Rule,
    /// Whether the rule's path was said, and is not that of whatever route there is.
    pub(super) has_path: bool,
    /// As few as there are routes.
    routes: ArcSwap<Vec<Route>>,
}

/// The rule on one route.
#[derive(Clone)]
struct Route {
    path: Arc<str>,
    /// What is around it.
    layer: Arc<Shared>,
    /// None if the rule does not fit.
    shared: Option<Arc<Shared>>,
}

impl Route {
    fn new(rule: &Rule, path: &str, layer: &Arc<Shared>) -> Self {
        let mut rule = rule.clone();
        rule.path = path.to_owned();
        let shared = layer.route(rule);
        Self { path: path.into(), layer: Arc::clone(layer), shared }
    }

    fn is_of(&self, path: &str, layer: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.layer, layer) && *self.path == *path
    }
}

impl Plan {
    pub(super) fn new(rule: Rule, has_path: bool) -> Self {
        Self { rule, has_path, routes: ArcSwap::default() }
    }

    /// Whether the rule is right, on a route that has all the parameters of which it speaks if the
    /// route is not known.
    pub(super) fn check(&self) -> Result<(), RulesError> {
        let mut rule = self.rule.clone();
        if !self.has_path {
            let templates = [&rule.tags, &rule.invalidates, &rule.invalidates_paths];
            let mut names: Vec<_> =
                templates.into_iter().flatten().flat_map(|text| names_in(text)).collect();
            names.sort_unstable();
            names.dedup();
            rule.path = names.iter().map(|name| format!("/{{{name}}}")).collect();
            if rule.path.is_empty() {
                rule.path.push('/');
            }
        }
        Rules::builder().rule(rule).build().map(drop)
    }

    /// Answers a request, from the cache or by the service, which is ready.
    pub(crate) fn call<S, Q, B>(
        &self,
        service: &mut S,
        request: Request<Q>,
    ) -> ResponseFuture<S::Future, B, S::Error>
    where
        S: Service<Request<Q>, Response = Response<B>, Future: Send, Error: Send>
            + Clone
            + Send
            + 'static,
        Q: Body + Send + 'static,
        B: Body<Data = Bytes, Error: Send> + Send + 'static,
    {
        match self.route_of(&request) {
            Ok(shared) => Caller::new(service, &shared).call(request),
            Err((layer, bypass)) => Caller::new(service, &layer).pass(request, bypass),
        }
    }

    /// What answers a request; or why the cache does not, and the layer that says so.
    fn route_of<Q>(&self, request: &Request<Q>) -> Result<Arc<Shared>, (Arc<Shared>, Bypass)> {
        let around = request.extensions().get::<Invalidator>();
        let layer = around.map_or_else(|| process(), Invalidator::shared);
        let path = if self.has_path { Some(self.rule.path.as_str()) } else { matched(request) };
        let bypass = match path.map(|path| self.on(path, layer)) {
            Some(Some(shared)) => return Ok(shared),
            Some(None) => Bypass::BadRule,
            None => Bypass::NoRule,
        };
        Err((Arc::clone(layer), bypass))
    }

    fn on(&self, path: &str, layer: &Arc<Shared>) -> Option<Arc<Shared>> {
        let routes = self.routes.load();
        match routes.iter().find(|route| route.is_of(path, layer)) {
            Some(route) => route.shared.clone(),
            None => self.first_on(path, layer),
        }
    }

    /// The first request of a route.
    #[cold]
    fn first_on(&self, path: &str, layer: &Arc<Shared>) -> Option<Arc<Shared>> {
        let new = Route::new(&self.rule, path, layer);
        let mut shared = None;
        self.routes.rcu(|routes| {
            let mut routes = Vec::clone(routes);
            // Another request may have been faster; its responses are the ones to share.
            match routes.iter().find(|route| route.is_of(path, layer)) {
                Some(there) => shared.clone_from(&there.shared),
                None => {
                    shared.clone_from(&new.shared);
                    routes.push(new.clone());
                }
            }
            routes
        });
        shared
    }
}

/// The pattern of the route that a request has taken.
#[cfg(feature = "axum")]
fn matched<Q>(request: &Request<Q>) -> Option<&str> {
    request.extensions().get::<::axum::extract::MatchedPath>().map(|it| it.as_str())
}

#[cfg(not(feature = "axum"))]
fn matched<Q>(_: &Request<Q>) -> Option<&str> {
    None
}

/// The parameters in a template.
fn names_in(template: &str) -> impl Iterator<Item = &str> {
    let mut rest = template;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find('{')?;
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('{') {
                rest = after;
                continue;
            }
            let (name, after) = rest.split_once('}')?;
            rest = after;
            if name != "user" {
                return Some(name);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_second_on_a_route_gets_what_the_first_has_found() {
        let (plan, layer) = (Plan::new(Rule::new("/"), false), process());
        let first = plan.first_on("/reports/{id}", layer).unwrap();
        let second = plan.first_on("/reports/{id}", layer).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&first, &plan.on("/reports/{id}", layer).unwrap()));
        assert!(!Arc::ptr_eq(&first, &plan.on("/other/{id}", layer).unwrap()));
    }

    #[test]
    fn parameters_are_found_in_templates() {
        let names = |text| names_in(text).collect::<Vec<_>>();
        assert_eq!(names("a:{id}:{user}/{code}"), ["id", "code"]);
        assert_eq!(names("{{a}}:{b}"), ["b"]);
        assert_eq!(names("{"), [""; 0]);
        assert_eq!(names("none"), [""; 0]);
    }
}
