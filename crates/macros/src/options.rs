//! What stands between the parentheses of an attribute.

mod values;

use crate::{suggest::suggest, template::Template};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use std::time::Duration;
use syn::{
    Expr, ExprClosure, LitInt, LitStr, Path, Result, Token,
    ext::IdentExt,
    parse::{Error, ParseStream, Parser},
};
use values::{
    cache, companions, condition, expect_equals, flag, key, list, on_ok, set, share, templates,
    time, value, written,
};

/// Which attribute it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Result,
    Method,
    Query,
    View,
}

impl Kind {
    pub(crate) const ALL: [Kind; 4] = [Kind::Result, Kind::Method, Kind::Query, Kind::View];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Result => "cache_result",
            Kind::Method => "cache_method_result",
            Kind::Query => "cache_query",
            Kind::View => "cache_view",
        }
    }
}

/// All options; `reads` and `writes` are for queries.
const NAMES: [&str; 19] = [
    "ttl",
    "cache",
    "key",
    "self_key",
    "skip",
    "tags",
    "refresh",
    "stale_if_error",
    "jitter",
    "version",
    "when",
    "single_flight",
    "detached",
    "name",
    "keep_err",
    "keep_none",
    "crate",
    "reads",
    "companions",
];

/// A value, and where its option's name stands.
pub(crate) struct Said<T> {
    pub(crate) at: Span,
    pub(crate) value: T,
}

pub(crate) enum Key {
    Template(Template),
    Closure(ExprClosure),
}

/// What is said of companions.
pub(crate) enum Companions {
    None,
    Named(Ident),
}

/// The options of one attribute.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) ttl: Option<Said<Duration>>,
    pub(crate) cache: Option<Said<String>>,
    pub(crate) key: Option<Said<Key>>,
    pub(crate) self_key: Option<Said<Expr>>,
    pub(crate) skip: Option<Said<Vec<Ident>>>,
    pub(crate) tags: Option<Said<Vec<Template>>>,
    pub(crate) refresh: Option<Said<Duration>>,
    pub(crate) stale_if_error: Option<Said<Duration>>,
    pub(crate) jitter: Option<Said<f64>>,
    pub(crate) version: Option<Said<u64>>,
    pub(crate) when: Option<Said<ExprClosure>>,
    pub(crate) single_flight: Option<Said<bool>>,
    /// That it is loaded in a task.
    pub(crate) detached: Option<Said<()>>,
    pub(crate) name: Option<Said<String>>,
    pub(crate) keep_err: Option<Said<()>>,
    pub(crate) keep_none: Option<Said<()>>,
    pub(crate) krate: Option<Said<Path>>,
    pub(crate) companions: Option<Said<Companions>>,
    pub(crate) reads: Option<Said<Vec<Template>>>,
    pub(crate) writes: Option<Said<Vec<Template>>>,
    /// That a failure counts as no write.
    pub(crate) on_ok: Option<Said<()>>,
    /// As they are written.
    pub(crate) text: String,
}

impl Options {
    pub(crate) fn parse(kind: Kind, tokens: TokenStream) -> Result<Self> {
        let mut options = Self { text: written(&tokens), ..Self::default() };
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                options.parse_one(kind, input)?;
                if input.is_empty() {
                    break;
                }
                if !input.peek(Token![,]) {
                    return Err(input.error("expected `,` between options"));
                }
                input.parse::<Token![,]>()?;
            }
            Ok(())
        };
        parser.parse2(tokens)?;
        options.check(kind)?;
        Ok(options)
    }

    /// Has all templates mean these arguments.
    pub(crate) fn resolve(&mut self, arguments: &[Ident]) {
        let lists = [&mut self.tags, &mut self.reads, &mut self.writes];
        let lists = lists.into_iter().flatten().flat_map(|said| &mut said.value);
        let key = self.key.iter_mut().filter_map(|said| match &mut said.value {
            Key::Template(template) => Some(template),
            Key::Closure(_) => None,
        });
        lists.chain(key).for_each(|template| template.resolve(arguments));
    }

    /// The path of what expansions call: of larder, or, for handlers, of larder-http, which has all
    /// of that and more.
    pub(crate) fn runtime(&self, kind: Kind) -> TokenStream {
        let said = self.krate.as_ref().map(|path| path.value.to_token_stream());
        match kind {
            Kind::View => {
                let krate = said.unwrap_or_else(|| quote!(::larder_http));
                quote!(#krate::rt)
            }
            Kind::Result | Kind::Method | Kind::Query => {
                let krate = said.unwrap_or_else(|| quote!(::larder));
                quote!(#krate::memo::rt)
            }
        }
    }

    fn parse_one(&mut self, kind: Kind, input: ParseStream<'_>) -> Result<()> {
        if !input.peek(Ident::peek_any) {
            return Err(input.error("expected the name of an option, as in `ttl = \"5m\"`"));
        }
        let name = input.call(Ident::parse_any)?;
        let at = name.span();
        match name.to_string().as_str() {
            "ttl" => set(&mut self.ttl, &name, time(&name, input)?),
            "refresh" => set(&mut self.refresh, &name, time(&name, input)?),
            "stale_if_error" => set(&mut self.stale_if_error, &name, time(&name, input)?),
            "cache" => set(&mut self.cache, &name, cache(&name, input)?),
            "key" => set(&mut self.key, &name, key(&name, input)?),
            "self_key" if kind == Kind::Method || kind == Kind::Query => {
                set(&mut self.self_key, &name, value(&name, input, "self_key = self.id")?)
            }
            "skip" => {
                let names = list(&name, input, "skip(argument)", Ident::parse_any)?;
                set(&mut self.skip, &name, names)
            }
            "tags" => set(&mut self.tags, &name, templates(&name, input, "tags(\"user:{id}\")")?),
            "reads" if kind == Kind::Query => {
                set(&mut self.reads, &name, templates(&name, input, "reads(\"urls\")")?)
            }
            "writes" if kind == Kind::Query => {
                set(&mut self.writes, &name, templates(&name, input, "writes(\"urls\")")?)
            }
            "on" if kind == Kind::Query => set(&mut self.on_ok, &name, on_ok(&name, input)?),
            "on" => Err(Error::new(
                at,
                "`on` is an option of `cache_query`, beside `writes(..)`: it says which calls count as writes",
            )),
            "reads" | "writes" => Err(Error::new(
                at,
                format!(
                    "`{name}` is an option of `cache_query`; use that for functions that query tables"
                ),
            )),
            "jitter" => set(&mut self.jitter, &name, share(&name, input)?),
            "version" => {
                let number: LitInt = value(&name, input, "version = 2")?;
                let version = number.base10_parse().map_err(|_| {
                    Error::new(number.span(), "`version` is a whole number, less than 2^64")
                })?;
                set(&mut self.version, &name, version)
            }
            "when" => set(&mut self.when, &name, condition(&name, input)?),
            "single_flight" => {
                let said: syn::LitBool = value(&name, input, "single_flight = false")?;
                set(&mut self.single_flight, &name, said.value)
            }
            "name" => {
                let said: LitStr = value(&name, input, "name = \"users by id\"")?;
                if said.value().trim().is_empty() {
                    return Err(Error::new(said.span(), "`name` is empty"));
                }
                set(&mut self.name, &name, said.value())
            }
            "detached" => set(&mut self.detached, &name, flag(&name, input)?),
            "keep_err" => set(&mut self.keep_err, &name, flag(&name, input)?),
            "keep_none" => set(&mut self.keep_none, &name, flag(&name, input)?),
            "companions" => set(&mut self.companions, &name, companions(&name, input)?),
            "crate" => {
                expect_equals(&name, input, "crate = ::my_larder")?;
                let at = input.span();
                let path = input.call(Path::parse_mod_style).map_err(|_| {
                    Error::new(at, "`crate` is a path without quotes: `crate = ::my_larder`")
                })?;
                set(&mut self.krate, &name, path)
            }
            "self_key" => Err(Error::new(at, "`self_key` is for methods: there is no `self` here")),
            unknown => {
                let mut names = NAMES.to_vec();
                match kind {
                    Kind::Query => names.extend(["writes", "on"]),
                    _ => names.retain(|name| *name != "reads"),
                }
                if matches!(kind, Kind::Result | Kind::View) {
                    names.retain(|name| *name != "self_key");
                }
                let hint = suggest(unknown, names);
                Err(Error::new(at, format!("`{}` has no option `{unknown}`{hint}", kind.name())))
            }
        }
    }

    fn check(&self, kind: Kind) -> Result<()> {
        if let (Some(refresh), Some(ttl)) = (&self.refresh, &self.ttl)
            && refresh.value >= ttl.value
        {
            return Err(Error::new(
                refresh.at,
                "`refresh` is not less than `ttl`: the result would be gone before it is loaded anew",
            ));
        }
        if let (Some(keep), Some(_)) = (&self.keep_err, &self.stale_if_error) {
            return Err(Error::new(
                keep.at,
                "`keep_err` and `stale_if_error` exclude each other: an error is either kept or made up for",
            ));
        }
        if let (Some(keep), Some(_)) = (&self.keep_err, &self.keep_none) {
            return Err(Error::new(
                keep.at,
                "`keep_err` and `keep_none` exclude each other: a function returns one or the other",
            ));
        }
        // A handler may have to say that it depends on nothing of what belongs to one request.
        if let (Some(skip), Some(_)) = (&self.skip, &self.key)
            && kind != Kind::View
            && skip.value.iter().any(|name| name != "Self")
        {
            return Err(Error::new(
                skip.at,
                "`skip` is of no use beside `key`, which says all that the key is made of; remove it",
            ));
        }
        if let (Some(own), Some(_)) = (&self.self_key, &self.key) {
            return Err(Error::new(
                own.at,
                "`self_key` is of no use beside `key`, which says all that the key is made of; remove it",
            ));
        }
        let tags = self.tags.as_ref().map_or(0, |tags| tags.value.len());
        let reads = self.reads.as_ref().map_or(0, |reads| reads.value.len());
        if tags + reads > 8 {
            let said = self.tags.as_ref().or(self.reads.as_ref());
            return Err(Error::new(
                said.map_or_else(Span::call_site, |said| said.at),
                format!(
                    "{} tags and tables are too many for one result; eight are allowed",
                    tags + reads
                ),
            ));
        }
        if kind == Kind::Query {
            self.check_query()?;
        }
        Ok(())
    }

    fn check_query(&self) -> Result<()> {
        let Some(writes) = &self.writes else {
            if let Some(on) = &self.on_ok {
                return Err(Error::new(
                    on.at,
                    "`on` says which calls count as writes; without `writes(..)` none does, so remove it",
                ));
            }
            return match &self.reads {
                Some(_) => Ok(()),
                None => Err(Error::new(
                    Span::call_site(),
                    "`cache_query` has to know the tables: say `reads(\"table\")` or `writes(\"table\")`",
                )),
            };
        };
        if let Some(reads) = &self.reads {
            return Err(Error::new(
                reads.at,
                "a function that writes is not cached, so what it reads is of no matter; remove `reads`",
            ));
        }
        let others = [
            ("ttl", self.ttl.as_ref().map(|said| said.at)),
            ("cache", self.cache.as_ref().map(|said| said.at)),
            ("key", self.key.as_ref().map(|said| said.at)),
            ("self_key", self.self_key.as_ref().map(|said| said.at)),
            ("skip", self.skip.as_ref().map(|said| said.at)),
            ("tags", self.tags.as_ref().map(|said| said.at)),
            ("refresh", self.refresh.as_ref().map(|said| said.at)),
            ("stale_if_error", self.stale_if_error.as_ref().map(|said| said.at)),
            ("jitter", self.jitter.as_ref().map(|said| said.at)),
            ("version", self.version.as_ref().map(|said| said.at)),
            ("when", self.when.as_ref().map(|said| said.at)),
            ("single_flight", self.single_flight.as_ref().map(|said| said.at)),
            ("detached", self.detached.as_ref().map(|said| said.at)),
            ("name", self.name.as_ref().map(|said| said.at)),
            ("keep_err", self.keep_err.as_ref().map(|said| said.at)),
            ("keep_none", self.keep_none.as_ref().map(|said| said.at)),
        ];
        if let Some(Said { value: Companions::Named(name), .. }) = &self.companions {
            return Err(Error::new(
                name.span(),
                "a function that `writes` has no companions; remove `companions`",
            ));
        }
        let _ = &writes.value;
        match others.into_iter().find_map(|(name, at)| Some((name, at?))) {
            None => Ok(()),
            Some((name, at)) => Err(Error::new(
                at,
                format!("a function that `writes` is not cached; remove `{name}`"),
            )),
        }
    }
}
