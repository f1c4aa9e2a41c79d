//! What a request that changes something invalidates (RFC 9111 4.4, RFC 9875).

mod groups;
mod locations;

pub(crate) use groups::{groups_of, invalidated_groups};
pub(crate) use locations::{Origin, invalidated_locations};

use http::{Method, StatusCode};

/// Returns whether a method may change something. One that is not known may (RFC 9110 9.2.1).
pub(crate) fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Returns whether a response to this method, with this status, invalidates what is stored for its
/// target: a method that is not safe has not failed.
pub(crate) fn invalidates(method: &Method, status: StatusCode) -> bool {
    is_unsafe(method) && (status.is_success() || status.is_redirection())
}
