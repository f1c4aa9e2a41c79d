//! What an attribute makes of a function: the function itself, which asks the cache first, and its
//! companions.
//!
//! Beside a free function `f` stands an empty enum `f`, whose associated functions they are: types
//! and functions do not share names, so both can be called `f`, wherever functions can be. Unlike a
//! module, it sees what the function sees, also within another function. Beside a method `m`, in an
//! `impl` block, there is room for functions only; so there they are called `m_invalidate` and so
//! on. Where a trait is implemented there is no room at all: without companions everything is
//! within the function.

mod attributes;
mod companions;
mod detached;
mod names;
mod within;
mod write;

use crate::{
    generics::turbofish,
    identity,
    key::{KeyPlan, shown_at, taken_apart},
    options::{self, Kind, Options, Said},
    place,
    subject::Subject,
    template::Template,
};
use attributes::Attributes;
use companions::Companions;
use names::{at_call_site, plain};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use std::time::Duration;
use syn::{Error, FnArg, Lifetime, LitStr, Pat, PatIdent, Result, Signature, spanned::Spanned};
use write::expand_write;

/// Everything that expressions are made of.
struct Plan<'a> {
    subject: &'a Subject,
    options: &'a Options,
    rt: TokenStream,
    key: KeyPlan,
    /// Where companions are found from anywhere.
    companions: Companions,
}

pub(crate) fn expand(subject: &Subject, options: &Options) -> Result<TokenStream> {
    let rt = options.runtime(subject.kind);
    let name = subject.name().clone();
    let companions =
        match (options.companions.as_ref().map(|said| &said.value), subject.is_method()) {
            (Some(options::Companions::None), true) => Companions::Nowhere,
            (Some(options::Companions::Named(name)), true) => Companions::Beside(name.clone()),
            (None, true) => Companions::Beside(name),
            // A function that writes needs none, and hides what it calls.
            (Some(options::Companions::None), false) if options.writes.is_none() => {
                Companions::Nowhere
            }
            (Some(options::Companions::Named(name)), false) => Companions::InEnum(name.clone()),
            (_, false) => Companions::InWeakEnum(name),
        };
    if let Some(said) = &options.detached {
        detached::check(subject, said.at)?;
    }
    match &companions {
        Companions::Nowhere => within::check(subject)?,
        Companions::Beside(_) if place::is_in_trait_impl() => {
            return Err(Error::new(
                subject.name().span(),
                "where a trait is implemented there is no room for companions: say `companions = false`; what is kept \
                 then goes by tags, tables, or `larder::manager::invalidate_function`",
            ));
        }
        _ => {}
    }
    if options.writes.is_some() {
        return Ok(expand_write(subject, options, &rt, &companions));
    }
    let key = KeyPlan::new(subject, options, &rt)?;
    Ok(Plan { subject, options, rt, key, companions }.expand())
}

impl Plan<'_> {
    fn expand(&self) -> TokenStream {
        let Subject { item, .. } = self.subject;
        let attributes = Attributes::of(&item.attrs);
        let (outer, cfgs) = (&attributes.outer, &attributes.cfgs);
        let (vis, sig) = (&item.vis, self.signature(&item.sig.ident));
        let documentation = self.documentation();
        let call = self.call("look_up");
        let declaration = match self.companions {
            Companions::Nowhere => Some(self.declared_within()),
            _ => None,
        };
        let function = quote! {
            #(#outer)*
            #documentation
            #vis #sig {
                #declaration
                #call
            }
        };
        match &self.companions {
            Companions::Nowhere => function,
            Companions::Beside(_) => {
                let companions = self.companion_functions(&attributes);
                quote!(#function #companions)
            }
            Companions::InEnum(name) | Companions::InWeakEnum(name) => {
                let functions = self.companion_functions(&attributes);
                let about =
                    format!(" Companions of the cached function `{}`.", plain(&item.sig.ident));
                let home = self.companions.home();
                let name = at_call_site(name);
                let quiet = quote! {
                    #[doc = #about]
                    #[allow(
                        non_camel_case_types,
                        missing_debug_implementations,
                        dead_code,
                        unreachable_pub
                    )]
                };
                let declared = match &home {
                    None => quote!(#quiet #(#cfgs)* #vis enum #name {}),
                    // What comes by `*` gives way to all else that has its name.
                    Some(module) => quote! {
                        #(#cfgs)*
                        mod #module {
                            #quiet
                            pub enum #name {}
                        }

                        #[allow(
                            unused_imports,
                            hidden_glob_reexports,
                            unreachable_pub,
                            clippy::wildcard_imports
                        )]
                        #(#cfgs)*
                        #vis use #module::*;
                    },
                };
                let home = home.map(|module| quote!(#module::));
                quote! {
                    #function

                    #declared

                    #[allow(dead_code, unreachable_pub)]
                    #(#cfgs)*
                    impl #home #name {
                        #functions
                    }
                }
            }
        }
    }

    /// The function's signature, by another name perhaps, with plain names for arguments.
    fn signature(&self, name: &Ident) -> Signature {
        let mut sig = self.subject.item.sig.clone();
        sig.ident = name.clone();
        let mut arguments = self.subject.arguments.iter();
        for input in &mut sig.inputs {
            match input {
                FnArg::Typed(typed) => {
                    let argument = arguments.next().expect("there is one for each");
                    *typed.pat = plain_pattern(&argument.name);
                }
                FnArg::Receiver(receiver) => receiver.mutability = None,
            }
        }
        if self.subject.kind == Kind::View {
            let rt = &self.rt;
            sig.output = syn::parse_quote!(-> #rt::Response);
        }
        sig
    }

    /// What the function returns.
    fn output(&self) -> TokenStream {
        let (rt, returns) = (&self.rt, &self.subject.returns);
        match self.subject.kind {
            Kind::View => quote!(#rt::Response),
            _ => quote!(#returns),
        }
    }

    /// An expression for the shape of what is returned; if it `checks`, with what has to hold of
    /// that.
    fn shape(&self, checks: bool) -> TokenStream {
        let (rt, options) = (&self.rt, self.options);
        let returns = match self.subject.kind {
            Kind::View => quote!(::core::result::Result<#rt::KeptResponse, #rt::Response>),
            _ => self.output(),
        };
        let at = match self.subject.kind {
            Kind::View => Span::call_site(),
            _ => self.subject.returns.span(),
        };
        let rt = &shown_at(rt, at);
        let mut needs = TokenStream::new();
        if options.stale_if_error.is_some() && self.subject.kind != Kind::View {
            needs.extend(quote_spanned!(at=> #rt::stale_if_error::<#returns>();));
        }
        if options.keep_err.is_some() {
            needs.extend(quote_spanned!(at=> #rt::keep_err::<#returns>();));
        }
        if options.keep_none.is_some() {
            needs.extend(quote_spanned!(at=> #rt::keep_none::<#returns>();));
        }
        if options.keep_err.is_some() || options.keep_none.is_some() {
            return self.checked(&quote!(#rt::Whole::<#returns>::new()), &needs, checks, at);
        }
        let form = form_of(&returns, rt, at);
        self.checked(&form, &needs, checks, at)
    }

    /// A form, if what it is of can be kept.
    fn checked(
        &self,
        form: &TokenStream,
        needs: &TokenStream,
        checks: bool,
        at: Span,
    ) -> TokenStream {
        let rt = shown_at(&self.rt, at);
        let checks = checks.then(|| quote_spanned!(at=> #needs #rt::check_kept(__larder_form);));
        let form = quote_spanned!(at=> let __larder_form = #form;);
        let shape = quote_spanned!(at=> #rt::Formed(__larder_form).shape());
        let rt = &self.rt;
        quote! {{
            #[allow(unused_imports)]
            use #rt::OtherForm as _;
            #form
            #checks
            #shape
        }}
    }

    fn function(&self) -> TokenStream {
        if let Companions::Nowhere = self.companions {
            return quote!(__larder_function);
        }
        let path = self.companions.path("__larder");
        quote!(#path())
    }

    /// The call by way of the cache, with all arguments; `first` is to be `look_up` or `refresh`.
    fn call(&self, first: &str) -> TokenStream {
        let Self { rt, options, subject, .. } = self;
        let KeyPlan { bindings, expression, .. } = &self.key;
        let checks = first == "look_up";
        let (shape, function) = (self.shape(checks), self.function());
        let checks = checks.then_some(&self.key.checks);
        let uncached = self.uncached_call();
        let when = match &options.when {
            Some(when) => {
                let when = &when.value;
                quote!(#when)
            }
            None => quote!(#rt::always),
        };
        let tagged = match (&options.tags, &options.reads) {
            (None, None) => TokenStream::new(),
            (tags, reads) => {
                let templates = || tags.iter().chain(reads).flat_map(|said| &said.value);
                let names =
                    templates().flat_map(|template| &template.holes).map(|hole| hole.root.clone());
                let bindings = taken_apart(subject, &names.collect());
                let tags = tags.iter().flat_map(|said| &said.value).map(|tag| tag.expand());
                let reads = self.tables();
                quote! {
                    let __larder_turn = {
                        #bindings
                        let __larder_turn = __larder_turn.tagged(&[#(#tags),*], &#reads);
                        __larder_turn
                    };
                }
            }
        };
        let load_async = match &options.detached {
            None => quote!(load_async),
            // What a task cannot have is shown there.
            Some(said) => quote_spanned!(said.at=> load_detached),
        };
        let load = match (subject.kind, subject.is_async()) {
            (Kind::View, _) => {
                let knows_request = identity::is_in_key(&subject.arguments, options);
                let kept = quote!(#rt::keep_response(#uncached.await, #knows_request).await);
                quote!(__larder_turn.#load_async(#when, async move { #kept }).await)
            }
            (_, true) => quote!(__larder_turn.#load_async(#when, #uncached).await),
            (_, false) => quote!(__larder_turn.load(#when, #uncached)),
        };
        let (first_name, rows) = match &options.reads {
            None => (Ident::new(first, Span::call_site()), TokenStream::new()),
            Some(_) => {
                let tables = self.tables();
                (format_ident!("{first}_rows"), quote!(, || #tables))
            }
        };
        // What borrows from the arguments is over before they are moved.
        let found = quote! {
            {
                #bindings
                #checks
                let __larder_found = #rt::#first_name(#function, #shape, &#expression #rows);
                __larder_found
            }
        };
        // The turn leaves what was found in a statement of its own: a future would keep room for the
        // scrutinee of a `match` in which it waits.
        let result = if first == "look_up" {
            let label = Lifetime::new("'__larder_call", Span::mixed_site());
            quote! {
                #label: {
                    let __larder_turn = match #found {
                        #rt::Looked::Found(__larder_output) => break #label __larder_output,
                        #rt::Looked::Missing(__larder_turn) => __larder_turn,
                    };
                    #tagged
                    #load
                }
            }
        } else {
            quote! {
                let __larder_turn = #found;
                #tagged
                #load
            }
        };
        match subject.kind {
            Kind::View => quote!(#rt::respond({ #result })),
            _ => result,
        }
    }

    /// A list of the tables that it reads.
    fn tables(&self) -> TokenStream {
        tables(&self.options.reads, &self.rt)
    }

    /// The function as it was written: a future of it, or a closure that calls it.
    fn uncached_call(&self) -> TokenStream {
        let Self { rt, subject, .. } = self;
        if let Companions::Nowhere = self.companions {
            return within::body(subject, rt);
        }
        let call = call_with_all(subject, &self.companions.path("uncached"));
        if subject.is_async() { call } else { quote!(|| #call) }
    }

    /// The static that knows the function.
    fn declaration(&self) -> TokenStream {
        let Self { rt, options, subject, .. } = self;
        let (name, attribute) = (function_name(subject, options), subject.kind.name());
        let cache = options.cache.as_ref().map_or("general", |cache| cache.value.as_str());
        let duration = |said: Option<Duration>| match said {
            None => quote!(::core::option::Option::None),
            Some(duration) => {
                let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                quote!(::core::option::Option::Some(::core::time::Duration::from_millis(#millis)))
            }
        };
        let ttl = duration(options.ttl.as_ref().map(|said| said.value));
        let refresh = duration(options.refresh.as_ref().map(|said| said.value));
        let stale = duration(options.stale_if_error.as_ref().map(|said| said.value));
        let jitter = match &options.jitter {
            None => quote!(::core::option::Option::None),
            Some(said) => {
                let share = said.value;
                quote!(::core::option::Option::Some(#share))
            }
        };
        let version = options.version.as_ref().map_or(1, |said| said.value);
        let single_flight = options.single_flight.as_ref().is_none_or(|said| said.value);
        let reads = literals(&options.reads);
        let text = &options.text;
        let function = if subject.is_method() {
            quote!(__LARDER_FUNCTION.of::<Self>())
        } else {
            quote!(&__LARDER_FUNCTION)
        };
        quote! {
            static __LARDER_FUNCTION: #rt::Function = #rt::Function::new(#rt::Declared {
                name: #name,
                attribute: #attribute,
                cache: #cache,
                ttl: #ttl,
                jitter: #jitter,
                refresh: #refresh,
                stale_if_error: #stale,
                version: #version,
                single_flight: #single_flight,
                reads: &[#(#reads),*],
                options: #text,
                ..#rt::Declared::DEFAULT
            });
            #rt::inventory::submit! { #rt::Registered(&__LARDER_FUNCTION) }
            #function
        }
    }

    fn documentation(&self) -> TokenStream {
        let cache = self.options.cache.as_ref().map_or("general", |cache| cache.value.as_str());
        let options = match self.options.text.as_str() {
            "" => String::new(),
            text => format!(" (`{}`)", text.replace('`', "'")),
        };
        let kept =
            format!("\n# Cached\n\nWhat it returns is kept in the cache `{cache}`{options}.");
        let name = match &self.companions {
            Companions::Nowhere => return quote!(#[doc = #kept]),
            Companions::InEnum(name) | Companions::InWeakEnum(name) | Companions::Beside(name) => {
                plain(name)
            }
        };
        let companions = match &self.companions {
            Companions::InEnum(_) | Companions::InWeakEnum(_) => format!(
                "`{name}::invalidate`, `{name}::invalidate_all`, `{name}::peek`, `{name}::refresh`, \
                 `{name}::uncached`, `{name}::stats` and `{name}::key_digest`"
            ),
            Companions::Beside(_) | Companions::Nowhere => format!(
                "`{name}_invalidate`, `{name}_invalidate_all`, `{name}_peek`, `{name}_refresh`, \
                 `{name}_uncached`, `{name}_stats` and `{name}_key_digest`"
            ),
        };
        let text = format!("{kept} Its companions are {companions}.");
        quote!(#[doc = #text])
    }
}

/// The name that it is listed by, as an expression.
fn function_name(subject: &Subject, options: &Options) -> TokenStream {
    if let Some(name) = &options.name {
        let name = &name.value;
        return quote!(#name);
    }
    let written = plain(subject.name());
    let infix = if subject.is_method() { "::<_>::" } else { "::" };
    quote!(::core::concat!(::core::module_path!(), #infix, #written))
}

/// A list of tables, as an expression.
fn tables(said: &Option<Said<Vec<Template>>>, rt: &TokenStream) -> TokenStream {
    let tables = said.iter().flat_map(|said| &said.value).map(|table| table.expand_table(rt));
    quote!(::std::vec![#(#tables),*])
}

/// Templates, as they are written.
fn literals(said: &Option<Said<Vec<Template>>>) -> impl Iterator<Item = &LitStr> {
    said.iter().flat_map(|said| &said.value).map(|template| &template.literal)
}

fn form_of(returns: &TokenStream, rt: &TokenStream, at: Span) -> TokenStream {
    shape_of(&quote_spanned!(at=> #rt::Returned::<#returns>::new()), rt, at)
}

/// The shape that `returned` says.
fn shape_of(returned: &TokenStream, rt: &TokenStream, at: Span) -> TokenStream {
    let asked = quote_spanned!(at=> (&#returned).shape());
    quote! {{
        #[allow(unused_imports)]
        use #rt::{OtherResult as _, OtherValue as _};
        #asked
    }}
}

fn call_with_all(subject: &Subject, path: &TokenStream) -> TokenStream {
    let own = subject.item.sig.receiver().map(|receiver| {
        let own = &receiver.self_token;
        quote!(#own,)
    });
    let names = subject.arguments.iter().map(|argument| &argument.name);
    let turbofish = turbofish(&subject.item.sig.generics);
    quote!(#path #turbofish (#own #(#names),*))
}

fn plain_pattern(name: &Ident) -> Pat {
    Pat::Ident(PatIdent {
        attrs: Vec::new(),
        by_ref: None,
        mutability: None,
        ident: name.clone(),
        subpat: None,
    })
}
