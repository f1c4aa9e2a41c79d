//! Getting a response that is not in the cache: who asks the handler, and who waits for whom.
//!
//! Of the requests that miss the same key one *leads*: it holds the key's guard (larder's load
//! guards), asks the handler, and stores the response. The others wait for that, up to the limit of
//! their rule, and then look whether what came is for them as well. They do not wait, or no longer,
//! where
//!
//! - the last response of this key was not for others ([`Entry::Pass`]),
//! - they have waited for one that was of no use to them,
//! - their limit is over.
//!
//! Then they ask the handler for themselves, and store the response only if they get the guard at
//! once. A leader that goes away, fails or panics drops the guard, and one of those who wait leads
//! in its place.

use super::{
    ask::{Ask, Missing},
    lead,
    respond::gateway_timeout,
};
use crate::{
    body::ResponseBody,
    key::KeyBuffer,
    semantics::{Forward, Report},
    store::{Entry, Fit, Outcome, Stored, Variants},
};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body::Body;
use larder::manager::ViewGuard;
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{runtime::Handle, time::timeout};
use tower_service::Service;

/// A response that waiters were handed and could not use is not waited for again more often than
/// this.
const TURNS: usize = 3;

pub(super) type Guard = ViewGuard<Entry>;

/// What a request is to store its response under.
pub(super) struct Reservation {
    pub(super) key: KeyBuffer,
    pub(super) guard: Guard,
    pub(super) variants: Option<Arc<Variants>>,
}

/// How a request goes about it.
enum Role {
    Lead(Guard),
    /// Somebody else has led.
    Brought(Entry),
    Alone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joining {
    Wait(Duration),
    Try,
    Never,
}

/// Answers a request.
pub(super) async fn fetch<S, Q, B>(
    service: S,
    request: Request<Q>,
    mut ask: Ask,
    mut missing: Missing,
) -> Result<Response<ResponseBody<B>>, S::Error>
where
    S: Service<Request<Q>, Response = Response<B>>,
    Q: 'static,
    B: Body<Data = Bytes> + Send + 'static,
{
    if ask.client.only_if_cached {
        return Ok(gateway_timeout(&ask.shared.name, missing.why));
    }
    let mut joining = joining(&ask, &missing);
    let mut guard = None;
    for _ in 0..TURNS {
        match join(&ask, joining).await {
            Role::Alone => break,
            Role::Lead(lead) => {
                guard = Some(lead);
                break;
            }
            Role::Brought(Entry::Response(stored)) => {
                if ask.fit(&stored) != Fit::No {
                    return Ok(collapsed(&ask, &stored, missing.why));
                }
                missing.stale = Some(stored);
                joining = Joining::Try;
            }
            Role::Brought(Entry::Variants(variants)) => {
                ask.key = ask.primary.variant(variants.id, &variants.names, &ask.headers);
                missing.why = Forward::VaryMiss;
                missing.variants = Some(variants);
            }
            Role::Brought(Entry::Pass(_)) => joining = Joining::Try,
        }
    }
    let reservation =
        guard.map(|guard| Reservation { key: ask.key.clone(), guard, variants: missing.variants });
    lead::lead(service, request, ask, reservation, missing.stale, missing.why).await
}

fn joining(ask: &Ask, missing: &Missing) -> Joining {
    let conditional = [header::IF_MATCH, header::IF_UNMODIFIED_SINCE];
    if ask.method != Method::GET
        || ask.client.no_store
        || conditional.iter().any(|name| ask.headers.contains_key(name))
    {
        Joining::Never
    } else if missing.passes || ask.anonymous || ask.headers.contains_key(header::RANGE) {
        Joining::Try
    } else {
        Joining::Wait(ask.state.rule.coalesce_wait)
    }
}

async fn join(ask: &Ask, joining: Joining) -> Role {
    let accepts = |entry: &Entry| match entry {
        Entry::Response(stored) => ask.fit(stored) != Fit::No,
        Entry::Variants(variants) => !ask.shared.stamps.is_stale(&variants.provenance),
        Entry::Pass(passing) => {
            joining != Joining::Try && !ask.shared.stamps.is_stale(&passing.provenance)
        }
    };
    if joining == Joining::Never {
        return Role::Alone;
    }
    let mut got = pin!(ask.state.view.get_or_guard_if_async(ask.key.as_slice(), accepts));
    let at_once = poll_fn(|context| Poll::Ready(got.as_mut().poll(context))).await;
    let got = match (at_once, joining) {
        (Poll::Ready(got), _) => got,
        // Where nothing would end the wait, there is none.
        (Poll::Pending, Joining::Wait(limit)) if Handle::try_current().is_ok() => {
            match timeout(limit, got).await {
                Ok(got) => got,
                Err(_) => return Role::Alone,
            }
        }
        (Poll::Pending, _) => return Role::Alone,
    };
    match got {
        Ok(entry) => Role::Brought(entry),
        Err(guard) => Role::Lead(guard),
    }
}

/// The guard of a key, if nobody else has it and what is there does not fit.
pub(super) fn try_guard(ask: &Ask, key: &KeyBuffer) -> Option<Guard> {
    let accepts = |entry: &Entry| match entry {
        Entry::Response(stored) => ask.fit(stored) == Fit::Fresh,
        _ => false,
    };
    let got = ask.state.view.get_or_guard_if_async(key.as_slice(), accepts);
    match pin!(got).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Err(guard)) => Some(guard),
        _ => None,
    }
}

fn collapsed<B>(ask: &Ask, stored: &Stored, why: Forward) -> Response<ResponseBody<B>> {
    ask.state.meter.count(Outcome::Collapsed);
    let report = Report { forward: Some(why), collapsed: true, ..Report::default() };
    ask.respond(stored, report)
}
