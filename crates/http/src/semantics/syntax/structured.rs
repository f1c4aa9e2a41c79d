//! Structured fields (RFC 9651): dictionaries and lists, as far as caching has a use for them.

use std::{borrow::Cow, str};

use http::{HeaderMap, HeaderName};

use super::is_token_byte;

/// The value of an item, without its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bare<'a> {
    Integer(i64),
    String(String),
    Token(&'a str),
    Boolean(bool),
    /// A decimal, a date, a byte sequence, a display string or an inner list: well-formed, and of
    /// no use here.
    Other,
}

/// Joins the lines of a field as RFC 9651 4.2 wants. Returns `None` if there are none.
pub(crate) fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, [u8]>> {
    let mut lines = headers.get_all(name).iter();
    let mut joined = Cow::Borrowed(lines.next()?.as_bytes());
    for line in lines {
        let joined = joined.to_mut();
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(line.as_bytes());
    }
    Some(joined)
}

/// Reads a dictionary, in which the last of equal keys counts. Returns `None` if it is malformed.
pub(crate) fn dictionary(value: &[u8]) -> Option<Vec<(&str, Bare<'_>)>> {
    let mut members: Vec<(&str, Bare<'_>)> = Vec::new();
    read_members(value, |text| {
        let key = text.key()?;
        let value = if text.take(b'=') {
            text.item_or_inner_list()?
        } else {
            text.parameters()?;
            Bare::Boolean(true)
        };
        members.retain(|(other, _)| *other != key);
        members.push((key, value));
        Some(())
    })?;
    Some(members)
}

/// Reads a list. Returns `None` if it is malformed.
pub(crate) fn list(value: &[u8]) -> Option<Vec<Bare<'_>>> {
    let mut members = Vec::new();
    read_members(value, |text| {
        members.push(text.item_or_inner_list()?);
        Some(())
    })?;
    Some(members)
}

/// Reads members and the commas between them.
fn read_members<'a>(
    value: &'a [u8],
    mut member: impl FnMut(&mut Text<'a>) -> Option<()>,
) -> Option<()> {
    let mut text = Text(value);
    text.spaces();
    while !text.0.is_empty() {
        member(&mut text)?;
        text.optional_space();
        if text.0.is_empty() {
            return Some(());
        }
        if !text.take(b',') {
            return None;
        }
        text.optional_space();
        // A comma at the end.
        if text.0.is_empty() {
            return None;
        }
    }
    Some(())
}

/// What has not been read yet.
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    fn take(&mut self, expected: u8) -> bool {
        match self.0 {
            [first, rest @ ..] if *first == expected => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Takes bytes as long as they are what is wanted.
    fn while_bytes(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.0.iter().position(|&byte| !wanted(byte)).unwrap_or(self.0.len());
        let (head, rest) = self.0.split_at(length);
        self.0 = rest;
        head
    }

    fn spaces(&mut self) {
        self.while_bytes(|byte| byte == b' ');
    }

    fn optional_space(&mut self) {
        self.while_bytes(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn key(&mut self) -> Option<&'a str> {
        if !matches!(self.0.first()?, b'a'..=b'z' | b'*') {
            return None;
        }
        let key = self.while_bytes(
            |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'),
        );
        str::from_utf8(key).ok()
    }

    fn parameters(&mut self) -> Option<()> {
        while self.take(b';') {
            self.spaces();
            self.key()?;
            if self.take(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    fn item_or_inner_list(&mut self) -> Option<Bare<'a>> {
        let value = if self.take(b'(') { self.inner_list()? } else { self.bare_item()? };
        self.parameters()?;
        Some(value)
    }

    /// Reads an inner list whose parenthesis has been read.
    fn inner_list(&mut self) -> Option<Bare<'a>> {
        loop {
            self.spaces();
            if self.take(b')') {
                return Some(Bare::Other);
            }
            self.bare_item()?;
            self.parameters()?;
            if !matches!(self.0.first()?, b' ' | b')') {
                return None;
            }
        }
    }

    fn bare_item(&mut self) -> Option<Bare<'a>> {
        match self.0.first()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b'?' => self.boolean(),
            b':' => self.byte_sequence(),
            b'@' => self.date(),
            b'%' => self.display_string(),
            b'*' | b'A'..=b'Z' | b'a'..=b'z' => self.token(),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Bare<'a>> {
        let negative = self.take(b'-');
        let whole = self.while_bytes(|byte| byte.is_ascii_digit());
        if whole.is_empty() {
            return None;
        }
        if self.take(b'.') {
            let fraction = self.while_bytes(|byte| byte.is_ascii_digit());
            let fits = whole.len() <= 12 && (1..=3).contains(&fraction.len());
            return fits.then_some(Bare::Other);
        }
        if whole.len() > 15 {
            return None;
        }
        let number = whole.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
        Some(Bare::Integer(if negative { -number } else { number }))
    }

    fn string(&mut self) -> Option<Bare<'a>> {
        self.next()?;
        let mut string = String::new();
        loop {
            match self.next()? {
                b'"' => return Some(Bare::String(string)),
                b'\\' => match self.next()? {
                    escaped @ (b'"' | b'\\') => string.push(char::from(escaped)),
                    _ => return None,
                },
                byte @ b' '..=b'~' => string.push(char::from(byte)),
                _ => return None,
            }
        }
    }

    fn token(&mut self) -> Option<Bare<'a>> {
        let token = self.while_bytes(|byte| is_token_byte(byte) || matches!(byte, b':' | b'/'));
        str::from_utf8(token).ok().map(Bare::Token)
    }

    fn boolean(&mut self) -> Option<Bare<'a>> {
        self.next()?;
        match self.next()? {
            b'0' => Some(Bare::Boolean(false)),
            b'1' => Some(Bare::Boolean(true)),
            _ => None,
        }
    }

    fn byte_sequence(&mut self) -> Option<Bare<'a>> {
        self.next()?;
        let digits = self
            .while_bytes(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
            .len();
        let padding = self.while_bytes(|byte| byte == b'=').len();
        // RFC 9651 4.2.7: padding that is missing, all or in part, is made up for.
        let whole = digits % 4 != 1 && padding <= (4 - digits % 4) % 4;
        (self.take(b':') && whole).then_some(Bare::Other)
    }

    fn date(&mut self) -> Option<Bare<'a>> {
        self.next()?;
        if !matches!(self.0.first()?, b'-' | b'0'..=b'9') {
            return None;
        }
        match self.number()? {
            Bare::Integer(_) => Some(Bare::Other),
            _ => None,
        }
    }

    fn display_string(&mut self) -> Option<Bare<'a>> {
        self.next()?;
        if !self.take(b'"') {
            return None;
        }
        let mut decoded = Vec::new();
        let hexadecimal = |byte| match byte {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            letter @ b'a'..=b'f' => Some(letter - b'a' + 10),
            _ => None,
        };
        loop {
            match self.next()? {
                b'"' => return str::from_utf8(&decoded).ok().map(|_| Bare::Other),
                b'%' => {
                    let high = hexadecimal(self.next()?)?;
                    decoded.push(high * 16 + hexadecimal(self.next()?)?);
                }
                byte @ b' '..=b'~' => decoded.push(byte),
                _ => return None,
            }
        }
    }
}
