//! The attributes of [larder](https://docs.rs/larder) that keep what functions return. Use them by way of
//! larder, with its feature `macros`; they are documented there, and in its guide `docs/memoize.md`.

mod duration;
mod expand;
mod generics;
mod key;
mod options;
mod subject;
mod suggest;
mod template;

use options::{Kind, Options};
use proc_macro::TokenStream;
use subject::Subject;

/// Keeps what a function returns, for the next call with the same arguments.
#[proc_macro_attribute]
pub fn cache_result(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Result, options.into(), item.into())
}

/// [`macro@cache_result`] for methods and associated functions.
#[proc_macro_attribute]
pub fn cache_method_result(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Method, options.into(), item.into())
}

/// [`macro@cache_result`] for functions that read tables; and for those that write them.
#[proc_macro_attribute]
pub fn cache_query(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Query, options.into(), item.into())
}

/// [`macro@cache_result`] for handlers of axum.
#[proc_macro_attribute]
pub fn cache_view(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::View, options.into(), item.into())
}

/// If something is wrong, the item stays as it was, so that there is one error and no more.
fn attribute(
    kind: Kind,
    options: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> TokenStream {
    let expanded = Options::parse(kind, options).and_then(|mut options| {
        let subject = Subject::parse(kind, item.clone(), &mut options)?;
        expand::expand(&subject, &options)
    });
    let expanded = expanded.unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote::quote!(#item #error)
    });
    expanded.into()
}
