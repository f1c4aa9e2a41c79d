//! Whose session a request belongs to.

use crate::{
    api::{Service, Shared},
    auth::Token,
    db::sessions::TokenHash,
    domain::now_ms,
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, header};
use larder_http::User;

/// Must be the name that the page's documentation has.
const COOKIE: &str = "session";

/// A user who has been verified; travels in the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) token_hash: TokenHash,
}

/// Finds the session of a request, and says to the cache and to the handlers whose it is.
///
/// The page of another site cannot make use of the cookie: browsers send it along with nothing but
/// links (`SameSite=Lax`), which change nothing.
pub(crate) async fn authenticate(
    State(service): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.uri().path().starts_with("/api/")
        && let Some(token) = token(request.headers())
    {
        let token_hash = token.hash();
        match service.store.session(&token_hash).await {
            Ok(Some(session)) if session.expires_ms > now_ms() => {
                let id = session.user_id;
                request.extensions_mut().insert(User::new(id.to_string()));
                request.extensions_mut().insert(Account { id, token_hash });
            }
            Ok(_) => {}
            Err(error) => return crate::api::Problem::from(error).into_response(),
        }
    }
    next.run(request).await
}

fn token(headers: &HeaderMap) -> Option<Token> {
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| Token::read(token.trim()))?;
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).and_then(|(_, value)| Token::read(value))
}

/// Returns the cookie with a token, or, with a time of 0, what removes it.
pub(crate) fn cookie(service: &Service, token: &str, seconds: u64) -> HeaderValue {
    let secure = if service.base_url.scheme() == "https" { "; Secure" } else { "" };
    let text =
        format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(COOKIE))
}
