//! The rules that are built in: those of a URL shortener.

use super::Rule;
use http::Method;
use larder::manager::CacheKind;
use std::time::Duration;

const MINUTE: u64 = 60;

/// What a change of one of a user's addresses takes: all that the user sees of them, nothing of
/// other users.
const OF_USER: [&str; 1] = ["urls:{user}"];

/// The rules, with names.
pub(super) fn rules() -> Vec<Rule> {
    let minutes = |minutes| Duration::from_secs(minutes * MINUTE);
    let changes = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let of_user = |path: &str, name: &str| {
        Rule::new(path).named(name).per_user().tags(OF_USER).invalidates(OF_USER)
    };
    // Who follows an address sees the same, signed in or not.
    let redirect = Rule::new("/api/urls/redirect/{code}/")
        .named("redirect")
        .cache(CacheKind::Url)
        .ttl(minutes(60))
        .status_ttl(302, minutes(60))
        .status_ttl(307, minutes(60))
        .shared()
        .tags(["redirect:{code}"])
        .invalidates(OF_USER)
        .invalidates(["redirect:{code}"]);
    let change = |path: &str, name: &str| {
        Rule::new(path)
            .named(name)
            .methods(changes.clone())
            .invalidates(OF_USER)
            .invalidates(["redirect:{code}"])
    };
    vec![
        of_user("/api/urls/", "urls").cache(CacheKind::Url).ttl(minutes(5)),
        of_user("/api/urls/stats/", "stats").cache(CacheKind::Analytics).ttl(minutes(15)),
        of_user("/api/urls/analytics/", "analytics").cache(CacheKind::Analytics).ttl(minutes(15)),
        Rule::new("/api/users/profile/")
            .named("profile")
            .cache(CacheKind::User)
            .ttl(minutes(30))
            .per_user()
            .tags(["profile:{user}"])
            .invalidates(["profile:{user}"]),
        redirect,
        change("/api/urls/{code}/", "change"),
        change("/api/urls/{code}/{*rest}", "change-part"),
    ]
}
