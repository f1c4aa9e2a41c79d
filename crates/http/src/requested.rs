//! The URI that a client has asked for.

use crate::key::Bypass;
use http::{Request, Uri};

/// Returns the URI that the client has asked for: routers of axum that are nested take prefixes
/// from that of the request.
///
/// Something else may have put another URI in its place, by whatever of the request. Then nobody
/// knows what the response depends on.
pub(crate) fn requested<Q>(request: &Request<Q>) -> Result<&Uri, Bypass> {
    match original(request) {
        None => Ok(request.uri()),
        Some(original) if is_without_prefix(request.uri(), original) => Ok(original),
        Some(_) => Err(Bypass::Rewritten),
    }
}

/// Returns the URI that came to the outermost router of axum, if there is one.
#[cfg(feature = "axum")]
pub(crate) fn original<Q>(request: &Request<Q>) -> Option<&Uri> {
    request.extensions().get::<::axum::extract::OriginalUri>().map(|it| &it.0)
}

#[cfg(not(feature = "axum"))]
pub(crate) fn original<Q>(_: &Request<Q>) -> Option<&Uri> {
    None
}

/// Whether `uri` is what routers leave of `original`.
fn is_without_prefix(uri: &Uri, original: &Uri) -> bool {
    uri.query() == original.query()
        && uri.authority() == original.authority()
        && uri.scheme() == original.scheme()
        && (uri.path() == "/" || original.path().ends_with(uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routers_take_prefixes_and_change_nothing_else() {
        for (uri, original, fits) in [
            ("/a", "/a", true),
            ("/a?x=1", "/api/a?x=1", true),
            ("/?x=1", "/api?x=1", true),
            ("http://h/a", "http://h/api/a", true),
            ("/a?x=2", "/api/a?x=1", false),
            ("/a", "/api/a?x=1", false),
            ("/b", "/api/a", false),
            ("/api/a", "/a", false),
            ("http://h/a", "/a", false),
            ("http://h/a", "http://other/a", false),
            ("http://h/a", "https://h/a", false),
        ] {
            let of = |text: &str| text.parse::<Uri>().unwrap();
            assert_eq!(is_without_prefix(&of(uri), &of(original)), fits, "{uri} of {original}");
        }
    }
}
