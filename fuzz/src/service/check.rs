//! What may be the response to a request.

use http::{HeaderMap, Method, StatusCode};

use super::{
    ask::{Asked, Audience},
    give::{Given, TTL},
    world::World,
};

/// A response as a client sees it, but for its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply<'w> {
    pub(super) asked: &'w Asked,
    pub(super) status: StatusCode,
    pub(super) headers: &'w HeaderMap,
}

/// What its body must be.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) data: Vec<u8>,
    pub(super) breaks: bool,
}

/// An invalidation.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) at: u64,
    pub(super) what: What,
}

/// What is invalidated; there may be more.
#[derive(Debug)]
pub(super) enum What {
    Path(String),
    Prefix(String),
    /// By the last part of the path.
    Last(String),
    User(String),
    /// A user has changed this.
    Changed(Asked),
}

impl What {
    /// What a successful request with an unsafe method makes invalid.
    pub(super) fn change(asked: &Asked, status: StatusCode) -> Option<Self> {
        let is_unsafe = !matches!(asked.method, Method::GET | Method::HEAD);
        let succeeded = status.is_success() || status.is_redirection();
        (is_unsafe && succeeded).then(|| Self::Changed(asked.clone()))
    }

    fn covers(&self, asked: &Asked) -> bool {
        let path = &asked.resource.1;
        match self {
            Self::Path(it) => it == path,
            Self::Prefix(it) => path.starts_with(it),
            Self::Last(it) => path.splitn(3, '/').nth(2) == Some(it),
            // Responses that all users share belong to none of them.
            Self::User(it) => {
                let is_their_own =
                    matches!(asked.audience(), Some(Audience::Unsaid | Audience::Users));
                is_their_own && asked.user.as_ref() == Some(it)
            }
            Self::Changed(it) => {
                it.user == asked.user
                    && it.resource.0 == asked.resource.0
                    && it.resource.1 == asked.resource.1
            }
        }
    }
}

/// A response of the handler, with its circumstances.
struct Kept<'w> {
    given: Given,
    asked: &'w Asked,
    /// When the handler was called for it, or has confirmed it.
    valid_from: u64,
    /// The last time that the handler has said something of it.
    heard: u64,
    /// Whether the handler has said more of it than the response does.
    is_updated: bool,
    /// Requests that may have become those that it is the response to.
    sides: Vec<&'w Asked>,
}

/// Checks the head of a response, and says what must come as its body.
pub(super) fn expected(world: &World, reply: &Reply<'_>) -> Expected {
    let Reply { asked, status, headers } = *reply;
    let told = headers.get_all("cache-status").iter().next_back();
    let told = told.and_then(|it| it.to_str().ok()).unwrap_or_default();
    assert!(told.starts_with("larder"), "every response says what the cache did: {reply:?}");
    let number = headers.get("x-number").and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    let Some(number) = number else { return unnumbered(world, reply, told) };
    let (given, request) = world.origin.log(|log| {
        let call = &log.calls[number];
        (call.given.clone().expect("it was answered").0, call.request)
    });
    if request != asked.at {
        let kept = kept(world, number);
        check_cached(world, reply, &kept, told);
        return Expected { data: cached_body(reply, &kept), breaks: false };
    }
    assert_eq!(status, given.status, "{reply:?}");
    for name in given.headers.keys() {
        let all = |it: &HeaderMap| it.get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(all(headers), all(&given.headers), "{name} of {reply:?}");
    }
    let breaks = given.parts.iter().any(|part| matches!(part, super::origin::Part::Error));
    Expected { data: given.data(), breaks }
}

/// A response that the cache has made, or that of a HEAD, or news that nothing is new.
fn unnumbered(world: &World, reply: &Reply<'_>, told: &str) -> Expected {
    let Reply { asked, status, .. } = *reply;
    let own = world.origin.log(|log| {
        // The last, since a 304 may be about something else.
        let mut calls = log.calls.iter().rev().filter(|call| call.request == asked.at);
        calls.find_map(|call| Some((call.given.clone()?.0, call.headers.clone())))
    });
    match (status, own) {
        (StatusCode::GATEWAY_TIMEOUT, None) => assert!(asked.says("only-if-cached"), "{reply:?}"),
        (StatusCode::NOT_MODIFIED, Some((given, headers))) if !asked.is_conditional() => {
            // The handler has said so without having been asked for it.
            assert_eq!(given.status, status, "{reply:?}");
            let asks = ["if-none-match", "if-modified-since"];
            assert!(!asks.iter().any(|name| headers.contains_key(*name)), "{reply:?}");
            return Expected { data: given.data(), breaks: breaks(&given) };
        }
        (StatusCode::NOT_MODIFIED, own) => {
            assert!(asked.is_conditional(), "{reply:?}");
            let passed = own.filter(|it| it.0.status == status && !told.contains("stored"));
            if let Some((given, _)) = passed.filter(|_| told.contains("fwd=")) {
                // From the handler, or made of what it has confirmed and may not be stored.
                let made = !reply.headers.contains_key("age");
                return if made {
                    Expected { data: given.data(), breaks: breaks(&given) }
                } else {
                    Expected::default()
                };
            }
        }
        (_, Some((given, _))) if asked.method == Method::HEAD => {
            assert_eq!(status, given.status, "{reply:?}");
            return Expected { data: given.data(), breaks: breaks(&given) };
        }
        _ => panic!("nobody has given {reply:?}"),
    }
    Expected::default()
}

fn breaks(given: &Given) -> bool {
    given.parts.iter().any(|part| matches!(part, super::origin::Part::Error))
}

/// What is known of a response of the handler that another request gets.
fn kept(world: &World, number: usize) -> Kept<'_> {
    world.origin.log(|log| {
        let call = &log.calls[number];
        let asked = &world.asked[&call.request];
        let (given, time) = call.given.clone().expect("it was answered");
        let (valid_from, heard, is_updated, sides) = (call.at, time, false, vec![asked]);
        let mut kept = Kept { given, asked, valid_from, heard, is_updated, sides };
        for other in &log.calls {
            let (Some((given, time)), request) = (&other.given, &world.asked[&other.request])
            else {
                continue;
            };
            if request.resource != kept.asked.resource {
                continue;
            }
            let confirms = given.status == StatusCode::NOT_MODIFIED
                && (other.headers.contains_key("if-none-match")
                    || other.headers.contains_key("if-modified-since"));
            if confirms {
                kept.valid_from = kept.valid_from.max(other.at);
                kept.sides.push(request);
            }
            if confirms || request.method == Method::HEAD {
                kept.heard = kept.heard.max(*time);
                kept.is_updated = true;
            }
        }
        kept
    })
}

/// Checks that a client may get what another request has brought.
fn check_cached(world: &World, reply: &Reply<'_>, kept: &Kept<'_>, told: &str) {
    let Reply { asked, headers, .. } = *reply;
    let why = || format!("{reply:?}\nis made of {:?}\nfor {:?}", kept.given, kept.asked);
    assert_eq!(kept.asked.method, Method::GET, "{}", why());
    assert!(matches!(asked.method, Method::GET | Method::HEAD), "{}", why());
    assert!(kept.given.may_be_stored(), "{}", why());
    assert!(!kept.asked.says("no-store"), "{}", why());
    assert_eq!(kept.asked.resource, asked.resource, "{}", why());
    // Those of a 304, for the client that has asked.
    let confirmed = world.origin.log(|log| log.cookies_for(asked.at));
    let mut cookies = headers.get_all("set-cookie").iter();
    assert!(cookies.all(|cookie| confirmed.contains(cookie)), "{}", why());
    check_audience(asked, kept, &why);
    check_variant(reply, kept, &why);
    for event in &world.events {
        let counts = kept.valid_from < event.at && event.at < asked.at;
        assert!(!(counts && event.what.covers(kept.asked)), "{event:?} is over, but {}", why());
    }
    let age = headers.get("age").and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    let age = age.unwrap_or_else(|| panic!("no age: {}", why()));
    assert!(age >= world.now - kept.heard, "too young: {}", why());
    if told.starts_with("larder; hit") {
        assert!(!asked.says("no-cache"), "{}", why());
        let is_known = kept.given.status == StatusCode::OK && !kept.is_updated;
        // Without a lifetime of the rule's, responses have what their last modification says.
        let is_said =
            asked.audience() != Some(Audience::AsResponsesSay) || kept.given.lifetime != Some(TTL);
        if let (true, false, Some(lifetime)) =
            (is_known && is_said, told.contains("detail="), kept.given.lifetime)
        {
            assert!(age < lifetime, "too old for {lifetime} s: {}", why());
        }
    }
    let withheld = kept.given.headers.get("cache-control");
    let withheld = withheld.is_some_and(|it| it.as_bytes().ends_with(b"=\"x-secret\", max-age=30"));
    if withheld && !kept.is_updated {
        assert!(!headers.contains_key("x-secret"), "{}", why());
    }
}

fn check_audience(asked: &Asked, kept: &Kept<'_>, why: &dyn Fn() -> String) {
    let anonymous = |it: &Asked| it.has_credentials() || it.headers.contains_key("cookie");
    match asked.audience() {
        None => panic!("there is no rule: {}", why()),
        Some(Audience::Everybody) => {}
        Some(Audience::AsResponsesSay) => {
            let guarded = asked.has_credentials() || kept.asked.has_credentials();
            assert!(!guarded || kept.given.open || kept.is_updated, "{}", why());
        }
        Some(audience) => {
            assert_eq!(asked.user, kept.asked.user, "{}", why());
            if asked.user.is_none() {
                assert_ne!(audience, Audience::Users, "{}", why());
                assert!(!anonymous(asked) && !anonymous(kept.asked), "{}", why());
            }
        }
    }
}

fn check_variant(reply: &Reply<'_>, kept: &Kept<'_>, why: &dyn Fn() -> String) {
    let lines = reply.headers.get_all("vary").iter().filter_map(|line| line.to_str().ok());
    for name in lines.flat_map(|line| line.split(',')).map(|it| it.trim().to_ascii_lowercase()) {
        let text = |asked: &Asked| -> Option<Vec<u8>> {
            let values = asked.values(&name);
            let bytes = values.iter().flat_map(|it| it.as_bytes()).copied();
            let letters = bytes.filter(u8::is_ascii_alphanumeric);
            (!values.is_empty()).then(|| letters.map(|it| it.to_ascii_lowercase()).collect())
        };
        let wanted = text(reply.asked);
        assert!(kept.sides.iter().any(|side| text(side) == wanted), "{name}: {}", why());
    }
}

/// The body that a client gets of a stored response.
fn cached_body(reply: &Reply<'_>, kept: &Kept<'_>) -> Vec<u8> {
    let data = kept.given.data();
    let Reply { asked, status, headers } = *reply;
    let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    match status {
        StatusCode::NOT_MODIFIED => {
            assert!(asked.is_conditional(), "{reply:?}");
            Vec::new()
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            assert!(asked.headers.contains_key("range"), "{reply:?}");
            assert_eq!(text("content-range"), format!("bytes */{}", data.len()), "{reply:?}");
            Vec::new()
        }
        StatusCode::PARTIAL_CONTENT => {
            assert!(
                asked.headers.contains_key("range") && asked.method == Method::GET,
                "{reply:?}"
            );
            let range = text("content-range").strip_prefix("bytes ").and_then(|it| {
                let (range, length) = it.split_once('/')?;
                let (first, last) = range.split_once('-')?;
                assert_eq!(length, data.len().to_string(), "{reply:?}");
                data.get(first.parse().ok()?..=last.parse().ok()?)
            });
            let part = range.unwrap_or_else(|| panic!("no part of {data:?}: {reply:?}"));
            assert_eq!(text("content-length"), part.len().to_string(), "{reply:?}");
            part.to_vec()
        }
        status => {
            assert_eq!(status, kept.given.status, "{reply:?}");
            if status != StatusCode::NO_CONTENT {
                assert_eq!(text("content-length"), data.len().to_string(), "{reply:?}");
            }
            if asked.method == Method::HEAD { Vec::new() } else { data }
        }
    }
}
