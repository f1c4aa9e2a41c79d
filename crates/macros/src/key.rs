//! The key of a call, as an expression of its arguments.

use crate::{
    generics, identity,
    options::{Key, Kind, Options},
    subject::{Argument, Passing, Subject, closure_input},
};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use std::collections::BTreeSet;
use syn::{GenericParam, Generics, spanned::Spanned};

/// Parts of one tuple; more make tuples of tuples.
const WIDTH: usize = 8;

/// How the key of a function is made.
pub(crate) struct KeyPlan {
    /// Statements that do not compile if the key cannot be made, with the one message about it.
    pub(crate) checks: TokenStream,
    /// Statements that bind what the expression uses.
    pub(crate) bindings: TokenStream,
    /// The key.
    pub(crate) expression: TokenStream,
    /// The places of the arguments that it is made of.
    pub(crate) arguments: Vec<usize>,
    /// Whether `self` is among them.
    pub(crate) has_self: bool,
    /// The generics of functions that get no more than these.
    pub(crate) generics: Generics,
}

impl KeyPlan {
    pub(crate) fn new(subject: &Subject, options: &Options, rt: &TokenStream) -> syn::Result<Self> {
        let said = options.key.as_ref().map(|key| &key.value);
        let (names, has_self) = names(subject, options, said);
        let arguments: Vec<_> = subject
            .arguments
            .iter()
            .enumerate()
            .filter(|(_, argument)| {
                argument.bound.iter().any(|name| names.contains(&name.to_string()))
            })
            .map(|(place, _)| place)
            .collect();

        let mut bindings = taken_apart(subject, &names);
        let mut parts = Vec::new();
        match said {
            Some(Key::Template(template)) => {
                for hole in &template.holes {
                    let place = &hole.place;
                    let by_name =
                        subject.arguments.iter().find(|argument| argument.binds(&hole.root));
                    parts.push(match (&hole.spec, by_name) {
                        (Some(spec), _) => {
                            let format = format!("{{:{spec}}}");
                            Part::made(quote!(#rt::owned(::std::format!(#format, #place))))
                        }
                        (None, Some(argument))
                            if place.to_token_stream().to_string() == hole.root =>
                        {
                            let name = argument.bound.iter().find(|name| **name == hole.root);
                            Part::of_argument(
                                rt,
                                subject.kind,
                                argument,
                                name.expect("it is bound"),
                            )
                        }
                        (None, _) => Part::of(rt, template.literal.span(), &quote!((&#place))),
                    });
                }
            }
            Some(Key::Closure(closure)) => {
                for input in &closure.inputs {
                    let name = closure_input(input)?;
                    let argument =
                        subject.arguments.iter().find(|argument| argument.binds(&name.to_string()));
                    if let Some(Argument {
                        passing: Passing::Value,
                        pattern: syn::Pat::Ident(_),
                        ..
                    }) = argument
                    {
                        bindings.extend(quote!(let #name = &#name;));
                    }
                }
                let body = &closure.body;
                let at = body.span();
                let rt = shown_at(rt, at);
                // A closure all the same, so that it may return early.
                let made = quote_spanned!(at=> let __larder_part = #rt::owned((|| #body)()););
                bindings.extend(quote!(#[allow(clippy::redundant_closure_call)] #made));
                parts.push(Part::made(quote!(__larder_part)));
            }
            None => {
                if let Some(own) = &options.self_key {
                    let own = &own.value;
                    let at = own.span();
                    // In a variable, so that it may be made for this: `self.name()`.
                    bindings.extend(quote_spanned!(at=> let __larder_self = &(#own);));
                    parts.push(Part::of(rt, at, &quote_spanned!(at=> __larder_self)));
                }
                for argument in &subject.arguments {
                    for name in
                        argument.bound.iter().filter(|name| names.contains(&name.to_string()))
                    {
                        parts.push(Part::of_argument(rt, subject.kind, argument, name));
                    }
                }
            }
        }

        let inside = arguments.iter().map(|place| &subject.arguments[*place].ty);
        let inside = generics::idents(inside.chain([&subject.returns]));
        let outside =
            subject.arguments.iter().enumerate().filter(|(place, _)| !arguments.contains(place));
        let outside = generics::idents(outside.map(|(_, argument)| &argument.ty));
        let generics = generics::of_key(&subject.item.sig.generics, &inside, &outside);
        let skips_type =
            options.skip.iter().any(|skip| skip.value.iter().any(|name| name == "Self"));
        if subject.is_method() && !skips_type {
            parts.push(Part::made(quote!(#rt::of::<Self>())));
        }
        // A key that is said says what stands for the arguments, whatever their types.
        let arguments_types = subject.arguments.iter().map(|argument| &argument.ty);
        let said_of = match said {
            Some(_) => generics::with_following(&subject.item.sig.generics, arguments_types),
            None => BTreeSet::new(),
        };
        for param in generics.params.iter().filter(|it| !said_of.contains(&generics::name(it))) {
            match param {
                GenericParam::Lifetime(_) => {}
                GenericParam::Type(param) => {
                    let name = &param.ident;
                    if generics::is_surely_not_static(&subject.item.sig, param) {
                        return Err(syn::Error::new(
                            name.span(),
                            format!(
                                "`{name}` is part of the key, which is kept: write `{name}: 'static`, or say with \
                                 `key = ..` what stands for the arguments"
                            ),
                        ));
                    }
                    let rt = shown_at(rt, name.span());
                    parts.push(Part::made(quote_spanned!(name.span()=> #rt::of::<#name>())));
                }
                GenericParam::Const(param) => {
                    let name = &param.ident;
                    parts.push(Part::of(rt, name.span(), &quote!((&#name))));
                }
            }
        }
        let mut checks: TokenStream = parts.iter().map(|part| part.check.clone()).collect();
        if subject.kind == Kind::View {
            let undecided =
                subject.arguments.iter().filter(|it| !identity::is_decided(it, options));
            let for_all = undecided.filter_map(|argument| for_all(argument, options, rt));
            checks.extend(for_all);
            checks = quote! {
                #[allow(unused_imports)]
                use #rt::{OfRequest as _, OtherExtracted as _};
                #checks
            };
        }
        let tuple = nested(parts.into_iter().map(|part| part.part).collect());
        let expression = quote!({
            #[allow(unused_imports)]
            use #rt::OtherArgument as _;
            #rt::Arguments(#tuple)
        });
        Ok(Self { checks, bindings, expression, arguments, has_self, generics })
    }
}

/// Statements that bind those of these names which are parts of arguments.
pub(crate) fn taken_apart(subject: &Subject, names: &BTreeSet<String>) -> TokenStream {
    let taken_apart = subject.arguments.iter().filter(|argument| {
        argument.is_taken_apart()
            && argument.bound.iter().any(|name| names.contains(&name.to_string()))
    });
    let bindings = taken_apart.map(|argument| {
        let (pattern, name) = (quiet(argument, names), &argument.name);
        quote!(let #pattern = &#name;)
    });
    bindings.collect()
}

/// The names that the key is made of, and whether `self` is among them.
fn names(subject: &Subject, options: &Options, said: Option<&Key>) -> (BTreeSet<String>, bool) {
    let has_receiver = subject.item.sig.receiver().is_some();
    match said {
        Some(Key::Template(template)) => {
            let names: BTreeSet<_> = template.holes.iter().map(|hole| hole.root.clone()).collect();
            let has_self = names.contains("self");
            (names, has_self)
        }
        Some(Key::Closure(closure)) => {
            let names = closure.inputs.iter().filter_map(|input| closure_input(input).ok());
            (
                names.map(ToString::to_string).collect(),
                has_receiver && mentions_self(closure.to_token_stream()),
            )
        }
        None => {
            let skipped = |name: &Ident| options.skip.iter().any(|skip| skip.value.contains(name));
            let bound = subject.arguments.iter().flat_map(|argument| &argument.bound);
            let names = bound.filter(|name| !skipped(name)).map(ToString::to_string).collect();
            (names, options.self_key.is_some())
        }
    }
}

fn mentions_self(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "self",
        TokenTree::Group(group) => mentions_self(group.stream()),
        _ => false,
    })
}

/// A path that counts as written at `at`: what is wrong with what it leads to is shown there.
pub(crate) fn shown_at(path: &TokenStream, at: Span) -> TokenStream {
    path.clone()
        .into_iter()
        .map(|mut token| {
            token.set_span(at);
            token
        })
        .collect()
}

/// A part of a key, and its check.
struct Part {
    part: TokenStream,
    check: TokenStream,
}

impl Part {
    /// One of a type that will do.
    fn made(part: TokenStream) -> Self {
        Self { part, check: TokenStream::new() }
    }

    /// One that `place`, a reference, leads to.
    fn of(rt: &TokenStream, at: Span, place: &TokenStream) -> Self {
        let rt = shown_at(rt, at);
        Self {
            part: quote_spanned!(at=> #rt::Arg(#place).part()),
            check: quote_spanned!(at=> #rt::check(#place);),
        }
    }

    fn of_argument(rt: &TokenStream, kind: Kind, argument: &Argument, name: &Ident) -> Self {
        let at = name.span();
        let by_value = !argument.is_taken_apart() && argument.passing != Passing::Reference;
        match argument.passing {
            Passing::OptionalReference if !argument.is_taken_apart() => {
                let rt = shown_at(rt, at);
                Self {
                    part: quote_spanned!(at=> #rt::OptionArg(#name).part()),
                    check: quote_spanned!(at=> if let ::core::option::Option::Some(__larder_part) = #name {
                        #rt::check(__larder_part);
                    }),
                }
            }
            _ => {
                let place = match by_value {
                    true => quote_spanned!(at=> &#name),
                    false => quote_spanned!(at=> #name),
                };
                let part = Self::of(rt, at, &place);
                if kind != Kind::View {
                    return part;
                }
                let rt = shown_at(rt, at);
                Self { check: quote_spanned!(at=> (&#rt::Extracted(#place)).in_key();), ..part }
            }
        }
    }
}

/// A statement that does not compile if what a handler extracts, and the key has nothing of,
/// belongs to one request. What is in the key as it is has a check of its own.
fn for_all(argument: &Argument, options: &Options, rt: &TokenStream) -> Option<TokenStream> {
    let name = &argument.name;
    let skipped = options.skip.iter().any(|skip| skip.value.contains(name));
    if !argument.is_taken_apart() && options.key.is_none() && !skipped {
        return None;
    }
    let at = argument.ty.span();
    let rt = shown_at(rt, at);
    let place = match argument.passing {
        Passing::Reference | Passing::Mutable => quote_spanned!(at=> &*#name),
        _ => quote_spanned!(at=> &#name),
    };
    Some(quote_spanned!(at=> (&#rt::Extracted(#place)).for_all();))
}

/// The pattern, of which only the names that are used are bound, and not as variables.
fn quiet(argument: &Argument, used: &BTreeSet<String>) -> syn::Pat {
    struct Quiet<'a>(&'a BTreeSet<String>);

    impl syn::visit_mut::VisitMut for Quiet<'_> {
        fn visit_pat_mut(&mut self, pat: &mut syn::Pat) {
            if let syn::Pat::Ident(ident) = pat {
                ident.mutability = None;
                if !self.0.contains(&ident.ident.to_string()) {
                    *pat = syn::parse_quote!(_);
                }
                return;
            }
            syn::visit_mut::visit_pat_mut(self, pat);
        }
    }

    let mut pattern = argument.pattern.clone();
    syn::visit_mut::VisitMut::visit_pat_mut(&mut Quiet(used), &mut pattern);
    pattern
}

fn nested(mut parts: Vec<TokenStream>) -> TokenStream {
    while parts.len() > WIDTH {
        parts = parts.chunks(WIDTH).map(|chunk| quote!((#(#chunk,)*))).collect();
    }
    quote!((#(#parts,)*))
}
