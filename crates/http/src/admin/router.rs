//! The endpoints.

use super::{
    auth::{Gate, Scope, authorize, session},
    builder::State,
    change, dashboard, events, exposition, openapi,
    problem::Problem,
    read,
};
use ::axum::{
    Router,
    middleware::{from_fn_with_state, map_response},
    response::Response,
    routing::{MethodRouter, get, post, put},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use std::sync::Arc;

/// An endpoint: there is one for each path, with and without a slash at its end.
pub(super) struct Endpoint {
    /// Without that slash.
    pub(super) path: &'static str,
    pub(super) method: Method,
    route: MethodRouter<Arc<State>>,
}

impl Endpoint {
    fn read(path: &'static str, route: MethodRouter<Arc<State>>) -> Self {
        Self { path, method: Method::GET, route }
    }

    /// What it takes to be let in.
    fn scope(&self) -> Scope {
        if self.method == Method::GET { Scope::Read } else { Scope::Admin }
    }

    fn change(method: Method, path: &'static str, route: MethodRouter<Arc<State>>) -> Self {
        Self { path, method, route }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::read("/stats", get(read::stats)),
        Endpoint::read("/health", get(read::health)),
        Endpoint::read("/performance", get(read::performance)),
        Endpoint::read("/functions", get(read::functions)),
        Endpoint::read("/rules", get(read::rules)),
        Endpoint::read("/keys", get(read::keys)),
        Endpoint::read("/metrics", get(exposition::metrics)),
        Endpoint::read("/events", get(events::events)),
        Endpoint::read("/openapi.json", get(openapi::openapi)),
        Endpoint::change(Method::POST, "/clear", post(change::clear_all)),
        Endpoint::change(Method::POST, "/clear/{type}", post(change::clear_one)),
        Endpoint::change(Method::POST, "/invalidate", post(change::invalidate)),
        Endpoint::change(Method::PUT, "/config", put(change::configure)),
    ]
}

pub(super) fn router(state: &Arc<State>, gate: &Arc<Gate>) -> Router {
    let mut router = Router::new();
    for endpoint in endpoints() {
        let guard = from_fn_with_state((Arc::clone(gate), endpoint.scope()), authorize);
        let (path, route) = (endpoint.path, endpoint.route.route_layer(guard));
        router = router.route(path, route.clone()).route(&format!("{path}/"), route);
    }
    let session = get(session).with_state(Arc::clone(gate));
    router
        .route("/session", session.clone())
        .route("/session/", session)
        .merge(dashboard::router())
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .with_state(Arc::clone(state))
        .layer(map_response(not_to_be_kept))
}

async fn not_found(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no endpoint {}", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} has no method {method}; `Allow` says which it has", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Keeps caches from storing a response, which is of this moment and for one client, unless it says
/// itself how long it lasts, as files of the dashboard do.
async fn not_to_be_kept(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let sniffing = HeaderName::from_static("x-content-type-options");
    headers.insert(sniffing, HeaderValue::from_static("nosniff"));
    response
}
