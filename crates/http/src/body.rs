//! Bodies: what a handler sends, passed on as it comes and copied on the way; or what is stored.

use crate::store::Unread;
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// The body of a response of [`CacheService`](crate::CacheService).
    ///
    /// That of the inner service, frame by frame and as it comes, or one that is stored. While a
    /// response is on its way into the cache its data are copied, up to the limit of its rule. An
    /// error of the inner body reaches the client as it is, and nothing is stored then.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = KindProjection]
    enum Kind<B> {
        // In a box, so that responses from the cache, which are moved a few times, are small.
        Inner { #[pin] body: B, copy: Option<Box<Copying>> },
        Stored { data: Unread },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn inner(body: B) -> Self {
        Self { kind: Kind::Inner { body, copy: None } }
    }

    pub(crate) fn stored(data: Unread) -> Self {
        Self { kind: Kind::Stored { data } }
    }
}

impl<B: Body<Data = Bytes>> ResponseBody<B> {
    /// Passes `body` on and copies it.
    pub(crate) fn copied(body: B, mut copy: Copying) -> Self {
        if body.is_end_stream() {
            copy.end();
            return Self::inner(body);
        }
        Self { kind: Kind::Inner { body, copy: Some(Box::new(copy)) } }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Inner { mut body, copy } => {
                let frame = ready!(body.as_mut().poll_frame(context));
                if let Some(copying) = copy {
                    let went_on = match &frame {
                        Some(Ok(frame)) => frame.data_ref().is_some_and(|it| copying.add(it)),
                        Some(Err(_)) => false,
                        None => true,
                    };
                    if !went_on {
                        copying.give_up();
                        *copy = None;
                    } else if frame.is_none() || body.is_end_stream() {
                        copying.end();
                        *copy = None;
                    }
                }
                Poll::Ready(frame)
            }
            KindProjection::Stored { data } => {
                Poll::Ready(data.next().map(|data| Ok(Frame::data(data))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body, .. } => body.is_end_stream(),
            Kind::Stored { data } => data.len() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body, .. } => body.size_hint(),
            Kind::Stored { data } => SizeHint::with_exact(data.len() as u64),
        }
    }
}

/// What became of a copy that was not given up.
#[derive(Debug)]
pub(crate) enum Copied {
    /// All of a body that has come to a clean end.
    Whole(Bytes),
    TooLarge,
}

/// A copy of a body that is under way. Dropped before the end, it is given up.
pub(crate) struct Copying {
    data: BytesMut,
    most: usize,
    /// What `Content-Length` says.
    declared: Option<u64>,
    then: Option<Box<dyn FnOnce(Copied) + Send>>,
}

impl Copying {
    /// Copies up to `most` bytes, and hands on what came of it.
    pub(crate) fn new(
        most: usize,
        declared: Option<u64>,
        then: impl FnOnce(Copied) + Send + 'static,
    ) -> Self {
        // Who only declares much is given no memory for it.
        let room = declared.map_or(0, |it| it.min(1 << 16) as usize).min(most);
        let then: Box<dyn FnOnce(Copied) + Send> = Box::new(then);
        Self { data: BytesMut::with_capacity(room), most, declared, then: Some(then) }
    }

    /// False if there is no use in going on.
    fn add(&mut self, data: &Bytes) -> bool {
        let bytes = self.data.len() + data.len();
        if self.declared.is_some_and(|declared| bytes as u64 > declared) {
            return false;
        }
        if bytes > self.most {
            self.conclude(Copied::TooLarge);
            return false;
        }
        self.data.extend_from_slice(data);
        true
    }

    fn give_up(&mut self) {
        self.then = None;
    }

    /// The body has come to its end.
    fn end(&mut self) {
        if self.declared.is_none_or(|declared| declared == self.data.len() as u64) {
            let data = std::mem::take(&mut self.data);
            let slack = data.capacity() > data.len() + data.len() / 4 + 64;
            let data = if slack { Bytes::copy_from_slice(&data) } else { data.freeze() };
            self.conclude(Copied::Whole(data));
        }
    }

    fn conclude(&mut self, copied: Copied) {
        if let Some(then) = self.then.take() {
            then(copied);
        }
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        // A server that has sent as many bytes as were declared does not ask for the end.
        if self.declared.is_some() && !std::thread::panicking() {
            self.end();
        }
    }
}

impl fmt::Debug for Copying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copying")
            .field("bytes", &self.data.len())
            .field("most", &self.most)
            .field("declared", &self.declared)
            .finish_non_exhaustive()
    }
}
