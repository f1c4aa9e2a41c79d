//! Requests that the cache has no part in, but for what their success makes stale.

use super::{Caller, future::ResponseFuture};
use crate::{
    key::Bypass,
    requested::requested,
    semantics::{Forward, Report, is_unsafe},
};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use std::sync::Arc;
use tower_service::Service;

impl<S> Caller<'_, S> {
    /// Has the service answer a request that the cache has no part in.
    pub(crate) fn pass<Q, B>(
        self,
        mut request: Request<Q>,
        bypass: Bypass,
    ) -> ResponseFuture<S::Future, B, S::Error>
    where
        S: Service<Request<Q>, Response = Response<B>>,
        B: Body<Data = Bytes>,
    {
        let shared = Arc::clone(self.shared);
        let change = is_unsafe(request.method()).then(|| shared.change(&request));
        let forward = if bypass == Bypass::Method { Forward::Method } else { Forward::Bypass };
        if bypass != Bypass::NoRule
            && let Ok(uri) = requested(&request)
        {
            let table = shared.table.load();
            if let Some(found) = table.rules.find(request.method(), uri.path()) {
                table.states[found.index].meter.bypassed.count(bypass.reason());
            }
        }
        self.hand_invalidator(&mut request);
        let future = self.inner.call(request);
        ResponseFuture::passing(
            future,
            Box::new(move |headers, status| {
                if let Some(change) = change {
                    change.came_to(&shared, status, headers);
                }
                let report = Report {
                    forward: Some(forward),
                    forward_status: Some(status.as_u16()),
                    detail: Some(bypass.reason()),
                    ..Report::default()
                };
                report.append_to(&shared.name, headers);
            }),
        )
    }
}
