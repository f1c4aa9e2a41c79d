use super::*;
use crate::User;
use http::StatusCode;
use std::time::Duration;

fn rules(rules: impl IntoIterator<Item = Rule>) -> Rules {
    rules.into_iter().fold(Rules::builder(), RulesBuilder::rule).build().unwrap()
}

fn mistakes(rules: impl IntoIterator<Item = Rule>) -> Vec<String> {
    let error = rules.into_iter().fold(Rules::builder(), RulesBuilder::rule).build().unwrap_err();
    error.to_string().lines().map(str::to_owned).collect()
}

fn found<'r>(rules: &'r Rules, method: &str, path: &str) -> Option<&'r str> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    rules.find(&method, path).map(|found| found.rule.name.as_str())
}

/// Tags, and what a change invalidates.
fn tags(rules: &Rules, path: &str, user: Option<&str>) -> (Vec<String>, Vec<String>, Vec<String>) {
    let found = rules.find(&Method::POST, path).unwrap();
    let user = user.map(User::new);
    (
        found.rule.tags(&found, user.as_ref()).collect(),
        found.rule.invalidates(&found, user.as_ref()).collect(),
        found.rule.invalidates_paths(&found, user.as_ref()).collect(),
    )
}

#[test]
fn the_built_in_rules_are_those_of_the_table() {
    let rules = Rules::default();
    for (method, path, expected) in [
        ("GET", "/api/urls/", Some("urls")),
        ("HEAD", "/api/urls/", Some("urls")),
        ("GET", "/api/urls", None),
        ("GET", "/api/urls/stats/", Some("stats")),
        ("GET", "/api/urls/analytics/", Some("analytics")),
        ("GET", "/api/users/profile/", Some("profile")),
        ("GET", "/api/urls/redirect/abc/", Some("redirect")),
        ("GET", "/api/urls/redirect/abc", None),
        ("GET", "/api/urls/abc/", None),
        ("PATCH", "/api/urls/abc/", Some("change")),
        ("POST", "/api/urls/abc/tags/", Some("change-part")),
        ("POST", "/api/urls/", Some("urls")),
        ("DELETE", "/api/urls/redirect/abc/", Some("redirect")),
    ] {
        assert_eq!(found(&rules, method, path), expected, "{method} {path}");
    }
    for (name, cache, minutes, audience) in [
        ("urls", "url", 5, Audience::Users),
        ("stats", "analytics", 15, Audience::Users),
        ("analytics", "analytics", 15, Audience::Users),
        ("profile", "user", 30, Audience::Users),
        ("redirect", "url", 60, Audience::Everybody),
    ] {
        let rule = rules.all().iter().find(|rule| rule.name == name).unwrap();
        assert_eq!(rule.cache.name(), cache, "{name}");
        let fresh = rule.lifetimes(StatusCode::OK).default_ttl;
        assert_eq!(fresh, Some(Duration::from_secs(60 * minutes)), "{name}");
        assert_eq!(rule.key.audience, audience, "{name}");
    }
}

#[test]
fn a_change_of_an_address_takes_what_its_user_sees_and_its_redirect() {
    let rules = Rules::default();
    let (lists, ..) = tags(&rules, "/api/urls/", Some("ada"));
    let (statistics, ..) = tags(&rules, "/api/urls/stats/", Some("ada"));
    let (analytics, ..) = tags(&rules, "/api/urls/analytics/", Some("ada"));
    let (redirect, ..) = tags(&rules, "/api/urls/redirect/abc/", None);
    let (profile, ..) = tags(&rules, "/api/users/profile/", Some("ada"));
    let (others, ..) = tags(&rules, "/api/urls/", Some("bob"));
    for (path, redirected) in [
        ("/api/urls/", false),
        ("/api/urls/abc/", true),
        ("/api/urls/abc/tags/1/", true),
        ("/api/urls/redirect/abc/", true),
        ("/api/urls/other/", false),
        ("/api/urls/stats/", false),
    ] {
        let (_, taken, _) = tags(&rules, path, Some("ada"));
        let takes = |tags: &[String]| tags.iter().any(|tag| taken.contains(tag));
        assert!(takes(&lists) && takes(&statistics) && takes(&analytics), "{path}: {taken:?}");
        assert_eq!(takes(&redirect), redirected, "{path}: {taken:?}");
        assert!(!takes(&others) && !takes(&profile), "{path}: {taken:?}");
    }
    let (_, taken, _) = tags(&rules, "/api/users/profile/", Some("ada"));
    assert_eq!(taken, profile);
}

#[test]
fn the_most_specific_rule_for_the_method_counts() {
    let rules = rules([
        Rule::new("/{y}/{*rest}").named("rest"),
        Rule::new("/a/{x}").named("parameter"),
        Rule::new("/a/b").named("text").methods([Method::GET]),
        Rule::new("/{y}/b").named("later"),
        Rule::new("/a/b.{x}").named("prefix"),
    ]);
    for (method, path, expected) in [
        ("GET", "/a/b", "text"),
        ("HEAD", "/a/b", "text"),
        // The rule for the text is not for POST.
        ("POST", "/a/b", "parameter"),
        ("PURGE", "/a/b", "parameter"),
        ("GET", "/a/c", "parameter"),
        ("GET", "/a/b.css", "prefix"),
        ("GET", "/c/b", "later"),
        ("GET", "/c/d", "rest"),
        ("GET", "/c/b/", "rest"),
        ("GET", "/a/b/c", "rest"),
    ] {
        assert_eq!(found(&rules, method, path), Some(expected), "{method} {path}");
    }
    assert_eq!(found(&rules, "GET", "/"), None);
}

#[test]
fn equally_specific_rules_for_the_same_method_are_an_error_that_names_both() {
    let get = [Method::GET];
    for (one, other, method) in [
        (Rule::new("/a/{x}"), Rule::new("/a/{y}"), Some("all methods")),
        (Rule::new("/a/{x}"), Rule::new("/a/{y}").methods(get.clone()), Some("GET")),
        (Rule::new("/a").methods([Method::HEAD, Method::GET]), Rule::new("/a"), Some("HEAD")),
        (Rule::new("/{*x}"), Rule::new("/{*y}"), Some("all methods")),
        (Rule::new("/a/{x}"), Rule::new("/a/{*y}"), Some("all methods")),
        (Rule::new("/{x}/b/{y}"), Rule::new("/{y}/b/{x}"), Some("all methods")),
        (Rule::new("/a").methods([Method::POST]), Rule::new("/a").methods(get.clone()), None),
        (Rule::new("/a/{x}/b"), Rule::new("/a/{y}/c"), None),
        (Rule::new("/a/{x}"), Rule::new("/{y}/a"), None),
    ] {
        let (one, other) = (one.named("one"), other.named("other"));
        let paths = (one.path.clone(), other.path.clone());
        let built = Rules::builder().rule(one).rule(other).build();
        let Some(method) = method else {
            assert!(built.is_ok(), "{paths:?}: {built:?}");
            continue;
        };
        assert_eq!(
            built.unwrap_err().to_string(),
            format!(
                "rule \"other\": path: {:?} does not fit: neither it nor {:?} of rule \"one\" is the more \
                 specific, and both are for {method}; allowed is one such pattern for each method",
                paths.1, paths.0
            )
        );
    }
}

#[test]
fn r28_a_rule_is_for_the_path_that_the_router_sees_and_for_no_suffix_of_it() {
    let rules = Rules::default();
    for path in [
        "/api/users/profile/x.css",
        "/api/users/profile.css",
        "/api/users/profile/;x.css",
        "/api/users/profile/%2Fx.css",
        "/api/users/profile/.css",
        "/api/users/profile%2F",
        "/api/users/%70rofile/",
        "/api/users/x/../profile/",
        "/API/users/profile/",
        "//api/users/profile/",
        "/static/..%2Fapi/users/profile/",
    ] {
        assert_eq!(found(&rules, "GET", path), None, "{path}");
    }
}

#[test]
fn tags_have_the_values_in_them_and_no_value_makes_another_tag() {
    let rule = Rule::new("/{a}/{b}")
        .tags(["all", "a:{a}", "a:{a}:b:{b}", "user:{user}", "{{{a}}}"])
        .invalidates(["b:{b}"])
        .invalidates_paths(["/list/{a}/", "/users/{user}"]);
    let rules = rules([rule]);
    let (all, invalidated, paths) = tags(&rules, "/x/y", Some("ada"));
    assert_eq!(all, ["all", "a:x", "a:x:b:y", "user:ada", "{x}"]);
    assert_eq!(invalidated, ["b:y"]);
    assert_eq!(paths, ["/list/x/", "/users/ada"]);
    // Encoded or not, it is the same value, and everything in it stays in its place.
    for path in ["/x:b:z/y", "/x%3Ab%3Az/y", "/x%3ab:z/%79"] {
        let (all, ..) = tags(&rules, path, None);
        assert_eq!(all, ["all", "a:x%3Ab%3Az", "a:x%3Ab%3Az:b:y", "{x%3Ab%3Az}"], "{path}");
        assert_eq!(all[1], format!("a:{}", tag_value("x:b:z")));
    }
    let (all, _, paths) = tags(&rules, "/%7D%25/é%FF", Some("a/b:c"));
    assert_eq!(all, ["all", "a:%7D%25", "a:%7D%25:b:%C3%A9%FF", "user:a%2Fb%3Ac", "{%7D%25}"]);
    assert_eq!(paths, ["/list/%7D%25/", "/users/a/b%3Ac"]);
}

#[test]
fn what_templates_may_not_be() {
    let tag = |tag: &str| Rule::new("/{code}").named("r").tags([tag]);
    for (rule, reason) in [
        (tag("x:{id}"), "the path has no parameter {id}, it has {code}"),
        (
            Rule::new("/").named("r").tags(["x:{id}"]),
            "the path has no parameter {id}, it has none at all",
        ),
        (tag(""), "it is empty"),
        (tag("x:{code"), "there is a '{' without its '}'"),
        (tag("x:code}"), "there is a '}' without its '{'"),
        (tag("x:{}"), "the path has no parameter {}, it has {code}"),
        (tag("x-{code}"), "a value could be mistaken for part of the text next to it"),
        (tag("{code}.x"), "a value could be mistaken for part of the text next to it"),
        (tag("x%{code}"), "a value could be mistaken for part of the text next to it"),
        (tag("{code}{user}"), "a value could be mistaken for part of the text next to it"),
        (
            Rule::new("/{code}").named("r").invalidates_paths(["x/{code}"]),
            "it does not begin with '/'",
        ),
    ] {
        let [mistake] = &mistakes([rule])[..] else { panic!("one mistake: {reason}") };
        assert!(mistake.contains(reason), "{mistake}");
    }
}

#[test]
fn r12_statuses_have_times_to_live_of_their_own() {
    let seconds = Duration::from_secs;
    let rule =
        Rule::new("/").ttl(seconds(60)).status_ttl(404, seconds(5)).status_ttl(301, seconds(9));
    let rules = rules([rule]);
    let rule = &rules.all()[0];
    for (status, ttl) in [
        (200, Some(60)),
        (203, Some(60)),
        (204, Some(60)),
        (308, Some(60)),
        (301, Some(9)),
        (404, Some(5)),
        // What says nothing itself is not stored.
        (302, None),
        (410, None),
        (500, None),
    ] {
        let lifetimes = rule.lifetimes(StatusCode::from_u16(status).unwrap());
        assert_eq!(lifetimes.default_ttl, ttl.map(seconds), "{status}");
        assert_eq!(lifetimes.override_ttl, None, "{status}");
    }
    assert_eq!(rule.max_error_entries, 500);
}

#[test]
fn r09_a_rule_overrides_lifetimes_only_if_it_says_so() {
    let ttl = Duration::from_secs(60);
    let rules = rules([Rule::new("/").ttl(ttl).status_ttl(404, ttl).override_ttl(true)]);
    let rule = &rules.all()[0];
    for (status, overridden) in [(200, Some(ttl)), (404, Some(ttl)), (500, None)] {
        let lifetimes = rule.lifetimes(StatusCode::from_u16(status).unwrap());
        assert_eq!(lifetimes.override_ttl, overridden, "{status}");
    }
    assert_eq!(rule.lifetimes(StatusCode::OK).targeted, ["cdn-cache-control"]);
}

#[test]
fn r10_a_rule_says_whether_clients_directives_count() {
    let rules = rules([Rule::new("/a"), Rule::new("/b").ignore_client_directives(true)]);
    let ignored: Vec<_> = rules.all().iter().map(|rule| rule.ignore_client_directives).collect();
    assert_eq!(ignored, [false, true]);
}

#[test]
fn r29_rules_have_quotas() {
    let rules = rules([
        Rule::new("/a"),
        Rule::new("/b").max_entries(9).max_error_entries(2).max_variants(3),
    ]);
    let quotas =
        rules.all().iter().map(|it| (it.max_entries, it.max_error_entries, it.max_variants));
    assert_eq!(quotas.collect::<Vec<_>>(), [(None, 500, 16), (Some(9), 2, 3)]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let seconds = Duration::from_secs;
    let rule = |path: &str| Rule::new(path).named("r");
    for (rule, mistake) in [
        (rule("a"), "path: \"a\" does not fit: it does not begin with '/'"),
        (
            rule("/{a"),
            "path: \"/{a\" does not fit: a parameter has no name, or a brace is not matched",
        ),
        (
            rule("/{}"),
            "path: \"/{}\" does not fit: a parameter has no name, or a brace is not matched",
        ),
        (
            rule("/{*a}/b"),
            "path: \"/{*a}/b\" does not fit: only the end of a path can be a catch-all",
        ),
        (rule("/{a}{b}"), "path: \"/{a}{b}\" does not fit: a segment has more than one parameter"),
        (rule("/{a}/{a}"), "path: \"/{a}/{a}\" does not fit: two parameters are named {a}"),
        (
            rule("/{user}"),
            "path: \"/{user}\" does not fit: {user} is reserved for the verified user",
        ),
        (rule("/a b"), "path: \"/a b\" does not fit: requests write such a path as \"/a%20b\""),
        (
            rule("/é/{a}"),
            "path: \"/é/{a}\" does not fit: requests write such a path as \"/%C3%A9/x\"",
        ),
        (
            rule("/{{a}}"),
            "path: \"/{{a}}\" does not fit: requests write such a path as \"/%7Ba%7D\"",
        ),
        (rule("/a/../b"), "path: \"/a/../b\" does not fit: no request has such a path"),
        (Rule::new("/").named("R"), "name: \"R\" does not fit: it is not a valid rule name"),
        (
            rule("/").cache("no such name"),
            "cache: \"no such name\" does not fit: it is not a valid cache name",
        ),
        (rule("/").ttl(seconds(0)), "ttl: 0ns does not fit: it is out of range"),
        (rule("/").ttl(Duration::from_millis(999)), "ttl: 999ms does not fit: it is out of range"),
        (rule("/").ttl(Duration::MAX), "ttl: 18446744073709551615.999999999s does not fit"),
        (
            rule("/").status_ttl(206, seconds(1)),
            "statuses: 206 does not fit: a part of a response is not stored",
        ),
        (
            rule("/").status_ttl(199, seconds(1)),
            "statuses: 199 does not fit: it is not the status of a final",
        ),
        (
            rule("/").status_ttl(404, seconds(0)),
            "statuses: 404 = 0ns does not fit: it is out of range",
        ),
        (rule("/").override_ttl(true), "override_ttl: true does not fit: the rule has no ttl"),
        (rule("/").coalesce_wait(seconds(3601)), "coalesce_wait: 3601s does not fit"),
        (rule("/").methods([]), "methods: [] does not fit: it is empty"),
        (
            rule("/").methods([Method::HEAD]),
            "methods: \"HEAD\" does not fit: HEAD is answered from what GET",
        ),
        (
            rule("/").methods([Method::GET]).invalidates(["x"]),
            "invalidates: [\"GET\"] does not fit: none of the rule's methods changes anything",
        ),
        (rule("/").per_user().shared(), "per_user: true does not fit: shared is set as well"),
        (
            rule("/").vary_headers(["a b"]),
            "vary_headers: \"a b\" does not fit: it is not a valid field name",
        ),
        (
            rule("/").vary_headers(["Cookie"]),
            "vary_headers: \"cookie\" does not fit: it carries credentials",
        ),
        (
            rule("/").vary_headers(["X-Forwarded-Host"]),
            "vary_headers: \"x-forwarded-host\" does not fit: any client can send it",
        ),
        (
            rule("/").vary_headers(["Range"]),
            "vary_headers: \"range\" does not fit: the cache handles",
        ),
        (
            rule("/").vary_cookies(["a=b"]),
            "vary_cookies: \"a=b\" does not fit: no cookie can have this name",
        ),
        (
            rule("/").session_cookies([""]),
            "session_cookies: \"\" does not fit: no cookie can have this name",
        ),
        (
            rule("/").downstream("a\nb"),
            "downstream: \"a\\nb\" does not fit: it is not a valid field value",
        ),
        (rule("/").max_body(1 << 40), "max_body: 1099511627776 does not fit: it is too large"),
        (rule("/").max_variants(0), "max_variants: 0 does not fit: it is out of range"),
    ] {
        let found = mistakes([rule]);
        assert_eq!(found.len(), 1, "{found:?}");
        let expected = format!(": {mistake}");
        assert!(found[0].contains(&expected), "{found:?} and not {expected}");
    }
    let all = mistakes([
        rule("a").ttl(seconds(0)).tags(["{b}"]),
        rule("/").vary_headers(["cookie", "a b"]),
    ]);
    assert_eq!(all.len(), 5, "what is wrong with tags of a wrong path nobody knows: {all:#?}");
}

#[test]
fn a_rule_without_a_name_is_called_by_its_path() {
    let rules = rules([Rule::new("/"), Rule::new("/a").methods([Method::PUT, Method::POST])]);
    assert_eq!(rules.names().collect::<Vec<_>>(), ["/", "PUT,POST /a"]);
}

#[test]
fn rules_name_caches_that_the_manager_has() {
    let manager = CacheManager::new();
    let rules = |cache| rules([Rule::new("/").named("r").cache(cache)]);
    assert!(rules(CacheRef::from("url")).check_caches(&manager).is_ok());
    assert_eq!(
        rules(CacheRef::from("urls")).check_caches(&manager).unwrap_err().to_string(),
        "rule \"r\": cache: \"urls\" does not fit: the manager has no such cache; allowed is one of url, user, \
         analytics, session, general"
    );
}
