//! What an attribute makes of a function that writes.

use super::{
    attributes::Attributes, call_with_all, companions::Companions, function_name, literals,
    plain_pattern, shape_of, tables, within,
};
use crate::{key::shown_at, options::Options, subject::Subject};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
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
    let (name, text) = (function_name(subject, options), &options.text);
    let attribute = subject.kind.name();
    let (written, writes) = (tables(&options.writes, rt), literals(&options.writes));
    let function = match subject.is_method() {
        true => quote!(__LARDER_FUNCTION.of::<Self>()),
        false => quote!(&__LARDER_FUNCTION),
    };
    let (hidden, path) = match companions {
        Companions::InEnum(_) | Companions::InWeakEnum(_) | Companions::Nowhere => {
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
        Companions::InEnum(_) | Companions::InWeakEnum(_) => (Some(inner), None),
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
    let run = match subject.is_async() {
        true => quote!(__larder_open.follow(::core::pin::pin!(#call)).await),
        false => quote! {{
            let __larder_within = __larder_open.enter();
            #[allow(clippy::redundant_closure_call)]
            let __larder_output = #call;
            ::core::mem::drop(__larder_within);
            __larder_output
        }},
    };
    let unless_failed = options.on_ok.as_ref().map(|_| {
        let at = returns.span();
        // Asked of the value: the type may be known to the compiler alone.
        let returned = quote_spanned!(at=> #rt::Returned::of(&__larder_output));
        let (shown, shape) = (shown_at(rt, at), shape_of(&returned, rt, at));
        let check = quote_spanned!(at=> #shown::on_ok(&__larder_output););
        quote!(#check __larder_open.unless_failed(#shape, &__larder_output);)
    });
    quote! {
        #(#outer)*
        #vis #sig {
            static __LARDER_FUNCTION: #rt::Function = #rt::Function::new(#rt::Declared {
                name: #name,
                attribute: #attribute,
                writes: &[#(#writes),*],
                options: #text,
                ..#rt::Declared::DEFAULT
            });
            #rt::inventory::submit! { #rt::Registered(&__LARDER_FUNCTION) }
            #nested
            let __larder_open = #rt::Write::new(#function, #written);
            let __larder_output = #run;
            #unless_failed
            ::core::mem::drop(__larder_open);
            __larder_output
        }
        #beside
    }
}
