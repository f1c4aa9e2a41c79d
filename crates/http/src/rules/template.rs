//! Templates of tags and paths, such as `redirect:{code}`.
//!
//! In a tag, whatever of a value is no letter, no digit and none of `-_.~` is percent-encoded, and
//! a placeholder has none of these beside it. So a value takes up one whole word of a tag: `a:b`
//! becomes `a%3Ab`, and nobody sends a value by which his response gets the tag of something else.

use super::Found;
use crate::{User, key};

/// What may come before and after a placeholder in a tag.
const ALLOWED: &str = "text and placeholders, such as \"redirect:{code}\": each placeholder {user} or a parameter of \
                       the path, with a character such as ':' or '/' between it and text beside it";
const ALLOWED_PATH: &str = "a path that begins with '/', with placeholders {user} or of the rule's own path, such as \"/articles/{id}\"";

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Parameter(String),
    User,
}

/// A template of a tag or a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
    /// What of a value is not encoded.
    keep: &'static str,
}

/// What is wrong with a template, and what is allowed.
pub(super) struct Wrong {
    pub(super) reason: String,
    pub(super) allowed: &'static str,
}

impl Template {
    /// Reads a template of a tag.
    pub(super) fn tag(text: &str, parameters: &[String]) -> Result<Self, Wrong> {
        let wrong = |reason| Wrong { reason, allowed: ALLOWED };
        let parts = parse(text, parameters).map_err(wrong)?;
        if parts.is_empty() {
            return Err(wrong("it is empty".to_owned()));
        }
        for pair in parts.windows(2) {
            let beside = match pair {
                [Part::Text(text), _] => text.chars().next_back(),
                [_, Part::Text(text)] => text.chars().next(),
                _ => None,
            };
            if beside.is_none_or(|it| it.is_ascii_alphanumeric() || "-_.~%".contains(it)) {
                return Err(wrong(
                    "a value could be mistaken for part of the text next to it".to_owned(),
                ));
            }
        }
        Ok(Self { parts, keep: "" })
    }

    /// Reads a template of a path.
    pub(super) fn path(text: &str, parameters: &[String]) -> Result<Self, Wrong> {
        let wrong = |reason| Wrong { reason, allowed: ALLOWED_PATH };
        if !text.starts_with('/') {
            return Err(wrong("it does not begin with '/'".to_owned()));
        }
        // A catch-all has slashes in it.
        Ok(Self { parts: parse(text, parameters).map_err(wrong)?, keep: "/" })
    }

    /// Puts the values in; `None` if it needs a user and there is none.
    pub(crate) fn render(&self, found: &Found<'_, '_>, user: Option<&User>) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::User => key::push_encoded(&mut text, user?.id().as_bytes(), self.keep),
                Part::Parameter(name) => {
                    let value = key::decoded(found.param(name)?);
                    key::push_encoded(&mut text, &value, self.keep);
                }
            }
        }
        Some(text)
    }
}

/// Makes of a value what a template of tags puts in for it.
///
/// Application code that invalidates a tag by name has to use it for values that are not known to
/// be plain.
///
/// ```
/// use larder_http::tag_value;
///
/// assert_eq!(format!("redirect:{}", tag_value("abc-1")), "redirect:abc-1");
/// assert_eq!(format!("redirect:{}", tag_value("a:b")), "redirect:a%3Ab");
/// ```
#[must_use]
pub fn tag_value(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    key::push_encoded(&mut text, value.as_bytes(), "");
    text
}

fn parse(text: &str, parameters: &[String]) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        // Two braces are one.
        if let Some(after) = rest.strip_prefix(brace) {
            literal.push_str(brace);
            rest = after;
            continue;
        }
        if brace == "}" {
            return Err(
                "there is a '}' without its '{'; \"}}\" is one that stands for itself".to_owned()
            );
        }
        let (name, after) = rest.split_once('}').ok_or("there is a '{' without its '}'")?;
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        parts.push(match name {
            "user" => Part::User,
            name if parameters.iter().any(|it| it == name) => Part::Parameter(name.to_owned()),
            name => return Err(unknown(name, parameters)),
        });
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

fn unknown(name: &str, parameters: &[String]) -> String {
    let there: Vec<_> = parameters.iter().map(|it| format!("{{{it}}}")).collect();
    match there.is_empty() {
        true => format!("the path has no parameter {{{name}}}, it has none at all"),
        false => format!("the path has no parameter {{{name}}}, it has {}", there.join(", ")),
    }
}
