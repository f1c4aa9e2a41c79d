//! What a request's headers say about whether it may have a key: one pass over all of them.

use super::{Access, Bypass, cookies};
use crate::{
    User,
    rules::{Audience, KeyShape, SessionCookies},
    semantics::Wishes,
};
use http::{HeaderMap, HeaderName, HeaderValue, header::HOST};

/// What was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeaderFacts<'a> {
    pub(crate) host: Host<'a>,
    flags: u8,
}

const CREDENTIALS: u8 = 1;
const COOKIE: u8 = 2;
const BODY: u8 = 4;
const UPGRADE: u8 = 8;
const OVERRIDE: u8 = 16;
const DIRECTIVES: u8 = 32;
const SELECTION: u8 = 64;

/// The field `Host`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Host<'a> {
    #[default]
    None,
    One(&'a [u8]),
    Many,
}

impl<'a> Host<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        headers.get_all(HOST).iter().fold(Self::None, |host, value| host.and(value))
    }

    fn and(self, value: &'a HeaderValue) -> Self {
        match self {
            Self::None => Self::One(value.as_bytes()),
            Self::One(_) | Self::Many => Self::Many,
        }
    }
}

/// Fields that some servers and frameworks take for another method, host, scheme or path than the
/// request has.
///
/// `X-Forwarded-For` is not one of them: like the address of the client, it says who asks, not what
/// for.
pub(crate) fn is_override(name: &str) -> bool {
    matches!(
        name,
        "x-forwarded-host"
            | "x-forwarded-server"
            | "x-forwarded-proto"
            | "x-forwarded-protocol"
            | "x-forwarded-scheme"
            | "x-forwarded-ssl"
            | "x-forwarded-port"
            | "x-forwarded-prefix"
            | "x-forwarded-path"
            | "x-forwarded-uri"
            | "x-forwarded-method"
            | "x-host"
            | "x-original-host"
            | "x-original-url"
            | "x-original-uri"
            | "x-rewrite-url"
            | "x-url-scheme"
            | "x-scheme"
            | "x-http-method-override"
            | "x-http-method"
            | "x-method-override"
            | "x-http-host-override"
            | "front-end-https"
            | "forwarded"
    )
}

/// Fields that carry credentials beside those of RFC 9110 and `Api-Key`.
fn is_credential(name: &str) -> bool {
    matches!(name, "x-api-key" | "x-auth-token" | "x-access-token" | "x-authorization")
}

impl<'a> HeaderFacts<'a> {
    pub(crate) fn of(headers: &'a HeaderMap, shape: &KeyShape) -> Self {
        let (mut host, mut flags) = (Host::None, 0);
        for (name, value) in headers {
            let text = name.as_str();
            // Nearly all names are told apart by their first letter.
            flags |= match text.as_bytes().first() {
                Some(b'a') if matches!(text, "authorization" | "api-key") => CREDENTIALS,
                Some(b'c') => of_c(text, value.as_bytes()),
                Some(b'f' | b'x') => of_x(text, || shape.trusts(name)),
                Some(b'h') if text == "host" => {
                    host = host.and(value);
                    0
                }
                Some(b'i') if matches!(text, "if-none-match" | "if-modified-since") => SELECTION,
                Some(b'p') if text == "proxy-authorization" => CREDENTIALS,
                Some(b'p') if text == "pragma" => DIRECTIVES,
                Some(b'r') if text == "range" => SELECTION,
                Some(b't') if text == "transfer-encoding" => BODY,
                Some(b'u') if text == "upgrade" => UPGRADE,
                _ => 0,
            };
        }
        Self { host, flags }
    }

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(crate) fn wishes(self) -> Wishes {
        Wishes { directives: self.has(DIRECTIVES), selection: self.has(SELECTION) }
    }

    /// Returns the user whose the key is, if it is one's.
    pub(super) fn judge<'u>(
        self,
        headers: &HeaderMap,
        shape: &KeyShape,
        user: Option<&'u User>,
    ) -> Result<(Option<&'u User>, Access), Bypass> {
        if self.has(UPGRADE) {
            return Err(Bypass::Upgrade);
        }
        if self.has(BODY) {
            return Err(Bypass::Body);
        }
        if self.has(OVERRIDE) {
            return Err(Bypass::Override);
        }
        let holders = |user| Ok((user, Access::Holders));
        match (shape.audience, user) {
            (Audience::AsResponsesSay, _) if self.has(CREDENTIALS) => {
                Ok((None, Access::Unverified))
            }
            (Audience::Everybody | Audience::AsResponsesSay, _) => holders(None),
            (Audience::Users | Audience::Unsaid, Some(user)) => holders(Some(user)),
            (Audience::Users, None) if self.has(CREDENTIALS) => Err(Bypass::Credentials),
            (Audience::Users, None) => Err(Bypass::NoUser),
            (Audience::Unsaid, None) if self.has(CREDENTIALS) => Err(Bypass::Credentials),
            (Audience::Unsaid, None) if self.has(COOKIE) && has_session(headers, shape) => {
                Err(Bypass::Cookie)
            }
            (Audience::Unsaid, None) => holders(None),
        }
    }
}

fn of_c(name: &str, value: &[u8]) -> u8 {
    let found = |found, flag| if found { flag } else { 0 };
    match name {
        "cookie" => COOKIE,
        "cache-control" => DIRECTIVES,
        "content-length" => found(value != b"0", BODY),
        "connection" => {
            let mut options = value.split(|byte| *byte == b',');
            let upgrade = options.any(|it| it.trim_ascii().eq_ignore_ascii_case(b"upgrade"));
            found(upgrade, UPGRADE)
        }
        _ => 0,
    }
}

fn of_x(name: &str, trusted: impl FnOnce() -> bool) -> u8 {
    if is_credential(name) {
        CREDENTIALS
    } else if is_override(name) && !trusted() {
        OVERRIDE
    } else {
        0
    }
}

fn has_session(headers: &HeaderMap, shape: &KeyShape) -> bool {
    let is = |names: &[String], name: &[u8]| names.iter().any(|it| it.as_bytes() == name);
    cookies(headers).any(|(name, _)| match &shape.session_cookies {
        SessionCookies::Any => !is(&shape.cookies, name),
        SessionCookies::Named(names) => is(names, name),
    })
}

impl KeyShape {
    fn trusts(&self, name: &HeaderName) -> bool {
        self.trusted.contains(name)
    }
}
