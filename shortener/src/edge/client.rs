//! From which address a request comes.

use crate::api::Shared;
use axum::extract::FromRequestParts;
use http::request::Parts;
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
};

/// The other end of the connection; travels in the request's extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The client: the other end of the connection, or whom the proxy there names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) IpAddr);

impl FromRequestParts<Shared> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Infallible> {
        // The last value is the proxy's own; those before it, a client may have made up.
        let named = service.config.server.client_ip_header.as_deref().and_then(|name| {
            let last = parts.headers.get_all(name).iter().next_back()?.to_str().ok()?;
            last.rsplit(',').next()?.trim().parse().ok()
        });
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        Ok(Self(named.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}
