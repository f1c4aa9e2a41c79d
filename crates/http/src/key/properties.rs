//! Random requests: what is the same for whoever answers them shares a key, and nothing else does.
//!
//! What is the same is said here again, by other code: the crate `form_urlencoded`, which axum's
//! `Query` uses, and plain strings. The alphabets are small, so that many requests differ in little
//! or in nothing.

use super::*;
use crate::{Rule, Rules};
use http::Uri;
use rand::{RngExt, SeedableRng, rngs::StdRng};

const ROUNDS: usize = 100;
const REQUESTS: usize = 60;

/// What a response may depend on.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    host: String,
    path: String,
    query: Vec<(String, String)>,
    all_of_query: Option<String>,
    fields: Vec<Vec<String>>,
    cookies: Vec<String>,
    user: Option<String>,
}

struct Random(StdRng);

impl Random {
    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.0.random_range(0..of.len())]
    }

    fn several(&mut self, of: &[&str], most: usize) -> String {
        (0..self.0.random_range(0..=most)).map(|_| self.one(of)).collect()
    }

    fn path(&mut self) -> String {
        let segments = ["a", "b", "ab", ",", "a,", "%2F", "%2C", "", "a%25", ":", ".a", "a."];
        let count = self.0.random_range(1..=3);
        (0..count).map(|_| "/".to_owned() + self.one(&segments)).collect()
    }

    fn query(&mut self, semicolons: bool) -> Option<String> {
        if self.0.random_bool(0.2) {
            return None;
        }
        let marks = ["a", "b", "=", "&", "+", "%61", "%26", "%3D", "%2B", "%20", "1"];
        let with_semicolons = [&marks[..], &[";", "%3B"]].concat();
        Some(self.several(if semicolons { &with_semicolons } else { &marks }, 7))
    }

    fn headers(&mut self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for name in ["host", "x-a", "x-b", "x-c", "cookie"] {
            self.put(name, &mut headers);
        }
        headers
    }

    /// The same but for one field.
    fn others(&mut self, headers: &HeaderMap) -> HeaderMap {
        let mut headers = headers.clone();
        let name = self.one(&["host", "x-a", "x-b", "x-c", "cookie"]);
        headers.remove(name);
        self.put(name, &mut headers);
        headers
    }

    fn put(&mut self, name: &'static str, headers: &mut HeaderMap) {
        let most = if name == "host" { 1 } else { 2 };
        for _ in 0..self.0.random_range(0..=most) {
            let value = match name {
                "host" => self.one(&["h", "H", "h:80", "h:8", "i"]).to_owned(),
                "cookie" => self.several(&["c=1", "d=1", "c=", ";", " ", "c", "=", "e=2"], 5),
                _ => self.several(&["a", ",", " "], 2),
            };
            headers.append(name, value.trim().parse().unwrap());
        }
    }
}

/// Of pairs in any order, but those of one name in theirs.
fn in_order(mut pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    pairs
}

fn cookie_values(headers: &HeaderMap, name: &str) -> String {
    let lines = headers.get_all("cookie").iter().map(|line| line.to_str().unwrap());
    let all: Vec<_> = lines.flat_map(|line| line.split(';').map(str::trim)).collect();
    let named = all.iter().filter_map(|cookie| match cookie.split_once('=') {
        Some((of, value)) => (of.trim() == name).then_some(value.trim()),
        None => (*cookie == name).then_some(""),
    });
    format!("{:?}", named.collect::<Vec<_>>())
}

fn seen(query: &Query, uri: &Uri, headers: &HeaderMap, user: Option<&User>) -> Seen {
    let parsed = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let pairs = parsed.map(|(name, value)| (name.into_owned(), value.into_owned()));
    let host = headers.get("host").map(|host| host.to_str().unwrap().to_lowercase());
    let of =
        |name| headers.get_all(name).iter().map(|it| it.to_str().unwrap().to_owned()).collect();
    Seen {
        host: host.map(|host| host.trim_end_matches(":80").to_owned()).unwrap_or_default(),
        path: uri.path().to_owned(),
        query: match query {
            Query::Only(names) => in_order(pairs.filter(|it| names.contains(&it.0)).collect()),
            Query::Ignore(names) => in_order(pairs.filter(|it| !names.contains(&it.0)).collect()),
            _ => Vec::new(),
        },
        all_of_query: uri.query().filter(|_| *query == Query::All).map(str::to_owned),
        fields: vec![of("x-a"), of("x-b")],
        cookies: vec![cookie_values(headers, "c"), cookie_values(headers, "d")],
        user: user.map(|user| user.id().to_owned()),
    }
}

fn check(query: Query, semicolons: bool) {
    let rule = Rule::new("/{*path}")
        .query(query.clone())
        .vary_headers(["x-a", "x-b"])
        .vary_cookies(["c", "d"])
        .session_cookies(["s"]);
    let rules = Rules::builder().scheme(http::uri::Scheme::HTTP).rule(rule).build().unwrap();
    let mut shared = 0;
    for round in 0..ROUNDS {
        let mut random = Random(StdRng::seed_from_u64(round as u64));
        // Few of each kind, and much alike, so that requests differ in nothing or in one thing.
        let uris: Vec<Uri> = (0..4)
            .map(|_| match (random.path(), random.query(semicolons)) {
                (path, None) => path.parse().unwrap(),
                (path, Some(query)) => format!("{path}?{query}").parse().unwrap(),
            })
            .collect();
        let mut headers = vec![random.headers()];
        for _ in 0..5 {
            headers.push(random.others(&headers[0]));
        }
        let users = [None, Some(User::new("")), Some(User::new("c=1"))];
        let mut all: Vec<(Seen, KeyBuffer, String)> = Vec::new();
        for _ in 0..REQUESTS {
            let mut pick = |of: usize| random.0.random_range(0..of);
            let (uri, headers) = (&uris[pick(uris.len())], &headers[pick(headers.len())]);
            let user = users[pick(users.len())].as_ref();
            let target = Target::of(uri, Host::of(headers), rules.scheme()).unwrap();
            let Some(found) = rules.find(&Method::GET, target.path) else { continue };
            let mut key = KeyBuffer::default();
            match key.write(
                &found.rule.key,
                &target,
                &Method::GET,
                headers,
                &crate::key::HeaderFacts::of(headers, &found.rule.key),
                user,
            ) {
                Ok(_) => {}
                Err(Bypass::Path) => continue,
                Err(other) => panic!("{other:?}: {uri} {headers:?}"),
            }
            all.push((
                seen(&query, uri, headers, user),
                key,
                format!("{uri} {headers:?} {user:?}"),
            ));
        }
        for (at, (seen, key, request)) in all.iter().enumerate() {
            for (other, other_key, other_request) in &all[..at] {
                let context = || format!("round {round}: {request} and {other_request}");
                if seen == other && !semicolons {
                    assert_eq!(key, other_key, "{}", context());
                    shared += 1;
                }
                if seen != other {
                    assert_ne!(key, other_key, "{}", context());
                }
            }
        }
    }
    assert!(semicolons || shared > 300, "only {shared} pairs were equal");
}

#[test]
fn r26_equal_requests_share_a_key_and_others_do_not() {
    for query in [Query::All, Query::None, Query::only(["a", "ab"]), Query::ignore(["a", "b="])] {
        check(query, false);
    }
}

#[test]
fn r26_queries_with_semicolons_share_no_key_with_others() {
    for query in [Query::All, Query::only(["a", "a;"]), Query::ignore(["a", "b"])] {
        check(query, true);
    }
}

/// Paths that are spelled otherwise share the key of the canonical one, and of no other.
#[test]
fn r26_spellings_of_a_path_share_a_key_where_the_rule_says_so() {
    let rules = Rules::builder().rule(Rule::new("/{*path}").normalize_paths(true)).build().unwrap();
    let key = |path: &str| {
        let uri: Uri = path.parse().unwrap();
        let headers = HeaderMap::new();
        let target = Target::of(&uri, Host::of(&headers), rules.scheme())?;
        let found = rules.find(&Method::GET, target.path).ok_or(Bypass::Path)?;
        let mut key = KeyBuffer::default();
        key.write(
            &found.rule.key,
            &target,
            &Method::GET,
            &headers,
            &crate::key::HeaderFacts::of(&headers, &found.rule.key),
            None,
        )
        .map(|_| key)
    };
    let mut random = Random(StdRng::seed_from_u64(7));
    let mut keys: Vec<(String, KeyBuffer)> = Vec::new();
    for _ in 0..2000 {
        let path = random.path();
        let Ok(plain) = key(&path) else { continue };
        // Letters and dots may be encoded, hexadecimal digits may be small.
        let spelled: String = path
            .split_inclusive(|_: char| true)
            .map(|mark| match mark {
                "a" | "b" | "." if random.0.random_bool(0.5) => {
                    format!("%{:02x}", mark.as_bytes()[0])
                }
                "F" | "C" if random.0.random_bool(0.5) => mark.to_lowercase(),
                _ => mark.to_owned(),
            })
            .collect();
        assert_eq!(key(&spelled).as_ref(), Ok(&plain), "{spelled} and {path}");
        for (other, other_key) in &keys {
            assert_eq!(*other == path, *other_key == plain, "{other} and {path}");
        }
        if keys.iter().all(|(known, _)| *known != path) {
            keys.push((path, plain));
        }
    }
    assert!(keys.len() > 100);
}
