//! What a request asks for, and whether the cache has it.

use super::respond::{Selector, respond};
use crate::{
    body::ResponseBody,
    key::{self, Bypass, KeyBuffer},
    layer::Shared,
    requested::requested,
    rules::Rules,
    semantics::{Forward, Report, RequestDirectives, Wishes},
    store::{Entry, Fit, Outcome, Provenance, StampSlot, Stored, Subject, Variants},
    table::{RuleState, Table},
    time::Moment,
    user::User,
};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::Body;
use std::sync::Arc;

/// Room for the keys of a request, which is large, so that it stays where it is.
#[derive(Default)]
pub(super) struct RequestKeys {
    /// That of the response, or of the fields on which it depends.
    primary: KeyBuffer,
    /// That of the response, where it depends on fields.
    variant: Option<KeyBuffer>,
}

/// A request of which the response may be in the cache.
pub(super) struct Sought<'t, 'r> {
    rules: &'t Rules,
    uri: &'r Uri,
    target: key::Target<'r>,
    user: Option<&'r User>,
    pub(super) state: &'t Arc<RuleState>,
    keys: &'r mut RequestKeys,
    client: RequestDirectives,
    wishes: Wishes,
    /// Whether it has credentials of which nobody says whose they are.
    anonymous: bool,
}

/// What the cache has for a request.
pub(super) enum Looked<B> {
    Hit(Response<ResponseBody<B>>),
    /// A stale response may be given out while the handler is asked for a newer one.
    Refresh(Response<ResponseBody<B>>, Arc<Stored>),
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

impl Missing {
    fn because(why: Forward) -> Self {
        Self { why, stale: None, variants: None, passes: false }
    }
}

impl<'t, 'r> Sought<'t, 'r> {
    pub(super) fn of<Q: Body>(
        table: &'t Table,
        request: &'r Request<Q>,
        keys: &'r mut RequestKeys,
    ) -> Result<Self, Bypass> {
        let (method, headers) = (request.method(), request.headers());
        let uri = requested(request)?;
        let index = table.rules.index(method, uri.path()).ok_or(Bypass::NoRule)?;
        let state = &table.states[index];
        if !request.body().is_end_stream() {
            return Err(Bypass::Body);
        }
        let shape = &state.rule.key;
        let seen = key::HeaderFacts::of(headers, shape);
        let target = key::Target::of(uri, seen.host, table.rules.scheme())?;
        let user = request.extensions().get::<User>();
        let access = keys.primary.write(shape, &target, method, headers, &seen, user)?;
        let wishes = seen.wishes();
        let client = if wishes.directives && !state.rule.ignore_client_directives {
            RequestDirectives::of(headers)
        } else {
            RequestDirectives::default()
        };
        let (rules, anonymous) = (&table.rules, access == key::Access::Unverified);
        Ok(Self { rules, uri, target, user, state, keys, client, wishes, anonymous })
    }

    /// Looks for the response, and answers with it where it is, without a reference count of its
    /// own.
    pub(super) fn look<Q, B>(
        &mut self,
        shared: &Shared,
        request: &Request<Q>,
        now: Moment,
    ) -> Looked<B> {
        // Written in place, since a response is large.
        let mut looked = Looked::Missing(Missing::because(Forward::UriMiss));
        let mut variants = None;
        let primary = &self.keys.primary;
        self.state.view.get_ref(primary.as_slice(), |entry| match entry {
            Entry::Variants(them) if !shared.stamps.is_stale(&them.provenance) => {
                variants = Some(Arc::clone(them));
            }
            entry => looked = self.answer(entry, shared, request, now),
        });
        let Some(variants) = variants else { return looked };
        let key = primary.variant(variants.id, &variants.names, request.headers());
        self.state.view.get_ref(key.as_slice(), |entry| {
            looked = self.answer(entry, shared, request, now);
        });
        self.keys.variant = Some(key);
        if let Looked::Missing(missing) = &mut looked {
            missing.variants = Some(variants);
            if missing.why == Forward::UriMiss {
                missing.why = Forward::VaryMiss;
            }
        }
        looked
    }

    /// The response from what is stored.
    fn answer<Q, B>(
        &self,
        entry: &Entry,
        shared: &Shared,
        request: &Request<Q>,
        now: Moment,
    ) -> Looked<B> {
        let mut missing = Missing::because(Forward::UriMiss);
        match entry {
            Entry::Variants(_) => {}
            Entry::Pass(passing) => missing.passes = !shared.stamps.is_stale(&passing.provenance),
            Entry::Response(stored) => {
                let resident = stored.resident(now);
                let invalid =
                    shared.stamps.is_stale(&stored.provenance) || self.anonymous && !stored.open;
                let fit = if invalid { Fit::No } else { stored.fit(now, resident, &self.client) };
                if fit != Fit::No {
                    let response = self.hit(shared, stored, request, fit, resident);
                    return match fit {
                        Fit::WhileRevalidating => Looked::Refresh(response, Arc::clone(stored)),
                        _ => Looked::Hit(response),
                    };
                }
                let fresh = !invalid && stored.freshness.is_fresh(resident);
                missing.why = if fresh { Forward::Request } else { Forward::Stale };
                missing.stale = Some(Arc::clone(stored));
            }
        }
        Looked::Missing(missing)
    }

    #[inline]
    fn hit<Q, B>(
        &self,
        shared: &Shared,
        stored: &Stored,
        request: &Request<Q>,
        fit: Fit,
        resident: u64,
    ) -> Response<ResponseBody<B>> {
        let ttl = stored.freshness.ttl(resident);
        let (outcome, detail) = match fit {
            Fit::Fresh | Fit::No => (Outcome::Hit, None),
            Fit::Stale => (Outcome::Stale, Some("max-stale")),
            Fit::WhileRevalidating => (Outcome::Stale, Some("stale-while-revalidate")),
            Fit::AfterError => (Outcome::StaleIfError, Some("stale-if-error")),
        };
        self.state.meter.count(outcome);
        stored.touch();
        let report = match detail {
            None => shared.name.hit(ttl),
            Some(_) => Report { hit: true, ttl: Some(ttl), detail, ..Report::default() }
                .value(&shared.name),
        };
        let selector = Selector::new(request.method(), request.headers(), self.wishes);
        respond(stored, selector, resident, report)
    }

    /// The same, without a lifetime.
    pub(super) fn into_ask<Q>(self, shared: &Arc<Shared>, request: &Request<Q>) -> Ask {
        let path = self.target.place();
        let mut slots = vec![shared.stamps.slot(Subject::Path(path.as_bytes())), self.state.slot];
        // Its parameters, which a hit does not need.
        if let Some(found) = self.rules.find(request.method(), self.uri.path()) {
            let tags = self.state.rule.tags(&found, self.user);
            slots.extend(tags.map(|tag| shared.stamps.slot(Subject::Tag(tag.as_bytes()))));
        }
        if let Some(user) = self.user.filter(|_| self.state.rule.key.tells_users_apart()) {
            let (path, user) = (path.as_bytes(), user.id().as_bytes());
            slots.push(shared.stamps.slot(Subject::User(user)));
            slots.push(shared.stamps.slot(Subject::PathOf { path, user }));
        }
        Ask {
            shared: Arc::clone(shared),
            state: Arc::clone(self.state),
            method: request.method().clone(),
            headers: request.headers().clone(),
            key: self.keys.variant.take().unwrap_or_else(|| self.keys.primary.clone()),
            primary: self.keys.primary.clone(),
            client: self.client,
            wishes: self.wishes,
            anonymous: self.anonymous,
            slots,
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
    wishes: Wishes,
    pub(super) anonymous: bool,
    pub(super) host: Vec<u8>,
    slots: Vec<StampSlot>,
    path: Vec<u8>,
}

impl Ask {
    /// What makes the response stale that the handler gives if it is called after this.
    pub(super) fn provenance(&self) -> Provenance {
        Provenance::new(self.shared.stamps.birth(), self.slots.clone(), &self.path)
    }

    /// Whether a stored response was not invalidated, and may be given to this client.
    pub(super) fn is_usable(&self, stored: &Stored) -> bool {
        !self.shared.stamps.is_stale(&stored.provenance) && (stored.open || !self.anonymous)
    }

    pub(super) fn fit(&self, stored: &Stored) -> Fit {
        if !self.is_usable(stored) {
            return Fit::No;
        }
        let now = self.shared.time.now();
        stored.fit(now, stored.resident(now), &self.client)
    }

    pub(super) fn respond<B>(
        &self,
        stored: &Stored,
        mut report: Report<'_>,
    ) -> Response<ResponseBody<B>> {
        let resident = stored.resident(self.shared.time.now());
        if report.hit {
            report.ttl = Some(stored.freshness.ttl(resident));
        }
        let selector = Selector::new(&self.method, &self.headers, self.wishes);
        respond(stored, selector, resident, report.value(&self.shared.name))
    }
}
