//! What an attribute makes of a function that writes.

use super::{
    attributes::Attributes, call_with_all, companions::Companions, form_of, plain_pattern,
    shape_of, within,
};
use crate::{
    options::Options,
    subject::{Subject, find_impl},
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::{FnArg, spanned::Spanned};

/// A function that makes stale what others have read.
pub(super) fn expand_write(
    subject: &Subject,
    options: &Options,
    rt: &TokenStream,
    companions: &Companions,
) -> TokenStream {
    let Subject { item, returns, .. } = subject;
    let attributes = Attributes::of(&item.attrs);
    let (outer, lints, cfgs) = (&attributes.outer, &attributes.lints, &attributes.cfgs);
    let tables = options.writes.iter().flat_map(|said| &said.value).map(|table| table.expand());
    let (hidden, path) = match companions {
        Companions::InEnum(_) | Companions::Nowhere => {
            let hidden = Ident::new("__larder_write", Span::call_site());
            (hidden.clone(), quote!(#hidden))
        }
        Companions::Beside(_) => {
            (companions.name("__larder_write"), companions.path("__larder_write"))
        }
    };
    let mut inner = item.sig.clone();
    inner.ident = hidden;
    let block = &item.block;
    let inner = quote!(#(#lints)* #(#cfgs)* #inner #block);
    let (nested, beside) = match companions {
        Companions::InEnum(_) => (Some(inner), None),
        Companions::Beside(_) => (None, Some(quote!(#[doc(hidden)] #inner))),
        Companions::Nowhere => (None, None),
    };
    let mut sig = item.sig.clone();
    for (input, argument) in sig
        .inputs
        .iter_mut()
        .filter(|input| matches!(input, FnArg::Typed(_)))
        .zip(&subject.arguments)
    {
        if let FnArg::Typed(typed) = input {
            *typed.pat = plain_pattern(&argument.name);
        }
    }
    if let Some(FnArg::Receiver(receiver)) = sig.inputs.first_mut() {
        receiver.mutability = None;
    }
    let vis = &item.vis;
    let call = match companions {
        Companions::Nowhere => {
            let body = within::body(subject, rt);
            if subject.is_async() { body } else { quote!((#body)()) }
        }
        _ => call_with_all(subject, &path),
    };
    let awaited = subject.is_async().then(|| quote!(.await));
    let shape = match find_impl(returns) {
        // Nobody but the compiler can say what that is.
        Some(_) => shape_of(&quote!(#rt::Returned::of(&__larder_output)), rt, returns.span()),
        None => form_of(&quote!(#returns), rt, returns.span()),
    };
    quote! {
        #(#outer)*
        #vis #sig {
            #nested
            let __larder_write_begun = #rt::Write::new(::std::vec![#(#tables),*]);
            #[allow(clippy::redundant_closure_call)]
            let __larder_output = #call #awaited;
            let __larder_shape = #shape;
            __larder_write_begun.end(__larder_shape, __larder_output)
        }
        #beside
    }
}
