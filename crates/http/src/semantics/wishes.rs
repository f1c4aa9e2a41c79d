//! Whether a request wants anything in particular: one pass over the names of its fields, where most requests have
//! nothing that is to be looked up.

use http::{HeaderMap, header};

/// What is to be read of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// `Cache-Control` or `Pragma`.
    pub(crate) directives: bool,
    /// Conditions or ranges: not just any response will do, or not all of it.
    pub(crate) selection: bool,
}

impl Wishes {
    pub(crate) fn of(request: &HeaderMap) -> Self {
        let mut wishes = Self::default();
        for name in request.keys() {
            wishes.directives |= *name == header::CACHE_CONTROL || *name == header::PRAGMA;
            wishes.selection |= *name == header::IF_NONE_MATCH
                || *name == header::IF_MODIFIED_SINCE
                || *name == header::RANGE;
        }
        wishes
    }
}
