//! Whether a response is stored, where, and with what.

use super::{
    ask::Ask,
    fetch::{Reservation, try_guard},
};
use crate::{
    body::{Copied, Copying, ResponseBody},
    semantics::{
        Exchange, Freshness, Refusal, Report, RequestFacts, ResponseDirectives, Validators, Vary,
        groups_of, is_encoded, judge, make, stored_fields,
    },
    store::{Content, Entry, Head, Provenance, Stored, Subject, Variants},
    time::Moment,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Body;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

/// How long nobody waits for others where the last response was not for them.
const PASS: Duration = Duration::from_secs(10);
/// How long it is remembered which fields the responses of a path depend on.
const VARIANTS: Duration = Duration::from_secs(24 * 3600);

/// Why a response is not stored.
pub(super) enum Unstored {
    Refused(Refusal),
    /// Its body is larger than the rule allows.
    TooLarge,
    /// Its body is not as long as `Content-Length` says.
    Length,
    /// The rule has as many errors as it may have, or may have no responses.
    Quota,
}

impl Unstored {
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.reason(),
            Self::TooLarge => "too-large",
            Self::Length => "wrong-length",
            Self::Quota => "quota",
        }
    }

    /// Whether the next response is likely not to be stored either, whoever asks.
    pub(super) fn is_lasting(&self, status: StatusCode) -> bool {
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
pub(super) struct Verdict {
    freshness: Freshness,
    /// What it depends on.
    names: Vec<HeaderName>,
    /// It says itself that it may be given to requests with credentials.
    open: bool,
    declared: Option<u64>,
}

impl Ask {
    pub(super) fn facts(&self) -> RequestFacts<'_> {
        let (method, authorized, no_store) = (&self.method, self.anonymous, self.client.no_store);
        RequestFacts { method, authorized, no_store }
    }

    pub(super) fn judge<B: Body>(
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
        if rule.max_entries == Some(0)
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

    pub(super) fn is_open(&self, headers: &HeaderMap, status: StatusCode) -> bool {
        let targeted = &self.state.rule.lifetimes(status).targeted;
        let directives = ResponseDirectives::targeted(headers, targeted);
        directives.unwrap_or_else(|| ResponseDirectives::of(headers)).permits_authorized()
    }

    /// Has the response stored while it is passed on.
    pub(super) fn store<B: Body<Data = Bytes> + Send>(
        &self,
        response: Response<B>,
        reservation: Reservation,
        mut provenance: Provenance,
        verdict: Verdict,
        (exchange, now): (Exchange, Moment),
        mut report: Report<'_>,
    ) -> Response<ResponseBody<B>> {
        let Some(Reservation { key, guard, variants }) =
            self.reservation_of_variant(reservation, &verdict.names, &provenance)
        else {
            report.detail = Some("variants");
            return self.pass_on(response, report);
        };
        report.stored = true;
        let (mut parts, body) = response.into_parts();
        provenance.extend(groups_of(&parts.headers).iter().map(|group| {
            let subject = Subject::Group { host: &self.host, group: group.as_bytes() };
            self.shared.stamps.slot(subject)
        }));
        let (status, extensions) = (parts.status, parts.extensions.clone());
        let (headers, replaced) = self.stored_headers(&parts.headers, status, exchange.received);
        let (shared, state) = (Arc::clone(&self.shared), Arc::clone(&self.state));
        let compress_above = state.rule.compress_above.filter(|_| !is_encoded(&headers));
        let Verdict { freshness, open, declared, .. } = verdict;
        let then = move |copied| match copied {
            // What was invalidated meanwhile would only take another's place.
            _ if shared.stamps.is_stale(&provenance) => {}
            Copied::TooLarge => {
                let pass = Entry::pass(provenance, &state.meter);
                guard.insert_with_ttl(pass, PASS);
            }
            Copied::Whole(body) => {
                let mut headers = headers;
                let length = body.len();
                let validators =
                    finish(&mut headers, status, length, exchange.received, || make(&body));
                let received = now;
                #[rustfmt::skip]
                let head = Head {
                    status, headers, extensions, freshness, received, open, validators, replaced,
                };
                let meter = Arc::clone(&state.meter);
                Content::make(body, compress_above, move |content| {
                    let stored = Stored::new(head, content, provenance, meter, variants);
                    state.keep(key.as_slice(), guard, Arc::new(stored));
                });
            }
        };
        self.dress(&mut parts.headers, report);
        let copy = Copying::new(self.state.rule.max_body, declared, then);
        Response::from_parts(parts, ResponseBody::copied(body, copy))
    }

    /// Has the next requests not wait for one another for a while.
    pub(super) fn remember_to_pass(&self, reservation: Reservation, provenance: Provenance) {
        if self.state.meter.errors() < self.state.rule.max_error_entries {
            reservation.guard.insert_with_ttl(Entry::pass(provenance, &self.state.meter), PASS);
        }
    }

    /// Where a response goes that depends on `names`: under the key that was asked for, or under
    /// that of a variant.
    fn reservation_of_variant(
        &self,
        reservation: Reservation,
        names: &[HeaderName],
        provenance: &Provenance,
    ) -> Option<Reservation> {
        if names.is_empty() {
            return Some(reservation);
        }
        let most = self.state.rule.max_variants;
        let known = reservation.variants.as_ref();
        if let Some(variants) = known.filter(|it| names.iter().all(|name| it.names.contains(name)))
        {
            // One that is there already is replaced.
            let has_room =
                reservation.guard.old_value().is_some() || variants.count.load(Relaxed) < most;
            return has_room.then_some(reservation);
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
            provenance: provenance.clone(),
            count: AtomicU32::new(0),
        });
        let entry = Entry::Variants(Arc::clone(&variants));
        if known.is_none() {
            reservation.guard.insert_with_ttl(entry, VARIANTS);
        } else {
            // Those who wait for a variant of the old kind ask anew.
            drop(reservation.guard);
            self.state.view.insert_with_ttl(self.primary.as_slice(), entry, VARIANTS);
        }
        let key = self.primary.variant(variants.id, &variants.names, &self.headers);
        let guard = try_guard(self, &key)?;
        Some(Reservation { key, guard, variants: Some(variants) })
    }

    /// The headers as they are stored, but for what only the whole body tells; and the
    /// `Cache-Control` in whose place clients see that of the rule.
    pub(super) fn stored_headers(
        &self,
        headers: &HeaderMap,
        status: StatusCode,
        received: SystemTime,
    ) -> (HeaderMap, Option<Box<[HeaderValue]>>) {
        let mut stored = stored_fields(headers, self.state.rule.lifetimes(status), received);
        let replaced = self.state.rule.downstream.as_ref().map(|downstream| {
            let replaced = stored.get_all(header::CACHE_CONTROL).iter().cloned().collect();
            stored.insert(header::CACHE_CONTROL, downstream.clone());
            replaced
        });
        (stored, replaced)
    }

    /// Adds what the client is to see of the cache and of the rule.
    fn dress(&self, headers: &mut HeaderMap, report: Report<'_>) {
        if let Some(downstream) = &self.state.rule.downstream {
            headers.insert(header::CACHE_CONTROL, downstream.clone());
        }
        report.append_to(&self.shared.name, headers);
    }

    pub(super) fn pass_on<B>(
        &self,
        response: Response<B>,
        report: Report<'_>,
    ) -> Response<ResponseBody<B>> {
        let (mut parts, body) = response.into_parts();
        self.dress(&mut parts.headers, report);
        Response::from_parts(parts, ResponseBody::inner(body))
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

/// Adds what only the whole body tells, and the entity tag that is made of it if the response has
/// none; reads what identifies the response.
pub(super) fn finish(
    headers: &mut HeaderMap,
    status: StatusCode,
    length: usize,
    received: SystemTime,
    make: impl FnOnce() -> HeaderValue,
) -> Validators {
    if status != StatusCode::NO_CONTENT {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let validators = Validators::of(headers, received);
    if status != StatusCode::OK || headers.contains_key(header::ETAG) {
        return validators;
    }
    let etag = make();
    headers.insert(header::ETAG, etag.clone());
    validators.with_made_etag(etag)
}
