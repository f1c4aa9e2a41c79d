//! What is stored under a key.

use super::{Content, EntryClass, Meter, stamps::Provenance, template::HeaderTemplate};
use crate::{
    semantics::{Freshness, RequestDirectives, Use, Validators},
    time::Moment,
};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// What is stored under a key.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Response(Arc<Stored>),
    /// Responses depend on what these fields of the request say, and are stored under keys with
    /// that.
    Variants(Arc<Variants>),
    /// The last response was not for others: who asks does not wait for anybody else's.
    Pass(Arc<Passing>),
}

/// That a response was not for others.
#[derive(Debug)]
pub(crate) struct Passing {
    pub(crate) provenance: Provenance,
    accounting: Accounting,
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderTemplate,
    /// What layers between the handler and the cache have left in it.
    pub(crate) extensions: Extensions,
    pub(crate) body: Content,
    pub(crate) freshness: Freshness,
    pub(crate) received: Moment,
    pub(crate) provenance: Provenance,
    /// It says itself that it may be given to requests with credentials (RFC 9111, 3.5).
    pub(crate) open: bool,
    pub(crate) validators: Validators,
    /// What the handler has said in `Cache-Control`, if clients see what the rule says.
    pub(crate) replaced: Option<Box<[HeaderValue]>>,
    /// Until then, in milliseconds, nobody asks again after a refresh that has failed.
    resting: AtomicU64,
    /// Somebody has asked for it since the rule's [`Quota`](super::Quota) has looked.
    used: AtomicBool,
    /// Counted as long as it is held by anybody.
    pub(crate) accounting: Accounting,
}

/// A response without its body.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) extensions: Extensions,
    pub(crate) freshness: Freshness,
    pub(crate) received: Moment,
    pub(crate) open: bool,
    pub(crate) validators: Validators,
    pub(crate) replaced: Option<Box<[HeaderValue]>>,
}

/// The responses of a path that depend on the same fields of the request.
#[derive(Debug)]
pub(crate) struct Variants {
    /// Part of their keys.
    pub(crate) id: u64,
    pub(crate) names: Box<[HeaderName]>,
    pub(crate) provenance: Provenance,
    pub(crate) count: AtomicU32,
}

/// Counts a stored response, as long as it is stored, with its rule and its variants.
#[derive(Debug)]
pub(crate) struct Accounting {
    pub(crate) meter: Arc<Meter>,
    pub(crate) variants: Option<Arc<Variants>>,
    bytes: u64,
    class: EntryClass,
}

impl Accounting {
    fn new(
        meter: Arc<Meter>,
        variants: Option<Arc<Variants>>,
        bytes: usize,
        class: EntryClass,
    ) -> Self {
        let bytes = bytes as u64;
        meter.stored(bytes, class);
        if let Some(variants) = &variants {
            variants.count.fetch_add(1, Relaxed);
        }
        Self { meter, variants, bytes, class }
    }
}

impl Drop for Accounting {
    fn drop(&mut self) {
        self.meter.dropped(self.bytes, self.class);
        if let Some(variants) = &self.variants {
            variants.count.fetch_sub(1, Relaxed);
        }
    }
}

/// Whether a stored response may be given out without asking the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Fresh,
    /// It is stale, and the client does not mind.
    Stale,
    /// At once, but the handler is to be asked for a newer one.
    WhileRevalidating,
    /// The last attempt to get a newer one has failed.
    AfterError,
    /// It is stale, or the client does not want it as it is.
    No,
}

impl Stored {
    pub(crate) fn new(
        head: Head,
        body: Content,
        provenance: Provenance,
        meter: Arc<Meter>,
        variants: Option<Arc<Variants>>,
    ) -> Self {
        let Head { status, headers, extensions, freshness, received, open, validators, replaced } =
            head;
        let headers = HeaderTemplate::new(headers);
        let bytes = body.weight() + headers.bytes() + provenance.bytes() + size_of::<Self>();
        let is_error = status.is_client_error() || status.is_server_error();
        let class = if is_error { EntryClass::Error } else { EntryClass::Usual };
        let accounting = Accounting::new(meter, variants, bytes, class);
        let (resting, used) = (AtomicU64::new(0), AtomicBool::new(false));
        Self {
            status,
            headers,
            extensions,
            body,
            freshness,
            received,
            provenance,
            open,
            validators,
            replaced,
            resting,
            used,
            accounting,
        }
    }

    /// The headers as the handler has made them.
    pub(crate) fn own_headers(&self) -> HeaderMap {
        let mut headers = self.headers.fields();
        if let Some(replaced) = &self.replaced {
            headers.remove(header::CACHE_CONTROL);
            for value in replaced {
                headers.append(header::CACHE_CONTROL, value.clone());
            }
        }
        headers
    }

    pub(crate) fn bytes(&self) -> usize {
        self.accounting.bytes as usize
    }

    /// Somebody has asked for it.
    pub(crate) fn touch(&self) {
        // Read first: what many ask for stays in the caches of all processors.
        if !self.used.load(Relaxed) {
            self.used.store(true, Relaxed);
        }
    }

    /// Whether somebody has asked for it since this was called last.
    pub(crate) fn take_used(&self) -> bool {
        self.used.swap(false, Relaxed)
    }

    pub(crate) fn is_error(&self) -> bool {
        self.accounting.class == EntryClass::Error
    }

    /// Seconds that it has been here.
    pub(crate) fn resident(&self, now: Moment) -> u64 {
        now.seconds_since(self.received)
    }

    /// Whether it may be given out `now`, when it has been here for `resident` seconds.
    #[inline]
    pub(crate) fn fit(&self, now: Moment, resident: u64, client: &RequestDirectives) -> Fit {
        match self.freshness.judge_use(resident, client, true) {
            Use::Fresh => Fit::Fresh,
            Use::Stale => Fit::Stale,
            Use::StaleWhileRevalidate if self.rests(now) => Fit::AfterError,
            Use::StaleWhileRevalidate => Fit::WhileRevalidating,
            Use::Revalidate if self.stands_in(now, client) => Fit::AfterError,
            Use::Revalidate => Fit::No,
        }
    }

    /// Whether the last attempt to get a newer one has failed just now.
    fn rests(&self, now: Moment) -> bool {
        self.resting.load(Relaxed) > now.to_millis()
    }

    fn stands_in(&self, now: Moment, client: &RequestDirectives) -> bool {
        self.rests(now)
            && !client.no_cache
            && self.freshness.may_stand_in_for_error(self.resident(now), client)
    }

    /// How long it is kept, from now on.
    pub(crate) fn keep(&self) -> Duration {
        self.freshness.keep()
    }

    /// Nobody is to try again before `until`.
    pub(crate) fn rest(&self, until: Moment) {
        self.resting.fetch_max(until.to_millis(), Relaxed);
    }
}

impl Entry {
    pub(crate) fn pass(provenance: Provenance, meter: &Arc<Meter>) -> Self {
        let bytes = size_of::<Passing>() + provenance.bytes();
        let accounting = Accounting::new(Arc::clone(meter), None, bytes, EntryClass::Error);
        Self::Pass(Arc::new(Passing { provenance, accounting }))
    }

    /// Bytes beside the entry itself.
    pub(crate) fn heap(&self) -> usize {
        match self {
            Self::Response(stored) => stored.bytes(),
            Self::Variants(variants) => {
                size_of::<Variants>() + size_of_val(&*variants.names) + variants.provenance.bytes()
            }
            Self::Pass(passing) => passing.accounting.bytes as usize,
        }
    }
}
