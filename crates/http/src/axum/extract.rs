//! What handlers extract.

use crate::Invalidator;
use ::axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use std::future::{Future, ready};

/// The [`Invalidator`] of the [`CacheLayer`](crate::CacheLayer) around the handler, or of
/// [`cached`](crate::cached).
///
/// ```
/// use axum::{Router, extract::Path, routing::put};
/// use larder::manager::CacheManager;
/// use larder_http::{CacheLayer, Invalidator, Rules};
///
/// async fn rename(Path(id): Path<u64>, cache: Invalidator) {
///     // After the name has been written.
///     cache.tag(&format!("user:{id}"));
/// }
///
/// let cache = CacheLayer::new(&CacheManager::new(), Rules::default());
/// let app: Router = Router::new().route("/users/{id}", put(rename)).layer(cache);
/// ```
impl<S: Sync> FromRequestParts<S> for Invalidator {
    type Rejection = MissingCacheLayer;

    fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> impl Future<Output = Result<Self, MissingCacheLayer>> + Send {
        ready(parts.extensions.get::<Self>().cloned().ok_or(MissingCacheLayer))
    }
}

/// Says that a handler extracts an [`Invalidator`] and has no [`CacheLayer`](crate::CacheLayer)
/// around it. As a response, it has status 500.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error(
    "the handler extracts an Invalidator, and there is no larder_http::CacheLayer around it: add one with Router::layer"
)]
#[non_exhaustive]
pub struct MissingCacheLayer;

impl IntoResponse for MissingCacheLayer {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}
