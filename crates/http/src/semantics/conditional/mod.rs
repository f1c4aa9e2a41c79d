//! Conditional requests: those of clients, which a stored response can answer (RFC 9111 4.3.2), and
//! those to the origin, which validate one (RFC 9111 4.3.1, 4.3.3 to 4.3.5).

mod etag;
mod evaluate;
mod update;

pub(crate) use etag::{EntityTag, make, make_of_parts};
pub(crate) use evaluate::{Condition, evaluate};
pub(crate) use update::{Freshened, HeadEffect, freshen, head_effect, is_about};

use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, header};

use super::{
    storage::date_of,
    syntax::{date, only_line},
};

/// What identifies the state of a stored response. Read once, when it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Validators {
    etag: Option<HeaderValue>,
    /// The origin does not know the entity tag.
    etag_is_ours: bool,
    last_modified: Option<HeaderValue>,
    modified: Option<SystemTime>,
    dated: SystemTime,
}

impl Validators {
    /// Reads the validators of a response that was received at that time.
    pub(crate) fn of(headers: &HeaderMap, received: SystemTime) -> Self {
        let modified = only_line(headers, &header::LAST_MODIFIED)
            .and_then(|value| date::parse(value, received));
        Self {
            etag: headers.get(header::ETAG).cloned(),
            etag_is_ours: false,
            last_modified: headers.get(header::LAST_MODIFIED).cloned(),
            modified,
            dated: date_of(headers, received),
        }
    }

    /// Adds an entity tag that the cache has made, as the origin has not. Only clients get it.
    pub(crate) fn with_made_etag(mut self, etag: HeaderValue) -> Self {
        self.etag = Some(etag);
        self.etag_is_ours = true;
        self
    }

    /// Returns the entity tag that clients get, if it is a valid one.
    pub(crate) fn entity_tag(&self) -> Option<EntityTag<'_>> {
        EntityTag::parse(self.etag.as_ref()?.as_bytes())
    }

    /// Returns the entity tag that the cache has made.
    pub(crate) fn made_etag(&self) -> Option<&HeaderValue> {
        self.etag.as_ref().filter(|_| self.etag_is_ours)
    }

    /// Returns the origin's entity tag, be it valid or not.
    fn etag_of_origin(&self) -> Option<&HeaderValue> {
        self.etag.as_ref().filter(|_| !self.etag_is_ours)
    }

    /// Returns the last modification if it is a strong validator: if the response was made later
    /// than in the second of the modification (RFC 9110 8.8.2.2).
    pub(crate) fn strong_last_modified(&self) -> Option<SystemTime> {
        self.modified.filter(|&modified| date::to_seconds(modified) < date::to_seconds(self.dated))
    }

    /// Returns whether the origin can be asked if the response is still valid.
    pub(crate) fn can_be_validated(&self) -> bool {
        self.etag_of_origin().is_some() || self.last_modified.is_some()
    }

    /// Turns a client's request into one that validates the stored response. The client's own
    /// conditions and ranges are answered from the outcome.
    pub(crate) fn ask(&self, request: &mut HeaderMap) {
        for name in CONDITIONS {
            request.remove(name);
        }
        if let Some(etag) = self.etag_of_origin() {
            request.insert(header::IF_NONE_MATCH, etag.clone());
        }
        if let Some(modified) = &self.last_modified {
            request.insert(header::IF_MODIFIED_SINCE, modified.clone());
        }
    }
}

const CONDITIONS: [header::HeaderName; 6] = [
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::RANGE,
];
