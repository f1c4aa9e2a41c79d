//! Lifetimes and ages: RFC 9111 4.2.

use http::StatusCode;

use super::{DATE, is_fresh, judged, judged_by};
use crate::semantics::{Lifetimes, RequestDirectives, Use};

#[test]
fn r09_the_first_lifetime_there_is_counts() {
    let s_maxage = ("cache-control", "max-age=10, s-maxage=20");
    let expires = ("expires", "Sun, 06 Nov 1994 08:50:07 GMT");
    let date = ("date", DATE);
    let rule =
        Lifetimes { default_ttl: Some(std::time::Duration::from_secs(40)), ..Lifetimes::default() };
    let lifetime = |lifetimes: &Lifetimes, lines: &[(&str, &str)]| {
        judged_by(lifetimes, StatusCode::OK, lines).map(|freshness| freshness.lifetime)
    };
    assert_eq!(lifetime(&rule, &[s_maxage, expires, date]), Ok(20));
    assert_eq!(lifetime(&rule, &[("cache-control", "max-age=10"), expires, date]), Ok(10));
    assert_eq!(lifetime(&rule, &[expires, date]), Ok(30));
    assert_eq!(lifetime(&rule, &[]), Ok(40));
    let override_ttl = Some(std::time::Duration::from_secs(50));
    let rule = Lifetimes { override_ttl, ..rule };
    assert_eq!(lifetime(&rule, &[s_maxage, expires, date]), Ok(50));
}

#[test]
fn r09_age_is_subtracted() {
    let freshness = judged(&[("cache-control", "max-age=3600"), ("age", "1000")]).unwrap();
    assert_eq!(freshness.ttl(0), 2600);
    assert_eq!(freshness.judge_use(2599, &RequestDirectives::default(), true), Use::Fresh);
    assert_eq!(freshness.judge_use(2600, &RequestDirectives::default(), true), Use::Revalidate);
    assert!(!is_fresh(&[("cache-control", "max-age=3600"), ("age", "7200"), ("etag", "\"x\"")]));
}
