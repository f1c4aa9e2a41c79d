//! What an intermediary changes in a message (RFC 9110, 7.6): pure functions over headers.

use std::net::IpAddr;

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::Authority;

/// As whom the proxy speaks in `Via`.
const PSEUDONYM: &str = "larder";

/// What concerns one connection alone, listed in `Connection` or not.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What a client could say of itself, and an origin might believe.
const CLAIMS: [HeaderName; 7] = [
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-real-ip"),
];

/// Removes what concerns the connection that a message came on.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Chunks count, and a length beside them must not go on (RFC 9112, 6.3).
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    let mut listed: Vec<HeaderName> = Vec::new();
    for name in tokens(headers, &header::CONNECTION) {
        // What names no field is not there to be removed.
        listed.extend(HeaderName::from_bytes(name.as_bytes()));
    }
    for name in listed.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// The protocol that a message asks to change to, if its `Connection` says so as well.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers.get(header::UPGRADE)?;
    let asked = tokens(headers, &header::CONNECTION).any(|it| it.eq_ignore_ascii_case("upgrade"));
    asked.then(|| wanted.clone())
}

/// Asks for, or confirms, a change of protocol on the next connection.
pub(crate) fn set_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(header::UPGRADE, protocol);
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
}

/// Says that a message went through the proxy.
pub(crate) fn append_via(headers: &mut HeaderMap, version: hyper::Version) {
    let protocol = match version {
        hyper::Version::HTTP_2 => "2",
        hyper::Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    let value = format!("{protocol} {PSEUDONYM}");
    headers.append(header::VIA, value.try_into().expect("ASCII"));
}

/// Removes what the client says of itself: the cache would pass such requests by, and the origin
/// might believe them.
pub(crate) fn remove_claims(headers: &mut HeaderMap) {
    for name in CLAIMS {
        headers.remove(name);
    }
}

/// Says what is known of the client.
pub(crate) fn set_forwarded(headers: &mut HeaderMap, client: IpAddr, host: Option<&HeaderValue>) {
    let address = HeaderValue::try_from(client.to_canonical().to_string()).expect("ASCII");
    headers.insert(HeaderName::from_static("x-forwarded-for"), address);
    headers.insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("http"));
    if let Some(host) = host {
        headers.insert(HeaderName::from_static("x-forwarded-host"), host.clone());
    }
}

/// Leaves one `Host`: that of the request's target, which outranks the field, or that of the field.
pub(crate) fn set_host(headers: &mut HeaderMap, target: Option<&Authority>) {
    if let Some(authority) = target {
        // Users and passwords are none of the origin's business.
        let host = authority.as_str().rsplit('@').next().expect("at least one part");
        headers.insert(header::HOST, host.try_into().expect("an authority is visible ASCII"));
    }
}

/// Joins the `Cookie` fields, which HTTP/2 may split and HTTP/1.1 may not (RFC 9113, 8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(header::COOKIE).iter();
    if cookies.nth(1).is_none() {
        return;
    }
    let parts: Vec<_> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let joined = HeaderValue::from_bytes(&parts.join(&b"; "[..])).expect("made of values");
    headers.insert(header::COOKIE, joined);
}

/// What is left of `Max-Forwards` for the next in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forwards {
    Unlimited,
    /// The proxy is the last and answers itself.
    None,
    Some(u64),
}

pub(crate) fn forwards(headers: &HeaderMap) -> Forwards {
    let Some(value) = headers.get(header::MAX_FORWARDS) else { return Forwards::Unlimited };
    match value.to_str().ok().and_then(|text| text.parse::<u64>().ok()) {
        None => Forwards::Unlimited,
        Some(0) => Forwards::None,
        Some(left) => Forwards::Some(left - 1),
    }
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|token| !token.is_empty())
}
