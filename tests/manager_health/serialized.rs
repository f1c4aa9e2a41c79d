use crate::manual;
use larder::{
    ManualClock,
    manager::{CacheKind, HealthThresholds},
};
use serde_json::{from_value, json, to_value};

#[test]
fn health_and_performance_have_names_for_everything() {
    let manager = manual(&ManualClock::new()).build();
    let urls = manager.view::<u32>(CacheKind::Url);
    (0..1_000).for_each(|_| assert_eq!(urls.get("key"), None));
    let health = to_value(manager.health()).unwrap();
    assert_eq!((&health["status"], &health["findings"]), (&json!("critical"), &json!([])));
    let url = &health["caches"][0];
    assert_eq!((&url["name"], &url["status"]), (&json!("url"), &json!("critical")));
    assert_eq!(
        url["findings"][0]["reason"],
        json!({
            "kind": "hit_ratio", "ratio": 0.0, "floor": 0.1, "lookups": 1_000,
            "over": { "secs": 0, "nanos": 0 },
        })
    );
    let performance = to_value(manager.performance()).unwrap();
    assert_eq!(performance["overall"]["last_minute"]["lookups"], json!(1_000));
    assert_eq!(performance["caches"][0]["windows"]["last_5_minutes"]["hit_ratio"], json!(0.0));
}

#[test]
fn thresholds_come_back_as_they_went_and_unknown_ones_are_refused() {
    let thresholds = HealthThresholds { min_lookups: 7, turnover: None, ..Default::default() };
    let there = to_value(thresholds).unwrap();
    assert_eq!(from_value::<HealthThresholds>(there).unwrap(), thresholds);
    assert_eq!(
        from_value::<HealthThresholds>(json!({ "min_lookups": 7 })).unwrap().window,
        HealthThresholds::default().window
    );
    assert!(from_value::<HealthThresholds>(json!({ "min_lookup": 7 })).is_err());
}
