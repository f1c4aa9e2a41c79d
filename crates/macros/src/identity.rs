//! Arguments of handlers that belong to one request: headers, cookies, the request itself. A
//! response that depends on one of them, kept under a key without it, is one user's page for all.
//!
//! Here they are recognised by their names, which makes for the better message; those that have
//! another name are recognised by their types (`view.rs` of larder-http).

use crate::{
    options::{Key, Options},
    subject::{Argument, closure_input},
};
use proc_macro2::Ident;
use std::collections::BTreeSet;
use syn::{GenericArgument, Pat, PathArguments, Result, Type, parse::Error};

/// Extractors of axum, axum-extra, tower-cookies, tower-sessions and axum-login, and what they are
/// made of.
const NAMES: [&str; 15] = [
    "AuthSession",
    "ConnectInfo",
    "CookieJar",
    "Cookies",
    "Extension",
    "Extensions",
    "HeaderMap",
    "Parts",
    "PrivateCookieJar",
    "PrivateCookies",
    "Request",
    "Session",
    "SignedCookieJar",
    "SignedCookies",
    "TypedHeader",
];

/// Types that carry no more than what they are made of.
const TRANSPARENT: [&str; 4] = ["Cached", "Option", "Result", "WithRejection"];

/// The name in a type of what belongs to one request.
fn in_type(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Reference(reference) => in_type(&reference.elem),
        Type::Paren(paren) => in_type(&paren.elem),
        Type::Group(group) => in_type(&group.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(in_type),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            if NAMES.iter().any(|name| last.ident == name) {
                return Some(&last.ident);
            }
            let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
            if !TRANSPARENT.iter().any(|name| last.ident == name) {
                return None;
            }
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => in_type(ty),
                _ => None,
            })
        }
        _ => None,
    }
}

/// The same, of a pattern that takes an argument apart.
fn in_pattern(pattern: &Pat) -> Option<&Ident> {
    match pattern {
        Pat::TupleStruct(pattern) => {
            let last = &pattern.path.segments.last()?.ident;
            let inner = || pattern.elems.iter().find_map(in_pattern);
            if NAMES.iter().any(|name| last == name) { Some(last) } else { inner() }
        }
        Pat::Tuple(pattern) => pattern.elems.iter().find_map(in_pattern),
        Pat::Paren(pattern) => in_pattern(&pattern.pat),
        Pat::Type(pattern) => in_type(&pattern.ty).or_else(|| in_pattern(&pattern.pat)),
        _ => None,
    }
}

/// What an argument that belongs to one request is called, if its name tells.
fn of(argument: &Argument) -> Option<&Ident> {
    // What is not bound is not used.
    if argument.bound.is_empty() {
        return None;
    }
    in_type(&argument.ty).or_else(|| in_pattern(&argument.pattern))
}

/// The names that a key is made of, if it is said.
pub(crate) fn named_in_key(options: &Options) -> BTreeSet<String> {
    match options.key.as_ref().map(|key| &key.value) {
        None => BTreeSet::new(),
        Some(Key::Template(template)) => template.holes.iter().map(|it| it.root.clone()).collect(),
        Some(Key::Closure(closure)) => {
            let inputs = closure.inputs.iter().filter_map(|input| closure_input(input).ok());
            inputs.map(ToString::to_string).collect()
        }
    }
}

/// Whether the key has something of an argument, or is said to do without it.
pub(crate) fn is_decided(argument: &Argument, options: &Options) -> bool {
    let named = named_in_key(options);
    let skipped = |name: &Ident| options.skip.iter().any(|skip| skip.value.contains(name));
    let is_named = argument.bound.iter().any(|name| named.contains(&name.to_string()));
    is_named || options.key.is_some() && argument.bound.iter().any(skipped)
}

/// Whether the key has something of an argument that belongs to one request.
pub(crate) fn is_in_key(arguments: &[Argument], options: &Options) -> bool {
    let named = named_in_key(options);
    let is_named = |it: &&Argument| it.bound.iter().any(|name| named.contains(&name.to_string()));
    arguments.iter().filter(is_named).any(|argument| of(argument).is_some())
}

/// Refuses arguments that belong to one request and of which the key says nothing.
pub(crate) fn check(arguments: &[Argument], options: &Options) -> Result<()> {
    for argument in arguments {
        if let Some(name) = of(argument).filter(|_| !is_decided(argument, options)) {
            return Err(Error::new(name.span(), message(name, argument, arguments, options)));
        }
    }
    let named = named_in_key(options);
    let skipped = options.skip.iter().flat_map(|skip| &skip.value);
    match skipped.into_iter().find(|name| named.contains(&name.to_string())) {
        None => Ok(()),
        Some(both) => {
            Err(Error::new(both.span(), format!("`{both}` is in the key, so it cannot be skipped")))
        }
    }
}

fn message(carries: &Ident, argument: &Argument, all: &[Argument], options: &Options) -> String {
    let own: Vec<_> = argument.bound.iter().map(ToString::to_string).collect();
    let own = own.join(", ");
    if options.key.is_some() {
        return format!(
            "`{carries}` belongs to one request, and the key has nothing of it: name in the key what of `{own}` the \
             response depends on; if it depends on nothing of it, say so beside the key: `skip({own})`"
        );
    }
    let skipped = |name: &Ident| options.skip.iter().any(|skip| skip.value.contains(name));
    let others = all.iter().filter(|other| of(other).is_none()).flat_map(|other| &other.bound);
    let others: Vec<_> = others.filter(|name| !skipped(name)).map(ToString::to_string).collect();
    let inputs = [std::slice::from_ref(&own), &others].concat().join(", ");
    let example = match carries.to_string().as_str() {
        "HeaderMap" => format!("{own}.get(\"accept-language\").cloned()"),
        "Parts" => format!("{own}.headers.get(\"accept-language\").cloned()"),
        "Request" => format!("{own}.headers().get(\"accept-language\").cloned()"),
        name if name.contains("Cookie") => {
            format!("{own}.get(\"theme\").map(|cookie| cookie.value().to_owned())")
        }
        _ => format!("{own}.id"),
    };
    let example = match others.as_slice() {
        [] => example,
        _ => {
            let rest: String = others.iter().map(|name| format!(", {name}.clone()")).collect();
            format!("({example}{rest})")
        }
    };
    let state = match carries == "Extension" {
        true => "; what all requests share belongs in `State`",
        false => "",
    };
    format!(
        "`{carries}` belongs to one request: a response that depends on it must not be given to others. Name in the key \
         what the response depends on, as in `key = |{inputs}| {example}`{state}"
    )
}
