//! What makes stored responses stale: changes that go through the layer, and the application.

#[cfg(feature = "admin")]
use crate::store::Entry;
use crate::{
    key::{self, place},
    layer::Shared,
    requested::{original, requested},
    rules::Audience,
    semantics::{Origin, invalidated_groups, invalidated_locations, invalidates},
    store::{StampSlot, Subject},
    user::User,
};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
#[cfg(feature = "admin")]
use std::collections::BTreeMap;
use std::{fmt, sync::Arc};

/// Makes responses that are stored stale; comes from
/// [`CacheLayer::invalidator`](crate::CacheLayer::invalidator).
///
/// In O(1), whatever is stored: what is stale is taken for absent from then on, and goes when its
/// room is needed or its time is over. A response that is in the making while something is
/// invalidated is stale when it is stored, and nobody who asks afterwards gets it. Cheap to clone.
#[derive(Clone)]
pub struct Invalidator {
    shared: Arc<Shared>,
}

impl Invalidator {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Counts the responses that are stored and that an invalidation of this would make stale.
    /// O(capacity).
    #[cfg(feature = "admin")]
    pub(crate) fn count(&self, subject: Subject<'_>) -> u64 {
        let stamps = &self.shared.stamps;
        let slot = stamps.slot(subject);
        let states = self.shared.states();
        let views: BTreeMap<_, _> = states
            .iter()
            // Rules of one layer share a namespace, so a cache's view has the responses of all of
            // them.
            .map(|it| ((it.view.cache().name(), it.view.namespace().name()), &it.view))
            .collect();
        let is_meant = |entry: &Entry| match entry {
            Entry::Response(stored) => {
                stored.provenance.slots().contains(&slot) && !stamps.is_stale(&stored.provenance)
            }
            Entry::Variants(_) | Entry::Pass(_) => false,
        };
        views.values().map(|view| view.count_where(is_meant)).sum()
    }

    /// Invalidates all responses of a path, whatever their query, user and variant, on all hosts.
    pub fn path(&self, path: &str) {
        let slot = self.shared.stamps.slot(Subject::Path(place(path).as_bytes()));
        self.shared.stamps.invalidate(slot);
    }

    /// Invalidates all responses of paths that begin with `prefix`.
    ///
    /// Costs more than the others: O(n) in the prefixes that were invalidated lately, 256 at most.
    pub fn prefix(&self, prefix: &str) {
        self.shared.stamps.invalidate_prefix(place(prefix).as_bytes());
    }

    /// Invalidates what a rule, or a handler, has given this tag.
    pub fn tag(&self, tag: &str) {
        self.shared.stamps.invalidate(self.shared.stamps.slot(Subject::Tag(tag.as_bytes())));
    }

    /// Invalidates the responses that are stored for one user alone. Responses that all users share
    /// stay valid.
    pub fn user(&self, user: &User) {
        let slot = self.shared.stamps.slot(Subject::User(user.id().as_bytes()));
        self.shared.stamps.invalidate(slot);
    }

    /// Invalidates the responses of a rule. False if no rule has this name.
    pub fn rule(&self, name: &str) -> bool {
        let mut states = self.shared.states();
        states.retain(|state| state.rule.name == name);
        for state in &states {
            self.shared.stamps.invalidate(state.slot);
        }
        !states.is_empty()
    }

    /// Invalidates everything that the layer has stored.
    pub fn all(&self) {
        self.shared.stamps.invalidate_all();
    }
}

impl fmt::Debug for Invalidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invalidator").field("layer", &self.shared.name).finish_non_exhaustive()
    }
}

/// What is stale if an unsafe request succeeds.
pub(crate) struct Change {
    method: Method,
    scheme: Option<String>,
    host: String,
    target: String,
    slots: Vec<StampSlot>,
}

impl Shared {
    /// What `request` changes, should it succeed.
    pub(crate) fn change<Q>(&self, request: &Request<Q>) -> Change {
        // Where it is not known which path is meant, both are.
        let (uri, other) = match requested(request) {
            Ok(uri) => (uri, None),
            Err(_) => (original(request).unwrap_or(request.uri()), Some(request.uri())),
        };
        let table = self.table.load();
        let target = key::Target::of(uri, key::Host::of(request.headers()), table.rules.scheme());
        // A host that is none has no other locations.
        let host =
            target.map(|it| String::from_utf8_lossy(&it.host).into_owned()).unwrap_or_default();
        let user = request.extensions().get::<User>();
        // Where each user has responses of their own, one user's change is nobody else's.
        let changed = |uri: &Uri| {
            let path = place(uri.path());
            let path = path.as_bytes();
            let read = table.rules.find(&Method::GET, uri.path());
            let is_of_users = read.is_some_and(|it| it.rule.key.audience == Audience::Users);
            self.stamps.slot(match user.filter(|_| is_of_users) {
                Some(user) => Subject::PathOf { path, user: user.id().as_bytes() },
                None => Subject::Path(path),
            })
        };
        let mut slots: Vec<_> = [uri].into_iter().chain(other).map(changed).collect();
        if let Some(found) = table.rules.find(request.method(), uri.path()) {
            let tags = found.rule.invalidates(&found, user);
            slots.extend(tags.map(|it| self.stamps.slot(Subject::Tag(it.as_bytes()))));
            let paths = found.rule.invalidates_paths(&found, user);
            slots.extend(paths.map(|it| self.stamps.slot(Subject::Path(place(&it).as_bytes()))));
        }
        let target = uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
        let scheme = uri.scheme_str().map(str::to_owned);
        Change { method: request.method().clone(), scheme, host, target, slots }
    }
}

impl Change {
    /// Carries it out, if the response says that it has happened (RFC 9111, 4.4, and RFC 9875).
    pub(crate) fn came_to(self, shared: &Shared, status: StatusCode, headers: &HeaderMap) {
        if !invalidates(&self.method, status) {
            return;
        }
        let stamps = &shared.stamps;
        let origin = Origin { scheme: self.scheme.as_deref(), authority: &self.host };
        for location in invalidated_locations(headers, origin, &self.target) {
            let path = location.split('?').next().unwrap_or_default();
            stamps.invalidate(stamps.slot(Subject::Path(place(path).as_bytes())));
        }
        for group in invalidated_groups(&self.method, headers) {
            let subject = Subject::Group { host: self.host.as_bytes(), group: group.as_bytes() };
            stamps.invalidate(stamps.slot(subject));
        }
        for slot in self.slots {
            stamps.invalidate(slot);
        }
    }
}
