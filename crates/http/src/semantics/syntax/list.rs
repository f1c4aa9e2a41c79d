//! Lists whose elements stand between commas (RFC 9110 5.6.1), and directives in them.

use std::borrow::Cow;

use super::{is_token_byte, trim};

/// One element of a list, never empty, without the space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) text: &'a [u8],
    /// A quotation mark has no counterpart, in this element or in one before it. Where such a
    /// string was meant to end nobody can tell.
    pub(crate) damaged: bool,
}

/// Returns the elements of one line of a list. Commas in quoted strings separate nothing.
///
/// A quotation mark without a counterpart is an ordinary character, so that no directive after it
/// gets lost.
pub(crate) fn elements(line: &[u8]) -> Elements<'_> {
    Elements { rest: Some(line), damaged: false }
}

#[derive(Clone, Debug)]
pub(crate) struct Elements<'a> {
    rest: Option<&'a [u8]>,
    damaged: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            let line = self.rest?;
            let end = self.end_of_element(line);
            self.rest = line.get(end + 1..);
            let text = trim(&line[..end]);
            if !text.is_empty() {
                return Some(Element { text, damaged: self.damaged });
            }
        }
    }
}

impl Elements<'_> {
    /// Returns where the first comma outside quoted strings is, or the length of the line.
    fn end_of_element(&mut self, line: &[u8]) -> usize {
        let mut at = 0;
        while let Some(byte) = line.get(at) {
            match byte {
                b',' => return at,
                b'"' if !self.damaged => match end_of_quoted(&line[at + 1..]) {
                    Some(length) => at += length + 1,
                    None => self.damaged = true,
                },
                _ => {}
            }
            at += 1;
        }
        at
    }
}

/// Returns where a quoted string ends whose opening mark stands before `text`.
fn end_of_quoted(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// A directive of `Cache-Control`: a name and perhaps an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directive<'a> {
    name: &'a [u8],
    pub(crate) argument: Argument<'a>,
}

/// What stands after the name of a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument<'a> {
    None,
    /// A token, or what a quoted string stands for.
    Value(Cow<'a, [u8]>),
    /// Something that is neither, as in `max-age= 1` or `private="x`.
    Invalid,
}

impl<'a> Directive<'a> {
    pub(crate) fn of(element: Element<'a>) -> Self {
        let Some(equals) = element.text.iter().position(|&byte| byte == b'=') else {
            let argument = if element.damaged { Argument::Invalid } else { Argument::None };
            return Self { name: element.text, argument };
        };
        let (before, after) = (&element.text[..equals], &element.text[equals + 1..]);
        let name = trim(before);
        let argument = if element.damaged || name != before { None } else { unquoted(after) }
            .map_or(Argument::Invalid, Argument::Value);
        Self { name, argument }
    }

    /// Returns whether the directive has this name, in whatever case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Returns the directives of one line.
pub(crate) fn directives(line: &[u8]) -> impl Iterator<Item = Directive<'_>> {
    elements(line).map(Directive::of)
}

/// Returns what a token or a quoted string (RFC 9110 5.6.4) stands for.
fn unquoted(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let [b'"', quoted @ ..] = text else {
        let token = !text.is_empty() && text.iter().all(|&byte| is_token_byte(byte));
        return token.then_some(Cow::Borrowed(text));
    };
    let end = end_of_quoted(quoted)?;
    if end + 1 != quoted.len() {
        return None;
    }
    let quoted = &quoted[..end];
    if !quoted.contains(&b'\\') {
        return Some(Cow::Borrowed(quoted));
    }
    let mut plain = Vec::with_capacity(end);
    let mut bytes = quoted.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(if byte == b'\\' { *bytes.next()? } else { byte });
    }
    Some(Cow::Owned(plain))
}
