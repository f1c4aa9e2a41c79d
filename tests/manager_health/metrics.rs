use crate::{SECOND, manual};
use larder::{
    ManualClock,
    manager::{CacheKind, CacheManager, CacheSettings, View},
};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit, with_local_recorder,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// A recorder that keeps everything: values by `name{label=value,...}`.
#[derive(Default)]
struct Records {
    series: Mutex<BTreeMap<String, Arc<Series>>>,
    described: Mutex<Vec<(String, Option<Unit>)>>,
    registered: Mutex<u32>,
}

#[derive(Default)]
struct Series(Mutex<Vec<f64>>);

impl Series {
    fn last(&self) -> f64 {
        self.0.lock().unwrap().last().copied().unwrap_or_default()
    }

    fn push(&self, value: f64) {
        self.0.lock().unwrap().push(value);
    }
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        self.push(self.last() + value as f64);
    }

    fn absolute(&self, value: u64) {
        self.push(self.last().max(value as f64));
    }
}

impl GaugeFn for Series {
    fn increment(&self, value: f64) {
        self.push(self.last() + value);
    }

    fn decrement(&self, value: f64) {
        self.push(self.last() - value);
    }

    fn set(&self, value: f64) {
        self.push(value);
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.push(value);
    }
}

impl Records {
    fn of(&self, key: &Key) -> Arc<Series> {
        *self.registered.lock().unwrap() += 1;
        let labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::clone(self.series.lock().unwrap().entry(name).or_default())
    }

    fn describe(&self, name: &KeyName, unit: Option<Unit>) {
        self.described.lock().unwrap().push((name.as_str().to_owned(), unit));
    }

    fn value(&self, series: &str) -> f64 {
        self.values(series).last().copied().unwrap_or_else(|| panic!("nothing in {series}"))
    }

    fn values(&self, series: &str) -> Vec<f64> {
        let all = self.series.lock().unwrap();
        let found = all.get(series).unwrap_or_else(|| panic!("no {series} in {:?}", all.keys()));
        found.0.lock().unwrap().clone()
    }
}

impl Recorder for Records {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&name, unit);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&name, unit);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&name, unit);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.of(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.of(key))
    }
}

/// Something of everything: hits, misses, inserts, updates, loads, evictions, expirations,
/// removals, invalidations.
fn use_all(manager: &CacheManager, clock: &ManualClock, secret: &str) {
    let cache = manager.get_cache("small").unwrap();
    let view: View<u32> = cache.view();
    for i in 0..300_u32 {
        let key = format!("{secret}-{i}");
        view.get_with(key.as_str(), || i);
        let _ = view.get(key.as_str());
        view.set(key.as_str(), i + 1);
    }
    view.set_with_ttl(secret, 1, SECOND);
    clock.advance(SECOND);
    cache.run_pending_tasks();
    view.set(secret, 1);
    assert!(view.delete(secret));
    cache.clear();
    cache.run_pending_tasks();
    view.set(secret, 1);
}

fn small(clock: &ManualClock) -> CacheManager {
    manual(clock).named("small", CacheSettings::new(100)).build()
}

#[test]
fn the_recorder_is_told_what_the_statistics_say() {
    let clock = ManualClock::new();
    let manager = small(&clock);
    let records = Records::default();
    for round in 1..=3 {
        use_all(&manager, &clock, "key");
        with_local_recorder(&records, || manager.sample());

        let stats = manager.get_cache("small").unwrap().stats();
        assert!(stats.evictions > 0 && stats.invalidations > 0 && stats.updates > 0);
        assert_eq!((stats.loads, stats.removals), (300 * round, round));
        for (series, value) in [
            ("cache_gets_total{cache=small,result=hit}", stats.hits),
            ("cache_gets_total{cache=small,result=miss}", stats.misses),
            ("cache_puts_total{cache=small}", stats.inserts + stats.updates),
            ("cache_evictions_total{cache=small,cause=size}", stats.evictions),
            ("cache_evictions_total{cache=small,cause=expired}", stats.expirations),
            ("cache_removals_total{cache=small,cause=explicit}", stats.removals),
            ("cache_removals_total{cache=small,cause=invalidated}", stats.invalidations),
            ("cache_size{cache=small}", stats.entries),
            ("cache_loads_total{cache=small,result=success}", stats.loads - stats.load_failures),
            ("cache_loads_total{cache=small,result=failure}", stats.load_failures),
        ] {
            assert_eq!(records.value(series), value as f64, "{series} in round {round}");
        }
        let durations = records.values("cache_load_duration_seconds{cache=small}");
        assert_eq!(durations.len() as u64, stats.loads);
        let (sum, right) = (durations.iter().sum::<f64>(), stats.load_time.as_secs_f64());
        assert!((sum / right - 1.0).abs() < 1e-6, "{sum} s of {right} s");
    }
    // Fourteen series of each of the six caches, and no more: handles are kept.
    assert_eq!(
        (records.series.lock().unwrap().len(), *records.registered.lock().unwrap()),
        (84, 84)
    );
}

#[test]
fn gauges_say_how_full_a_cache_is_and_what_it_takes() {
    let clock = ManualClock::new();
    let settings = CacheSettings::new(100).max_bytes(1 << 20);
    let manager =
        manual(&clock).named("bytes", settings).named("off", CacheSettings::new(0)).build();
    let (bytes, users) = (manager.get_cache("bytes").unwrap(), manager.cache(CacheKind::User));
    (0..50_u32).for_each(|key| bytes.view().set(&key, [0_u8; 1_000]));
    (0..50_u32).for_each(|key| users.view().set(&key, key));
    let records = Records::default();
    let value = |series: &str| {
        with_local_recorder(&records, || manager.sample());
        records.value(series)
    };
    assert_eq!(value("cache_capacity{cache=bytes,unit=bytes}"), f64::from(1 << 20));
    assert_eq!(value("cache_capacity{cache=user,unit=entries}"), 1_000.0);
    assert_eq!(value("cache_capacity{cache=off,unit=entries}"), 0.0);
    for (name, cache) in [("bytes", &bytes), ("user", users)] {
        let memory = cache.memory();
        assert!(memory.values > 50 && memory.structures > 0);
        let series = |part| format!("cache_memory_bytes{{cache={name},part={part}}}");
        assert_eq!(value(&series("structures")), memory.structures as f64);
        assert_eq!(value(&series("values")), memory.values as f64);
    }
    assert!(value("cache_memory_bytes{cache=bytes,part=values}") > 50_000.0);
    // What it is at the moment.
    users.apply(&users.settings().max_entries(20)).unwrap();
    users.clear();
    users.run_pending_tasks();
    assert_eq!(value("cache_capacity{cache=user,unit=entries}"), 20.0);
    assert_eq!(value("cache_memory_bytes{cache=user,part=values}"), 0.0);
}

#[test]
fn everything_is_described_once() {
    let clock = ManualClock::new();
    let manager = small(&clock);
    let records = Records::default();
    with_local_recorder(&records, || (0..3).for_each(|_| manager.sample()));
    let mut described = records.described.lock().unwrap().clone();
    described.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        described,
        [
            ("cache_capacity".to_owned(), None),
            ("cache_evictions_total".to_owned(), Some(Unit::Count)),
            ("cache_gets_total".to_owned(), Some(Unit::Count)),
            ("cache_load_duration_seconds".to_owned(), Some(Unit::Seconds)),
            ("cache_loads_total".to_owned(), Some(Unit::Count)),
            ("cache_memory_bytes".to_owned(), Some(Unit::Bytes)),
            ("cache_puts_total".to_owned(), Some(Unit::Count)),
            ("cache_removals_total".to_owned(), Some(Unit::Count)),
            ("cache_size".to_owned(), Some(Unit::Count)),
        ]
    );
    let all = records.series.lock().unwrap();
    let names: std::collections::BTreeSet<_> =
        all.keys().filter_map(|series| Some(series.split_once('{')?.0.to_owned())).collect();
    assert!(names.into_iter().eq(described.into_iter().map(|(name, _)| name)));
}

#[test]
fn no_key_is_ever_a_label() {
    let clock = ManualClock::new();
    let manager = small(&clock);
    let records = Records::default();
    for round in 0..3 {
        use_all(&manager, &clock, &format!("secret{round}"));
        with_local_recorder(&records, || manager.sample());
    }
    let names: Vec<_> = manager.caches().iter().map(|cache| cache.name().to_owned()).collect();
    for series in records.series.lock().unwrap().keys() {
        let labels = series.split_once('{').unwrap().1.trim_end_matches('}');
        for (label, value) in labels.split(',').map(|label| label.split_once('=').unwrap()) {
            let allowed = match label {
                "cache" => names.iter().any(|name| name == value),
                "result" => ["hit", "miss", "success", "failure"].contains(&value),
                "cause" => ["size", "expired", "explicit", "invalidated"].contains(&value),
                "unit" => ["entries", "bytes"].contains(&value),
                "part" => ["structures", "values"].contains(&value),
                _ => false,
            };
            assert!(allowed, "{label} is {value} in {series}");
        }
        assert!(!series.contains("secret"), "{series}");
    }
}

#[test]
fn a_recorder_that_comes_later_is_told_everything() {
    let clock = ManualClock::new();
    let manager = small(&clock);
    use_all(&manager, &clock, "key");
    manager.sample();
    let records = Records::default();
    with_local_recorder(&records, || manager.sample());
    let stats = manager.get_cache("small").unwrap().stats();
    assert_eq!(records.value("cache_gets_total{cache=small,result=hit}"), stats.hits as f64);
    let durations = records.values("cache_load_duration_seconds{cache=small}");
    assert_eq!(durations.len() as u64, stats.loads);
}

#[test]
fn a_failed_load_is_a_failure() {
    let clock = ManualClock::new();
    let manager = small(&clock);
    let view = manager.view::<u32>(CacheKind::Analytics);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        view.get_with("key", || panic!("no report today"))
    }));
    assert!(panicked.is_err());
    let records = Records::default();
    with_local_recorder(&records, || manager.sample());
    assert_eq!(records.value("cache_loads_total{cache=analytics,result=failure}"), 1.0);
    assert_eq!(records.value("cache_loads_total{cache=analytics,result=success}"), 0.0);
}

/// The only test here with a recorder for the whole process: the others have theirs for a thread.
#[test]
fn the_maintenance_thread_tells_the_recorder_of_the_process() {
    let records: &'static Records = Box::leak(Box::default());
    metrics::set_global_recorder(records).map_err(|_| "a recorder").unwrap();
    let clock = ManualClock::new();
    let manager = CacheManager::builder()
        .clock(&clock)
        .named("of-the-thread", CacheSettings::new(10))
        .build();
    manager.get_cache("of-the-thread").unwrap().view::<u32>().set("key", 1);
    let series = "cache_puts_total{cache=of-the-thread}";
    crate::wait_for("a sample", || {
        clock.advance(10 * SECOND);
        let known = records.series.lock().unwrap().get(series).cloned();
        known.is_some_and(|puts| puts.last() == 1.0)
    });
}
