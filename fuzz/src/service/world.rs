//! The layer, its clients, and what happens to them.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use arbitrary::{Result, Unstructured};
use http::{HeaderMap, Response, StatusCode, response::Parts};
use http_body::Body as _;
use larder::{
    ManualClock,
    manager::{CacheKind, CacheManager, CacheSettings},
};
use larder_http::{CacheLayer, CacheService, ResponseBody, Rule, Rules, User};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service};

use super::{
    ask::{Asked, Draft},
    check::{Event, Expected, Reply, What, expected},
    give::{LONGEST, TTL, response},
    origin::{Body, Origin},
};

type Answer = <CacheService<Origin> as Service<http::Request<Body>>>::Future;

/// Requests that are under way at the same time.
const SLOTS: usize = 4;
/// So many of the last requests are repeated.
const DRAFTS: usize = 3;

/// All there is.
pub(super) struct World {
    runtime: Runtime,
    clock: ManualClock,
    /// The time, in seconds.
    pub(super) now: u64,
    manager: CacheManager,
    layer: CacheLayer,
    service: CacheService<Origin>,
    pub(super) origin: Origin,
    /// All requests, by when they were asked.
    pub(super) asked: HashMap<u64, Asked>,
    /// All invalidations.
    pub(super) events: Vec<Event>,
    slots: [Option<Slot>; SLOTS],
    /// The last requests, for others to repeat.
    drafts: Vec<Draft>,
}

/// A request that is under way.
struct Slot {
    asked: Asked,
    state: State,
}

enum State {
    Waiting(Pin<Box<Answer>>),
    Reading { body: Pin<Box<ResponseBody<Body>>>, expected: Expected, got: Vec<u8> },
}

/// Whether a body goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Went {
    On,
    Nowhere,
    ToItsEnd,
}

fn rules() -> Rules {
    let rule = |path: &str, name: &str| {
        Rule::new(path)
            .named(name)
            .cache(CacheKind::General)
            .tags(["of:{path}"])
            .status_ttl(404, Duration::from_secs(10))
            .stale_while_revalidate(Duration::from_secs(10))
            .stale_if_error(Duration::from_secs(30))
            .max_body(LONGEST as u64)
            .max_variants(2)
            .max_entries(6)
            .max_error_entries(2)
    };
    let ttl = Duration::from_secs(TTL);
    Rules::builder()
        .rule(rule("/own/{*path}", "own").ttl(ttl))
        .rule(rule("/user/{*path}", "user").ttl(ttl).per_user())
        .rule(rule("/all/{*path}", "all").ttl(ttl).shared())
        .rule(rule("/say/{*path}", "say").as_responses_say().heuristics(true))
        .build()
        .expect("the rules are right")
}

impl World {
    pub(super) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let clock = ManualClock::new();
        // Small ones: an input makes a few dozen responses, and large tables would take most of its
        // time.
        let manager = CacheKind::ALL.into_iter().fold(CacheManager::builder(), |manager, kind| {
            manager.kind(kind, CacheSettings::new(64))
        });
        let manager = manager.clock(&clock).build();
        let layer = CacheLayer::builder(&manager).rules(rules()).clock(&clock);
        let layer = layer.empty_body::<Body>(Body::default).build();
        let origin = Origin::default();
        Self {
            runtime: runtime.expect("a runtime of one thread"),
            clock,
            now: 0,
            manager,
            service: layer.layer(origin.clone()),
            layer,
            origin,
            asked: HashMap::new(),
            events: Vec::new(),
            slots: [const { None }; SLOTS],
            drafts: Vec::new(),
        }
    }

    pub(super) fn step(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        match choices.int_in_range(0..=15)? {
            0..=7 => self.exchange(choices)?,
            8 => {
                let slot = self.slot(choices)?;
                self.ask(choices, slot)?;
            }
            9 => {
                let waiting = self.waiting(|_| true);
                if !waiting.is_empty() {
                    let call = *choices.choose(&waiting)?;
                    self.answer(choices, call)?;
                }
            }
            10 => {
                let slot = self.slot(choices)?;
                self.read(slot);
            }
            11 => {
                let slot = self.slot(choices)?;
                while self.read(slot) == Went::On {}
            }
            12 => {
                let slot = self.slot(choices)?;
                self.slots[slot] = None;
            }
            13 => self.pass(*choices.choose(&[1, 4, 9, 11, 19, 29, 31, 61, 90, 4000])?),
            _ => self.invalidate(choices)?,
        }
        self.settle();
        Ok(())
    }

    fn slot(&self, choices: &mut Unstructured<'_>) -> Result<usize> {
        choices.int_in_range(0..=SLOTS - 1)
    }

    /// A request that is answered at once, and read to the end.
    fn exchange(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        // Whoever is in the last slot goes away.
        let slot = SLOTS - 1;
        self.ask(choices, slot)?;
        self.settle();
        let at = self.slots[slot].as_ref().map(|slot| slot.asked.at);
        for call in self.waiting(|request| Some(request) == at) {
            self.answer(choices, call)?;
            self.settle();
        }
        // Bodies pause, once at a time.
        for _ in 0..8 {
            while self.read(slot) == Went::On {}
        }
        Ok(())
    }

    fn ask(&mut self, choices: &mut Unstructured<'_>, slot: usize) -> Result<()> {
        // Whoever is there goes away.
        self.slots[slot] = None;
        let at = self.origin.log(|log| log.event());
        let draft = Draft::next(choices, &self.drafts)?;
        let (request, asked) = draft.send(at);
        if self.drafts.len() == DRAFTS {
            self.drafts.remove(0);
        }
        self.drafts.push(draft);
        self.asked.insert(at, asked.clone());
        let _guard = self.runtime.enter();
        let ready = self.service.poll_ready(&mut Context::from_waker(std::task::Waker::noop()));
        assert!(matches!(ready, Poll::Ready(Ok(()))));
        let answer = Box::pin(self.service.call(request));
        self.slots[slot] = Some(Slot { asked, state: State::Waiting(answer) });
        Ok(())
    }

    /// The calls of the handler that wait for an answer.
    fn waiting(&self, of: impl Fn(u64) -> bool) -> Vec<usize> {
        self.origin.log(|log| {
            let calls = log.calls.iter().enumerate();
            let waiting = calls.filter(|(_, call)| call.given.is_none() && of(call.request));
            waiting.map(|(number, _)| number).collect()
        })
    }

    fn answer(&mut self, choices: &mut Unstructured<'_>, call: usize) -> Result<()> {
        let request = self.origin.log(|log| log.calls[call].request);
        let is_head = self.asked[&request].method == http::Method::HEAD;
        let given = response(choices, call, is_head)?;
        let now = self.now;
        self.origin.log(|log| log.answer(call, given, now));
        Ok(())
    }

    fn pass(&mut self, seconds: u64) {
        let time = Duration::from_secs(seconds);
        self.clock.advance(time);
        self.now += seconds;
        self.runtime.block_on(tokio::time::advance(time));
    }

    fn invalidate(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let invalidator = self.layer.invalidator();
        let path = *choices.choose(&["/own/1", "/user/1", "/all/1", "/say/1"])?;
        let what = match choices.int_in_range(0..=5)? {
            0 => {
                invalidator.path(path);
                What::Path(path.into())
            }
            1 => {
                invalidator.prefix(&path[..4]);
                What::Prefix(path[..4].into())
            }
            2 => {
                invalidator.tag("of:1");
                What::Last("1".into())
            }
            3 => {
                let user = *choices.choose(&["ann", "bob"])?;
                invalidator.user(&User::new(user));
                What::User(user.into())
            }
            4 => {
                let rule = path.split('/').nth(1).expect("a path");
                assert!(invalidator.rule(rule));
                What::Prefix(format!("/{rule}/"))
            }
            _ => {
                invalidator.all();
                What::Prefix("/".into())
            }
        };
        self.happened(what);
        Ok(())
    }

    pub(super) fn happened(&mut self, what: What) {
        let at = self.origin.log(|log| log.event());
        self.events.push(Event { at, what });
    }

    /// Lets everything go on that can.
    fn settle(&mut self) {
        for number in 0..SLOTS {
            let Some(mut slot) = self.slots[number].take() else { continue };
            if let State::Waiting(answer) = &mut slot.state {
                let once = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context)));
                if let Poll::Ready(answer) = self.runtime.block_on(once) {
                    slot.state = self.head(&slot.asked, answer.expect("the handler has no errors"));
                }
            }
            self.slots[number] = Some(slot);
        }
        self.runtime.block_on(async {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        });
    }

    /// A response has come.
    fn head(&mut self, asked: &Asked, response: Response<ResponseBody<Body>>) -> State {
        let (Parts { status, headers, .. }, body) = response.into_parts();
        let expected = self.expect(asked, status, &headers);
        if let Some(change) = What::change(asked, status) {
            self.happened(change);
        }
        State::Reading { body: Box::pin(body), expected, got: Vec::new() }
    }

    fn expect(&self, asked: &Asked, status: StatusCode, headers: &HeaderMap) -> Expected {
        expected(self, &Reply { asked, status, headers })
    }

    /// Reads a frame.
    fn read(&mut self, number: usize) -> Went {
        let Some(Slot { asked, state }) = &mut self.slots[number] else { return Went::Nowhere };
        let State::Reading { body, expected, got } = state else { return Went::Nowhere };
        let mut body = pin!(body.as_mut());
        let once = poll_fn(|context| Poll::Ready(body.as_mut().poll_frame(context)));
        let went = match self.runtime.block_on(once) {
            Poll::Pending => Went::Nowhere,
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    got.extend_from_slice(data);
                }
                assert!(expected.data.starts_with(got), "{got:?}, not {expected:?}, for {asked:?}");
                Went::On
            }
            Poll::Ready(Some(Err(_))) => {
                assert!(expected.breaks, "{asked:?}");
                Went::ToItsEnd
            }
            Poll::Ready(None) => {
                assert!(!expected.breaks, "{asked:?}");
                assert_eq!(*got, expected.data, "{asked:?}");
                Went::ToItsEnd
            }
        };
        if went == Went::ToItsEnd {
            self.slots[number] = None;
        }
        went
    }

    /// Nothing is left when everybody has gone.
    pub(super) fn end(self) {
        let Self { slots, runtime, manager, layer, service, .. } = self;
        drop((slots, runtime, service));
        manager.clear_all();
        // What was taken out is dropped when no thread can see it any more, whenever that is.
        let cache = manager.cache(CacheKind::General);
        let is_left = || layer.stats().iter().any(|stats| stats.entries > 0);
        for _ in 0..10_000 {
            cache.run_pending_tasks();
            if !is_left() {
                break;
            }
            std::thread::yield_now();
        }
        for stats in layer.stats() {
            assert_eq!((stats.entries, stats.bytes), (0, 0), "{stats:?}");
        }
    }
}
