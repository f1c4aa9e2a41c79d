//! What a request has to pass.

use super::{Attempts, Identity, Scope, Tokens, attempts::Peer};
use crate::admin::problem::Problem;
use ::axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, header,
    uri::{Authority, Uri},
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Who comes in, and what for.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) tokens: Tokens,
    pub(crate) attempts: Attempts,
    /// Whether those who present no token may do everything, if they are on this machine.
    pub(crate) open_on_loopback: bool,
}

/// Lets a request pass that may do what `scope` says.
pub(crate) async fn authorize(
    State((gate, scope)): State<(Arc<Gate>, Scope)>,
    mut request: Request,
    next: Next,
) -> Response {
    match gate.identify(&request, scope) {
        Ok(identity) => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

impl Gate {
    /// Who sends a request, if they may do what `scope` says.
    pub(super) fn identify(&self, request: &Request, scope: Scope) -> Result<Identity, Problem> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip());
        self.judge(request.headers(), request.uri(), peer, scope)
    }

    fn judge(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        peer: Option<IpAddr>,
        scope: Scope,
    ) -> Result<Identity, Problem> {
        let Some(field) = headers.get(header::AUTHORIZATION) else {
            return self.anonymous(headers, uri, peer);
        };
        let Some(secret) = bearer(field) else {
            return Err(unauthorized("Authorization: only the scheme Bearer is known"));
        };
        let origin = Peer::of(peer);
        if let Err(left) = self.attempts.check(origin) {
            return Err(too_many(left.as_secs_f64().ceil().max(1.0) as u64));
        }
        let Some(identity) = self.tokens.find(secret) else {
            self.attempts.fail(origin);
            return Err(unauthorized("Authorization: the token is not known"));
        };
        if identity.scope < scope {
            return Err(forbidden(identity.scope, scope));
        }
        Ok(identity.clone())
    }

    fn anonymous(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        peer: Option<IpAddr>,
    ) -> Result<Identity, Problem> {
        if self.open_on_loopback && is_of_this_machine(headers, uri, peer) {
            return Ok(Identity { name: "anonymous".into(), scope: Scope::Admin });
        }
        Err(unauthorized("Authorization: a token is needed, as `Bearer TOKEN`"))
    }
}

/// Whether a request comes from this machine, and no page of another site has a browser send it.
fn is_of_this_machine(headers: &HeaderMap, uri: &Uri, peer: Option<IpAddr>) -> bool {
    let host = match uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => authority(headers.get(header::HOST)),
    };
    // A name of somebody else's may stand for this machine, too.
    let Some(host) = host.filter(is_loopback_name) else { return false };
    let is_same_site = match headers.get(header::ORIGIN) {
        None => true,
        Some(origin) => origin
            .to_str()
            .ok()
            .and_then(|it| it.parse::<Uri>().ok())
            .is_some_and(|it| it.authority() == Some(&host)),
    };
    let site = HeaderName::from_static("sec-fetch-site");
    let is_cross_site = headers.get(site).is_some_and(|it| it == "cross-site");
    is_same_site && !is_cross_site && peer.is_none_or(|it| it.to_canonical().is_loopback())
}

fn authority(field: Option<&HeaderValue>) -> Option<Authority> {
    field?.to_str().ok()?.parse().ok()
}

fn is_loopback_name(authority: &Authority) -> bool {
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// The token of `Bearer TOKEN` (RFC 6750); the scheme's case does not matter.
fn bearer(field: &HeaderValue) -> Option<&[u8]> {
    let (scheme, rest) = field.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| rest.trim_ascii())
}

fn unauthorized(detail: &str) -> Problem {
    let challenge = HeaderValue::from_static("Bearer realm=\"larder\"");
    Problem::new(StatusCode::UNAUTHORIZED, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

fn forbidden(has: Scope, needs: Scope) -> Problem {
    let detail = format!("the token's scope is {has}, and this needs the scope {needs}");
    let challenge = HeaderValue::from_static(
        "Bearer realm=\"larder\", error=\"insufficient_scope\", scope=\"admin\"",
    );
    Problem::new(StatusCode::FORBIDDEN, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

fn too_many(seconds: u64) -> Problem {
    let detail = format!("too many wrong tokens; the next is looked at in {seconds} s");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}
