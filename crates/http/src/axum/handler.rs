//! `cached(handler)`, a handler.

use crate::Cached;
use ::axum::{body::Body, extract::Request, handler::Handler, response::Response};
use std::{future::Future, pin::Pin};

impl<H, T, S> Handler<T, S> for Cached<H>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, state: S) -> Self::Future {
        let (handler, plan) = self.into_parts();
        let response = plan.call(&mut handler.with_state(state), request);
        Box::pin(async move {
            match response.await {
                Ok(response) => response.map(Body::new),
                Err(never) => match never {},
            }
        })
    }
}
