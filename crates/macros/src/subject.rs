//! The function that stands under the attribute, and whether it can be cached at all.

use crate::{
    identity,
    options::{Kind, Options},
    types::{find_borrow, find_future, find_impl, inner_borrow, passing},
};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{
    FnArg, Ident, Item, ItemFn, Pat, ReceiverKind, Result, ReturnType, Safety, Type, parse::Error,
    spanned::Spanned, visit::Visit,
};

/// How an argument is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passing {
    Value,
    Reference,
    Mutable,
    OptionalReference,
}

/// An argument, `self` excepted.
pub(crate) struct Argument {
    /// Its name in all but the function's own body.
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) passing: Passing,
    /// What the function's own body calls it.
    pub(crate) pattern: Pat,
    /// The names that the pattern binds; one for all but handlers.
    pub(crate) bound: Vec<Ident>,
    pub(crate) is_impl: bool,
}

impl Argument {
    /// Whether the pattern takes it apart.
    pub(crate) fn is_taken_apart(&self) -> bool {
        !matches!(self.pattern, Pat::Ident(_))
    }

    pub(crate) fn binds(&self, name: &str) -> bool {
        self.bound.iter().any(|bound| bound == name)
    }
}

/// A function to be cached.
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    pub(crate) item: ItemFn,
    pub(crate) arguments: Vec<Argument>,
    /// What it returns, `()` if that is not written.
    pub(crate) returns: Type,
}

impl Subject {
    pub(crate) fn parse(kind: Kind, tokens: TokenStream, options: &mut Options) -> Result<Self> {
        let item = function(kind, tokens)?;
        check_signature(kind, &item)?;
        let writes = options.writes.is_some();
        let mut arguments = Vec::new();
        for (place, input) in item.sig.inputs.iter().enumerate() {
            if let FnArg::Typed(typed) = input {
                let argument = argument(kind, place, typed, writes)?;
                let skips =
                    |skip: &Vec<Ident>| skip.iter().any(|name| argument.binds(&name.to_string()));
                let skipped = options.skip.as_ref().is_some_and(|skip| skips(&skip.value))
                    || options.key.is_some()
                    || writes;
                if argument.passing == Passing::Mutable && !skipped {
                    return Err(Error::new_spanned(
                        &typed.ty,
                        format!(
                            "a `&mut` argument is no part of a key, since it is there to be changed; \
                             leave it out: `skip({})`",
                            argument.name
                        ),
                    ));
                }
                if let Some(cfg) = typed.attrs.iter().find(|it| it.path().is_ident("cfg")) {
                    return Err(Error::new_spanned(
                        cfg,
                        "whether this argument is there is not known when its key is made; \
                         put the `#[cfg]` on two functions instead",
                    ));
                }
                if let Some(at) = inner_borrow(&typed.ty)
                    && kind != Kind::View
                    && !skipped
                    && !argument.is_impl
                {
                    return Err(Error::new_spanned(
                        at,
                        format!(
                            "a type that borrows has no owned form to be kept as a key; say what stands \
                             for it, `key = |{name}| ..`, leave it out, `skip({name})`, or take `&str`, \
                             `&[T]` or `&T` of owned values",
                            name = argument.name
                        ),
                    ));
                }
                if argument.is_impl && !skipped {
                    return Err(Error::new_spanned(
                        &typed.ty,
                        format!(
                            "an `impl Trait` argument is no part of a key unless it is said how: \
                             `skip({name})`, or `key = |{name}| ..`",
                            name = argument.name
                        ),
                    ));
                }
                arguments.push(argument);
            }
        }
        let returns = match &item.sig.output {
            ReturnType::Default => syn::parse2(quote!(()))?,
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        let subject = Self { kind, item, arguments, returns };
        subject.check_returns(writes)?;
        subject.check_names(options)?;
        if kind == Kind::View {
            identity::check(&subject.arguments, options)?;
        }
        options.resolve(&subject.idents());
        Ok(subject)
    }

    pub(crate) fn is_method(&self) -> bool {
        self.kind == Kind::Method || self.item.sig.receiver().is_some()
    }

    pub(crate) fn is_async(&self) -> bool {
        self.item.sig.asyncness.is_some()
    }

    pub(crate) fn name(&self) -> &Ident {
        &self.item.sig.ident
    }

    fn check_returns(&self, writes: bool) -> Result<()> {
        let refuse = |at: TokenStream, what: &str| Err(Error::new_spanned(at, what));
        if self.kind == Kind::View {
            return match &self.item.sig.output {
                ReturnType::Default => refuse(
                    self.name().to_token_stream(),
                    "the handler returns nothing that could be kept",
                ),
                ReturnType::Type(..) => Ok(()),
            };
        }
        if let Some(at) = find_future(&self.returns).filter(|_| !self.is_async()) {
            let generics = &self.item.sig.generics;
            let of_async_trait = generics.lifetimes().any(|it| it.lifetime.ident == "async_trait");
            return refuse(
                at,
                match (of_async_trait, writes) {
                    (true, _) => {
                        "`async_trait` has rewritten this method before the attribute sees it: put the attribute on an \
                         `async fn` of your own that this method calls, or make it an `async fn` of the trait, without \
                         `async_trait` and with `companions = false`"
                    }
                    (false, true) => {
                        "the function returns a future, so nothing is written when it returns; make it an `async fn`"
                    }
                    (false, false) => {
                        "the function returns a future, which cannot be kept; make it an `async fn`"
                    }
                },
            );
        }
        if writes {
            return Ok(());
        }
        if let Some(at) = find_impl(&self.returns) {
            return refuse(
                at,
                "what is cached needs a type with a name; return that instead of an `impl Trait`",
            );
        }
        match &self.returns {
            Type::Tuple(tuple) if tuple.elems.is_empty() => {
                return refuse(
                    match &self.item.sig.output {
                        ReturnType::Default => self.name().to_token_stream(),
                        ReturnType::Type(_, ty) => ty.to_token_stream(),
                    },
                    "the function returns nothing that could be kept; remove the attribute",
                );
            }
            Type::Never(never) => {
                return refuse(
                    never.to_token_stream(),
                    "the function never returns; remove the attribute",
                );
            }
            _ => {}
        }
        match find_borrow(&self.returns) {
            Some(at) => refuse(
                at,
                "the function returns a borrow, which cannot be kept; \
                 return an owned value (a `String`, an `Arc<str>`) or a `&'static` one",
            ),
            None => Ok(()),
        }
    }

    /// All that options may name.
    fn idents(&self) -> Vec<Ident> {
        let own =
            self.item.sig.receiver().map(|receiver| Ident::new("self", receiver.self_token.span));
        let bound = self.arguments.iter().flat_map(|argument| &argument.bound);
        own.into_iter().chain(bound.cloned()).collect()
    }

    fn check_names(&self, options: &Options) -> Result<()> {
        let names: Vec<_> = self.idents().iter().map(ToString::to_string).collect();
        let known = || names.iter().map(String::as_str);
        let check = |name: &str, at: Span, option: &str| {
            if known().any(|known| known == name) {
                return Ok(());
            }
            let hint = crate::suggest::suggest(name, known());
            Err(Error::new(at, format!("`{option}` names `{name}`, which is no argument{hint}")))
        };
        if let Some(skip) = &options.skip {
            let mut seen = Vec::new();
            for name in &skip.value {
                if seen.contains(&name) {
                    return Err(Error::new(name.span(), format!("`{name}` is skipped twice")));
                }
                seen.push(name);
                if name == "Self" && self.is_method() {
                    continue;
                }
                check(&name.to_string(), name.span(), "skip")?;
            }
        }
        let templates =
            [("tags", &options.tags), ("reads", &options.reads), ("writes", &options.writes)];
        for (option, said) in templates {
            for template in said.iter().flat_map(|said| &said.value) {
                for hole in &template.holes {
                    check(&hole.root, template.literal.span(), option)?;
                }
            }
        }
        match options.key.as_ref().map(|key| &key.value) {
            Some(crate::options::Key::Template(template)) => {
                for hole in &template.holes {
                    check(&hole.root, template.literal.span(), "key")?;
                }
            }
            Some(crate::options::Key::Closure(closure)) => {
                for input in &closure.inputs {
                    let name = closure_input(input)?;
                    check(&name.to_string(), name.span(), "key")?;
                }
            }
            None => {}
        }
        if let Some(own) = &options.self_key
            && self.item.sig.receiver().is_none()
        {
            return Err(Error::new(own.at, "`self_key` is for methods: there is no `self` here"));
        }
        let skips_self =
            options.skip.iter().any(|skip| skip.value.iter().any(|name| name == "self"));
        match self.item.sig.receiver() {
            Some(receiver)
                if options.key.is_none()
                    && options.self_key.is_none()
                    && options.writes.is_none()
                    && !skips_self =>
            {
                Err(Error::new(
                    receiver.self_token.span,
                    "which part of `self` is the key made of? say `self_key = self.id`, \
                     or `skip(self)` if the result is the same for all",
                ))
            }
            _ => Ok(()),
        }
    }
}

/// The argument that a closure's input is named after.
pub(crate) fn closure_input(input: &Pat) -> Result<&Ident> {
    match input {
        Pat::Ident(ident) if ident.subpat.is_none() => Ok(&ident.ident),
        Pat::Type(typed) => closure_input(&typed.pat),
        other => Err(Error::new(
            other.span(),
            "the closure's inputs have to be names of arguments: `key = |id, page| ..`",
        )),
    }
}

fn function(kind: Kind, tokens: TokenStream) -> Result<ItemFn> {
    let error = match syn::parse2::<ItemFn>(tokens.clone()) {
        Ok(function) => return Ok(function),
        Err(error) => error,
    };
    let wrong = |at: Span, what: &str| {
        Error::new(at, format!("`{}` is for functions; this is {what}", kind.name()))
    };
    if let Ok(syn::TraitItem::Fn(function)) = syn::parse2(tokens.clone()) {
        return Err(Error::new(
            function.sig.ident.span(),
            "a function without a body has nothing to be cached; put the attribute on the implementation",
        ));
    }
    Err(match syn::parse2::<Item>(tokens) {
        Ok(Item::Struct(item)) => wrong(item.ident.span(), "a struct"),
        Ok(Item::Enum(item)) => wrong(item.ident.span(), "an enum"),
        Ok(Item::Trait(item)) => wrong(item.ident.span(), "a trait"),
        Ok(Item::Mod(item)) => wrong(item.ident.span(), "a module"),
        Ok(Item::Impl(item)) => Error::new(
            item.impl_token.span,
            "put `cache_method_result` on the methods, not on the `impl` block",
        ),
        Ok(item) => wrong(item.span(), "something else"),
        Err(_) => error,
    })
}

fn check_signature(kind: Kind, item: &ItemFn) -> Result<()> {
    let is_ours = |path: &syn::Path| {
        path.segments.last().is_some_and(|last| Kind::ALL.iter().any(|it| last.ident == it.name()))
    };
    if let Some(other) = item.attrs.iter().find(|attribute| is_ours(attribute.path())) {
        return Err(Error::new_spanned(
            other,
            "the function is cached already, by the attribute above; keep one of the two",
        ));
    }
    let sig = &item.sig;
    let refuse = |at: Span, what: &str| Err(Error::new(at, what));
    if let Some(constness) = &sig.constness {
        return refuse(
            constness.span(),
            "a `const` function has no cache while it is compiled; remove `const`, or the attribute",
        );
    }
    if let Safety::Unsafe(token) = &sig.safety {
        return refuse(
            token.span(),
            "an `unsafe` function's conditions would have to hold for whoever loads; \
             cache a safe function that calls it",
        );
    }
    if let Some(variadic) = &sig.variadic {
        return refuse(variadic.span(), "variable arguments are no part of a key");
    }
    if let Some(abi) = &sig.abi {
        return refuse(
            abi.span(),
            "a function of another ABI cannot be cached; cache a Rust function, and call that",
        );
    }
    if kind == Kind::View && sig.asyncness.is_none() {
        return refuse(sig.fn_token.span, "a handler is an `async fn`");
    }
    match sig.receiver() {
        Some(receiver) if matches!(kind, Kind::Result | Kind::View) => refuse(
            receiver.self_token.span,
            "this is a method: use `cache_method_result`, which knows about `self`",
        ),
        Some(receiver) => match &receiver.kind {
            ReceiverKind::Typed(_, ty) if find_impl(ty).is_some() => {
                refuse(ty.span(), "`self` of this type cannot be handed on")
            }
            _ => Ok(()),
        },
        None => Ok(()),
    }
}

fn argument(kind: Kind, place: usize, typed: &syn::PatType, writes: bool) -> Result<Argument> {
    let passing = passing(&typed.ty);
    let is_impl = find_impl(&typed.ty).is_some();
    let made = |name: Ident, bound: Vec<Ident>| Argument {
        name,
        ty: (*typed.ty).clone(),
        passing,
        pattern: (*typed.pat).clone(),
        bound,
        is_impl,
    };
    match &*typed.pat {
        Pat::Ident(ident) if ident.subpat.is_none() && ident.by_ref.is_none() => {
            Ok(made(ident.ident.clone(), vec![ident.ident.clone()]))
        }
        pattern if kind == Kind::View => {
            let mut bound = Bound::default();
            bound.visit_pat(pattern);
            if let Some(at) = bound.other {
                return Err(Error::new(at, "name the parts of an extractor without `ref` or `@`"));
            }
            Ok(made(format_ident!("__larder_argument_{place}"), bound.names))
        }
        // There is no key.
        _ if writes => Ok(made(format_ident!("__larder_argument_{place}"), Vec::new())),
        Pat::Wild(wild) => Err(Error::new(
            wild.span(),
            "the key needs a name for each argument; give it one, and `skip(..)` it if it is not used",
        )),
        pattern => Err(Error::new(
            pattern.span(),
            "the key needs a name for each argument; name this one, and take it apart in the function",
        )),
    }
}

/// The names in a pattern.
#[derive(Default)]
struct Bound {
    names: Vec<Ident>,
    other: Option<Span>,
}

impl<'ast> Visit<'ast> for Bound {
    fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
        if pat.by_ref.is_some() || pat.subpat.is_some() {
            self.other = Some(pat.span());
        }
        self.names.push(pat.ident.clone());
    }
}
