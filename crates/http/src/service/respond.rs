//! Responses made of what is stored.

use crate::{
    body::ResponseBody,
    semantics::{
        CacheName, Condition, Forward, Ranged, Report, Wishes, content_range, evaluate, select,
        strip_for_not_modified, unsatisfied_range,
    },
    store::{Stored, Unread},
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use std::mem;

/// What a client wants of a stored response.
#[derive(Clone, Copy)]
pub(super) struct Selector<'a> {
    method: &'a Method,
    /// None if there is nothing in them that selects.
    selecting: Option<&'a HeaderMap>,
}

impl<'a> Selector<'a> {
    pub(super) fn new(method: &'a Method, headers: &'a HeaderMap, wishes: Wishes) -> Self {
        Self { method, selecting: wishes.selection.then_some(headers) }
    }

    fn condition(self, stored: &Stored) -> Condition {
        self.selecting.map_or(Condition::Proceed, |headers| {
            evaluate(self.method, headers, stored.status, &stored.validators)
        })
    }

    fn range(self, stored: &Stored) -> Ranged {
        let length = stored.body.len() as u64;
        self.selecting.map_or(Ranged::Full, |headers| {
            select(self.method, headers, stored.status, length, &stored.validators)
        })
    }
}

/// The response for one client: all of what is stored, a part, or the news that the client has it.
///
/// It was here for `resident` seconds, and `report` is what `Cache-Status` is to say of it.
#[inline]
pub(super) fn respond<B>(
    stored: &Stored,
    selector: Selector<'_>,
    resident: u64,
    report: HeaderValue,
) -> Response<ResponseBody<B>> {
    let mut headers = stored.headers.answer(stored.freshness.age(resident), report);
    let (status, body) = match selector.condition(stored) {
        Condition::NotModified => {
            strip_for_not_modified(&mut headers);
            (StatusCode::NOT_MODIFIED, Unread::nothing())
        }
        Condition::Proceed => select_body(stored, selector, &mut headers),
    };
    let mut response = Response::new(ResponseBody::stored(body));
    *response.status_mut() = status;
    // Nothing is lost: a new response has no fields, and a map without fields has nothing to free.
    mem::forget(mem::replace(response.headers_mut(), headers));
    if !stored.extensions.is_empty() {
        *response.extensions_mut() = stored.extensions.clone();
    }
    response
}

fn select_body(
    stored: &Stored,
    selector: Selector<'_>,
    headers: &mut HeaderMap,
) -> (StatusCode, Unread) {
    let length = stored.body.len() as u64;
    match selector.range(stored) {
        Ranged::Full if selector.method == Method::HEAD => (stored.status, Unread::nothing()),
        Ranged::Full => (stored.status, stored.body.all()),
        Ranged::Part(part) => {
            headers.insert(header::CONTENT_RANGE, content_range(&part, length));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
            // A body is in memory, so its length fits into one.
            let body = stored.body.part(part.start as usize..part.end as usize);
            (StatusCode::PARTIAL_CONTENT, body)
        }
        Ranged::NotSatisfiable => {
            headers.insert(header::CONTENT_RANGE, unsatisfied_range(length));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
            headers.remove(header::CONTENT_TYPE);
            (StatusCode::RANGE_NOT_SATISFIABLE, Unread::nothing())
        }
    }
}

/// The answer to who wants only what is stored, where nothing is (RFC 9111, 5.2.1.7).
pub(super) fn gateway_timeout<B>(name: &CacheName, why: Forward) -> Response<ResponseBody<B>> {
    let mut response = Response::new(ResponseBody::stored(Unread::nothing()));
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    let detail = match why {
        Forward::Stale => "only-if-cached, stale",
        _ => "only-if-cached",
    };
    let report = Report { detail: Some(detail), ..Report::default() };
    report.append_to(name, response.headers_mut());
    response
}
