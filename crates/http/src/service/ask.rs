//! What a request asks for, and whether the cache has it.

use super::respond::{Asked, respond};
use crate::{
    body::ResponseBody,
    key::{self, Bypass, KeyBuffer},
    layer::Shared,
    requested::requested,
    rules::Found,
    semantics::{Forward, Report, RequestDirectives, Wishes},
    store::{Entry, Fit, Origin, Outcome, Place, Stored, Subject, Variants},
    table::{RuleState, Table},
    time::Moment,
    user::User,
};
use http::{HeaderMap, Method, Request, Response};
use http_body::Body;
use std::sync::Arc;

/// A request of which the response may be in the cache.
pub(super) struct Sought<'t, 'r> {
    found: Found<'t, 'r>,
    target: key::Target<'r>,
    user: Option<&'r User>,
    pub(super) state: &'t Arc<RuleState>,
    /// That of the response, or of the fields on which it depends.
    primary: KeyBuffer,
    /// That of the response, where it depends on fields.
    variant: Option<KeyBuffer>,
    client: RequestDirectives,
    wishes: Wishes,
    /// Whether it has credentials of which nobody says whose they are.
    anonymous: bool,
}

/// What the cache has for a request.
pub(super) enum Looked {
    Hit(Arc<Stored>, Fit),
    /// The handler is to be asked.
    Missing(Missing),
}

/// Why the handler is to be asked, and what is there that it may confirm.
pub(super) struct Missing {
    pub(super) why: Forward,
    pub(super) stale: Option<Arc<Stored>>,
    /// The variants among which the response was looked for.
    pub(super) variants: Option<Arc<Variants>>,
    /// The last response was not for others, so nobody is to wait for this one.
    pub(super) passes: bool,
}

impl<'t, 'r> Sought<'t, 'r> {
    pub(super) fn of<Q: Body>(table: &'t Table, request: &'r Request<Q>) -> Result<Self, Bypass> {
        let (method, headers) = (request.method(), request.headers());
        let uri = requested(request)?;
        let found = table.rules.find(method, uri.path()).ok_or(Bypass::NoRule)?;
        if !request.body().is_end_stream() {
            return Err(Bypass::Body);
        }
        let target = key::Target::of(uri, headers, table.rules.scheme())?;
        let user = request.extensions().get::<User>();
        let mut primary = KeyBuffer::new();
        let access = primary.write(&found.rule.key, &target, method, headers, user)?;
        let wishes = Wishes::of(headers);
        let client = if wishes.directives && !found.rule.ignore_client_directives {
            RequestDirectives::of(headers)
        } else {
            RequestDirectives::default()
        };
        let (state, anonymous) = (&table.states[found.index], access == key::Access::Unverified);
        Ok(Self { found, target, user, state, primary, variant: None, client, wishes, anonymous })
    }

    /// Looks for the response.
    pub(super) fn look(&mut self, shared: &Shared, headers: &HeaderMap, now: Moment) -> Looked {
        let mut missing =
            Missing { why: Forward::UriMiss, stale: None, variants: None, passes: false };
        let mut entry = self.state.view.get(self.primary.as_slice());
        if let Some(Entry::Variants(variants)) = &entry
            && !shared.stamps.is_stale(&variants.origin)
        {
            let key = self.primary.variant(variants.id, &variants.names, headers);
            missing.why = Forward::VaryMiss;
            missing.variants = Some(Arc::clone(variants));
            entry = self.state.view.get(key.as_slice());
            self.variant = Some(key);
        }
        match entry {
            None | Some(Entry::Variants(_)) => {}
            Some(Entry::Pass(passing)) => {
                missing.passes = !shared.stamps.is_stale(&passing.origin);
            }
            Some(Entry::Response(stored)) => {
                let invalid =
                    shared.stamps.is_stale(&stored.origin) || self.anonymous && !stored.open;
                let fit = if invalid { Fit::No } else { stored.fit(now, &self.client) };
                if fit != Fit::No {
                    return Looked::Hit(stored, fit);
                }
                let fresh = !invalid && stored.freshness.is_fresh(stored.resident(now));
                missing.why = if fresh { Forward::Request } else { Forward::Stale };
                missing.stale = Some(stored);
            }
        }
        Looked::Missing(missing)
    }

    /// The response from the cache.
    pub(super) fn hit<Q, B>(
        &self,
        shared: &Shared,
        stored: &Stored,
        request: &Request<Q>,
        fit: Fit,
        now: Moment,
    ) -> Response<ResponseBody<B>> {
        let (outcome, detail) = match fit {
            Fit::Fresh | Fit::No => (Outcome::Hit, None),
            Fit::Stale => (Outcome::Stale, Some("max-stale")),
            Fit::WhileRevalidating => (Outcome::Stale, Some("stale-while-revalidate")),
            Fit::AfterError => (Outcome::StaleIfError, Some("stale-if-error")),
        };
        self.state.meter.count(outcome);
        stored.touch();
        let report = Report { hit: true, detail, ..Report::default() };
        let asked = Asked::new(request.method(), request.headers(), self.wishes);
        respond(stored, asked, now, &shared.name, report)
    }

    /// The same, without a lifetime.
    pub(super) fn into_ask<Q>(self, shared: &Arc<Shared>, request: &Request<Q>) -> Ask {
        let path = self.target.place();
        let mut places =
            vec![shared.stamps.place(Subject::Path(path.as_bytes())), self.state.place];
        let tags = self.found.rule.tags(&self.found, self.user);
        places.extend(tags.map(|tag| shared.stamps.place(Subject::Tag(tag.as_bytes()))));
        let rule = &self.found.rule.key;
        if let Some(user) = self.user.filter(|_| rule.tells_users_apart()) {
            let (path, user) = (path.as_bytes(), user.id().as_bytes());
            places.push(shared.stamps.place(Subject::User(user)));
            places.push(shared.stamps.place(Subject::PathOf { path, user }));
        }
        Ask {
            shared: Arc::clone(shared),
            state: Arc::clone(self.state),
            method: request.method().clone(),
            headers: request.headers().clone(),
            key: self.variant.unwrap_or_else(|| self.primary.clone()),
            primary: self.primary,
            client: self.client,
            anonymous: self.anonymous,
            places,
            path: path.into_owned().into_bytes(),
            host: self.target.host.into_owned(),
        }
    }
}

/// A request of which the response may be stored, while the handler is asked.
pub(super) struct Ask {
    pub(super) shared: Arc<Shared>,
    pub(super) state: Arc<RuleState>,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    /// That of the response: of a variant, where there are any.
    pub(super) key: KeyBuffer,
    /// That of the response without what it depends on.
    pub(super) primary: KeyBuffer,
    pub(super) client: RequestDirectives,
    pub(super) anonymous: bool,
    pub(super) host: Vec<u8>,
    places: Vec<Place>,
    path: Vec<u8>,
}

impl Ask {
    /// What makes the response stale that the handler gives if it is called after this.
    pub(super) fn origin(&self) -> Origin {
        Origin::new(self.shared.stamps.birth(), self.places.clone(), &self.path)
    }

    /// Whether a stored response was not invalidated, and may be given to this client.
    pub(super) fn is_usable(&self, stored: &Stored) -> bool {
        !self.shared.stamps.is_stale(&stored.origin) && (stored.open || !self.anonymous)
    }

    pub(super) fn fit(&self, stored: &Stored) -> Fit {
        if !self.is_usable(stored) {
            return Fit::No;
        }
        stored.fit(self.shared.time.now(), &self.client)
    }

    pub(super) fn respond<B>(&self, stored: &Stored, report: Report) -> Response<ResponseBody<B>> {
        let now = self.shared.time.now();
        let asked = Asked::new(&self.method, &self.headers, Wishes::of(&self.headers));
        respond(stored, asked, now, &self.shared.name, report)
    }
}
