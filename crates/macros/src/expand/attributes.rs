//! The attributes that a function has beside ours.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Attribute;

/// The function's attributes, by where they belong.
pub(super) struct Attributes {
    /// On the function that asks the cache.
    pub(super) outer: Vec<TokenStream>,
    /// On the function as it was written, too.
    pub(super) lints: Vec<Attribute>,
    /// On everything.
    pub(super) cfgs: Vec<Attribute>,
}

impl Attributes {
    pub(super) fn of(all: &[Attribute]) -> Self {
        let is = |attribute: &Attribute, names: &[&str]| {
            names.iter().any(|name| attribute.path().is_ident(name))
        };
        let outer = all.iter().map(|attribute| {
            // What is expected happens in the body, and that is elsewhere.
            if is(attribute, &["expect"])
                && let syn::Meta::List(list) = &attribute.meta
            {
                let lints = &list.tokens;
                return quote!(#[allow(#lints)]);
            }
            quote!(#attribute)
        });
        let pick =
            |names: &[&str]| all.iter().filter(|attribute| is(attribute, names)).cloned().collect();
        Self {
            outer: outer.collect(),
            lints: pick(&["allow", "expect", "warn", "deny", "forbid"]),
            cfgs: pick(&["cfg"]),
        }
    }
}
