//! What an attribute makes of a function that has no companions: everything is within it.

use super::Plan;
use crate::{subject::Subject, types::find_impl};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Pat, Result, parse::Error};

/// Whether the function's body can stand within a closure.
pub(super) fn check(subject: &Subject) -> Result<()> {
    if let Some(token) = subject.item.sig.receiver().and_then(|receiver| receiver.mutability) {
        return Err(Error::new(
            token.span,
            "without companions `self` is handed on as it is; write `self`, and in the function \
             `let mut this = self;`",
        ));
    }
    match find_impl(&subject.returns) {
        Some(at) => Err(Error::new_spanned(
            at,
            "without companions the function has to return a type with a name",
        )),
        None => Ok(()),
    }
}

/// The function as it was written: a future of it, or a closure that is it.
pub(super) fn body(subject: &Subject, rt: &TokenStream) -> TokenStream {
    // Not the block itself: braces within braces are a warning.
    let (statements, returns) = (&subject.item.block.stmts, &subject.returns);
    let patterns = subject.arguments.iter().filter(|argument| match &argument.pattern {
        Pat::Ident(ident) => ident.mutability.is_some(),
        _ => true,
    });
    let patterns = patterns.map(|argument| {
        let (pattern, name) = (&argument.pattern, &argument.name);
        quote!(let #pattern = #name;)
    });
    if subject.is_async() {
        quote!(#rt::future_of::<#returns, _>(async move { #(#patterns)* #(#statements)* }))
    } else {
        quote!(move || -> #returns { #(#patterns)* #(#statements)* })
    }
}

impl Plan<'_> {
    /// The static that knows the function, and a reference to it.
    pub(super) fn declared_within(&self) -> TokenStream {
        let (rt, declaration) = (&self.rt, self.declaration());
        quote!(let __larder_function: &'static #rt::Function = { #declaration };)
    }
}
