//! Clicks are counted here, outside of the cache: on responses of the handler and of the cache
//! alike.

use crate::{
    api::Counted,
    clicks::{Click, ClickQueue, browser, country, referrer},
    domain::now_ms,
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, Method};

/// What counting needs.
#[derive(Clone, Debug)]
pub(crate) struct Counting {
    pub(crate) queue: ClickQueue,
    pub(crate) country_header: Option<HeaderName>,
}

/// Counts redirects that browsers follow. HEAD is what previews and checks of links send.
pub(crate) async fn count(
    State(counting): State<Counting>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::GET || request.uri().path() == "/" {
        return next.run(request).await;
    }
    let headers = request.headers();
    let (referrer, browser) = (referrer(headers), browser(headers));
    let country = country(headers, counting.country_header.as_ref());
    let response = next.run(request).await;
    if let Some(&Counted { url_id }) = response.extensions().get() {
        let click = Click { url_id, at_ms: now_ms(), referrer, country, browser };
        counting.queue.push(click).await;
    }
    response
}
