//! The companions of a cached function: what they are called, and what they do.

use super::{
    Plan,
    attributes::Attributes,
    names::{at_call_site, plain},
};
use crate::{key::KeyPlan, options::Kind, subject::Subject};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::Generics;

pub(super) enum Companions {
    /// `f::name`
    InEnum(Ident),
    /// `f::name` as well, but what else is called `f` comes first: a module, a type, what is
    /// imported by its name.
    InWeakEnum(Ident),
    /// `Self::f_name`
    Beside(Ident),
    /// It has none.
    Nowhere,
}

impl Companions {
    pub(super) fn name(&self, companion: &str) -> Ident {
        match self {
            Companions::InEnum(_) | Companions::InWeakEnum(_) | Companions::Nowhere => {
                Ident::new(companion, Span::call_site())
            }
            Companions::Beside(method) => {
                let method = plain(method);
                match companion.strip_prefix("__") {
                    Some(hidden) => format_ident!("__{method}_{hidden}", span = Span::call_site()),
                    None => format_ident!("{method}_{companion}", span = Span::call_site()),
                }
            }
        }
    }

    /// The module that the enum is in, if it has one of its own.
    pub(super) fn home(&self) -> Option<Ident> {
        match self {
            Companions::InWeakEnum(function) => {
                let function = plain(function);
                Some(format_ident!("__larder_of_{function}", span = Span::call_site()))
            }
            _ => None,
        }
    }

    pub(super) fn path(&self, companion: &str) -> TokenStream {
        let name = self.name(companion);
        match self {
            Companions::InEnum(function) | Companions::InWeakEnum(function) => {
                let home = self.home().map(|module| quote!(#module::));
                let function = at_call_site(function);
                quote!(#home #function::#name)
            }
            Companions::Beside(_) | Companions::Nowhere => quote!(Self::#name),
        }
    }
}

impl Plan<'_> {
    /// A companion that gets what the key is made of.
    fn of_key(
        &self,
        companion: &str,
        about: &str,
        more: &TokenStream,
        returns: &TokenStream,
        body: &TokenStream,
    ) -> TokenStream {
        let KeyPlan { arguments, has_self, generics, bindings, .. } = &self.key;
        let (cfgs, vis) = (Attributes::of(&self.subject.item.attrs).cfgs, &self.subject.item.vis);
        let name = self.companions.name(companion);
        let receiver = self.subject.item.sig.receiver().filter(|_| *has_self);
        let receiver = receiver.map(|receiver| {
            let mut receiver = receiver.clone();
            receiver.mutability = None;
            quote!(#receiver,)
        });
        let inputs = arguments.iter().map(|place| {
            let argument = &self.subject.arguments[*place];
            let (name, ty) = (&argument.name, &argument.ty);
            quote!(#name: #ty)
        });
        let Generics { where_clause, .. } = generics;
        let (parameters, _, _) = generics.split_for_impl();
        quote! {
            #[doc = #about]
            #[allow(dead_code, clippy::all, clippy::pedantic)]
            #(#cfgs)*
            #vis fn #name #parameters (#receiver #more #(#inputs),*) #returns #where_clause {
                #bindings
                #body
            }
        }
    }

    pub(super) fn companion_functions(&self, attributes: &Attributes) -> TokenStream {
        let Self { rt, subject, key, .. } = self;
        let (cfgs, vis) = (&attributes.cfgs, &subject.item.vis);
        let (expression, function, shape, output) =
            (&key.expression, self.function(), self.shape(false), self.output());
        let this = format!("`{}`", plain(subject.name()));
        let none = TokenStream::new();
        let respond = |body: TokenStream| match subject.kind {
            Kind::View => quote!(::core::option::Option::map(#body, #rt::respond)),
            _ => body,
        };

        let invalidate = self.of_key(
            "invalidate",
            &format!(
                " Removes what {this} has returned for these arguments; true if it was there. What is being loaded \
                 for them at this moment goes to those who wait, and is not kept."
            ),
            &none,
            &quote!(-> bool),
            &quote!(#rt::invalidate(#function, #shape, &#expression)),
        );
        let peek = respond(quote!(#rt::peek(#function, #shape, &#expression)));
        let peek = self.of_key(
            "peek",
            &format!(" What {this} has returned for these arguments, if that is kept. Runs nothing and counts nothing."),
            &none,
            &quote!(-> ::core::option::Option<#output>),
            &peek,
        );
        let key_digest = self.of_key(
            "key_digest",
            &format!(" A short name for the key of {this} with these arguments, for logs or other stores."),
            &quote!(__larder_secret: &#rt::DigestKey,),
            &quote!(-> #rt::Digest),
            &quote!(#rt::digest(#function, __larder_secret, &#expression)),
        );

        let name = self.companions.name("refresh");
        let refresh_sig = self.signature(&name);
        let refresh = self.call("refresh");
        let refresh_about = format!(
            " Runs {this} and keeps what it returns in the place of what is kept, which others get until then."
        );
        let all = self.companions.name("invalidate_all");
        let all_about = format!(
            " Removes all that {this} has returned, in O(1). What is being loaded at this moment is not kept."
        );
        let stats = self.companions.name("stats");
        let stats_about = format!(" Hits, misses and loads of {this} so far.");
        let hidden = self.companions.name("__larder");
        let declaration = self.declaration();
        let uncached = self.uncached(attributes);
        let quiet = quote!(#[allow(dead_code, clippy::all, clippy::pedantic)]);
        quote! {
            #invalidate
            #peek
            #key_digest

            #[doc = #refresh_about]
            #quiet
            #(#cfgs)*
            #vis #refresh_sig {
                #refresh
            }

            #[doc = #all_about]
            #quiet
            #(#cfgs)*
            #vis fn #all() {
                #rt::invalidate_all(#function)
            }

            #[doc = #stats_about]
            #quiet
            #(#cfgs)*
            #vis fn #stats() -> #rt::FunctionStats {
                #function.stats()
            }

            #uncached

            #[doc(hidden)]
            #quiet
            #(#cfgs)*
            #[inline]
            fn #hidden() -> &'static #rt::Function {
                #declaration
            }
        }
    }

    /// The function as it was written.
    pub(super) fn uncached(&self, attributes: &Attributes) -> TokenStream {
        let Subject { item, .. } = self.subject;
        let (cfgs, lints) = (&attributes.cfgs, &attributes.lints);
        let about =
            format!(" `{}` itself: asks no cache, and keeps nothing.", plain(self.subject.name()));
        let (vis, block) = (&item.vis, &item.block);
        let mut sig = item.sig.clone();
        sig.ident = self.companions.name("uncached");
        quote! {
            #[doc = #about]
            #(#lints)*
            #[allow(
                dead_code,
                clippy::missing_errors_doc,
                clippy::missing_panics_doc,
                clippy::must_use_candidate
            )]
            #(#cfgs)*
            #vis #sig #block
        }
    }
}
