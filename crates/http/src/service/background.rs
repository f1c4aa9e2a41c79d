//! Asking for a newer response while a stale one is given out (RFC 5861).

use super::{
    Caller,
    ask::Ask,
    fetch::{Reservation, try_guard},
    lead,
};
use crate::{body::ResponseBody, semantics::Forward, store::Stored};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body::Body;
use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};
use tokio::{runtime::Handle, time::timeout};
use tower_service::Service;

/// How long a refresh may take.
const REFRESH: Duration = Duration::from_secs(60);

impl<S> Caller<'_, S> {
    /// Has a task ask for a newer response, unless somebody is at it.
    pub(super) fn refresh<Q, B>(mut self, mut request: Request<Q>, ask: Ask, stale: Arc<Stored>)
    where
        S: Service<Request<Q>, Response = Response<B>, Future: Send, Error: Send>
            + Clone
            + Send
            + 'static,
        Q: Send + 'static,
        B: Body<Data = Bytes, Error: Send> + Send + 'static,
    {
        if request.method() != Method::GET {
            return;
        }
        // Outside of a runtime nobody asks, and the next request does once the time of grace is
        // over.
        let Ok(runtime) = Handle::try_current() else { return };
        let Some(guard) = try_guard(&ask, &ask.key) else { return };
        request.headers_mut().remove(header::RANGE);
        self.hand_invalidator(&mut request);
        let reservation = Reservation {
            key: ask.key.clone(),
            guard,
            variants: stale.accounting.variants.clone(),
        };
        let limit = REFRESH;
        let service = self.take_ready();
        let refresh = async move {
            let asked =
                lead::lead(service, request, ask, Some(reservation), Some(stale), Forward::Stale);
            if let Ok(response) = asked.await {
                drain(response.into_body()).await;
            }
        };
        runtime.spawn(timeout(limit, refresh));
    }
}

/// Takes a body for nothing but what is copied of it.
async fn drain<B: Body<Data = Bytes>>(body: ResponseBody<B>) {
    let mut body = pin!(body);
    while let Some(Ok(_)) = poll_fn(|context| body.as_mut().poll_frame(context)).await {}
}
