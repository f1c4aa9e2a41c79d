//! Which fields of a request a response depends on, and when two requests match in them
//! (RFC 9111 4.1).

use http::{HeaderMap, HeaderName, header};

use super::syntax::list::elements;

/// What a response depends on beside its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Vary {
    /// Nothing.
    None,
    /// Something that is in no field of the request (`*`): it matches no other request.
    Any,
    /// These fields of the request, sorted, each once.
    On(Vec<HeaderName>),
}

impl Vary {
    /// Reads `Vary`. A member that is no field name counts as `*`.
    ///
    /// A response with a content coding depends on `Accept-Encoding` even if it does not say so:
    /// a client that cannot decode it must not get it.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut names = Vec::new();
        for line in headers.get_all(header::VARY) {
            for element in elements(line.as_bytes()) {
                match HeaderName::from_bytes(element.text) {
                    // An asterisk is a token like any other.
                    Ok(name) if name != "*" => names.push(name),
                    _ => return Self::Any,
                }
            }
        }
        if is_encoded(headers) {
            names.push(header::ACCEPT_ENCODING);
        }
        names.sort_unstable_by(|left, right| left.as_str().cmp(right.as_str()));
        names.dedup();
        if names.is_empty() { Self::None } else { Self::On(names) }
    }
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|line| {
        elements(line.as_bytes()).any(|coding| !coding.text.eq_ignore_ascii_case(b"identity"))
    })
}

/// What the bytes of a secondary key are written to.
pub(crate) trait Sink {
    /// Appends bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Writes what a request has in these fields, so that two requests match if and only if they write
/// the same bytes.
///
/// Lines are combined and the space around commas is dropped. `Accept-Language` is written in
/// lower case, in its order, by which many servers choose among languages of equal weight.
/// `Accept-Encoding` is written in lower case and sorted: what one order can decode, the other
/// can. An absent field is not the same as an empty one.
pub(crate) fn write_values(names: &[HeaderName], headers: &HeaderMap, out: &mut impl Sink) {
    for name in names {
        let mut lines = headers.get_all(name).iter().map(|line| line.as_bytes()).peekable();
        if lines.peek().is_none() {
            out.put(&[ABSENT]);
            continue;
        }
        out.put(&[PRESENT]);
        if *name == header::ACCEPT_ENCODING {
            write_sorted(lines, out);
        } else {
            let form = if *name == header::ACCEPT_LANGUAGE { Form::Folded } else { Form::Verbatim };
            write_in_order(lines, form, out);
        }
        out.put(&[END]);
    }
}

// No field value contains a byte below the tab.
const ABSENT: u8 = 0;
const PRESENT: u8 = 1;
const END: u8 = 0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Verbatim,
    /// In lower case and without space.
    Folded,
}

fn write_in_order<'a>(lines: impl Iterator<Item = &'a [u8]>, form: Form, out: &mut impl Sink) {
    let mut first = true;
    for element in lines.flat_map(elements) {
        if !first {
            out.put(b",");
        }
        first = false;
        match form {
            Form::Verbatim => out.put(element.text),
            Form::Folded => write_folded(element.text, out),
        }
    }
}

/// How many codings are sorted without a buffer on the heap. Browsers send four or five.
const SORTED: usize = 8;

fn write_sorted<'a>(lines: impl Iterator<Item = &'a [u8]>, out: &mut impl Sink) {
    let mut few = [&[][..]; SORTED];
    let mut many = Vec::new();
    let mut count = 0;
    for element in lines.flat_map(elements) {
        if count < SORTED {
            few[count] = element.text;
        } else {
            many.push(element.text);
        }
        count += 1;
    }
    let codings = if many.is_empty() {
        &mut few[..count]
    } else {
        many.extend_from_slice(&few);
        &mut many[..]
    };
    codings.sort_unstable_by(|left, right| folded(left).cmp(folded(right)));
    for (position, coding) in codings.iter().enumerate() {
        if position > 0 {
            out.put(b",");
        }
        write_folded(coding, out);
    }
}

fn folded(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    text.iter().filter(|byte| !matches!(byte, b' ' | b'\t')).map(u8::to_ascii_lowercase)
}

fn write_folded(text: &[u8], out: &mut impl Sink) {
    let mut buffer = [0; 32];
    let mut used = 0;
    for byte in folded(text) {
        if used == buffer.len() {
            out.put(&buffer);
            used = 0;
        }
        buffer[used] = byte;
        used += 1;
    }
    out.put(&buffer[..used]);
}
