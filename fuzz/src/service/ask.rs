//! What clients ask for.

use arbitrary::{Result, Unstructured};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use larder_http::User;

use super::origin::Body;

/// Whose responses a path's rule lets somebody have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Each user has its own, and so has whoever is none.
    Unsaid,
    /// Each user has its own, and nobody else has any.
    Users,
    Everybody,
    /// Everybody, and those with credentials what says so.
    AsResponsesSay,
}

/// A request, as the model knows it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// When it was asked, in the order of all that happens.
    pub(super) at: u64,
    pub(super) method: Method,
    /// Host, path and query.
    pub(super) resource: (String, String, Option<String>),
    pub(super) user: Option<String>,
    pub(super) headers: HeaderMap,
}

const METHODS: [Method; 8] = [
    Method::GET,
    Method::GET,
    Method::GET,
    Method::GET,
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::DELETE,
];
const HOSTS: [&str; 5] = ["a.example", "A.Example", "b.example", "a.example:80", "a.example:81"];
const PATHS: [&str; 9] = [
    "/own/1",
    "/own/2",
    "/own/%31",
    "/own/1/",
    "/user/1",
    "/all/1",
    "/all/a/../b",
    "/say/1",
    "/none",
];
const QUERIES: [&str; 5] = ["", "", "?a=1", "?b=2&a=1", "?"];
/// Fields by which requests differ, as names and values.
const FIELDS: [(&str, &str); 34] = [
    ("accept-language", "en"),
    ("accept-language", "de"),
    ("accept-encoding", "gzip"),
    ("accept-encoding", "br"),
    ("x-flavour", "mild"),
    ("x-flavour", "hot"),
    ("authorization", "Bearer one"),
    ("authorization", "Bearer two"),
    ("cookie", "sid=1"),
    ("x-api-key", "k"),
    ("cache-control", "no-cache"),
    ("cache-control", "no-store"),
    ("cache-control", "max-age=5"),
    ("cache-control", "max-stale"),
    ("cache-control", "min-fresh=30"),
    ("cache-control", "only-if-cached"),
    ("pragma", "no-cache"),
    ("if-none-match", "\"one\""),
    ("if-none-match", "W/\"one\", \"two\""),
    ("if-none-match", "*"),
    ("if-match", "\"one\""),
    ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"),
    ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("range", "bytes=0-3"),
    ("range", "bytes=5-"),
    ("range", "bytes=-2"),
    ("range", "bytes=900-"),
    ("range", "bytes=0-1,3-4"),
    ("if-range", "\"one\""),
    ("x-forwarded-host", "evil"),
    ("content-length", "4"),
    ("upgrade", "websocket"),
    ("forwarded", "host=evil"),
];

/// Users: most requests have none.
const USERS: [Option<&str>; 5] = [None, None, None, Some("ann"), Some("bob")];
/// The paths that most requests are for, so that something is there when they come.
const USUAL: [&str; 4] = ["/own/1", "/user/1", "/all/1", "/say/1"];

/// A request before it is sent, which others repeat.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    method: Method,
    host: &'static str,
    uri: Uri,
    user: Option<&'static str>,
    headers: HeaderMap,
    has_body: bool,
}

impl Draft {
    /// Makes a request that most often repeats one of those that were made before, but for one
    /// thing at most.
    pub(super) fn next(choices: &mut Unstructured<'_>, earlier: &[Self]) -> Result<Self> {
        if earlier.is_empty() || choices.ratio(1, 6)? {
            return if choices.ratio(2, 3)? { Self::plain(choices) } else { Self::any(choices) };
        }
        let mut draft = choices.choose(earlier)?.clone();
        match choices.int_in_range(0..=15)? {
            0 | 1 => draft.user = *choices.choose(&USERS)?,
            2 | 3 => {
                let language = *choices.choose(&["en", "de"])?;
                draft.headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(language));
            }
            4 | 5 => {
                let range =
                    *choices.choose(&["bytes=0-3", "bytes=5-", "bytes=-2", "bytes=900-"])?;
                draft.headers.insert(header::RANGE, HeaderValue::from_static(range));
            }
            6 => {
                let (name, value) = *choices.choose(&FIELDS)?;
                draft.headers.append(name, HeaderValue::from_static(value));
            }
            7 => draft.headers.clear(),
            8 => {
                draft.method = choices.choose(&METHODS)?.clone();
                draft.has_body = !matches!(draft.method, Method::GET | Method::HEAD);
            }
            _ => {}
        }
        Ok(draft)
    }

    /// A GET without fields of its own.
    fn plain(choices: &mut Unstructured<'_>) -> Result<Self> {
        let uri = Uri::from_static(choices.choose(&USUAL)?);
        let (user, headers) = (*choices.choose(&USERS)?, HeaderMap::new());
        Ok(Self { method: Method::GET, host: HOSTS[0], uri, user, headers, has_body: false })
    }

    fn any(choices: &mut Unstructured<'_>) -> Result<Self> {
        let method = choices.choose(&METHODS)?.clone();
        let (host, path, query) = if choices.ratio(1, 3)? {
            (*choices.choose(&HOSTS)?, *choices.choose(&PATHS)?, *choices.choose(&QUERIES)?)
        } else {
            (HOSTS[0], *choices.choose(&USUAL)?, "")
        };
        let mut uri: Uri = format!("{path}{query}").parse().expect("a URI");
        let user = *choices.choose(&USERS)?;
        let mut headers = HeaderMap::new();
        for _ in 0..choices.int_in_range(0..=3)? {
            if choices.ratio(1, 16)? {
                raw_field(choices, &mut headers)?;
            } else {
                let (name, value) = *choices.choose(&FIELDS)?;
                headers.append(name, HeaderValue::from_static(value));
            }
        }
        if choices.ratio(1, 32)? {
            let end = choices.int_in_range(0..=8)?;
            if let Ok(other) = Uri::try_from(choices.bytes(end.min(choices.len()))?) {
                uri = other;
            }
        }
        let has_body = !matches!(method, Method::GET | Method::HEAD) || choices.ratio(1, 32)?;
        Ok(Self { method, host, uri, user, headers, has_body })
    }

    /// The request that is sent now.
    pub(super) fn send(&self, at: u64) -> (Request<Body>, Asked) {
        let Self { method, uri, .. } = self;
        let mut headers = self.headers.clone();
        let host = uri.authority().map_or(self.host, |it| it.as_str());
        if let Ok(value) = HeaderValue::from_str(host) {
            headers.insert(header::HOST, value);
        }
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix(":80").unwrap_or(&host).to_owned();
        let resource = (host, uri.path().to_owned(), uri.query().map(str::to_owned));
        let mut request = Request::new(Body::default());
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri.clone();
        request.headers_mut().clone_from(&headers);
        request.extensions_mut().insert(At(at));
        if let Some(user) = self.user {
            request.extensions_mut().insert(User::new(user));
        }
        if self.has_body {
            *request.body_mut() = Body::of(b"body");
        }
        let user = self.user.map(str::to_owned);
        (request, Asked { at, method: method.clone(), resource, user, headers })
    }
}

/// Adds a field of any bytes.
pub(super) fn raw_field(choices: &mut Unstructured<'_>, headers: &mut HeaderMap) -> Result<()> {
    const NAMES: [HeaderName; 14] = [
        header::ACCEPT_LANGUAGE,
        header::AGE,
        header::CACHE_CONTROL,
        header::CONTENT_LENGTH,
        header::DATE,
        header::ETAG,
        header::EXPIRES,
        header::IF_MODIFIED_SINCE,
        header::IF_NONE_MATCH,
        header::LAST_MODIFIED,
        header::LOCATION,
        header::RANGE,
        header::VARY,
        header::CONTENT_RANGE,
    ];
    let name = choices.choose(&NAMES)?.clone();
    let length = choices.int_in_range(0..=12)?;
    if let Ok(value) = HeaderValue::from_bytes(choices.bytes(length.min(choices.len()))?) {
        headers.append(name, value);
    }
    Ok(())
}

/// Which request a call of the handler is for; travels in the extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct At(pub(super) u64);

impl Asked {
    pub(super) fn audience(&self) -> Option<Audience> {
        let path = &self.resource.1;
        let audiences = [
            ("/own/", Audience::Unsaid),
            ("/user/", Audience::Users),
            ("/all/", Audience::Everybody),
            ("/say/", Audience::AsResponsesSay),
        ];
        audiences.into_iter().find(|it| path.starts_with(it.0)).map(|it| it.1)
    }

    pub(super) fn has_credentials(&self) -> bool {
        self.headers.contains_key("authorization") || self.headers.contains_key("x-api-key")
    }

    pub(super) fn says(&self, directive: &str) -> bool {
        let mut lines = self.headers.get_all(header::CACHE_CONTROL).iter();
        lines.any(|line| line == directive)
    }

    pub(super) fn is_conditional(&self) -> bool {
        self.headers.contains_key("if-none-match") || self.headers.contains_key("if-modified-since")
    }

    /// All lines of a field.
    pub(super) fn values(&self, name: &str) -> Vec<&HeaderValue> {
        self.headers.get_all(name).iter().collect()
    }
}
