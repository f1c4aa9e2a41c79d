//! What a request says of whoever sends it. Nothing of it is trusted: it is cut down to short,
//! plain names.

use http::{HeaderMap, HeaderName, header};
use url::Url;

/// Longer hosts are cut off. A name of the domain system has at most 253.
const LONGEST: usize = 253;

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The host of the page with the link, or `direct`.
pub(crate) fn referrer(headers: &HeaderMap) -> String {
    let url = text(headers, &header::REFERER).and_then(|it| Url::parse(it).ok());
    let host = url
        .as_ref()
        .and_then(Url::host_str)
        .filter(|host| host.len() <= LONGEST && host.bytes().all(|it| it.is_ascii_graphic()));
    host.unwrap_or("direct").to_ascii_lowercase()
}

/// What the proxy says, or else the region of the preferred language: `de-AT` is read as Austria.
/// `unknown` if neither says anything.
pub(crate) fn country(headers: &HeaderMap, from_proxy: Option<&HeaderName>) -> String {
    let is_code = |it: &&str| it.len() == 2 && it.bytes().all(|byte| byte.is_ascii_alphabetic());
    let said = match from_proxy {
        Some(name) => text(headers, name).map(str::trim).filter(is_code),
        None => text(headers, &header::ACCEPT_LANGUAGE)
            .and_then(|it| it.split([',', ';']).next())
            .and_then(|it| it.trim().split('-').skip(1).find(is_code)),
    };
    said.map_or_else(|| "unknown".to_owned(), str::to_ascii_uppercase)
}

/// The family of the browser.
pub(crate) fn browser(headers: &HeaderMap) -> &'static str {
    let agent = text(headers, &header::USER_AGENT).unwrap_or_default();
    let has = |word: &str| agent.contains(word);
    // Browsers name those that they want to be taken for as well, so the order counts.
    match () {
        () if agent.is_empty() => "unknown",
        () if has("bot") || has("Bot") || has("crawl") || has("spider") => "Bot",
        () if has("Edg/") || has("EdgA/") || has("EdgiOS/") => "Edge",
        () if has("OPR/") || has("Opera") => "Opera",
        () if has("Firefox/") || has("FxiOS/") => "Firefox",
        () if has("Chrome/") || has("CriOS/") || has("Chromium/") => "Chrome",
        () if has("Safari/") => "Safari",
        () if has("curl/") => "curl",
        () => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_bytes(value.as_bytes()).unwrap())])
    }

    #[test]
    fn referrers_are_hosts() {
        let of = |value| referrer(&headers(header::REFERER, value));
        assert_eq!(of("https://News.Example.com/item?id=1"), "news.example.com");
        for odd in ["", "about:blank", "nonsense", "https://a\u{e9}/", "android-app://x y/"] {
            assert!(of(odd).is_ascii(), "{odd}");
        }
        assert_eq!((referrer(&HeaderMap::new()), of("/path")), ("direct".into(), "direct".into()));
    }

    #[test]
    fn countries_are_two_letters() {
        let of = |value| country(&headers(header::ACCEPT_LANGUAGE, value), None);
        assert_eq!(
            (of("de-AT,de;q=0.9"), of("zh-Hant-TW"), of("en")),
            ("AT".into(), "TW".into(), "unknown".into())
        );
        let proxy = HeaderName::from_static("cf-ipcountry");
        let said = |value| country(&headers(proxy.clone(), value), Some(&proxy));
        assert_eq!(
            (said("at"), said("<script>"), said("")),
            ("AT".into(), "unknown".into(), "unknown".into())
        );
    }

    #[test]
    fn browsers_are_told_apart() {
        let of = |value: &str| browser(&headers(header::USER_AGENT, value));
        let chrome =
            "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";
        assert_eq!((of(chrome), of(&format!("{chrome} Edg/140.0"))), ("Chrome", "Edge"));
        assert_eq!(
            (of("Mozilla/5.0 (X11) Gecko/20100101 Firefox/140.0"), of("curl/8.5")),
            ("Firefox", "curl")
        );
        assert_eq!(
            (of("Googlebot/2.1"), of("x"), browser(&HeaderMap::new())),
            ("Bot", "Other", "unknown")
        );
    }
}
