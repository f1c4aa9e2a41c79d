//! The host that a request is for.

use super::{Bypass, Host, target::Known, union};
use http::Uri;
use std::borrow::Cow;

/// Returns the host in lower case, without the port that its scheme has anyway; nothing if the
/// request has none, as HTTP/1.0 allows.
pub(super) fn of<'a>(
    uri: &'a Uri,
    field: Host<'a>,
    scheme: Known,
) -> Result<Cow<'a, [u8]>, Bypass> {
    let host = match (uri.authority(), field) {
        (_, Host::Many) => return Err(Bypass::Host),
        (None, Host::One(field)) => canonical(field, scheme)?,
        (Some(authority), Host::None) => canonical(authority.as_str().as_bytes(), scheme)?,
        // Servers differ in whom they believe.
        (Some(authority), Host::One(field)) => {
            let host = canonical(authority.as_str().as_bytes(), scheme)?;
            if canonical(field, scheme)? != host {
                return Err(Bypass::Host);
            }
            host
        }
        (None, Host::None) => Cow::Borrowed(&b""[..]),
    };
    Ok(host)
}

fn canonical(host: &[u8], scheme: Known) -> Result<Cow<'_, [u8]>, Bypass> {
    let all = union(host, |byte| CLASSES[usize::from(byte)]);
    if host.is_empty() || all & OTHER != 0 {
        return Err(Bypass::Host);
    }
    if all == 0 {
        return Ok(Cow::Borrowed(host));
    }
    let colon = host.iter().rposition(|byte| *byte == b':');
    let (name, port) = match colon {
        // The last colon of an IPv6 address is no port's.
        Some(at) if !host.ends_with(b"]") => (&host[..at], Some(&host[at + 1..])),
        _ => (host, None),
    };
    if name.is_empty() || port.is_some_and(|port| !port.iter().all(u8::is_ascii_digit)) {
        return Err(Bypass::Host);
    }
    let host = match port {
        // `a:` is `a`.
        Some(port)
            if port.is_empty() || scheme.port().is_some_and(|known| known.as_bytes() == port) =>
        {
            name
        }
        _ => host,
    };
    if all & UPPER != 0 {
        Ok(Cow::Owned(host.to_ascii_lowercase()))
    } else {
        Ok(Cow::Borrowed(host))
    }
}

const UPPER: u8 = 1;
const COLON: u8 = 2;
const OTHER: u8 = 4;

/// What names, addresses and ports have; no `@` of a user, no `,` of a list, nothing encoded.
const CLASSES: [u8; 256] = {
    let mut classes = [OTHER; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'[' | b']' => 0,
            b'A'..=b'Z' => UPPER,
            b':' => COLON,
            _ => OTHER,
        };
        byte += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::*;

    fn host(uri: &str, fields: &[&str], scheme: Known) -> Result<String, Bypass> {
        let field = match fields {
            [] => Host::None,
            [field] => Host::One(field.as_bytes()),
            _ => Host::Many,
        };
        let uri = uri.parse().unwrap();
        let host = of(&uri, field, scheme)?.into_owned();
        Ok(String::from_utf8(host).unwrap())
    }

    #[test]
    fn r26_hosts_are_lower_case_and_have_no_default_port() {
        for (uri, fields, scheme, expected) in [
            ("/", vec!["example.com"], Known::Unknown, "example.com"),
            ("/", vec!["EXAMPLE.com"], Known::Unknown, "example.com"),
            ("/", vec!["Example.com:8080"], Known::Http, "example.com:8080"),
            ("/", vec!["example.com:80"], Known::Http, "example.com"),
            ("/", vec!["example.com:443"], Known::Https, "example.com"),
            ("/", vec!["example.com:"], Known::Unknown, "example.com"),
            // Whose port this is, nobody knows.
            ("/", vec!["example.com:80"], Known::Unknown, "example.com:80"),
            ("/", vec!["example.com:443"], Known::Http, "example.com:443"),
            ("/", vec!["[::1]"], Known::Http, "[::1]"),
            ("/", vec!["[::A]:80"], Known::Http, "[::a]"),
            ("http://A.example/", vec![], Known::Http, "a.example"),
            ("http://a.example:80/", vec!["A.example"], Known::Http, "a.example"),
            ("/", vec![], Known::Unknown, ""),
        ] {
            assert_eq!(host(uri, &fields, scheme).as_deref(), Ok(expected), "{uri} {fields:?}");
        }
    }

    #[test]
    fn r26_hosts_that_could_be_two_are_none() {
        for (uri, fields) in [
            ("/", vec!["a.example", "b.example"]),
            ("/", vec!["a.example", "a.example"]),
            ("/", vec!["a.example, b.example"]),
            ("/", vec!["user@a.example"]),
            ("/", vec!["a.example/b"]),
            ("/", vec!["a.example b.example"]),
            ("/", vec!["a%2eexample"]),
            ("/", vec!["a.example:8o"]),
            ("/", vec![":80"]),
            ("/", vec![""]),
            ("http://a.example/", vec!["b.example"]),
            ("http://user@a.example/", vec![]),
        ] {
            assert_eq!(host(uri, &fields, Known::Http), Err(Bypass::Host), "{uri} {fields:?}");
        }
    }
}
