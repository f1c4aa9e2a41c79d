//! Asking the handler, and what becomes of its response.

use super::{
    again::remove_conditions,
    ask::Ask,
    fetch::{Reservation, try_guard},
    storing::finish,
};
use crate::{
    body::ResponseBody,
    semantics::{
        Exchange, Forward, Freshened, HeadEffect, Report, RequestFacts, Vary, date, freshen,
        head_effect, is_about, judge,
    },
    store::{Head, Outcome, Provenance, Stored},
    telemetry::FetchSpan,
    time::Moment,
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body;
use std::{future::poll_fn, sync::Arc, time::Duration};
use tower_service::Service;

/// How long the handler is left alone after it has failed, where something stale stands in.
const REST: Duration = Duration::from_secs(1);

/// Asks the handler; has its response stored if there is a reservation for it.
pub(super) async fn lead<S, Q, B>(
    mut service: S,
    mut request: Request<Q>,
    ask: Ask,
    reservation: Option<Reservation>,
    mut stale: Option<Arc<Stored>>,
    why: Forward,
) -> Result<Response<ResponseBody<B>>, S::Error>
where
    S: Service<Request<Q>, Response = Response<B>>,
    Q: 'static,
    B: Body<Data = Bytes> + Send + 'static,
{
    let mut validated = None;
    let mut again = None;
    if reservation.is_some() {
        validated = stale.clone().filter(|it| it.validators.can_be_validated());
        match &validated {
            Some(stored) => {
                again = ask.shared.again(&request);
                stored.validators.ask(request.headers_mut());
            }
            None => remove_conditions(request.headers_mut()),
        }
    }
    let mut called = ask.call(&mut service, request, why).await;
    if let (Ok(response), Some(stored)) = (&called.result, &validated)
        && response.status() == StatusCode::NOT_MODIFIED
        && !is_about(&stored.validators, response.headers())
        && let Some(request) = again
    {
        called.span.end("another's 304");
        // What the handler has now is another response, so what is stored stands in for nothing.
        (validated, stale) = (None, None);
        poll_fn(|context| service.poll_ready(context)).await?;
        called = ask.call(&mut service, request, why).await;
    }
    let Called { result, provenance, exchange, now, span } = called;
    let failed = result.as_ref().map_or(Some(None), |it| {
        let status = it.status();
        matches!(status.as_u16(), 500 | 502..=504).then_some(Some(status))
    });
    if let (Some(status), Some(stored)) = (failed, &stale) {
        stored.rest(now.after(REST));
        if ask.may_stand_in(stored, now) {
            span.end("stale-if-error");
            return Ok(ask.stand_in(stored, status));
        }
    }
    let response = result.inspect_err(|_| span.end("failed"))?;
    let status = response.status();
    let forward_status = Some(status.as_u16());
    let mut report = Report { forward: Some(why), forward_status, ..Report::default() };
    let Some(reservation) = reservation else {
        ask.state.meter.count(Outcome::Miss);
        span.end("passed on");
        if let (&Method::HEAD, Some(stored)) = (&ask.method, &stale) {
            ask.learn_from_head(stored, &response, provenance, exchange, now);
        }
        return Ok(ask.pass_on(response, report));
    };
    if let (StatusCode::NOT_MODIFIED, Some(stored)) = (status, &validated) {
        ask.state.meter.count(Outcome::Revalidated);
        span.end("revalidated");
        let renewed = ask.confirmed(stored, response.headers(), provenance, exchange, now);
        report.stored = renewed.is_some();
        let Some(renewed) = renewed else {
            // It holds for this client, and what the handler says of it now keeps it from others.
            drop(reservation);
            ask.state.view.invalidate(ask.key.as_slice());
            return Ok(with_cookies(ask.respond(stored, report), response.headers()));
        };
        let answer = with_cookies(ask.respond(&renewed, report), response.headers());
        ask.state.keep(reservation.key.as_slice(), reservation.guard, renewed);
        return Ok(answer);
    }
    ask.state.meter.count(Outcome::Miss);
    match ask.judge(&response, exchange) {
        Ok(verdict) => {
            span.end("stored");
            Ok(ask.store(response, reservation, provenance, verdict, (exchange, now), report))
        }
        Err(unstored) => {
            span.end(unstored.reason());
            ask.state.meter.unstored.count(unstored.reason());
            if unstored.is_lasting(status) {
                ask.remember_to_pass(reservation, provenance);
            }
            report.detail = Some(unstored.reason());
            Ok(ask.pass_on(response, report))
        }
    }
}

/// The fields with a date: when they were received, if the handler does not say (RFC 9110, 6.6.1).
fn dated(headers: &HeaderMap, exchange: Exchange) -> HeaderMap {
    let mut headers = headers.clone();
    headers.entry(header::DATE).or_insert_with(|| date::format(exchange.received));
    headers
}

/// Adds the cookies that a 304 sets, which are for the client that has asked and for nobody else.
fn with_cookies<B>(mut answer: Response<B>, confirmed: &HeaderMap) -> Response<B> {
    for cookie in confirmed.get_all(header::SET_COOKIE) {
        answer.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    answer
}

/// What came of a call of the handler.
struct Called<B, E> {
    result: Result<Response<B>, E>,
    provenance: Provenance,
    exchange: Exchange,
    now: Moment,
    span: FetchSpan,
}

impl Ask {
    async fn call<S, Q, B>(
        &self,
        service: &mut S,
        request: Request<Q>,
        why: Forward,
    ) -> Called<B, S::Error>
    where
        S: Service<Request<Q>, Response = Response<B>>,
    {
        // Before the handler looks at anything: what is invalidated from now on wins over its
        // response.
        let provenance = self.provenance();
        let requested = self.shared.time.day();
        let span = FetchSpan::new(&self.state.rule.name, why);
        let result = span.around(service.call(request)).await;
        let exchange = Exchange { requested, received: self.shared.time.day() };
        Called { result, provenance, exchange, now: self.shared.time.now(), span }
    }

    fn may_stand_in(&self, stored: &Stored, now: Moment) -> bool {
        self.is_usable(stored)
            && stored.freshness.may_stand_in_for_error(stored.resident(now), &self.client)
    }

    /// Gives out what is stale, since the handler has failed.
    fn stand_in<B>(
        &self,
        stored: &Stored,
        failed: Option<StatusCode>,
    ) -> Response<ResponseBody<B>> {
        self.state.meter.count(Outcome::StaleIfError);
        let report = Report {
            forward: Some(Forward::Stale),
            forward_status: failed.map(|it| it.as_u16()),
            detail: Some("stale-if-error"),
            ..Report::default()
        };
        self.respond(stored, report)
    }

    /// What is stored, with what a 304 says (RFC 9111, 3.2 and 4.3.4); none if that is not to be
    /// stored.
    fn confirmed(
        &self,
        old: &Stored,
        confirmed: &HeaderMap,
        provenance: Provenance,
        exchange: Exchange,
        now: Moment,
    ) -> Option<Arc<Stored>> {
        let confirmed = dated(confirmed, exchange);
        let Freshened::Updated(headers) = freshen(&old.own_headers(), &old.validators, &confirmed)
        else {
            return None;
        };
        self.renew(old, headers, provenance, exchange, now)
    }

    fn renew(
        &self,
        old: &Stored,
        headers: HeaderMap,
        mut provenance: Provenance,
        exchange: Exchange,
        now: Moment,
    ) -> Option<Arc<Stored>> {
        // It is found by requests that agree in the fields on which it depended before.
        let known = old.accounting.variants.as_ref().map_or(&[][..], |it| &it.names);
        if let Vary::On(names) = Vary::of(&headers)
            && !names.iter().all(|name| known.contains(name))
        {
            return None;
        }
        let request = RequestFacts { method: &Method::GET, ..self.facts() };
        let lifetimes = self.state.rule.lifetimes(old.status);
        let freshness = judge(&request, old.status, &headers, lifetimes, exchange).ok()?;
        let open = self.is_open(&headers, old.status);
        let (mut headers, replaced) = self.stored_headers(&headers, old.status, exchange.received);
        let length = old.body.len();
        let validators = finish(&mut headers, old.status, length, exchange.received, || {
            // The body is the same.
            old.validators.made_etag().cloned().unwrap_or_else(|| old.body.etag())
        });
        provenance.extend(old.provenance.slots().iter().copied());
        if self.shared.stamps.is_stale(&provenance) {
            return None;
        }
        let (status, extensions, received) = (old.status, old.extensions.clone(), now);
        #[rustfmt::skip]
        let head = Head {
            status, headers, extensions, freshness, received, open, validators, replaced,
        };
        let (meter, variants) = (Arc::clone(&self.state.meter), old.accounting.variants.clone());
        Some(Arc::new(Stored::new(head, old.body.clone(), provenance, meter, variants)))
    }

    /// Updates what GET has stored by a response to HEAD, or removes it (RFC 9111, 4.3.5).
    fn learn_from_head<B>(
        &self,
        stored: &Stored,
        response: &Response<B>,
        provenance: Provenance,
        exchange: Exchange,
        now: Moment,
    ) {
        if self.shared.stamps.is_stale(&stored.provenance) {
            // Only the handler's word that it is still the same would make it valid, and this is
            // none.
            return;
        }
        let length = stored.body.len() as u64;
        let (status, headers) = (response.status(), dated(response.headers(), exchange));
        let renewed = match head_effect(
            &stored.own_headers(),
            &stored.validators,
            stored.status,
            length,
            status,
            &headers,
        ) {
            HeadEffect::None => return,
            HeadEffect::Outdated => None,
            HeadEffect::Updated(headers) => self.renew(stored, headers, provenance, exchange, now),
        };
        let Some(renewed) = renewed else {
            self.state.view.invalidate(self.key.as_slice());
            return;
        };
        if let Some(guard) = try_guard(self, &self.key) {
            self.state.keep(self.key.as_slice(), guard, renewed);
        }
    }
}
