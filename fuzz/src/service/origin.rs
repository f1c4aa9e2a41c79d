//! The handler: it waits until it is told what to answer.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt, future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};

use super::{ask::At, give::Given};

/// The handler's side of all requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    log: Arc<Mutex<Log>>,
}

/// What has happened so far.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// How much has happened: requests, calls, invalidations.
    pub(super) events: u64,
    pub(super) calls: Vec<Call>,
}

/// A call of the handler.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) at: u64,
    /// Of which request: more than one call may be, by refreshes.
    pub(super) request: u64,
    pub(super) headers: HeaderMap,
    /// What it was told to answer, and at what time.
    pub(super) given: Option<(Given, u64)>,
    waker: Option<Waker>,
}

impl Log {
    pub(super) fn event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    /// The cookies that the handler has set when it confirmed something for a request.
    pub(super) fn cookies_for(&self, request: u64) -> Vec<HeaderValue> {
        let calls = self.calls.iter().filter(|call| call.request == request);
        let given = calls.filter_map(|call| call.given.as_ref().map(|it| &it.0));
        let confirmed = given.filter(|it| it.status == StatusCode::NOT_MODIFIED);
        confirmed.flat_map(|it| it.headers.get_all("set-cookie")).cloned().collect()
    }

    pub(super) fn answer(&mut self, call: usize, given: Given, now: u64) {
        self.calls[call].given = Some((given, now));
        if let Some(waker) = self.calls[call].waker.take() {
            waker.wake();
        }
    }
}

impl Origin {
    pub(super) fn log<T>(&self, with: impl FnOnce(&mut Log) -> T) -> T {
        with(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl tower::Service<Request<Body>> for Origin {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let request_at = request.extensions().get::<At>().expect("extensions are passed on").0;
        let number = self.log(|log| {
            let at = log.event();
            let headers = request.headers().clone();
            log.calls.push(Call { at, request: request_at, headers, given: None, waker: None });
            log.calls.len() - 1
        });
        let origin = self.clone();
        Box::pin(future::poll_fn(move |context| {
            origin.log(|log| {
                let call = &mut log.calls[number];
                let Some((given, _)) = &call.given else {
                    call.waker = Some(context.waker().clone());
                    return Poll::Pending;
                };
                let mut response = Response::new(given.body());
                *response.status_mut() = given.status;
                response.headers_mut().clone_from(&given.headers);
                Poll::Ready(Ok(response))
            })
        }))
    }
}

/// A part of a body.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Data(Bytes),
    Trailers,
    Error,
    /// Nothing for now.
    Wait,
}

impl Part {
    pub(super) fn data(&self) -> &[u8] {
        match self {
            Self::Data(data) => data,
            _ => &[],
        }
    }
}

/// A body of parts.
#[derive(Debug, Default)]
pub(super) struct Body {
    parts: VecDeque<Part>,
    /// Whether it says how long it is.
    hint: bool,
}

/// What bodies break off with.
#[derive(Debug)]
pub(super) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body was told to break off")
    }
}

impl std::error::Error for Broken {}

impl Body {
    pub(super) fn new(parts: &[Part], hint: bool) -> Self {
        Self { parts: parts.iter().cloned().collect(), hint }
    }

    pub(super) fn of(data: &'static [u8]) -> Self {
        Self::new(&[Part::Data(Bytes::from_static(data))], true)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.parts.pop_front() {
            None => Poll::Ready(None),
            Some(Part::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Part::Trailers) => Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))),
            Some(Part::Error) => {
                self.parts.clear();
                Poll::Ready(Some(Err(Broken)))
            }
            Some(Part::Wait) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let left: usize = self.parts.iter().map(|part| part.data().len()).sum();
        if self.hint { SizeHint::with_exact(left as u64) } else { SizeHint::default() }
    }
}
