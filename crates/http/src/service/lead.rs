//! Asking the handler, and what becomes of its response.

use super::{
    ask::Ask,
    fetch::{Place, try_guard},
};
use crate::{
    body::{Copied, Copying, ResponseBody},
    semantics::{
        Exchange, Forward, Freshened, Freshness, Refusal, Report, RequestFacts, ResponseDirectives,
        Validators, Vary, date, freshen, groups_of, judge, make, stored_fields,
    },
    store::{Entry, Head, Origin, Outcome, Stored, Subject, Variants},
    time::Moment,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};
use tower_service::Service;

/// How long nobody waits for others where the last response was not for them.
const PASS: Duration = Duration::from_secs(10);
/// How long the handler is left alone after it has failed, where something stale stands in.
const REST: Duration = Duration::from_secs(1);
/// How long it is remembered which fields the responses of a path depend on.
const VARIANTS: Duration = Duration::from_secs(24 * 3600);

/// Asks the handler; has its response stored if there is a place for it.
pub(super) async fn lead<S, Q, B>(
    mut service: S,
    mut request: Request<Q>,
    ask: Ask,
    place: Option<Place>,
    stale: Option<Arc<Stored>>,
    why: Forward,
) -> Result<Response<ResponseBody<B>>, S::Error>
where
    S: Service<Request<Q>, Response = Response<B>>,
    B: Body<Data = Bytes> + Send + 'static,
{
    let mut validated = None;
    if place.is_some() {
        validated = stale.as_ref().filter(|it| it.validators.can_be_validated());
        match validated {
            Some(stored) => stored.validators.ask(request.headers_mut()),
            // What comes is to be stored, so it has to come whole.
            None => remove_conditions(request.headers_mut()),
        }
    }
    // Before the handler looks at anything: what is invalidated from now on wins over its response.
    let origin = ask.origin();
    let requested = ask.shared.time.day();
    let result = service.call(request).await;
    let exchange = Exchange { requested, received: ask.shared.time.day() };
    let now = ask.shared.time.now();
    let failed = result.as_ref().map_or(Some(None), |it| {
        let status = it.status();
        matches!(status.as_u16(), 500 | 502..=504).then_some(Some(status))
    });
    if let (Some(status), Some(stored)) = (failed, &stale) {
        stored.rest(now.after(REST));
        if ask.may_stand_in(stored, now) {
            return Ok(ask.stand_in(stored, status));
        }
    }
    let response = result?;
    let status = response.status();
    let forward_status = Some(status.as_u16());
    let mut report = Report { forward: Some(why), forward_status, ..Report::default() };
    let Some(place) = place else {
        ask.state.meter.count(Outcome::Miss);
        return Ok(ask.pass_on(response, report));
    };
    if let (StatusCode::NOT_MODIFIED, Some(stored)) = (status, validated) {
        ask.state.meter.count(Outcome::Revalidated);
        let renewed = ask.renew(stored, response.headers(), origin, exchange, now);
        report.stored = renewed.is_some();
        let Some(renewed) = renewed else { return Ok(ask.respond(stored, report)) };
        let response = ask.respond(&renewed, report);
        let keep = renewed.keep();
        place.guard.insert_with_ttl(Entry::Response(renewed), keep);
        return Ok(response);
    }
    ask.state.meter.count(Outcome::Miss);
    match ask.judge(&response, exchange) {
        Ok(verdict) => Ok(ask.store(response, place, origin, verdict, (exchange, now), report)),
        Err(unstored) => {
            if unstored.is_lasting(status) {
                ask.remember_to_pass(place, origin);
            }
            report.detail = Some(unstored.reason());
            Ok(ask.pass_on(response, report))
        }
    }
}

fn remove_conditions(request: &mut HeaderMap) {
    request.remove(header::IF_NONE_MATCH);
    request.remove(header::IF_MODIFIED_SINCE);
}

/// Why a response is not stored.
enum Unstored {
    Refused(Refusal),
    /// Its body is larger than the rule allows.
    TooLarge,
    /// Its body is not as long as `Content-Length` says.
    Length,
    /// The rule has as many responses as it may have.
    Quota,
}

impl Unstored {
    fn reason(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::TooLarge => "too-large",
            Self::Length => "wrong-length",
            Self::Quota => "quota",
        }
    }

    /// Whether the next response is likely not to be stored either, whoever asks.
    fn is_lasting(&self, status: StatusCode) -> bool {
        match self {
            Self::TooLarge => true,
            Self::Length | Self::Quota => false,
            Self::Refused(
                Refusal::Method
                | Refusal::RequestNoStore
                | Refusal::Authorization
                | Refusal::PartialContent,
            ) => false,
            Self::Refused(_) => !status.is_server_error(),
        }
    }
}

/// A response that may be stored.
struct Verdict {
    freshness: Freshness,
    /// What it depends on.
    names: Vec<HeaderName>,
    /// It says itself that it may be given to requests with credentials.
    open: bool,
    declared: Option<u64>,
}

impl Ask {
    fn may_stand_in(&self, stored: &Stored, now: Moment) -> bool {
        self.is_usable(stored)
            && stored.freshness.may_stand_in_for_error(stored.resident(now), &self.client)
    }

    fn facts(&self) -> RequestFacts<'_> {
        let (method, authorized, no_store) = (&self.method, self.anonymous, self.client.no_store);
        RequestFacts { method, authorized, no_store }
    }

    fn judge<B: Body>(
        &self,
        response: &Response<B>,
        exchange: Exchange,
    ) -> Result<Verdict, Unstored> {
        let (status, headers, rule) = (response.status(), response.headers(), &self.state.rule);
        let freshness = judge(&self.facts(), status, headers, rule.lifetimes(status), exchange)
            .map_err(Unstored::Refused)?;
        let declared = content_length(headers)?;
        let exact = response.body().size_hint().exact();
        if declared.zip(exact).is_some_and(|(declared, exact)| declared != exact) {
            return Err(Unstored::Length);
        }
        let length = declared.or(exact);
        if length.is_some_and(|length| length > rule.max_body as u64) {
            return Err(Unstored::TooLarge);
        }
        let meter = &self.state.meter;
        if rule.max_entries.is_some_and(|most| meter.entries() >= most)
            || (is_error(status) && meter.errors() >= rule.max_error_entries)
        {
            return Err(Unstored::Quota);
        }
        let names = match Vary::of(headers) {
            Vary::On(names) => names,
            Vary::None | Vary::Any => Vec::new(),
        };
        Ok(Verdict { freshness, names, open: self.is_open(headers, status), declared: length })
    }

    fn is_open(&self, headers: &HeaderMap, status: StatusCode) -> bool {
        let targeted = &self.state.rule.lifetimes(status).targeted;
        let directives = ResponseDirectives::targeted(headers, targeted);
        directives.unwrap_or_else(|| ResponseDirectives::of(headers)).permits_authorized()
    }

    /// Has the response stored while it is passed on.
    fn store<B: Body<Data = Bytes> + Send>(
        &self,
        response: Response<B>,
        place: Place,
        mut origin: Origin,
        verdict: Verdict,
        (exchange, now): (Exchange, Moment),
        mut report: Report<'_>,
    ) -> Response<ResponseBody<B>> {
        let Some(Place { guard, variants }) = self.place_of_variant(place, &verdict.names, &origin)
        else {
            report.detail = Some("variants");
            return self.pass_on(response, report);
        };
        report.stored = true;
        let (mut parts, body) = response.into_parts();
        origin.extend(groups_of(&parts.headers).iter().map(|group| {
            let subject = Subject::Group { host: self.host.as_bytes(), group: group.as_bytes() };
            self.shared.stamps.place(subject)
        }));
        let (status, extensions) = (parts.status, parts.extensions.clone());
        let headers = self.stored_headers(&parts.headers, status, exchange.received);
        let (shared, state) = (Arc::clone(&self.shared), Arc::clone(&self.state));
        let Verdict { freshness, open, declared, .. } = verdict;
        let then = move |copied| match copied {
            // What was invalidated meanwhile would only take another's place.
            _ if shared.stamps.is_stale(&origin) => {}
            Copied::TooLarge => {
                let pass = Entry::pass(origin, &state.meter);
                guard.insert_with_ttl(pass, PASS);
            }
            Copied::Whole(body) => {
                let mut headers = headers;
                let validators = finish(&mut headers, status, &body, exchange.received);
                let received = now;
                let head =
                    Head { status, headers, extensions, freshness, received, open, validators };
                let meter = Arc::clone(&state.meter);
                let stored = Stored::new(head, body, origin, meter, variants);
                let keep = stored.keep();
                guard.insert_with_ttl(Entry::Response(Arc::new(stored)), keep);
            }
        };
        self.dress(&mut parts.headers, report);
        let copy = Copying::new(self.state.rule.max_body, declared, then);
        Response::from_parts(parts, ResponseBody::copied(body, copy))
    }

    /// Has the next requests not wait for one another for a while.
    fn remember_to_pass(&self, place: Place, origin: Origin) {
        if self.state.meter.errors() < self.state.rule.max_error_entries {
            place.guard.insert_with_ttl(Entry::pass(origin, &self.state.meter), PASS);
        }
    }

    /// Where a response goes that depends on `names`: under the key that was asked for, or under that of a variant.
    fn place_of_variant(
        &self,
        place: Place,
        names: &[HeaderName],
        origin: &Origin,
    ) -> Option<Place> {
        if names.is_empty() {
            return Some(place);
        }
        let most = self.state.rule.max_variants;
        let known = place.variants.as_ref();
        if let Some(variants) = known.filter(|it| names.iter().all(|name| it.names.contains(name)))
        {
            // One that is there already is replaced.
            let has_room = place.guard.old_value().is_some() || variants.count.load(Relaxed) < most;
            return has_room.then_some(place);
        }
        let mut all = known.map(|it| it.names.to_vec()).unwrap_or_default();
        for name in names {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        let variants = Arc::new(Variants {
            id: self.shared.next_id(),
            names: all.into(),
            origin: origin.clone(),
            count: AtomicU32::new(0),
        });
        let entry = Entry::Variants(Arc::clone(&variants));
        if known.is_none() {
            place.guard.insert_with_ttl(entry, VARIANTS);
        } else {
            // Those who wait for a variant of the old kind ask anew.
            drop(place.guard);
            self.state.view.insert_with_ttl(self.primary.as_slice(), entry, VARIANTS);
        }
        let key = self.primary.variant(variants.id, &variants.names, &self.headers);
        let guard = try_guard(self, &key)?;
        Some(Place { guard, variants: Some(variants) })
    }

    /// The headers as they are stored, but for what only the whole body tells.
    fn stored_headers(
        &self,
        headers: &HeaderMap,
        status: StatusCode,
        received: SystemTime,
    ) -> HeaderMap {
        let mut stored = stored_fields(headers, self.state.rule.lifetimes(status), received);
        if let Some(downstream) = &self.state.rule.downstream {
            stored.insert(header::CACHE_CONTROL, downstream.clone());
        }
        stored
    }

    /// Adds what the client is to see of the cache and of the rule.
    fn dress(&self, headers: &mut HeaderMap, report: Report<'_>) {
        if let Some(downstream) = &self.state.rule.downstream {
            headers.insert(header::CACHE_CONTROL, downstream.clone());
        }
        report.append_to(&self.shared.name, headers);
    }

    fn pass_on<B>(&self, response: Response<B>, report: Report<'_>) -> Response<ResponseBody<B>> {
        let (mut parts, body) = response.into_parts();
        self.dress(&mut parts.headers, report);
        Response::from_parts(parts, ResponseBody::inner(body))
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

    /// What is stored, with what a 304 says (RFC 9111, 3.2 and 4.3.4); none if that is not to be stored.
    fn renew(
        &self,
        old: &Stored,
        confirmed: &HeaderMap,
        mut origin: Origin,
        exchange: Exchange,
        now: Moment,
    ) -> Option<Arc<Stored>> {
        let mut confirmed = confirmed.clone();
        confirmed.entry(header::DATE).or_insert_with(|| date::format(exchange.received));
        let Freshened::Updated(headers) = freshen(&old.headers, &old.validators, &confirmed) else {
            return None;
        };
        let lifetimes = self.state.rule.lifetimes(old.status);
        let freshness = judge(&self.facts(), old.status, &headers, lifetimes, exchange).ok()?;
        let open = self.is_open(&headers, old.status);
        let mut headers = self.stored_headers(&headers, old.status, exchange.received);
        let validators = finish(&mut headers, old.status, &old.body, exchange.received);
        origin.extend(old.origin.places().iter().copied());
        if self.shared.stamps.is_stale(&origin) {
            return None;
        }
        let (status, extensions, received) = (old.status, old.extensions.clone(), now);
        let head = Head { status, headers, extensions, freshness, received, open, validators };
        let (meter, variants) = (Arc::clone(&self.state.meter), old.held.variants.clone());
        Some(Arc::new(Stored::new(head, old.body.clone(), origin, meter, variants)))
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// What `Content-Length` says, if anything.
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Unstored> {
    let mut lines = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let length = line.to_str().ok().and_then(|it| it.parse().ok()).ok_or(Unstored::Length)?;
    if lines.next().is_some() { Err(Unstored::Length) } else { Ok(Some(length)) }
}

/// Adds what only the whole body tells; reads what identifies the response.
fn finish(
    headers: &mut HeaderMap,
    status: StatusCode,
    body: &Bytes,
    received: SystemTime,
) -> Validators {
    if status != StatusCode::NO_CONTENT {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let validators = Validators::of(headers, received);
    if status != StatusCode::OK || headers.contains_key(header::ETAG) {
        return validators;
    }
    let etag = make(body);
    headers.insert(header::ETAG, etag.clone());
    validators.with_made_etag(etag)
}
