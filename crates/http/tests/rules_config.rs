//! Rules from the files and variables that configure the manager.
#![cfg(feature = "config")]

use larder::manager::{
    CacheManager,
    config::{ConfigError, ManagerConfig},
};
use larder_http::{CacheLayer, Rule, Rules};
use std::time::Duration;

/// What is wrong with a file, line by line.
fn mistakes(text: &str) -> Vec<String> {
    let error = larder_http::config().toml("larder.toml", text).build().expect_err(text);
    error.to_string().lines().map(str::to_owned).collect()
}

fn rules(text: &str) -> Result<Rules, ConfigError> {
    Rules::from_config(&larder_http::config().toml("larder.toml", text).build()?)
}

fn names(rules: &Rules) -> Vec<&str> {
    rules.names().collect()
}

macro_rules! names {
    ($($compression:literal)?) => {
        concat!(
            "path, enabled, methods, cache, ttl, override_ttl, heuristics, targeted_fields, \
                     stale_while_revalidate, stale_if_error, ignore_client_directives, downstream, per_user, shared, as_responses_say, \
                     session_cookies, strip_set_cookie, query, vary_headers, vary_cookies, trusted_headers, \
                     normalize_paths, tags, invalidates, invalidates_paths, max_body, ",
            $($compression,)?
            "max_entries, \
                     max_error_entries, max_variants, coalesce_wait, statuses"
        )
    };
}

#[cfg(feature = "compression")]
const NAMES: &str = names!("compress_above, ");
#[cfg(not(feature = "compression"))]
const NAMES: &str = names!();

#[test]
fn one_file_configures_the_manager_and_the_rules() -> Result<(), Box<dyn std::error::Error>> {
    let text = r#"
        [url]
        max_entries = 200

        [caches.articles]
        max_entries = 300

        [http]
        built_in_rules = false
        scheme = "https"
        trusted_headers = ["X-Forwarded-Proto"]

        [http.rules.article]
        path = "/articles/{id}"
        enabled = true
        methods = ["GET", "POST"]
        cache = "articles"
        ttl = "5m"
        override_ttl = true
        statuses = { 404 = "10s", 410 = "1h" }
        heuristics = false
        targeted_fields = ["Surrogate-Control"]
        stale_while_revalidate = "30s"
        stale_if_error = "1d"
        ignore_client_directives = true
        downstream = "private, max-age=0"
        per_user = true
        shared = false
        as_responses_say = false
        session_cookies = ["session"]
        strip_set_cookie = false
        query = { only = ["lang"] }
        vary_headers = ["Accept-Language"]
        vary_cookies = ["theme"]
        trusted_headers = []
        normalize_paths = false
        tags = ["article:{id}", "articles:{user}"]
        invalidates = ["article:{id}"]
        invalidates_paths = ["/articles/{id}"]
        max_body = "64 KiB"
        max_entries = 1_000
        max_error_entries = 10
        max_variants = 4
        coalesce_wait = "2s"
    "#;
    let compression = "compress_above = '2 KiB'\n";
    let text = format!("{text}{}", if cfg!(feature = "compression") { compression } else { "" });
    let config = larder_http::config().toml("larder.toml", &*text).build()?;
    let manager = CacheManager::from_config(&config)?;
    assert_eq!(manager.get_cache("articles")?.settings().max_entries, 300);
    let rules = Rules::from_config(&config)?;
    assert_eq!(names(&rules), ["article"]);
    for setting in NAMES.split(", ") {
        assert!(text.contains(setting), "{setting} is left out above");
    }
    Ok(())
}

#[test]
fn compression_is_a_setting_where_it_is_there() {
    let wrong = mistakes("[http.rules.urls]\ncompress_above = 'much'");
    let right = rules("[http.rules.urls]\ncompress_above = 'none'");
    assert_eq!(right.is_ok(), cfg!(feature = "compression"));
    let is_unknown = wrong[0].contains("there is no such setting");
    assert_eq!(is_unknown, cfg!(not(feature = "compression")), "{wrong:?}");
}

#[test]
fn words_stand_for_what_is_not_said() {
    let text = r#"
        [http.rules.redirect]
        methods = "all"
        ttl = "none"
        stale_while_revalidate = "none"
        stale_if_error = "none"
        downstream = "none"
        session_cookies = "any"
        query = "none"
        max_entries = "none"
        statuses.302 = "none"

        [http]
        scheme = "none"
    "#;
    assert_eq!(names(&rules(text).unwrap()).len(), 7);
    assert!(rules("[http.rules.redirect]\nquery = 'all'").is_ok());
    assert!(rules("[http.rules.redirect]\nquery.ignore = ['utm_source']").is_ok());
}

#[test]
fn a_file_changes_what_it_names_and_adds_what_is_new() {
    let built_in = ["urls", "stats", "analytics", "profile", "redirect", "change", "change-part"];
    assert_eq!(names(&rules("").unwrap()), built_in);
    assert_eq!(names(&rules("[http]").unwrap()), built_in);
    assert_eq!(names(&rules("[http.rules.redirect]\nttl = '2h'").unwrap()), built_in);
    let without = rules("[http.rules.stats]\nenabled = false").unwrap();
    assert!(!names(&without).contains(&"stats"));
    let moved = "[http.rules.urls]\npath = '/v2/urls/'\n[http.rules.old]\npath = '/api/urls/'";
    assert_eq!(names(&rules(moved).unwrap()).len(), 8);
    let replaced =
        "[http]\nbuilt_in_rules = false\n[http.rules.urls]\npath = '/{*all}'\nmethods = ['GET']";
    assert_eq!(names(&rules(replaced).unwrap()), ["urls"]);
}

#[test]
fn a_layer_takes_over_the_rules_of_a_new_file_and_none_of_a_bad_one() {
    let rule = Rule::new("/articles/{id}").named("article").ttl(Duration::from_secs(60));
    let program = Rules::builder().rule(rule);
    let read = |text: &str| program.config().toml("larder.toml", text).build();
    let manager = CacheManager::new();
    let layer = CacheLayer::new(&manager, program.clone().configured(&read("").unwrap()).unwrap());
    let names = || layer.stats().iter().map(|rule| rule.rule.clone()).collect::<Vec<_>>();
    assert_eq!(names(), ["article"]);

    let config =
        read("[http.rules.page]\npath = '/{*page}'\ncache = 'pages'\n[caches.pages]").unwrap();
    let error = layer.reload(&config).unwrap_err();
    assert_eq!(
        error.to_string(),
        "larder.toml:3:9: http.rules.page.cache: \"pages\" does not fit: the manager has no such cache; allowed is one \
         of url, user, analytics, session, general"
    );
    assert_eq!(names(), ["article"]);
    manager.reload(&config).unwrap();
    layer.reload(&config).unwrap();
    assert_eq!(names(), ["article", "page"]);

    // What the file does not say any more is as in the program.
    layer.reload(&read("[http.rules.article]\nttl = '1m'").unwrap()).unwrap();
    assert_eq!(names(), ["article"]);
    // A configuration that was made for another program does not fit this one.
    let other =
        larder_http::config().toml("larder.toml", "[http.rules.redirect]\nttl = '1m'").build();
    assert!(
        layer
            .reload(&other.unwrap())
            .unwrap_err()
            .to_string()
            .contains("redirect.path: it has to be set")
    );
    assert_eq!(names(), ["article"]);
}

#[test]
fn a_file_changes_rules_of_the_program() -> Result<(), ConfigError> {
    let rule = Rule::new("/articles/{id}").named("article").ttl(Duration::from_secs(60));
    let program = Rules::builder().rule(rule);
    let config =
        program.config().toml("larder.toml", "[http.rules.article]\ntags = ['a:{id}']").build()?;
    assert_eq!(names(&program.clone().configured(&config)?), ["article"]);
    let error =
        program.config().toml("larder.toml", "[http.rules.article]\ntags = ['a:{code}']").build();
    assert_eq!(
        error.unwrap_err().to_string(),
        "larder.toml:2:8: http.rules.article.tags: \"a:{code}\" does not fit: the path has no parameter {code}, it \
         has {id}; allowed is text and placeholders, such as \"redirect:{code}\": each placeholder {user} or a \
         parameter of the path, with a character such as ':' or '/' between it and text beside it"
    );
    // Another program has no such rule.
    let error =
        larder_http::config().toml("larder.toml", "[http.rules.article]\nttl = '1m'").build();
    assert_eq!(
        error.unwrap_err().to_string(),
        "larder.toml:1:13: http.rules.article.path: it has to be set; allowed is a path such as \"/articles/{id}\" or \
         \"/files/{*rest}\""
    );
    Ok(())
}

#[test]
fn variables_come_after_files() {
    let of = |variables: &[(&str, &str)]| {
        let text = "[http.rules.'a-b.c']\npath = '/a'\nttl = '5m'";
        let builder = larder_http::config().toml("larder.toml", text);
        let config = builder.variables(variables.iter().copied()).build()?;
        Rules::from_config(&config)
    };
    let rules =
        of(&[("LARDER_HTTP__BUILT_IN_RULES", "false"), ("LARDER_HTTP__RULES__X__PATH", "/x")]);
    assert_eq!(names(&rules.unwrap()), ["a-b.c", "x"]);
    // In names of variables there is nothing but underscores.
    let mistake = of(&[("LARDER_HTTP__RULES__A_B_C__TTL", "5")]).unwrap_err();
    assert_eq!(
        mistake.to_string(),
        "environment variable LARDER_HTTP__RULES__A_B_C__TTL: http.rules.a_b_c.ttl: \"5\" does not fit: \"5\" has no \
         unit; allowed is a duration such as \"1h 30m\" (units: ms, s, m, h, d, w), or \"none\""
    );
    assert!(of(&[("LARDER_HTTP__RULES__A_B_C__TTL", "1m")]).is_ok());
    assert!(of(&[("LARDER_HTTP__RULES__CHANGE_PART__METHODS", "POST, PUT")]).is_ok());
    assert!(of(&[("LARDER_HTTP__RULES__A_B_C__STATUSES__404", "1m")]).is_ok());
    assert!(of(&[("LARDER_HTTP__RULES__A_B_C__QUERY__ONLY", "page,size")]).is_ok());
    let mistake = of(&[("LARDER_HTTP__RULES__A_B_C__TAGS", "x, y:{z}")]).unwrap_err();
    assert!(mistake.to_string().starts_with(
        "environment variable LARDER_HTTP__RULES__A_B_C__TAGS: http.rules.a-b.c.tags: \"y:{z}\" does not fit"
    ));
    let mistake = of(&[("LARDER_HTTP_SCHEME", "http")]).unwrap_err();
    assert_eq!(
        mistake.to_string(),
        "environment variable LARDER_HTTP_SCHEME: http_scheme: there is no such setting; did you mean \
         LARDER_HTTP__SCHEME? Allowed are two underscores between section and setting"
    );
}

#[test]
fn the_section_may_be_in_a_table_of_the_applications_file() {
    let text = "[cache.http.rules.a]\npath = 5\n[cache.url]\nttl = 5";
    let error = larder_http::config().toml("app.toml", text).table("cache").build().unwrap_err();
    let mistakes: Vec<_> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(
        mistakes,
        [
            "app.toml:4:7: url.ttl: 5 is an integer; allowed is a duration such as \"1h 30m\" (units: ms, s, m, h, d, \
             w), or \"none\"",
            "app.toml:2:8: http.rules.a.path: 5 is an integer; allowed is a text",
        ]
    );
}

#[test]
fn without_this_package_the_section_is_unknown() {
    let error =
        ManagerConfig::from_toml_str("[http]\nscheme = 'http'\n[url]\nttl = '1m'").unwrap_err();
    assert_eq!(
        error.to_string(),
        "config:1:2: http: there is no such setting; allowed are url, user, analytics, session, general, caches, \
         memory, health"
    );
    // And with it, the manager's own are what they were.
    let mistakes = mistakes("[htp]\nscheme = 'http'");
    assert_eq!(
        mistakes,
        [
            "larder.toml:1:2: htp: there is no such setting; did you mean http? Allowed are url, user, analytics, \
             session, general, caches, memory, health, http"
        ]
    );
    assert_eq!(Rules::from_config(&ManagerConfig::default()).unwrap().names().count(), 7);
}

#[test]
fn mistakes_are_told_with_their_places() {
    let mut others = Vec::new();
    for (text, expected) in [
        ("http = 5", "1:8: http: 5 is an integer; allowed is a section with settings of its own"),
        (
            "[http]\nruls = 5",
            "2:1: http.ruls: there is no such setting; did you mean rules? Allowed are built_in_rules, scheme, \
             trusted_headers, rules",
        ),
        (
            "[http]\nrules = 5",
            "2:9: http.rules: 5 is an integer; allowed is a section for each rule, by its name",
        ),
        (
            "[[http.rules]]\npath = '/'",
            "1:1: http.rules: [[http.rules]] is an array; allowed is a section for each rule, by its name",
        ),
        (
            "[http]\nscheme = 'gopher'",
            "2:10: http.scheme: 'gopher' does not fit: it is not one of the allowed values; allowed is \"http\", \"https\" or \"none\"",
        ),
        (
            "[http]\nbuilt_in_rules = 'no'",
            "2:18: http.built_in_rules: 'no' is a text; allowed is true or false",
        ),
        (
            "[http]\ntrusted_headers = ['a', 5]",
            "2:25: http.trusted_headers: 5 is an integer; allowed is a list of texts",
        ),
        (
            "[http.rules]\na = 5",
            "2:5: http.rules.a: 5 is an integer; allowed is a section with the settings of a rule",
        ),
        (
            "[http.rules.A]\npath = '/'",
            "1:13: http.rules.A.name: \"A\" does not fit: it is not a valid rule name; allowed is 1 to 64 of a-z, 0-9, \
             '_', '-' and '.', the first of them a letter",
        ),
        (
            "[http.rules.urls]\npaht = '/'",
            "2:1: http.rules.urls.paht: there is no such setting; did you mean path? Allowed are NAMES",
        ),
        (
            "[http.rules.urls]\nttl.x = 5",
            "2:1: http.rules.urls.ttl: ttl is a table; allowed is a duration such as \"1h 30m\" (units: ms, s, m, h, d, \
             w), or \"none\"",
        ),
        (
            "[http.rules.urls]\npath = 'x'",
            "2:8: http.rules.urls.path: \"x\" does not fit: it does not begin with '/'; allowed is a path such as \
             \"/articles/{id}\" or \"/files/{*rest}\"",
        ),
        (
            "[http.rules.x]\npath = '/api/urls/redirect/{x}/'\nmethods = ['GET']",
            "2:8: http.rules.x.path: \"/api/urls/redirect/{x}/\" does not fit: neither it nor \
             \"/api/urls/redirect/{code}/\" of rule \"redirect\" is the more specific, and both are for GET; allowed \
             is one such pattern for each method",
        ),
        (
            "[http.rules.urls]\nmethods = ['GET', 'put']",
            "2:11: http.rules.urls.methods: \"put\" does not fit: it is in lower case; allowed is a list of methods \
             such as GET and POST",
        ),
        (
            "[http.rules.urls]\ncache = 'Url'",
            "2:9: http.rules.urls.cache: \"Url\" does not fit: it is not a valid cache name; allowed is 1 to 64 of a-z, \
             0-9, '_', '-' and '.', the first of them a letter",
        ),
        (
            "[http.rules.urls]\nttl = '0s'",
            "2:7: http.rules.urls.ttl: 0ns does not fit: it is out of range; allowed is a duration from 1 s to 3650 \
             days",
        ),
        (
            "[http.rules.urls]\nttl = '5 parsecs'",
            "2:7: http.rules.urls.ttl: '5 parsecs' does not fit: \"parsecs\" is not a known unit; allowed is a duration \
             such as \"1h 30m\" (units: ms, s, m, h, d, w), or \"none\"",
        ),
        (
            "[http.rules.urls]\nstatuses = { 404 = '1m', 206 = '1m', 410 = '0s', x = '1s' }",
            "2:54: http.rules.urls.statuses.x: '1s' does not fit: \"x\" is not an HTTP status; allowed is times to live of \
             statuses, such as 404\n\
             2:32: http.rules.urls.statuses: 206 does not fit: a part of a response is not stored; allowed is 200 to \
             599, but for 206 and 304\n\
             2:44: http.rules.urls.statuses: 410 = 0ns does not fit: it is out of range; allowed is a duration from 1 \
             s to 3650 days",
        ),
        (
            "[http.rules.urls]\nstatuses = 404",
            "2:12: http.rules.urls.statuses: 404 is an integer; allowed is a table of times to live by status",
        ),
        (
            "[http.rules.urls]\nper_user = true\nshared = true",
            "3:10: http.rules.urls.shared: true does not fit: per_user is set as well; allowed is one of per_user \
             and shared",
        ),
        (
            "[http.rules.urls]\nquery = 'some'",
            "2:9: http.rules.urls.query: 'some' does not fit: it is not one of the allowed values; allowed is \"all\", \"none\", or a table \
             with only or ignore, a list of parameters",
        ),
        (
            "[http.rules.urls]\nquery.onyl = ['a']",
            "2:7: http.rules.urls.query.onyl: there is no such setting; did you mean only? Allowed are only, ignore",
        ),
        (
            "[http.rules.urls.query]\nonly = ['a']\nignore = ['b']",
            "3:10: http.rules.urls.query.ignore: ['b'] does not fit: only is set as well; allowed is one of only \
             and ignore",
        ),
        (
            "[http.rules.urls]\nvary_headers = ['X-Forwarded-Host']",
            "2:16: http.rules.urls.vary_headers: \"x-forwarded-host\" does not fit: any client can send it; allowed is \
             other fields; those that a proxy sets are named in trusted_headers",
        ),
        (
            "[http.rules.redirect]\ntags = ['redirect-{code}']",
            "2:8: http.rules.redirect.tags: \"redirect-{code}\" does not fit: a value could be mistaken for part of the text \
             next to it; allowed is text and placeholders, such as \"redirect:{code}\": each placeholder {user} \
             or a parameter of the path, with a character such as ':' or '/' between it and text beside it",
        ),
        (
            "[http.rules.urls]\nmax_body = '5 GiB'",
            "2:12: http.rules.urls.max_body: 5368709120 does not fit: it is too large; allowed is up to 2 GiB",
        ),
        (
            "[http.rules.urls]\nmax_entries = -1",
            "2:15: http.rules.urls.max_entries: -1 does not fit: it is negative; allowed is a whole number, or \"none\"",
        ),
        (
            "[http.rules.urls]\nmax_variants = 5_000_000_000",
            "2:16: http.rules.urls.max_variants: 4294967295 does not fit: it is out of range; allowed is 1 to 1000",
        ),
        (
            "[http.rules.urls]\ncoalesce_wait = '2h'",
            "2:17: http.rules.urls.coalesce_wait: 7200s does not fit: it is out of range; allowed is a duration up to \
             1 h",
        ),
    ] {
        let expected = expected.replace("Allowed are NAMES", &format!("Allowed are {NAMES}"));
        let expected: Vec<_> = expected.lines().map(|line| format!("larder.toml:{line}")).collect();
        let found = mistakes(text);
        if found != expected {
            others.push(format!("{text}\nfound    {found:#?}\nexpected {expected:#?}"));
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n\n"));
}

#[test]
fn all_mistakes_are_told_at_once_those_of_the_manager_among_them() {
    let text = "[url]\ntll = '1m'\n[http]\nscheme = 5\n[http.rules.x]\nttl = 'soon'\n[http.rules.redirect]\ntags = ['{x}']";
    let fields: Vec<_> = larder_http::config()
        .toml("larder.toml", text)
        .build()
        .unwrap_err()
        .problems()
        .iter()
        .map(|problem| problem.field().unwrap().to_owned())
        .collect();
    assert_eq!(
        fields,
        [
            "url.tll",
            "http.scheme",
            "http.rules.x.ttl",
            "http.rules.x.path",
            "http.rules.redirect.tags"
        ]
    );
}
