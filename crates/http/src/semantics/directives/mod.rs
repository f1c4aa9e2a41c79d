//! Cache directives of requests and responses (RFC 9111 5.2, RFC 5861, RFC 8246).

mod request;
mod response;
mod targeted;

pub(crate) use request::{MaxStale, RequestDirectives};
pub(crate) use response::ResponseDirectives;

use http::{HeaderMap, header};

use super::syntax::list::elements;

/// Returns whether `Pragma` says `no-cache`, in a message without `Cache-Control`: RFC 9111 5.4.
fn pragma_no_cache(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::PRAGMA)
        .iter()
        .flat_map(|line| elements(line.as_bytes()))
        .any(|element| element.text.eq_ignore_ascii_case(b"no-cache"))
}
