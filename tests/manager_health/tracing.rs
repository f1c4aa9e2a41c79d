use crate::{Container, MINUTE, live, manual};
use futures::executor::block_on;
use larder::{
    ManualClock,
    manager::{CacheKind, CacheManager, CacheSettings},
};
use std::{
    collections::BTreeMap,
    fmt::Debug,
    future::Future as _,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::with_default,
};

/// What a subscriber hears from this thread: spans first, by the number of their beginning.
#[derive(Clone, Default)]
struct Ears(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    spans: Vec<Told>,
    events: Vec<Told>,
    entered: Vec<u64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) name: &'static str,
    pub(crate) level: Option<Level>,
    /// Of a span, or an event within: the span that it is in.
    pub(crate) within: Option<u64>,
    fields: BTreeMap<&'static str, String>,
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

impl Told {
    fn new(metadata: &Metadata<'static>, within: Option<u64>) -> Self {
        let (name, level) = (metadata.name(), Some(*metadata.level()));
        Self { name, level, within, fields: BTreeMap::new() }
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl Subscriber for Ears {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("larder") || metadata.target().starts_with("manager_health")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut heard = self.0.lock().unwrap();
        let mut told = Told::new(span.metadata(), heard.entered.last().copied());
        span.record(&mut told);
        heard.spans.push(told);
        Id::from_u64(heard.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut self.0.lock().unwrap().spans[span.into_u64() as usize - 1]);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut heard = self.0.lock().unwrap();
        let within = event.parent().map(Id::into_u64).or(heard.entered.last().copied());
        let mut told = Told::new(event.metadata(), within);
        event.record(&mut told);
        heard.events.push(told);
    }

    fn enter(&self, span: &Id) {
        self.0.lock().unwrap().entered.push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        assert_eq!(self.0.lock().unwrap().entered.pop(), Some(span.into_u64()));
    }
}

/// What is told while `work` is done.
pub(crate) fn listen(work: impl FnOnce()) -> (Vec<Told>, Vec<Told>) {
    let ears = Ears::default();
    with_default(ears.clone(), work);
    let mut heard = ears.0.lock().unwrap();
    assert!(heard.entered.is_empty());
    (std::mem::take(&mut heard.spans), std::mem::take(&mut heard.events))
}

fn manager() -> CacheManager {
    manual(&ManualClock::new()).build()
}

#[test]
fn a_load_is_a_span_around_what_the_loader_does() {
    let urls = manager().view::<u32>(CacheKind::Url);
    let (spans, events) = listen(|| {
        urls.get_with("secret", || {
            tracing::debug!("a query");
            1
        });
    });
    let [span] = spans.as_slice() else { panic!("{spans:?}") };
    assert_eq!((span.name, span.level), ("cache.load", Some(Level::DEBUG)));
    assert_eq!((span.field("cache.name"), span.field("cache.outcome")), ("url", "loaded"));
    assert_eq!(span.field("cache.ttl_ms"), "3600000");
    let [query, end] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((query.field("message"), query.within), ("a query", Some(1)));
    assert_eq!((end.field("message"), end.within), ("load ended", Some(1)));
    assert_eq!((end.level, end.field("cache.outcome")), (Some(Level::DEBUG), "loaded"));
    end.field("cache.load_us").parse::<u64>().unwrap();
}

#[test]
fn the_time_to_live_is_that_of_the_view_or_of_the_cache_or_there_is_none() {
    let manager = manager();
    let forever = manager.create("forever", CacheSettings::new(10)).unwrap();
    let (spans, _) = listen(|| {
        forever.view().get_with("a", || 1);
        forever.view().with_ttl(MINUTE).get_with("b", || 1);
    });
    let ttls: Vec<_> = spans.iter().map(|span| span.field("cache.ttl_ms")).collect();
    assert_eq!(ttls, ["", "60000"]);
}

#[test]
fn a_hit_tells_nothing() {
    let urls = manager().view::<u32>(CacheKind::Url);
    urls.set("key", 1);
    let (spans, events) = listen(|| {
        assert_eq!(urls.get("key"), Some(1));
        assert_eq!(urls.get_with("key", || 2), 1);
        assert_eq!(urls.get("not there"), None);
        urls.set("key", 3);
    });
    assert_eq!((spans, events), (vec![], vec![]));
}

#[test]
fn a_loader_that_panics_leaves_an_abandoned_span() {
    let urls = manager().view::<u32>(CacheKind::Url);
    let (spans, events) = listen(|| {
        let load = || urls.get_with("key", || panic!("no such page"));
        assert!(catch_unwind(AssertUnwindSafe(load)).is_err());
    });
    assert_eq!(spans[0].field("cache.outcome"), "abandoned");
    assert_eq!(events[0].field("cache.outcome"), "abandoned");
}

#[test]
fn a_change_of_health_is_told_once_with_its_reasons() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    let urls = manager.view::<u32>(CacheKind::Url);
    let (_, events) = listen(|| {
        live(&manager, &clock, 5 * MINUTE, || {
            (0..100).for_each(|_| assert_eq!(urls.get("secret"), None));
        });
    });
    let [cache, whole] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((cache.field("message"), cache.field("cache.name")), ("health changed", "url"));
    assert_eq!(cache.field("cache.outcome"), "critical");
    assert_eq!(
        cache.field("cache.reasons"),
        "hit ratio 0.0 % of 1000 lookups in the last 100 s, less than 10.0 %"
    );
    assert_eq!((whole.field("cache.name"), whole.field("cache.outcome")), ("", "critical"));

    let (_, events) = listen(|| live(&manager, &clock, 6 * MINUTE, || ()));
    let changes: Vec<_> = events
        .iter()
        .map(|event| (event.field("cache.name"), event.field("cache.outcome")))
        .collect();
    assert_eq!(changes, [("url", "ok"), ("", "ok")]);
}

#[test]
fn no_key_is_ever_told() {
    let clock = ManualClock::new();
    let manager = manual(&clock).build();
    let (spans, events) = listen(|| {
        for kind in CacheKind::ALL {
            let view = manager.view::<String>(kind).with_namespace("pages");
            for i in 0..200 {
                view.get_with(format!("secret-{i}").as_str(), || format!("secret value {i}"));
            }
        }
        live(&manager, &clock, 10 * MINUTE, || ());
    });
    assert_eq!(spans.len(), 1_000);
    for told in spans.iter().chain(&events) {
        assert!(!format!("{told:?}").contains("secret"), "{told:?}");
    }
}

#[test]
fn every_way_to_load_tells_what_came_of_it() {
    let view = manager().view::<u32>(CacheKind::User);
    let (spans, events) = listen(|| {
        assert_eq!(view.get_with(&1, || 1), 1);
        assert_eq!(view.try_get_with(&2, || Err("no")), Err(Arc::new("no")));
        assert_eq!(view.try_get_with::<_, ()>(&2, || Ok(2)), Ok(2));
        assert_eq!(view.optionally_get_with(&3, || None), None);
        assert_eq!(view.optionally_get_with(&3, || Some(3)), Some(3));
        block_on(async {
            assert_eq!(view.get_with_async(&4, async { 4 }).await, 4);
            assert_eq!(view.try_get_with_async(&5, async { Err("no") }).await, Err(Arc::new("no")));
            assert_eq!(view.try_get_with_async(&5, async { Ok::<_, ()>(5) }).await, Ok(5));
            assert_eq!(view.optionally_get_with_async(&6, async { None }).await, None);
            assert_eq!(view.optionally_get_with_async(&6, async { Some(6) }).await, Some(6));
        });
    });
    let each = ["loaded", "failed", "loaded", "absent", "loaded"];
    let outcomes: Vec<_> = spans.iter().map(|span| span.field("cache.outcome")).collect();
    assert_eq!(outcomes, each.repeat(2));
    let ends: Vec<_> = events.iter().map(|event| event.field("cache.outcome")).collect();
    assert_eq!(ends, each.repeat(2));
}

#[test]
fn a_future_is_in_its_span_while_it_is_polled_and_abandoned_when_it_is_dropped() {
    let view = manager().view::<u32>(CacheKind::User);
    let (spans, events) = listen(|| {
        let mut load = Box::pin(view.get_with_async("key", async {
            tracing::debug!("first");
            yield_once().await;
            tracing::debug!("second");
            std::future::pending().await
        }));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..2 {
            assert!(load.as_mut().poll(&mut context).is_pending());
            tracing::debug!("outside");
        }
        drop(load);
    });
    assert_eq!(spans[0].field("cache.outcome"), "abandoned");
    let told: Vec<_> = events.iter().map(|event| (event.field("message"), event.within)).collect();
    assert_eq!(
        told,
        [
            ("first", Some(1)),
            ("outside", None),
            ("second", Some(1)),
            ("outside", None),
            ("load ended", Some(1)),
        ]
    );
}

async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[test]
fn what_is_done_about_pressure_is_told() {
    let clock = ManualClock::new();
    let used = Arc::new(AtomicU64::new(95));
    let manager = manual(&clock).memory_probe(Container(Arc::clone(&used))).build();
    let (_, events) = listen(|| _ = manager.sample_memory());
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(
        (event.field("message"), event.field("cache.name")),
        ("memory pressure", "analytics")
    );
    assert_eq!(event.field("cache.outcome"), "shrank");
    assert!(event.field("cache.reasons").contains("95 B of 100 B"), "{event:?}");

    used.store(50, Relaxed);
    let (_, events) = listen(|| _ = manager.sample_memory());
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.field("cache.name"), event.field("cache.outcome")), ("analytics", "grew"));
}

#[cfg(feature = "config")]
#[test]
fn a_reload_is_told() {
    use larder::manager::config::ManagerConfig;
    let manager = manager();
    let text = "[url]\nmax_entries = 4_000\n[caches.thumbnails]\nmax_entries = 10";
    let config = ManagerConfig::from_toml_str(text).unwrap();
    let (_, events) = listen(|| _ = manager.reload(&config).unwrap());
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.field("message"), "settings reloaded");
    assert_eq!((event.field("cache.changed"), event.field("cache.created")), ("url", "thumbnails"));
}

/// A subscriber that asks the very manager that tells it something.
#[test]
fn a_subscriber_may_ask_the_manager() {
    struct Curious(CacheManager, Mutex<Vec<String>>);
    impl Subscriber for Curious {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &Event<'_>) {
            self.0.sample();
            self.1.lock().unwrap().push(self.0.health().status.to_string());
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
    let manager = manager();
    let urls = manager.view::<u32>(CacheKind::Url);
    (0..1_000).for_each(|_| assert_eq!(urls.get("key"), None));
    let curious = Arc::new(Curious(manager.clone(), Mutex::default()));
    with_default(Arc::clone(&curious), || manager.sample());
    assert_eq!(*curious.1.lock().unwrap(), ["critical", "critical"]);
}
