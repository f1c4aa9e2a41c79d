//! The bodies that the proxy passes on.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

/// The body of a client's request, or of one that the cache sends once more.
pub(crate) type RequestBody = Either<Incoming, Empty<Bytes>>;

pin_project! {
    /// The body of the origin's response, which fails when the origin is silent for too long.
    #[derive(Debug)]
    pub(crate) struct OriginBody {
        #[pin]
        inner: Incoming,
        patience: Duration,
        #[pin]
        silence: Option<Sleep>,
    }
}

/// Why a body broke off.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The origin sent nothing for so long.
    Silent(Duration),
    /// The connection failed.
    Origin(hyper::Error),
}

impl OriginBody {
    pub(crate) fn new(inner: Incoming, patience: Duration) -> Self {
        Self { inner, patience, silence: None }
    }
}

impl Body for OriginBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut this = self.project();
        if let Poll::Ready(frame) = this.inner.poll_frame(context) {
            if let Some(sleep) = this.silence.as_mut().as_pin_mut() {
                sleep.reset(Instant::now() + *this.patience);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Origin)));
        }
        // A timer only for bodies that are waited for.
        if this.silence.is_none() {
            this.silence.set(Some(sleep(*this.patience)));
        }
        let silence = this.silence.as_pin_mut().expect("it was set");
        ready!(silence.poll(context));
        Poll::Ready(Some(Err(BodyError::Silent(*this.patience))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(time) => write!(f, "the origin sent nothing for {} s", time.as_secs()),
            Self::Origin(error) => write!(f, "the origin's body broke off: {error}"),
        }
    }
}

impl Error for BodyError {}
