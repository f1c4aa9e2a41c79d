//! Rules beside axum's router: the same patterns, the same choice among them.

use super::{get, minute};
use axum::{Router, extract::MatchedPath, routing};
use larder::manager::CacheManager;
use larder_http::{CacheLayer, Rules};

/// Beneath `/api`, and elsewhere.
const NESTED: [&str; 8] = [
    "/urls/",
    "/urls/{code}/",
    "/urls/stats/",
    "/urls/redirect/{code}",
    "/urls/{code}/{part}",
    "/users/profile/",
    "/{kind}",
    "/{kind}/b/{*rest}",
];
const PLAIN: [&str; 6] = ["/", "/a", "/a/{x}/b", "/{tenant}/home", "/files/{*path}", "/files/a"];

const SEGMENTS: [&str; 12] = [
    "", "api", "urls", "stats", "redirect", "users", "profile", "files", "a", "b", "home", "x%20y",
];

fn rules() -> Rules {
    let nested = NESTED.iter().map(|path| format!("/api{path}"));
    let paths = nested.chain(PLAIN.iter().map(|path| (*path).to_owned()));
    let rules = paths.fold(Rules::builder(), |rules, path| rules.rule(minute(&path)));
    rules.build().expect("the rules are right")
}

async fn route(path: Option<MatchedPath>) -> String {
    path.map_or_else(String::new, |path| path.as_str().to_owned())
}

fn router(paths: &[&str]) -> Router {
    let router = paths.iter().fold(Router::new(), |it, path| it.route(path, routing::get(route)));
    router.fallback(|| async { "no route" })
}

/// The rule that has counted a request since these were its numbers.
fn counted(layer: &CacheLayer, before: &[u64]) -> Option<String> {
    let after = layer.stats();
    let mut rules = after.iter().zip(before).filter(|(rule, before)| rule.misses > **before);
    let rule = rules.next().map(|(rule, _)| rule.rule.clone());
    assert!(rules.next().is_none(), "one rule counts");
    rule
}

async fn compare(layer: &CacheLayer, router: &Router, within: bool) -> usize {
    let mut compared = 0;
    for number in 0..SEGMENTS.len().pow(4) {
        let segment = |place: u32| SEGMENTS[number / SEGMENTS.len().pow(place) % SEGMENTS.len()];
        let path = format!("/{}/{}/{}/{}", segment(3), segment(2), segment(1), segment(0));
        // All lengths: what is left of segments that are empty at the beginning.
        let path = format!("/{}", path.trim_start_matches('/'));
        // Of the paths with four segments, some.
        let is_long = (0..4).all(|place| !segment(place).is_empty());
        if path.contains("//") || is_long && number % 7 > 0 {
            continue;
        }
        let before: Vec<_> = layer.stats().iter().map(|rule| rule.misses).collect();
        let reply = get(router, &path).await;
        if reply.has_hit() {
            continue;
        }
        let rule = counted(layer, &before);
        match (rule, reply.body.as_str()) {
            (None, "no route") => {}
            // The layer is in the nested router, and sees nothing of the others.
            (None, route) if within => assert!(!route.starts_with("/api"), "{path} is of {route}"),
            (rule, route) => assert_eq!(rule.as_deref(), Some(route), "{path}"),
        }
        compared += 1;
    }
    compared
}

#[tokio::test]
async fn r28_the_rule_for_a_path_is_that_of_the_route_which_axum_takes() {
    let manager = CacheManager::new();
    let nested = || router(&NESTED);
    let around = CacheLayer::new(&manager, rules());
    let within = CacheLayer::new(&manager, rules());
    let routers = [
        router(&PLAIN).nest("/api", nested()).layer(around.clone()),
        router(&PLAIN).nest("/api", nested().layer(within.clone())),
    ];
    for (layer, router, is_within) in [(around, &routers[0], false), (within, &routers[1], true)] {
        let compared = compare(&layer, router, is_within).await;
        println!("{compared} paths");
        assert!(compared > 1000, "{compared}");
        let asked: Vec<_> = layer.stats().iter().map(|rule| rule.misses).collect();
        let expected = if is_within { NESTED.len() } else { asked.len() };
        assert!(asked[..expected].iter().all(|misses| *misses > 0), "{asked:?}");
    }
}
