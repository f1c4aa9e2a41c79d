//! Whether a request wants anything in particular, of which most requests have nothing.

/// What is to be read of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// `Cache-Control` or `Pragma`.
    pub(crate) directives: bool,
    /// Conditions or ranges: not just any response will do, or not all of it.
    pub(crate) selection: bool,
}
