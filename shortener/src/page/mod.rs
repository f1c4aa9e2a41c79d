//! The page of the service: `/`, and what it needs below `/assets/`.
//!
//! Everything is compiled in, so the program is one file, and nothing comes from elsewhere: the
//! policy in `POLICY` lets browsers run the page's own scripts and ask its own origin, and nothing
//! besides. The session is a cookie, which the scripts do not see.

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
#[derive(Clone, Copy, Debug)]
struct Asset {
    path: &'static str,
    kind: &'static str,
    body: &'static str,
}

macro_rules! assets {
    ($($path:literal $kind:literal $file:literal)*) => {
        &[$(Asset { path: $path, kind: $kind, body: include_str!(concat!("assets/", $file)) }),*]
    };
}

const ASSETS: &[Asset] = assets! {
    "/" "text/html; charset=utf-8" "index.html"
    "/assets/style.css" "text/css; charset=utf-8" "style.css"
    "/assets/icon.svg" "image/svg+xml" "icon.svg"
    "/assets/app.js" "text/javascript; charset=utf-8" "app.js"
    "/assets/api.js" "text/javascript; charset=utf-8" "api.js"
    "/assets/dom.js" "text/javascript; charset=utf-8" "dom.js"
    "/assets/links.js" "text/javascript; charset=utf-8" "links.js"
    "/assets/analytics.js" "text/javascript; charset=utf-8" "analytics.js"
    "/assets/chart.js" "text/javascript; charset=utf-8" "chart.js"
};

/// Returns the routes of the page.
pub(crate) fn router() -> Router {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        let tag = entity_tag(asset.body);
        router.route(
            asset.path,
            get(move |request: Request| {
                let response = answer(*asset, &tag, &request);
                std::future::ready(response)
            }),
        )
    })
}

/// Browsers ask each time, so that a new version of the service has no old page, and mostly hear
/// that they have it.
fn answer(asset: Asset, tag: &HeaderValue, request: &Request) -> Response {
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::ETAG, tag.clone()),
    ];
    if request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| has(known, tag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(header::CONTENT_TYPE, asset.kind)], asset.body).into_response()
}

/// Compared weakly, as RFC 9110 has it for this field.
fn has(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else { return false };
    known.split(',').map(str::trim).any(|it| it == "*" || it.trim_start_matches("W/") == tag)
}

fn entity_tag(body: &str) -> HeaderValue {
    let digest = Sha256::digest(body);
    let short: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::from_str(&format!("\"{short}\"")).expect("hexadecimal digits are visible")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use std::collections::HashSet;
    use tower::ServiceExt as _;

    async fn ask(path: &str, known: Option<&str>) -> Response {
        let mut request = Request::get(path);
        if let Some(known) = known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn the_page_needs_nothing_that_is_not_there() {
        let paths: HashSet<_> = ASSETS.iter().map(|asset| asset.path).collect();
        let mut used = HashSet::from(["/".to_owned()]);
        for asset in ASSETS {
            // References are absolute in markup, and relative in modules.
            for before in ["src=\"", "href=\"", "from './", "import './"] {
                for (at, _) in asset.body.match_indices(before) {
                    let rest = &asset.body[at + before.len()..];
                    let end = rest.find(['"', '\'']).unwrap();
                    let name = &rest[..end];
                    match before.ends_with("./") {
                        true => used.insert(format!("/assets/{name}")),
                        false if name.starts_with('#') => false,
                        false => used.insert(name.to_owned()),
                    };
                }
            }
        }
        assert_eq!(used.iter().map(String::as_str).collect::<HashSet<_>>(), paths);
        for path in paths {
            assert_eq!(ask(path, None).await.status(), StatusCode::OK, "{path}");
        }
    }

    #[tokio::test]
    async fn the_policy_allows_no_other_origin_and_no_script_in_the_markup() {
        let response = ask("/", None).await;
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none';") && !policy.contains("unsafe"),
            "{policy}"
        );
        for word in ["http:", "https:", "*", "data:"] {
            assert!(!policy.contains(word), "{word}");
        }
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let page = String::from_utf8(body.to_vec()).unwrap();
        // What the policy would keep from working.
        for inline in ["<style", " style=", " onclick=", "<script>", "javascript:"] {
            assert!(!page.contains(inline), "{inline}");
        }
    }

    #[tokio::test]
    async fn a_browser_that_has_a_file_gets_no_body() {
        let response = ask("/assets/app.js", None).await;
        let tag = response.headers()[header::ETAG].to_str().unwrap().to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"old\", {tag}")] {
            let again = ask("/assets/app.js", Some(&known)).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert!(to_bytes(again.into_body(), 1).await.unwrap().is_empty());
        }
        assert_eq!(ask("/assets/app.js", Some("\"old\"")).await.status(), StatusCode::OK);
    }
}
