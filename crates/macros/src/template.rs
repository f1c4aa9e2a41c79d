//! Templates: text with `{argument}` in it.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{
    Expr, LitStr, Result,
    ext::IdentExt,
    parse::{Error, Parser},
};

/// A text with holes.
pub(crate) struct Template {
    pub(crate) literal: LitStr,
    pub(crate) holes: Vec<Hole>,
    /// The same for `format!`, each hole `{}` or with its specification.
    format: String,
}

/// `{argument}`, `{argument.field}` or `{argument:?}`.
pub(crate) struct Hole {
    /// The argument; `self` is one.
    pub(crate) root: String,
    /// The place that is meant: the argument or a field.
    pub(crate) place: Expr,
    /// How it is to be printed, if that is said.
    pub(crate) spec: Option<String>,
}

impl Template {
    pub(crate) fn parse(literal: LitStr) -> Result<Self> {
        let text = literal.value();
        let wrong = |what: &str| Error::new(literal.span(), what);
        let (mut holes, mut format) = (Vec::new(), String::new());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            format.push_str(&rest[..at]);
            let tail = &rest[at..];
            if tail.starts_with("{{") || tail.starts_with("}}") {
                format.push_str(&tail[..2]);
                rest = &tail[2..];
                continue;
            }
            if tail.starts_with('}') {
                return Err(wrong("a `}` that closes nothing; a brace itself is written `}}`"));
            }
            let Some(end) = tail.find('}') else {
                return Err(wrong("a `{` that is not closed; a brace itself is written `{{`"));
            };
            let hole = Hole::parse(&tail[1..end], &literal)?;
            match &hole.spec {
                None => format.push_str("{}"),
                Some(spec) => format.push_str(&format!("{{:{spec}}}")),
            }
            holes.push(hole);
            rest = &tail[end + 1..];
        }
        format.push_str(rest);
        Ok(Self { literal, holes, format })
    }

    /// Has the holes mean these arguments, wherever those come from: another macro, perhaps.
    pub(crate) fn resolve(&mut self, arguments: &[Ident]) {
        for hole in &mut self.holes {
            if let Some(argument) = arguments.iter().find(|argument| **argument == hole.root) {
                *root_of(&mut hole.place).expect("it has one") = argument.clone();
            }
        }
    }

    /// An expression for the text, of type `String`.
    pub(crate) fn expand(&self) -> TokenStream {
        let format = LitStr::new(&self.format, self.literal.span());
        let places = self.holes.iter().map(|hole| &hole.place);
        quote!(::std::format!(#format #(, #places)*))
    }

    /// An expression for the table that it names, of which each part is printed for itself: what
    /// separates parts stands in the template.
    pub(crate) fn expand_table(&self, rt: &TokenStream) -> TokenStream {
        let mut places = self.holes.iter().map(|hole| &hole.place);
        let parts = parts(&self.format).into_iter().map(|(format, holes)| {
            let places = places.by_ref().take(holes);
            let format = LitStr::new(&format, self.literal.span());
            quote!(::std::format!(#format #(, #places)*))
        });
        let parts: Vec<_> = parts.collect();
        quote!(#rt::Table::new(::std::vec![#(#parts),*]))
    }
}

/// What stands between the separators of a format, and how many holes are in each.
fn parts(format: &str) -> Vec<(String, usize)> {
    let mut parts = vec![(String::new(), 0)];
    let mut rest = format.chars().peekable();
    let mut is_hole = false;
    while let Some(next) = rest.next() {
        let (part, holes) = parts.last_mut().expect("there is one");
        match next {
            '{' | '}' if !is_hole && rest.peek() == Some(&next) => {
                part.extend([next, next]);
                rest.next();
            }
            '{' => {
                is_hole = true;
                *holes += 1;
                part.push(next);
            }
            '}' => {
                is_hole = false;
                part.push(next);
            }
            ':' if !is_hole => parts.push((String::new(), 0)),
            _ => part.push(next),
        }
    }
    parts
}

impl Hole {
    fn parse(text: &str, literal: &LitStr) -> Result<Self> {
        let (place, spec) = match text.split_once(':') {
            Some((place, spec)) => (place.trim(), Some(spec.to_owned())),
            None => (text.trim(), None),
        };
        let wrong = |what: String| Error::new(literal.span(), what);
        if place.is_empty() {
            return Err(wrong("`{}` names no argument; write `{argument}`".to_owned()));
        }
        if place.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(wrong(format!("`{{{place}}}`: arguments go by name, not by number")));
        }
        let raw: Vec<_> = place.split('.').map(raw).collect();
        let mut parsed: Expr =
            LitStr::new(&raw.join("."), literal.span()).parse().map_err(|_| {
                wrong(format!("`{{{place}}}` is neither an argument nor a field of one"))
            })?;
        let root = root_of(&mut parsed).map(|root| root.to_string()).ok_or_else(|| {
            wrong(format!("`{{{place}}}` is neither an argument nor a field of one"))
        })?;
        Ok(Self { root, place: parsed, spec })
    }
}

/// A name as the compiler wants it: `r#type` for `type`, as in `format!`.
fn raw(name: &str) -> String {
    let name = name.trim();
    let is_keyword = syn::parse_str::<Ident>(name).is_err()
        && Ident::parse_any.parse_str(name).is_ok()
        && !["self", "Self", "super", "crate", "_"].contains(&name);
    if is_keyword { format!("r#{name}") } else { name.to_owned() }
}

/// The name that a place begins with.
fn root_of(place: &mut Expr) -> Option<&mut Ident> {
    match place {
        Expr::Field(field) => root_of(&mut field.base),
        Expr::Path(path) if path.path.get_ident().is_some() => {
            path.path.segments.first_mut().map(|segment| &mut segment.ident)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_holes_separate_nothing() {
        let part = |text: &str, holes| (text.to_owned(), holes);
        assert_eq!(parts("users"), [part("users", 0)]);
        assert_eq!(
            parts("a{}:{:?}:{:>4}x{}"),
            [part("a{}", 1), part("{:?}", 1), part("{:>4}x{}", 2)]
        );
        assert_eq!(parts("{{:}}:"), [part("{{", 0), part("}}", 0), part("", 0)]);
    }
}
