//! Who may do what.

mod attempts;
mod gate;
mod session;
mod tokens;

pub(crate) use attempts::Attempts;
pub(super) use gate::{Gate, authorize};
pub(super) use session::session;
pub(crate) use tokens::Tokens;

use std::{fmt, sync::Arc};

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// To look at everything, and to change nothing.
    Read,
    /// To change things, too.
    Admin,
}

impl Scope {
    /// `read` or `admin`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Who sends a request: it is among the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The token's name.
    pub(crate) name: Arc<str>,
    pub(crate) scope: Scope,
}
