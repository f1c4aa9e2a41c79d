//! Values that are kept after their time, for loads that fail.

use super::*;

#[test]
fn what_was_invalidated_does_not_come_back_for_an_error() {
    let clock = ManualClock::new();
    let cache = Cache::builder()
        .max_capacity(10)
        .clock(&clock)
        .time_to_live(Duration::from_secs(1))
        .stale_if_error(Duration::from_secs(60))
        .build();
    for invalidate in [
        (|cache| cache.invalidate_all()) as fn(&Cache<u32, u32>),
        |cache| cache.invalidate_tag("tag"),
        |cache| _ = cache.invalidate_entries_if(|_, _| true),
        |cache| _ = cache.remove(&1),
    ] {
        cache.insert_tagged(1, 10, ["tag"]).expect("one tag");
        clock.advance(Duration::from_secs(2));
        assert_eq!(
            cache.try_get_with(1, || Err("down")),
            Ok(10),
            "stale, for want of anything else"
        );
        invalidate(&cache);
        assert!(cache.try_get_with(1, || Err("down")).is_err(), "invalidated");
    }
}

#[test]
fn what_ended_when_the_clock_began_is_kept_for_its_grace_as_well() {
    let (clock, second) = (ManualClock::new(), Duration::from_secs(1));
    let cache = Cache::builder()
        .max_capacity(10)
        .clock(&clock)
        .stale_if_error(2 * second)
        .maintenance(Maintenance::Manual)
        .build();
    cache.insert_with_ttl(1, 10, Duration::ZERO);
    assert_eq!(cache.try_get_with(1, || Err("down")), Ok(10), "the lookup has found it expired");
    clock.advance(second);
    cache.run_pending_tasks();
    assert_eq!(cache.try_get_with(1, || Err("down")), Ok(10));
    clock.advance(second);
    assert!(cache.try_get_with(1, || Err("down")).is_err());
    cache.run_pending_tasks();
    assert_eq!(cache.stats().expirations, 1);
    validate(&cache);
}

#[test]
fn what_was_found_expired_is_still_better_than_an_error_until_its_grace_is_over() {
    let clock = ManualClock::new();
    let cache = Cache::builder()
        .max_capacity(10)
        .clock(&clock)
        .time_to_live(Duration::from_secs(10))
        .stale_if_error(Duration::from_secs(60))
        .maintenance(Maintenance::Manual)
        .build();
    cache.insert(1, 10);
    clock.advance(Duration::from_secs(20));
    assert_eq!((cache.get(&1), cache.contains_key(&1)), (None, false));
    cache.run_pending_tasks();
    assert_eq!(cache.try_get_with(1, || Err("down")), Ok(10));
    clock.advance(Duration::from_secs(49));
    cache.run_pending_tasks();
    assert_eq!(cache.try_get_with(1, || Err("down")), Ok(10));
    clock.advance(Duration::from_secs(2));
    assert!(cache.try_get_with(1, || Err("down")).is_err());
    cache.run_pending_tasks();
    assert_eq!(cache.stats().expirations, 1);
    validate(&cache);
}
