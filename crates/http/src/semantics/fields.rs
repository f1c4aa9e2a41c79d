//! Fields that are for one connection, or not for every response.

use http::{HeaderMap, HeaderName, header};

use super::syntax::list::elements;

/// The fields that are for one connection or one proxy: RFC 9110 7.6.1, RFC 9111 3.1.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Removes the fields that are for one connection or one proxy, and those that `Connection` lists.
///
/// What a response says of caching may be among them, so it is judged before.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = listed_by_connection(headers).collect();
    for name in listed {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Returns whether a field is for one connection or one proxy, in a message with these fields.
pub(super) fn is_hop_by_hop(name: &HeaderName, headers: &HeaderMap) -> bool {
    HOP_BY_HOP.contains(&name.as_str()) || listed_by_connection(headers).any(|one| one == name)
}

fn listed_by_connection(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> + '_ {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|line| elements(line.as_bytes()))
        .filter_map(|element| HeaderName::from_bytes(element.text).ok())
}

/// Turns the fields of a 200 response into those of a 304: removes what describes the content
/// and that the client has already (RFC 9110 15.4.5).
pub(crate) fn strip_for_not_modified(headers: &mut HeaderMap) {
    for name in [
        header::ACCEPT_RANGES,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
    ] {
        headers.remove(name);
    }
}

/// Returns whether the content is encoded, such as by gzip (RFC 9110 8.4).
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::CONTENT_ENCODING);
    codings.iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}
