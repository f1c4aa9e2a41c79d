//! What a request's headers say about whether it may have a key: one pass over all of them.

use super::{Access, Bypass, cookies};
use crate::{
    User,
    rules::{Audience, KeyShape, SessionCookies},
};
use http::{
    HeaderMap, HeaderName,
    header::{CONNECTION, CONTENT_LENGTH},
};

/// What was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    credentials: bool,
    cookie: bool,
    body: bool,
    upgrade: bool,
    r#override: bool,
}

/// Fields that some servers and frameworks take for another method, host, scheme or path than the request has.
///
/// `X-Forwarded-For` is not one of them: like the address of the client, it says who asks, not what for.
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

/// Fields that carry credentials beside those of RFC 9110.
fn is_credential(name: &str) -> bool {
    matches!(name, "x-api-key" | "x-auth-token" | "x-access-token" | "x-authorization" | "api-key")
}

impl Seen {
    pub(super) fn of(headers: &HeaderMap, shape: &KeyShape) -> Self {
        let mut seen = Self::default();
        for name in headers.keys() {
            let text = name.as_str();
            // Nearly all names are told apart by their first letter.
            match text.as_bytes().first() {
                Some(b'a') => seen.credentials |= text == "authorization" || is_credential(text),
                Some(b'c') => seen.look_at_c(text, headers),
                Some(b'f') => seen.r#override |= is_override(text) && !shape.trusts(name),
                Some(b'p') => seen.credentials |= text == "proxy-authorization",
                Some(b't') => seen.body |= text == "transfer-encoding",
                Some(b'u') => seen.upgrade |= text == "upgrade",
                Some(b'x') => {
                    seen.r#override |= is_override(text) && !shape.trusts(name);
                    seen.credentials |= is_credential(text);
                }
                _ => {}
            }
        }
        seen
    }

    fn look_at_c(&mut self, name: &str, headers: &HeaderMap) {
        match name {
            "cookie" => self.cookie = true,
            "content-length" => {
                self.body |= headers.get_all(CONTENT_LENGTH).iter().any(|length| length != "0");
            }
            "connection" => {
                let lines = headers.get_all(CONNECTION).iter();
                let mut options =
                    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
                self.upgrade |= options.any(|it| it.trim_ascii().eq_ignore_ascii_case(b"upgrade"));
            }
            _ => {}
        }
    }

    /// Returns the user whose the key is, if it is one's.
    pub(super) fn judge<'u>(
        self,
        headers: &HeaderMap,
        shape: &KeyShape,
        user: Option<&'u User>,
    ) -> Result<(Option<&'u User>, Access), Bypass> {
        if self.upgrade {
            return Err(Bypass::Upgrade);
        }
        if self.body {
            return Err(Bypass::Body);
        }
        if self.r#override {
            return Err(Bypass::Override);
        }
        let holders = |user| Ok((user, Access::Holders));
        match (shape.audience, user) {
            (Audience::AsResponsesSay, _) if self.credentials => Ok((None, Access::Unverified)),
            (Audience::Everybody | Audience::AsResponsesSay, _) => holders(None),
            (Audience::Users | Audience::Unsaid, Some(user)) => holders(Some(user)),
            (Audience::Users, None) if self.credentials => Err(Bypass::Credentials),
            (Audience::Users, None) => Err(Bypass::NoUser),
            (Audience::Unsaid, None) if self.credentials => Err(Bypass::Credentials),
            (Audience::Unsaid, None) if self.cookie && has_session(headers, shape) => {
                Err(Bypass::Cookie)
            }
            (Audience::Unsaid, None) => holders(None),
        }
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
