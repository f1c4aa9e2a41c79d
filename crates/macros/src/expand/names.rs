//! Names in expansions.

use proc_macro2::{Ident, Span};

/// A name without `r#`.
pub(super) fn plain(name: &Ident) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

/// The same name, of which no lint is told that the user has written it.
pub(super) fn at_call_site(name: &Ident) -> Ident {
    let mut name = name.clone();
    name.set_span(Span::call_site());
    name
}
