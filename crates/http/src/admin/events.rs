//! One sample a second, as server-sent events.
//!
//! The stream is a part of the response. It is dropped when the client leaves, and takes no samples
//! after that.

use super::{builder::State, model, problem::Problem, read};
use ::axum::{
    extract::State as Of,
    response::{
        IntoResponse,
        sse::{Event, Sse},
    },
};
use futures_core::Stream;
use http::{HeaderValue, StatusCode, header};
use larder::manager::KeyQuery;
use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, TryAcquireError},
    task::JoinHandle,
    time::{Interval, MissedTickBehavior, interval},
};

/// So many clients may listen at once.
pub(super) const LISTENERS: usize = 32;
/// Keys of each cache in a sample.
const HOTTEST: usize = 10;

/// `GET events/`
pub(super) async fn events(Of(state): Of<Arc<State>>) -> Result<impl IntoResponse, Problem> {
    let permit = Arc::clone(&state.listeners).try_acquire_owned().map_err(|error| {
        let detail = match error {
            TryAcquireError::NoPermits => format!("{LISTENERS} clients listen already"),
            TryAcquireError::Closed => "events have ended".to_owned(),
        };
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("5"))
    })?;
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let samples = Samples { state, ticks, taking: None, _permit: permit };
    // For proxies that would wait for more.
    Ok(([("x-accel-buffering", "no")], Sse::new(samples)))
}

struct Samples {
    state: Arc<State>,
    ticks: Interval,
    /// The sample that is being taken.
    taking: Option<JoinHandle<String>>,
    _permit: OwnedSemaphorePermit,
}

impl Stream for Samples {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(taking) = &mut self.taking {
                let taken = ready!(Pin::new(taking).poll(cx));
                self.taking = None;
                // None if it panicked, or the runtime is about to end.
                return Poll::Ready(
                    taken.ok().map(|data| Ok(Event::default().event("sample").data(data))),
                );
            }
            ready!(self.ticks.poll_tick(cx));
            if self.state.listeners.is_closed() {
                return Poll::Ready(None);
            }
            let state = Arc::clone(&self.state);
            self.taking = Some(tokio::task::spawn_blocking(move || sample(&state)));
        }
    }
}

fn sample(state: &State) -> String {
    let caches = state.manager.caches();
    let hottest = caches.iter().map(|it| read::list(state, it, KeyQuery::new(HOTTEST))).collect();
    let sample = model::Sample { stats: read::caches::stats(state), hottest };
    serde_json::to_string(&sample).expect("it has no maps but of texts")
}
