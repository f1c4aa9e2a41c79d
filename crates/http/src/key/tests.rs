use super::*;
use crate::{Rule, Rules};
use http::{HeaderName, HeaderValue, Uri, uri::Scheme};

/// A request, as far as keys are concerned.
#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    uri: &'a str,
    fields: &'a [(&'a str, &'a str)],
    user: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn with(uri: &'a str, fields: &'a [(&'a str, &'a str)]) -> Self {
        Self { uri, fields, user: None }
    }
}

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter().map(field) {
        headers.append(name, value);
    }
    headers
}

fn write(rules: &Rules, method: &Method, asked: Asked<'_>) -> Result<KeyBuffer, Bypass> {
    let headers = headers(asked.fields);
    let uri: Uri = asked.uri.parse().unwrap();
    let target = Target::of(&uri, Host::of(&headers), rules.scheme())?;
    let found = rules.find(method, target.path).ok_or(Bypass::Path)?;
    let user = asked.user.map(User::new);
    let mut key = KeyBuffer::default();
    key.write(
        &found.rule.key,
        &target,
        method,
        &headers,
        &HeaderFacts::of(&headers, &found.rule.key),
        user.as_ref(),
    )?;
    Ok(key)
}

fn key(rule: &Rule, asked: Asked<'_>) -> Result<KeyBuffer, Bypass> {
    let rules = Rules::builder().rule(rule.clone()).build().unwrap();
    write(&rules, &Method::GET, asked)
}

fn any() -> Rule {
    Rule::new("/{*path}")
}

/// Whether two requests share a key; both have one.
fn share(rule: &Rule, one: Asked<'_>, other: Asked<'_>) -> bool {
    key(rule, one).unwrap() == key(rule, other).unwrap()
}

#[test]
fn r02_head_has_the_key_of_get_and_other_methods_have_none() {
    let rules = Rules::builder().rule(any()).build().unwrap();
    let asked = Asked::with("/a", &[]);
    let get = write(&rules, &Method::GET, asked);
    assert!(get.is_ok());
    assert_eq!(write(&rules, &Method::HEAD, asked), get);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "QUERY", "get"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(write(&rules, &method, asked), Err(Bypass::Method), "{method}");
    }
}

#[test]
fn r04_credentials_go_past_the_cache_or_have_a_verified_user() {
    let shared = any().shared();
    let per_user = any().per_user();
    let named = any().session_cookies(["session"]);
    let varied = any().vary_cookies(["theme"]);
    for (fields, unsaid, per_user_finds, named_finds, varied_finds) in [
        (vec![], None, Bypass::NoUser, None, None),
        (
            vec![("authorization", "Bearer x")],
            Some(Bypass::Credentials),
            Bypass::Credentials,
            Some(Bypass::Credentials),
            Some(Bypass::Credentials),
        ),
        (
            vec![("proxy-authorization", "Basic x")],
            Some(Bypass::Credentials),
            Bypass::Credentials,
            Some(Bypass::Credentials),
            Some(Bypass::Credentials),
        ),
        (
            vec![("x-api-key", "x")],
            Some(Bypass::Credentials),
            Bypass::Credentials,
            Some(Bypass::Credentials),
            Some(Bypass::Credentials),
        ),
        (
            vec![("cookie", "session=1")],
            Some(Bypass::Cookie),
            Bypass::NoUser,
            Some(Bypass::Cookie),
            Some(Bypass::Cookie),
        ),
        (
            vec![("cookie", "a=1; theme=dark;session = 1")],
            Some(Bypass::Cookie),
            Bypass::NoUser,
            Some(Bypass::Cookie),
            Some(Bypass::Cookie),
        ),
        (
            vec![("cookie", "theme=dark"), ("cookie", "session=1")],
            Some(Bypass::Cookie),
            Bypass::NoUser,
            Some(Bypass::Cookie),
            Some(Bypass::Cookie),
        ),
        (
            vec![("cookie", "a=\"; session=1\"")],
            Some(Bypass::Cookie),
            Bypass::NoUser,
            Some(Bypass::Cookie),
            Some(Bypass::Cookie),
        ),
        (
            vec![("cookie", "session")],
            Some(Bypass::Cookie),
            Bypass::NoUser,
            Some(Bypass::Cookie),
            Some(Bypass::Cookie),
        ),
        (vec![("cookie", "theme=dark")], Some(Bypass::Cookie), Bypass::NoUser, None, None),
        (vec![("cookie", "")], None, Bypass::NoUser, None, None),
    ] {
        let asked = Asked::with("/a", &fields);
        assert_eq!(key(&any(), asked).err(), unsaid, "{fields:?}");
        assert_eq!(key(&per_user, asked).err(), Some(per_user_finds), "{fields:?}");
        assert_eq!(key(&named, asked).err(), named_finds, "{fields:?}");
        assert_eq!(key(&varied, asked).err(), varied_finds, "{fields:?}");
        // Whoever asks, it is the same response.
        assert_eq!(key(&shared, asked), key(&shared, Asked::with("/a", &[])), "{fields:?}");
        // A user has one key, whatever comes along with the request, and no other user has it.
        let of = |user| Asked { user: Some(user), ..asked };
        for rule in [&any(), &per_user, &named] {
            assert_eq!(
                key(rule, of("ada")),
                key(rule, Asked { user: Some("ada"), ..Asked::with("/a", &[]) })
            );
            assert!(!share(rule, of("ada"), of("bob")), "{fields:?}");
        }
        assert_eq!(key(&shared, of("ada")), key(&shared, of("bob")), "{fields:?}");
    }
}

#[test]
fn r04_no_header_makes_anybody_a_user() {
    let ada = Asked { user: Some("ada"), ..Asked::with("/a", &[]) };
    for name in
        ["user", "x-user", "x-user-id", "x-forwarded-user", "remote-user", "x-remote-user", "from"]
    {
        let fields = [(name, "ada")];
        assert!(!share(&any(), Asked::with("/a", &fields), ada), "{name}");
        assert_eq!(
            key(&any().per_user(), Asked::with("/a", &fields)),
            Err(Bypass::NoUser),
            "{name}"
        );
    }
    // Nor does an empty name.
    assert!(!share(
        &any(),
        Asked::with("/a", &[]),
        Asked { user: Some(""), ..Asked::with("/a", &[]) }
    ));
}

#[test]
fn r05_fields_and_cookies_of_the_rule_are_in_the_key() {
    let rule = any().vary_headers(["Accept-Language", "x-a"]).vary_cookies(["theme", "lang"]);
    let plain = Asked::with("/a", &[]);
    for fields in [
        vec![("accept-language", "de")],
        vec![("accept-language", "")],
        vec![("accept-language", "d"), ("x-a", "e")],
        vec![("x-a", "de")],
        vec![("x-a", "d"), ("x-a", "e")],
        vec![("x-a", "d, e")],
        vec![("cookie", "theme=de")],
        vec![("cookie", "lang=de")],
        vec![("cookie", "lang=")],
        vec![("cookie", "lang=d; theme=e")],
        vec![("cookie", "lang=d; lang=e")],
        vec![("cookie", "lang=e; lang=d")],
    ] {
        assert!(!share(&rule, Asked::with("/a", &fields), plain), "{fields:?}");
        assert_eq!(key(&any().shared(), Asked::with("/a", &fields)), key(&any().shared(), plain));
        let again = fields.clone();
        assert!(share(&rule, Asked::with("/a", &fields), Asked::with("/a", &again)));
    }
    let other = [("x-b", "1"), ("user-agent", "x")];
    assert!(share(&rule, Asked::with("/a", &other), plain));
    let orders = ["theme=1; lang=2", "lang=2; theme=1"].map(|it| [("cookie", it)]);
    assert!(share(&rule, Asked::with("/a", &orders[0]), Asked::with("/a", &orders[1])));
}

#[test]
fn r07_a_get_with_a_body_goes_past_the_cache() {
    for (fields, expected) in [
        (vec![("content-length", "0")], None),
        (vec![("content-length", "1")], Some(Bypass::Body)),
        (vec![("content-length", "00")], Some(Bypass::Body)),
        (vec![("content-length", "x")], Some(Bypass::Body)),
        (vec![("content-length", "0"), ("content-length", "5")], Some(Bypass::Body)),
        (vec![("transfer-encoding", "chunked")], Some(Bypass::Body)),
        (vec![("transfer-encoding", "identity"), ("content-length", "0")], Some(Bypass::Body)),
        (vec![("content-type", "text/plain")], None),
    ] {
        assert_eq!(key(&any(), Asked::with("/a", &fields)).err(), expected, "{fields:?}");
    }
}

#[test]
fn r08_upgrades_go_past_the_cache() {
    for (fields, expected) in [
        (vec![("connection", "upgrade"), ("upgrade", "websocket")], Some(Bypass::Upgrade)),
        (vec![("connection", "keep-alive, Upgrade")], Some(Bypass::Upgrade)),
        (vec![("connection", "close"), ("connection", "UPGRADE")], Some(Bypass::Upgrade)),
        (vec![("upgrade", "h2c")], Some(Bypass::Upgrade)),
        (vec![("connection", "keep-alive")], None),
        (vec![("connection", "not-upgrade")], None),
    ] {
        assert_eq!(key(&any(), Asked::with("/a", &fields)).err(), expected, "{fields:?}");
    }
}

#[test]
fn r26_host_scheme_path_and_query_are_in_the_key() {
    let rule = any();
    let all = [
        ("http://a.example/x", vec![]),
        ("https://a.example/x", vec![]),
        ("/x", vec![("host", "a.example")]),
        ("/x", vec![("host", "a.example:80")]),
        ("/x", vec![("host", "b.example")]),
        ("/x", vec![]),
        ("/x/", vec![]),
        ("/x?", vec![]),
        ("/x?a=1", vec![]),
        ("/x?a=1&a=2", vec![]),
        ("/x?a=2&a=1", vec![]),
        ("/x?a=1&b=2", vec![]),
        ("/x?b=2&a=1", vec![]),
        ("/x?a=1;b=2", vec![]),
        ("/x?%61=1", vec![]),
        ("/X", vec![]),
        ("/x;a=1", vec![]),
        ("/x%2Fa", vec![]),
        ("/x/a", vec![]),
        ("//x", vec![]),
    ];
    for (at, (uri, fields)) in all.iter().enumerate() {
        for (other_uri, other_fields) in &all[..at] {
            let shared =
                share(&rule, Asked::with(uri, fields), Asked::with(other_uri, other_fields));
            assert!(!shared, "{uri} {fields:?} and {other_uri} {other_fields:?}");
        }
    }
    let upper = [("host", "A.Example")];
    assert!(share(&rule, Asked::with("/x", &upper), Asked::with("/x", &[("host", "a.example")])));
    let rules = Rules::builder().rule(rule).scheme(Scheme::HTTP).build().unwrap();
    let key = |uri, host: &[_]| {
        write(&rules, &Method::GET, Asked { uri, fields: host, user: None }).unwrap()
    };
    assert_eq!(key("/x", &[("host", "a.example:80")]), key("/x", &[("host", "A.example")]));
    assert_eq!(key("/x", &[("host", "a.example:80")]), key("http://a.example/x", &[]));
    assert_ne!(key("/x", &[("host", "a.example:80")]), key("https://a.example/x", &[]));
}

#[test]
fn r26_other_spellings_of_a_path_go_past_the_cache_unless_the_rule_knows_better() {
    let plain = Asked::with("/b/a~", &[]);
    let normalized = any().normalize_paths(true);
    for uri in ["/b/%61~", "/b/a%7E", "/b/a%7e", "/%62/a~"] {
        let asked = Asked::with(uri, &[]);
        assert_eq!(key(&any(), asked), Err(Bypass::Path), "{uri}");
        assert!(share(&normalized, asked, plain), "{uri}");
    }
    for uri in ["/b/./a", "/b/../a", "/b/%2e%2e/a", "/b/..", "/%zz", "/a%"] {
        let asked = Asked::with(uri, &[]);
        assert_eq!(key(&any(), asked), Err(Bypass::Path), "{uri}");
        assert_eq!(key(&normalized, asked), Err(Bypass::Path), "{uri}");
    }
    assert!(share(&normalized, Asked::with("/a%2fb", &[]), Asked::with("/a%2Fb", &[])));
    assert!(!share(&normalized, Asked::with("/a%2fb", &[]), Asked::with("/a/b", &[])));
    // If another rule is for what the path is when it is decoded, nobody knows which of them
    // counts.
    let rule = |path| Rule::new(path).normalize_paths(true);
    let rules = Rules::builder().rule(rule("/u/{x}")).rule(rule("/u/me")).build().unwrap();
    let key = |uri| write(&rules, &Method::GET, Asked::with(uri, &[]));
    assert!(key("/u/me").is_ok() && key("/u/%6de").is_err());
    assert!(key("/u/%79ou") == key("/u/you"));
}

#[test]
fn r26_queries_count_as_the_rule_says() {
    let only = any().query(Query::only(["a", "b"]));
    let ignore = any().query(Query::ignore(["utm"]));
    let none = any().query(Query::None);
    let shares = |rule: &Rule, one: &str, other: &str| {
        share(rule, Asked::with(&format!("/x{one}"), &[]), Asked::with(&format!("/x{other}"), &[]))
    };
    for (one, other) in [
        ("?a=1", "?a=1&c=2"),
        ("?a=1&b=2", "?b=2&a=1"),
        ("?a=1&b=2", "?&b=2&&a=1&"),
        ("?a=1", "?%61=%31"),
        ("?a=1+2", "?a=1%202"),
        ("", "?c=1"),
        ("?", "?a1=1"),
        ("?a", "?a="),
        ("?a=1&a=2&b=3", "?a=1&b=3&a=2"),
    ] {
        assert!(shares(&only, one, other), "{one} and {other}");
    }
    for (one, other) in [
        ("?a=1", "?a=2"),
        ("?a=1", "?a=1&a=1"),
        ("?a=1&a=2", "?a=2&a=1"),
        ("?a=1", "?b=1"),
        ("?a=", "?b="),
        ("?a=", ""),
        ("?a=1%26b=2", "?a=1&b=2"),
        ("?a=1%2B2", "?a=1+2"),
        ("?a==1", "?a=1"),
        ("?a=%FF", "?a=%FE"),
    ] {
        assert!(!shares(&only, one, other), "{one} and {other}");
    }
    assert!(shares(&ignore, "?utm=1&a=1", "?a=1&utm=2&utm=3"));
    assert!(shares(&ignore, "?a=1&c=2", "?c=2&a=1"));
    assert!(shares(&ignore, "?%75tm=1", ""));
    assert!(!shares(&ignore, "?a=1", "?a=2"));
    assert!(shares(&none, "?a=1", "?b=2;c") && shares(&none, "", "?a"));
}

/// Some services separate parameters by `;`, too: what such a one would find is never left out.
#[test]
fn r26_no_parameter_hides_in_another_one() {
    let only = any().query(Query::only(["a"]));
    let ignore = any().query(Query::ignore(["utm"]));
    let shares = |rule: &Rule, one: &str, other: &str| {
        share(rule, Asked::with(&format!("/x{one}"), &[]), Asked::with(&format!("/x{other}"), &[]))
    };
    for (one, other) in [
        ("?a=1&c=2;a=3", "?a=1&c=2"),
        ("?a=1&c=2;a=3", "?a=1&c=2;a=4"),
        ("?a=1&c=2;a=3", "?a=1"),
        ("?a=1;a=3", "?a=1"),
        ("?a;a=3", "?a"),
        ("?c;a=1", ""),
        ("?%26=c;a", "?c;a"),
    ] {
        assert!(!shares(&only, one, other), "{one} and {other}");
    }
    assert!(!shares(&ignore, "?a=1&utm=1;a=2", "?a=1&utm=1"));
    assert!(!shares(&ignore, "?utm=1;a=2", "?utm=1;a=3"));
    assert!(!shares(&ignore, "?utm;a=2", ""));
}

#[test]
fn r26_a_long_key_is_hashed() {
    let uri = |last: char| format!("/{}{last}", "x".repeat(2000));
    let (one, other) = (uri('a'), uri('b'));
    let one = key(&any(), Asked::with(&one, &[])).unwrap();
    assert_eq!(one.as_slice().len(), 17);
    assert_eq!(one, key(&any(), Asked::with(&uri('a'), &[])).unwrap());
    assert_ne!(one, key(&any(), Asked::with(&other, &[])).unwrap());
    // A key that is short begins otherwise.
    assert!(key(&any(), Asked::with("/x", &[])).unwrap().as_slice()[0] < HASHED);
}

#[test]
fn a_usual_key_needs_no_allocation() {
    let uri = format!("/api/urls/redirect/{}/?page=1&size=100", "x".repeat(100));
    let fields = [("host", "shortener.example:8080")];
    let key = key(&any(), Asked { uri: &uri, fields: &fields, user: Some("3f2504e0-4f89-11d3") })
        .unwrap();
    assert!(!key.0.spilled(), "{} bytes", key.0.len());
}

#[test]
fn r27_fields_that_change_what_is_meant_go_past_the_cache_unless_they_are_trusted() {
    for name in [
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-scheme",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-server",
        "forwarded",
        "x-host",
        "x-original-url",
        "x-original-host",
        "x-rewrite-url",
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "front-end-https",
    ] {
        let evil = [(name, "evil.example")];
        assert_eq!(key(&any(), Asked::with("/a", &evil)), Err(Bypass::Override), "{name}");
        assert_eq!(key(&any().shared(), Asked::with("/a", &evil)), Err(Bypass::Override), "{name}");
        let user = Asked { user: Some("ada"), ..Asked::with("/a", &evil) };
        assert_eq!(key(&any(), user), Err(Bypass::Override), "{name}");
        // What is trusted tells responses apart.
        let trusting = any().trusted_headers([name]);
        assert!(!share(&trusting, Asked::with("/a", &evil), Asked::with("/a", &[])), "{name}");
        assert!(
            !share(&trusting, Asked::with("/a", &evil), Asked::with("/a", &[(name, "b")])),
            "{name}"
        );
        let rules = Rules::builder().trusted_headers([name]).rule(any()).build().unwrap();
        assert!(write(&rules, &Method::GET, Asked::with("/a", &evil)).is_ok(), "{name}");
    }
    for name in
        ["x-forwarded-for", "x-real-ip", "via", "x-request-id", "x-anything", "referer", "origin"]
    {
        let sent = [(name, "evil.example")];
        assert!(share(&any(), Asked::with("/a", &sent), Asked::with("/a", &[])), "{name}");
    }
}

#[test]
fn r26_no_part_of_a_key_runs_into_the_next_one() {
    let rule = any()
        .query(Query::only(["a", "ab"]))
        .vary_headers(["x-a", "x-b"])
        .vary_cookies(["c"])
        .session_cookies(["session"]);
    let of = |uri, fields| Asked { uri, fields, user: None };
    for (one, other) in [
        (of("/x?a=b1", &[]), of("/x?ab=1", &[])),
        (of("/x?a=1&a=2", &[]), of("/x?a=1%01a%012", &[])),
        (of("/x?a=", &[("x-a", "1")]), of("/x?a=1", &[("x-a", "")])),
        (of("/x", &[("x-a", "a"), ("x-a", "bc")]), of("/x", &[("x-a", "ab"), ("x-a", "c")])),
        (of("/x", &[("x-a", "a"), ("x-b", "b")]), of("/x", &[("x-a", "ab"), ("x-b", "")])),
        (of("/x", &[("x-a", "a")]), of("/x", &[("x-b", "a")])),
        (of("/x", &[("x-b", "c")]), of("/x", &[("cookie", "c=c")])),
    ] {
        assert!(
            !share(&rule, one, other),
            "{} {:?} {} {:?}",
            one.uri,
            one.fields,
            other.uri,
            other.fields
        );
    }
    let user = |user| Asked { user: Some(user), ..of("/x", &[("cookie", "c=a")]) };
    assert!(!share(&rule, user("b"), Asked { fields: &[("cookie", "c=ab")], ..user("") }));
}

#[test]
fn rules_that_make_keys_of_other_parts_do_not_share_them() {
    let rules = [
        any(),
        any().vary_headers(["x-a"]),
        any().vary_headers(["x-b"]),
        any().vary_cookies(["a"]),
        any().query(Query::None),
        any().query(Query::only(["a"])),
        any().query(Query::ignore(["a"])),
        any().shared(),
        any().normalize_paths(true),
    ];
    let asked = Asked { user: Some("ada"), ..Asked::with("/a", &[]) };
    for (at, rule) in rules.iter().enumerate() {
        for other in &rules[..at] {
            assert_ne!(key(rule, asked).unwrap(), key(other, asked).unwrap(), "{rule:?} {other:?}");
        }
    }
    // What does not matter for keys keeps them.
    let ttl = any().ttl(std::time::Duration::from_secs(9)).tags(["x"]);
    assert_eq!(key(&ttl, asked), key(&any(), asked));
}
