use super::*;
use crate::{
    User,
    key::{Bypass, KeyBuffer, Target},
};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

fn rules(rules: impl IntoIterator<Item = Rule>) -> Rules {
    rules.into_iter().fold(Rules::builder(), RulesBuilder::rule).build().unwrap()
}

fn found<'r>(rules: &'r Rules, method: &str, path: &str) -> Option<&'r str> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    rules.find(&method, path).map(|found| found.rule.name.as_str())
}

/// The key of a GET.
fn key(
    rules: &Rules,
    uri: &str,
    fields: &[(&str, &str)],
    user: Option<&str>,
) -> Result<Vec<u8>, Bypass> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let uri: Uri = uri.parse().unwrap();
    let target = Target::of(&uri, &headers, rules.scheme())?;
    let found = rules.find(&Method::GET, target.path).expect("there is a rule");
    let mut key = KeyBuffer::new();
    key.write(&found.rule.key, &target, &Method::GET, &headers, user.map(User::new).as_ref())?;
    Ok(key.as_slice().to_vec())
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
        ("GET", "/api/urls/abc/", None),
        ("PATCH", "/api/urls/abc/", Some("change")),
        ("POST", "/api/urls/abc/tags/", Some("change-part")),
        ("POST", "/api/urls/", Some("urls")),
        ("DELETE", "/api/urls/redirect/abc/", Some("redirect")),
    ] {
        assert_eq!(found(&rules, method, path), expected, "{method} {path}");
    }
}

#[test]
fn a_user_has_keys_of_ones_own() {
    let rules = rules([Rule::new("/")]);
    let anybody = key(&rules, "/", &[], None).unwrap();
    let ada = key(&rules, "/", &[], Some("ada")).unwrap();
    assert_ne!(anybody, ada);
    assert_ne!(ada, key(&rules, "/", &[], Some("bob")).unwrap());
    assert_eq!(key(&rules, "/", &[("authorization", "x")], None), Err(Bypass::Credentials));
}
