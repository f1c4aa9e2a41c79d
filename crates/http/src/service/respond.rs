//! Responses made of what is stored.

use crate::{
    body::ResponseBody,
    semantics::{
        CacheName, Condition, Forward, Ranged, Report, content_range, evaluate, select, set_age,
        strip_for_not_modified, unsatisfied_range,
    },
    store::Stored,
    time::Moment,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

/// The response for one client: all of what is stored, a part, or the news that the client has it.
pub(super) fn respond<B>(
    stored: &Stored,
    (method, request): (&Method, &HeaderMap),
    now: Moment,
    name: &CacheName,
    mut report: Report<'_>,
) -> Response<ResponseBody<B>> {
    let resident = stored.resident(now);
    let mut headers = stored.headers.clone();
    let (status, body) = match evaluate(method, request, stored.status, &stored.validators) {
        Condition::NotModified => {
            strip_for_not_modified(&mut headers);
            (StatusCode::NOT_MODIFIED, Bytes::new())
        }
        Condition::Proceed => select_body(stored, method, request, &mut headers),
    };
    set_age(&mut headers, stored.freshness.age(resident));
    if report.hit {
        report.ttl = Some(stored.freshness.ttl(resident));
    }
    report.append_to(name, &mut headers);
    let mut response = Response::new(ResponseBody::stored(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if !stored.extensions.is_empty() {
        *response.extensions_mut() = stored.extensions.clone();
    }
    response
}

fn select_body(
    stored: &Stored,
    method: &Method,
    request: &HeaderMap,
    headers: &mut HeaderMap,
) -> (StatusCode, Bytes) {
    let length = stored.body.len() as u64;
    match select(method, request, stored.status, length, &stored.validators) {
        Ranged::Full if method == Method::HEAD => (stored.status, Bytes::new()),
        Ranged::Full => (stored.status, stored.body.clone()),
        Ranged::Part(part) => {
            headers.insert(header::CONTENT_RANGE, content_range(&part, length));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
            // A body is in memory, so its length fits into one.
            let body = stored.body.slice(part.start as usize..part.end as usize);
            (StatusCode::PARTIAL_CONTENT, body)
        }
        Ranged::NotSatisfiable => {
            headers.insert(header::CONTENT_RANGE, unsatisfied_range(length));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
            headers.remove(header::CONTENT_TYPE);
            (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new())
        }
    }
}

/// The answer to who wants only what is stored, where nothing is (RFC 9111, 5.2.1.7).
pub(super) fn gateway_timeout<B>(name: &CacheName, why: Forward) -> Response<ResponseBody<B>> {
    let mut response = Response::new(ResponseBody::stored(Bytes::new()));
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    let detail = match why {
        Forward::Stale => "only-if-cached, stale",
        _ => "only-if-cached",
    };
    let report = Report { detail: Some(detail), ..Report::default() };
    report.append_to(name, response.headers_mut());
    response
}
