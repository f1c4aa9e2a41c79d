use crate::{SECOND, manual};
use larder::{
    ManualClock,
    manager::{
        CacheKind, HealthThresholds, Levels,
        memory::{MemoryProbe, MemoryReading},
    },
};
use serde_json::{Value, from_value, json, to_value};
use std::time::Duration;

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
            "over_seconds": 0.0,
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

#[test]
fn thresholds_that_are_durations_are_seconds_and_say_so() {
    let there = to_value(HealthThresholds::default()).unwrap();
    assert_eq!(
        there,
        json!({
            "window_seconds": 300.0,
            "min_lookups": 1_000,
            "hit_ratio": { "degraded": 0.5, "critical": 0.1 },
            "turnover": { "degraded": 1.0, "critical": 10.0 },
            "memory": { "degraded": 0.85, "critical": 0.95 },
            "lateness": { "degraded_seconds": 5.0, "critical_seconds": 60.0 },
        })
    );
    no_duration_in_two_parts(&there);

    let uneven = Levels::new(SECOND / 3, SECOND * 100_000 + Duration::from_nanos(1));
    let thresholds = HealthThresholds {
        window: SECOND * 60 + Duration::from_nanos(999_999_999),
        lateness: Some(uneven),
        ..HealthThresholds::default()
    };
    assert_eq!(from_value::<HealthThresholds>(to_value(thresholds).unwrap()).unwrap(), thresholds);
    let none = HealthThresholds { lateness: None, ..thresholds };
    assert_eq!(from_value::<HealthThresholds>(to_value(none).unwrap()).unwrap(), none);
    assert_eq!(
        from_value::<HealthThresholds>(json!({ "window_seconds": 60 })).unwrap().window,
        SECOND * 60
    );
}

#[test]
fn seconds_that_no_duration_has_are_refused() {
    for (seconds, reason) in
        [(json!(-1.0), "negative"), (json!(1e300), "too big"), (json!("5s"), "invalid type")]
    {
        let thresholds = json!({ "window_seconds": seconds });
        let error = from_value::<HealthThresholds>(thresholds).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let in_parts = json!({ "window_seconds": { "secs": 60, "nanos": 0 } });
    assert!(from_value::<HealthThresholds>(in_parts).is_err());
    let without_unit = json!({ "lateness": { "degraded": 1.0, "critical": 2.0 } });
    let error = from_value::<HealthThresholds>(without_unit).unwrap_err().to_string();
    assert!(error.contains("degraded_seconds"), "{error}");
}

/// Each number of seconds says so in its name, and no duration is in two parts.
fn no_duration_in_two_parts(value: &Value) {
    match value {
        Value::Object(fields) => {
            assert!(!fields.contains_key("secs") && !fields.contains_key("nanos"), "{value}");
            fields.values().for_each(no_duration_in_two_parts);
        }
        Value::Array(values) => values.iter().for_each(no_duration_in_two_parts),
        _ => {}
    }
}

#[test]
fn durations_are_seconds_and_say_so() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    let reports = manager.view::<u32>(CacheKind::Analytics).keyed::<u32>();
    for key in 0..10 {
        reports.get_with(&key, || {
            clock.advance(SECOND / 4);
            key
        });
    }
    assert_eq!(reports.get(&1), Some(1));
    manager.sample();
    let stats = to_value(reports.cache().stats()).unwrap();
    let counted = ["hits", "misses", "inserts", "loads", "entries"].map(|name| &stats[name]);
    assert_eq!(counted, [&json!(1), &json!(10), &json!(10), &json!(10), &json!(10)]);
    assert!(stats["load_time_seconds"].as_f64().unwrap() >= 0.0, "{stats}");
    let buckets = stats["load_times"].as_array().unwrap();
    let loads: u64 = buckets.iter().map(|bucket| bucket["loads"].as_u64().unwrap()).sum();
    assert_eq!(loads, 10, "{stats}");
    assert!(buckets.iter().all(|bucket| bucket["below_seconds"].is_f64()), "{stats}");

    let performance = to_value(manager.performance()).unwrap();
    let minute = &performance["caches"][2]["windows"]["last_minute"];
    assert_eq!((&minute["length_seconds"], &minute["over_seconds"]), (&json!(60.0), &json!(2.5)));
    assert!(minute["time_saved_seconds"].is_f64(), "{minute}");
    for percentile in ["p50_seconds", "p95_seconds", "p99_seconds"] {
        assert!(minute["load_times"][percentile].is_f64(), "{minute}");
    }
    [&stats, &performance, &to_value(manager.health()).unwrap()]
        .into_iter()
        .for_each(no_duration_in_two_parts);
}

#[derive(Debug)]
struct Full;

impl MemoryProbe for Full {
    fn read(&self) -> MemoryReading {
        MemoryReading::default()
            .with_resident(300 << 20)
            .with_container(1000 << 20, Some(900 << 20))
            .with_system(16 << 30, 9 << 30)
    }
}

#[test]
fn what_is_known_of_the_memory_is_serialized() {
    let manager = manual(&ManualClock::new()).memory_probe(Full).build();
    manager.view::<u32>(CacheKind::Url).set("key", 1);
    let sample = to_value(&*manager.sample_memory()).unwrap();
    let url = &sample["caches"][0];
    assert_eq!(
        (&url["name"], &url["kind"], &url["entries"]),
        (&json!("url"), &json!("url"), &json!(1))
    );
    assert!(url["memory"]["values"].as_u64().unwrap() > 0, "{sample}");
    assert_eq!((&url["capacity"], &url["share"]), (&json!(5_000), &json!(1.0)));
    assert_eq!(sample["reading"]["resident"], json!(300 << 20));
    assert_eq!(sample["reading"]["container"]["limit"], json!(1000 << 20));
    assert_eq!(sample["utilization"]["source"], json!("container"));
    assert_eq!(sample["pressure"], json!("shrank"));
    assert!(sample["seconds_ago"].as_f64().unwrap() >= 0.0, "{sample}");

    let events = to_value(manager.pressure_events()).unwrap();
    let first = &events[0];
    assert_eq!((&first["kind"], &first["cache"]), (&json!("shrank"), &json!("analytics")));
    assert_eq!(
        (&first["from"], &first["to"], &first["capacity"]),
        (&json!(1.0), &json!(0.9), &json!(450))
    );
    assert!(first["seconds_ago"].is_f64(), "{first}");
    while to_value(manager.sample_memory().pressure).unwrap() != json!("exhausted") {}
    let events = to_value(manager.pressure_events()).unwrap();
    let last = events.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["kind"], &last["utilization"]["used"]),
        (&json!("exhausted"), &json!(900 << 20))
    );
    no_duration_in_two_parts(&events);
}

#[cfg(feature = "macros")]
#[test]
fn cached_functions_are_serialized() {
    #[larder::cache_result(ttl = "5m", name = "squares of the serialized")]
    fn square(n: u64) -> u64 {
        n * n
    }
    assert_eq!((square(7), square(7)), (49, 49));
    let functions = to_value(larder::manager::functions()).unwrap();
    let square = functions
        .as_array()
        .and_then(|all| all.iter().find(|one| one["name"] == json!("squares of the serialized")))
        .unwrap();
    assert_eq!((&square["cache"], &square["stats"]["hits"]), (&json!("general"), &json!(1)));
    assert!(square["stats"]["load_time_seconds"].is_f64(), "{square}");
    assert_eq!(square["warnings"], json!([]));
    no_duration_in_two_parts(&functions);
}
