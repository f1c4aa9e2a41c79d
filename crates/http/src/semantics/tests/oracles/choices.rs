//! Bytes as choices, and as lines of fields.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Choices that bytes make.
#[derive(Debug)]
pub(crate) struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Chooses a number below `end`: 0 when the bytes are used up.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        match self.rest {
            [first, rest @ ..] => {
                self.rest = rest;
                usize::from(*first) % end
            }
            [] => 0,
        }
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Says yes once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }
}

/// Makes a field of each line of `data` that can be the value of one.
pub(crate) fn lines(name: &HeaderName, data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|&byte| byte == b'\n').take(64) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(name, value);
        }
    }
    headers
}

/// Returns the only line, if it is visible ASCII.
pub(crate) fn only_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next()?.to_str().ok()?;
    lines.next().is_none().then_some(line)
}
