//! The targets that `Location` and `Content-Location` name, if they are of the same origin.

use http::{HeaderMap, Uri, header};

/// The origin of a request's target, as the client addressed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    /// `http` or `https`. A server behind a proxy may not know it.
    pub(crate) scheme: Option<&'a str>,
    /// Host and port: the authority of the target, or `Host`.
    pub(crate) authority: &'a str,
}

/// Returns path and query of the targets that a response names in `Location` and
/// `Content-Location`, resolved against the request's own path and query.
///
/// Targets of other origins are left out: a server may not invalidate what is not its own (RFC
/// 9111 4.4). If the request's scheme is not known, either of the two counts as the same, with its
/// own default port.
pub(crate) fn invalidated_locations<'a>(
    headers: &'a HeaderMap,
    origin: Origin<'a>,
    target: &'a str,
) -> impl Iterator<Item = String> + 'a {
    [header::LOCATION, header::CONTENT_LOCATION]
        .into_iter()
        .flat_map(|name| headers.get_all(name))
        .filter_map(move |value| resolve(value.to_str().ok()?.trim(), origin, target))
}

/// Resolves a reference (RFC 3986 5.2) to path and query, without the fragment.
fn resolve(reference: &str, origin: Origin<'_>, target: &str) -> Option<String> {
    let reference = reference.split('#').next().unwrap_or_default();
    if let Some(scheme) = scheme_of(reference) {
        let rest = reference[scheme.len() + 1..].strip_prefix("//")?;
        return same_origin(scheme, rest, origin);
    }
    if let Some(rest) = reference.strip_prefix("//") {
        return same_origin(origin.scheme.unwrap_or(""), rest, origin);
    }
    let (base_path, _) = split_query(target);
    let (path, query) = split_query(reference);
    let resolved = if path.is_empty() {
        let query = query.or(split_query(target).1);
        return Some(with_query(base_path.to_owned(), query));
    } else if path.starts_with('/') {
        path.to_owned()
    } else {
        let directory = base_path.rfind('/').map_or("/", |slash| &base_path[..=slash]);
        format!("{directory}{path}")
    };
    Some(with_query(without_dot_segments(&resolved), query))
}

/// Returns path and query of a reference from its authority on, if it is of this origin.
fn same_origin(scheme: &str, rest: &str, origin: Origin<'_>) -> Option<String> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path_and_query) = rest.split_at(end);
    let same_scheme = origin.scheme.is_none_or(|own| own.eq_ignore_ascii_case(scheme));
    let known = scheme.is_empty()
        || scheme.eq_ignore_ascii_case("http")
        || scheme.eq_ignore_ascii_case("https");
    let own = Uri::try_from(origin.authority).ok()?.into_parts().authority?;
    let named = Uri::try_from(authority).ok()?.into_parts().authority?;
    // What names a user is not how this server is addressed.
    let same_authority = !authority.contains('@')
        && own.host().eq_ignore_ascii_case(named.host())
        && port(&own, scheme)? == port(&named, scheme)?;
    if !(same_scheme && known && same_authority) {
        return None;
    }
    let (path, query) = split_query(path_and_query);
    let path = if path.is_empty() { "/".to_owned() } else { without_dot_segments(path) };
    Some(with_query(path, query))
}

/// Returns the port, or the default one of the scheme. Returns `None` if it is no number.
fn port(authority: &http::uri::Authority, scheme: &str) -> Option<u16> {
    if authority.port_u16().is_some() {
        return authority.port_u16();
    }
    let digits_follow = authority.as_str().rsplit(']').next()?.contains(':');
    let default = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
    // An empty port is the default one, as in `example.org:`.
    (!digits_follow || authority.as_str().ends_with(':')).then_some(default)
}

/// Returns the scheme with which a reference begins.
fn scheme_of(reference: &str) -> Option<&str> {
    let colon = reference.find(':')?;
    let scheme = &reference[..colon];
    let valid = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    valid.then_some(scheme)
}

fn split_query(reference: &str) -> (&str, Option<&str>) {
    match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    }
}

fn with_query(mut path: String, query: Option<&str>) -> String {
    if let Some(query) = query {
        path.push('?');
        path.push_str(query);
    }
    path
}

/// Removes `.` and `..` from an absolute path: RFC 3986 5.2.4.
fn without_dot_segments(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut rest = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = rest.next() {
        let last = rest.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    segments.pop();
                }
                if last {
                    segments.push("");
                }
            }
            _ => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}
