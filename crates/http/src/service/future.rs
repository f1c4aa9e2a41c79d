//! The future of a response.

use crate::body::ResponseBody;
use http::Response;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

type Boxed<B, E> = Pin<Box<dyn Future<Output = Result<Response<ResponseBody<B>>, E>> + Send>>;
type Touch = Box<dyn FnOnce(&mut http::HeaderMap, http::StatusCode) + Send>;

pin_project! {
    /// The future of [`CacheService`](crate::CacheService).
    pub struct ResponseFuture<F, B, E> {
        #[pin]
        kind: Kind<F, B, E>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<F, B, E> {
        Stored { response: Option<Response<ResponseBody<B>>> },
        Passing { #[pin] future: F, then: Option<Touch> },
        Boxed { future: Boxed<B, E> },
    }
}

impl<F, B, E> ResponseFuture<F, B, E> {
    /// The response is there.
    pub(super) fn ready(response: Response<ResponseBody<B>>) -> Self {
        Self { kind: Kind::Stored { response: Some(response) } }
    }

    /// That of the inner service, of which `then` sees status and headers.
    pub(super) fn passing(future: F, then: Touch) -> Self {
        Self { kind: Kind::Passing { future, then: Some(then) } }
    }

    pub(super) fn boxed(
        future: impl Future<Output = Result<Response<ResponseBody<B>>, E>> + Send + 'static,
    ) -> Self {
        Self { kind: Kind::Boxed { future: Box::pin(future) } }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProjection::Stored { response } => {
                Poll::Ready(Ok(response.take().expect("a future is not polled after its end")))
            }
            KindProjection::Passing { future, then } => {
                let result = ready!(future.poll(context));
                let then = then.take().expect("a future is not polled after its end");
                Poll::Ready(result.map(|mut response| {
                    let status = response.status();
                    then(response.headers_mut(), status);
                    response.map(ResponseBody::inner)
                }))
            }
            KindProjection::Boxed { future } => future.as_mut().poll(context),
        }
    }
}

impl<F, B, E> fmt::Debug for ResponseFuture<F, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Stored { .. } => "stored",
            Kind::Passing { .. } => "passing",
            Kind::Boxed { .. } => "fetching",
        };
        f.debug_tuple("ResponseFuture").field(&kind).finish()
    }
}
