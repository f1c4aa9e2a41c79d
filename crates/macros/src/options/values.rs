//! The values of options.

use super::{Companions, Key, Said};
use crate::{duration, suggest::suggest, template::Template};
use proc_macro2::{Ident, TokenStream};
use std::time::Duration;
use syn::{
    Expr, ExprClosure, LitFloat, LitInt, LitStr, Result, Token, parenthesized,
    parse::{Error, Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
};

const KINDS: [&str; 5] = ["url", "user", "analytics", "session", "general"];

pub(super) fn set<T>(place: &mut Option<Said<T>>, name: &Ident, value: T) -> Result<()> {
    if place.is_some() {
        return Err(Error::new(name.span(), format!("`{name}` is said twice")));
    }
    *place = Some(Said { at: name.span(), value });
    Ok(())
}

pub(super) fn expect_equals(name: &Ident, input: ParseStream<'_>, example: &str) -> Result<()> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        return Ok(());
    }
    Err(Error::new(name.span(), format!("`{name}` needs a value: `{example}`")))
}

/// `name = value`.
pub(super) fn value<T: Parse>(name: &Ident, input: ParseStream<'_>, example: &str) -> Result<T> {
    expect_equals(name, input, example)?;
    let at = input.span();
    input.parse().map_err(|_| Error::new(at, format!("`{name}` is written `{example}`")))
}

/// `name`, or `name = true`.
pub(super) fn flag(name: &Ident, input: ParseStream<'_>) -> Result<()> {
    if !input.peek(Token![=]) {
        return Ok(());
    }
    let said: syn::LitBool = value(name, input, &format!("{name} = true"))?;
    if said.value {
        return Ok(());
    }
    Err(Error::new(said.span(), format!("not to is what happens anyway; remove `{name}`")))
}

/// `name(item, item)`.
pub(super) fn list<T>(
    name: &Ident,
    input: ParseStream<'_>,
    example: &str,
    item: fn(ParseStream<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    if !input.peek(syn::token::Paren) {
        return Err(Error::new(name.span(), format!("`{name}` is a list: `{example}`")));
    }
    let content;
    parenthesized!(content in input);
    if content.is_empty() {
        return Err(Error::new(
            name.span(),
            format!("`{name}` is empty; say `{example}`, or remove it"),
        ));
    }
    let items = Punctuated::<T, Token![,]>::parse_terminated_with(&content, item)?;
    Ok(items.into_iter().collect())
}

pub(super) fn templates(
    name: &Ident,
    input: ParseStream<'_>,
    example: &str,
) -> Result<Vec<Template>> {
    let literals = list(name, input, example, |input| {
        let at = input.span();
        input.parse().map_err(|_| Error::new(at, "expected a text in double quotes"))
    })?;
    literals.into_iter().map(Template::parse).collect()
}

pub(super) fn time(name: &Ident, input: ParseStream<'_>) -> Result<Duration> {
    expect_equals(name, input, &format!("{name} = \"5m\""))?;
    if input.peek(LitInt) {
        let number: LitInt = input.parse()?;
        let digits = number.base10_digits();
        return Err(Error::new(
            number.span(),
            format!("`{name}` needs a unit: did you mean `{name} = \"{digits}s\"`?"),
        ));
    }
    let at = input.span();
    let text: LitStr = input
        .parse()
        .map_err(|_| Error::new(at, format!("`{name}` is a duration in double quotes: \"5m\"")))?;
    duration::parse(&text.value())
        .map_err(|wrong| Error::new(text.span(), format!("`{name}`: {wrong}")))
}

pub(super) fn cache(name: &Ident, input: ParseStream<'_>) -> Result<String> {
    expect_equals(name, input, "cache = \"user\"")?;
    if input.peek(LitStr) {
        let kind: LitStr = input.parse()?;
        let text = kind.value();
        if KINDS.contains(&text.as_str()) {
            return Ok(text);
        }
        let hint = suggest(&text, KINDS);
        return Err(Error::new(
            kind.span(),
            format!(
                "{text:?} is no kind of cache{hint} (a cache of your own is `cache = named({text:?})`)"
            ),
        ));
    }
    let at = input.span();
    let wrong =
        || Error::new(at, "`cache` is one of the five kinds, `\"user\"`, or `named(\"reports\")`");
    let named: Ident = input.parse().map_err(|_| wrong())?;
    if named != "named" || !input.peek(syn::token::Paren) {
        return Err(wrong());
    }
    let content;
    parenthesized!(content in input);
    let text: LitStr = content.parse().map_err(|_| wrong())?;
    if !content.is_empty() {
        return Err(wrong());
    }
    let name = text.value();
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
    let fits = name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(allowed);
    // The manager has none of such a name, so the function's first call would panic.
    if fits {
        Ok(name)
    } else {
        Err(Error::new(
            text.span(),
            format!(
                "{name:?} is not a valid cache name; allowed are 1 to 64 of a-z, 0-9, `_`, `-` and `.`, \
                 the first of them a letter"
            ),
        ))
    }
}

pub(super) fn key(name: &Ident, input: ParseStream<'_>) -> Result<Key> {
    expect_equals(name, input, "key = \"{id}\"")?;
    let at = input.span();
    if input.peek(LitStr) {
        let template = Template::parse(input.parse()?)?;
        if template.holes.is_empty() {
            return Err(Error::new(
                at,
                "the key names no argument, so all calls would share one result; \
                 to leave arguments out, use `skip(..)`",
            ));
        }
        return Ok(Key::Template(template));
    }
    match input.parse()? {
        Expr::Closure(closure) => Ok(Key::Closure(closure)),
        other => Err(Error::new(
            other.span(),
            "`key` is a template, `\"{id}:{page}\"`, or a closure, `|id, page| (*id, *page)`",
        )),
    }
}

/// `companions = false`, or a name.
pub(super) fn companions(name: &Ident, input: ParseStream<'_>) -> Result<Companions> {
    expect_equals(name, input, "companions = users_cache")?;
    let at = input.span();
    let wrong = || {
        Error::new(
            at,
            "`companions` is a name, `companions = users_cache`, or `false` if there are to be none",
        )
    };
    if input.peek(syn::LitBool) {
        let said: syn::LitBool = input.parse()?;
        return if said.value { Err(wrong()) } else { Ok(Companions::None) };
    }
    input.parse().map(Companions::Named).map_err(|_| wrong())
}

/// `on = "ok"`, the only value that there is.
pub(super) fn on_ok(name: &Ident, input: ParseStream<'_>) -> Result<()> {
    let wrong = |at| {
        Error::new(
            at,
            "`on` is written `on = \"ok\"`: then a call that returns `Err` or `None` counts as no write; \
             without it, every call counts as a write",
        )
    };
    expect_equals(name, input, "on = \"ok\"")?;
    let at = input.span();
    let said: LitStr = input.parse().map_err(|_| wrong(at))?;
    if said.value() == "ok" { Ok(()) } else { Err(wrong(said.span())) }
}

pub(super) fn share(name: &Ident, input: ParseStream<'_>) -> Result<f64> {
    expect_equals(name, input, "jitter = 0.1")?;
    let negative = input.peek(Token![-]);
    if negative {
        input.parse::<Token![-]>()?;
    }
    let at = input.span();
    let share: f64 = if input.peek(LitInt) {
        input.parse::<LitInt>()?.base10_parse()?
    } else {
        let number: LitFloat =
            input.parse().map_err(|_| Error::new(at, "`jitter` is a number: `jitter = 0.1`"))?;
        number.base10_parse()?
    };
    if negative || !(0.0..=1.0).contains(&share) {
        return Err(Error::new(at, "`jitter` is a share of the time to live, from 0.0 to 1.0"));
    }
    Ok(share)
}

pub(super) fn condition(name: &Ident, input: ParseStream<'_>) -> Result<ExprClosure> {
    expect_equals(name, input, "when = |result| result.is_complete()")?;
    let example =
        "`when` is a closure that looks at the result: `when = |result| !result.is_empty()`";
    match input.parse()? {
        Expr::Closure(closure) if closure.inputs.len() == 1 => Ok(closure),
        Expr::Closure(closure) => Err(Error::new(
            closure.inputs.span(),
            format!("{example}; this one takes {} arguments", closure.inputs.len()),
        )),
        other => Err(Error::new(other.span(), example)),
    }
}

/// Tokens, spaced as people do.
pub(super) fn written(tokens: &TokenStream) -> String {
    let span = tokens.clone().into_iter().next().and_then(|first| {
        let last = tokens.clone().into_iter().last()?;
        first.span().join(last.span())?.source_text()
    });
    let text = span.unwrap_or_else(|| tokens.to_string());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
