//! One round: threads at work on a small cache, then the questions.

use crate::{
    census::Census,
    hashing::Hashing,
    history::{self, Event, Rules, Violation},
    hours::{Hours, Span},
    jitter,
    record::{ByHand, Clock, Does, Keys, Plant, Recorder, TestCache},
};
use larder::{Cache, CacheStats, Maintenance};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{fmt, sync::Barrier, thread, time::Duration};

/// A cache and what is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// At most this many entries.
    pub capacity: u64,
    /// How keys hash.
    pub hashing: Hashing,
    /// Keys are below this number.
    pub keys: u32,
    /// Whether entries can be evicted.
    pub rules: Rules,
    /// Whether one thread holds pins for long, so that storage runs out and inserts are rejected.
    pub stalls: bool,
    /// How long entries live, if one thread is to let time go on.
    pub span: Option<Span>,
    /// Whether it comes to hold more than it was built for.
    pub growth: Growth,
}

/// How a cache grows while threads are at work on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// It does not.
    Never,
    /// It has a weigher, and was built for a single entry.
    ByWeight,
    /// A thread gives it a larger capacity now and then.
    WhenTold,
}

/// Where that comes to an end.
const GROWN: u64 = 1024;

impl Setup {
    /// Setups to go through: small caches, in which everything happens that can happen to an entry.
    pub fn all() -> Vec<Setup> {
        use Hashing::{Four, One, Spread};
        let evicting = [
            (8, Spread, 4),
            (8, Spread, 20),
            (8, One, 40),
            (16, Four, 200),
            (24, One, 60),
            (40, Spread, 200),
            (64, Four, 100),
            (64, Spread, 90),
        ];
        // No more keys than always find a slot, even while each thread has claimed one.
        let storing = [(64, Spread, 4), (4096, Spread, 200)];
        let setup = |rules, stalls| {
            move |(capacity, hashing, keys)| Setup {
                capacity,
                hashing,
                keys,
                rules,
                stalls,
                span: None,
                growth: Growth::Never,
            }
        };
        let mut all: Vec<_> = evicting.map(setup(Rules::Evicting, false)).into();
        all.extend(storing.map(setup(Rules::Storing, false)));
        all.push(setup(Rules::Keeping, false)((64, One, 18)));
        all.extend([(16, Spread, 12), (40, One, 30)].map(setup(Rules::Evicting, true)));
        let growing = |growth| move |setup| Setup { growth, ..setup };
        let by_weight = [(4096, Spread, 100), (4096, Spread, 1_000)];
        all.extend(by_weight.map(setup(Rules::Storing, false)).map(growing(Growth::ByWeight)));
        all.push(growing(Growth::ByWeight)(setup(Rules::Keeping, false)((4096, Four, 18))));
        let full = [(64, Spread, 200), (100, Four, 200)];
        all.extend(full.map(setup(Rules::Evicting, false)).map(growing(Growth::ByWeight)));
        let told = [(4, Spread, 100), (8, Four, 60), (16, Spread, 1_000)];
        all.extend(told.map(setup(Rules::Evicting, false)).map(growing(Growth::WhenTold)));
        let timed = [
            (64, Spread, 4, Span::ToLive(20)),
            (40, One, 30, Span::ToLive(50)),
            (64, Spread, 4, Span::Endless),
            (16, Four, 100, Span::ToLiveAndIdle(60, 20)),
            (64, Spread, 4, Span::ToLiveAndIdle(60, 20)),
        ];
        all.extend(timed.map(|(capacity, hashing, keys, span)| Setup {
            span: Some(span),
            ..setup(Rules::Evicting, false)((capacity, hashing, keys))
        }));
        let timed_above = [
            (4096, Spread, 100, Span::ToLive(20), Growth::ByWeight),
            (64, Spread, 200, Span::ToLiveAndIdle(60, 20), Growth::ByWeight),
            (4, Four, 60, Span::ToLive(50), Growth::WhenTold),
            (4, Spread, 200, Span::Endless, Growth::WhenTold),
        ];
        all.extend(timed_above.map(|(capacity, hashing, keys, span, growth)| Setup {
            span: Some(span),
            growth,
            ..setup(Rules::Evicting, false)((capacity, hashing, keys))
        }));
        all
    }

    /// The cache, whose time is that of `hours`.
    pub fn build(&self, hours: &Hours) -> TestCache {
        let mut builder = Cache::builder()
            .max_capacity(self.capacity)
            .shards(1)
            .hasher(self.hashing)
            .clock(hours.clock())
            .maintenance(Maintenance::Manual);
        let millis = Duration::from_millis;
        if let Some(Span::ToLive(live) | Span::ToLiveAndIdle(live, _)) = self.span {
            builder = builder.time_to_live(millis(live));
        }
        if let Some(Span::ToLiveAndIdle(_, idle)) = self.span {
            builder = builder.time_to_idle(millis(idle));
        }
        if self.growth == Growth::ByWeight {
            builder = builder.weigher(|_, _| 1).estimated_entries(1);
        }
        builder.build()
    }

    /// How many tags there are: one if they cannot be told apart.
    fn tags(&self) -> u32 {
        if self.hashing == Hashing::Spread { 3 } else { 1 }
    }

    /// Writes per round, all threads together: where nothing may be rejected, fewer than there are
    /// spare nodes, since a thread may be interrupted and keep them all back.
    fn operations(&self) -> usize {
        if self.stalls { 40_000 } else { 6_000 }
    }
}

/// What was wrong.
#[derive(Debug)]
pub enum Failure {
    /// An answer that was not possible, and the events of its key that it contradicts, by begin.
    Impossible(u32, Violation, Vec<Event>),
    /// Anything else.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Other(what) => f.write_str(what),
            Failure::Impossible(number, violation, events) => {
                writeln!(f, "key {number}: an answer that was not possible: {violation:?}")?;
                write!(f, "what is known of the values concerned:")?;
                for Event { begin, end, what, now, until } in events {
                    write!(f, "\n  {begin:>8} .. {end:<8} {what:?}")?;
                    if *now > 0 {
                        write!(f, ", at {now} ms")?;
                    }
                    if *until < history::NEVER {
                        write!(f, ", until {until} ms")?;
                    }
                }
                write!(f, "\nthis was found")
            }
        }
    }
}

/// Numbers of one round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events that were checked.
    pub events: u64,
    /// What the cache says of the round.
    pub stats: CacheStats,
}

/// A cache that goes through rounds.
#[derive(Debug)]
pub struct Campaign {
    setup: Setup,
    threads: usize,
    plant: Option<Plant>,
    hours: Hours,
    cache: TestCache,
    census: Census,
    rounds: u64,
}

impl Campaign {
    /// A new cache.
    pub fn new(setup: Setup, threads: usize, plant: Option<Plant>) -> Self {
        let hours = Hours::new(setup.span.unwrap_or(Span::Endless));
        let (cache, census) = (setup.build(&hours), Census::default());
        Self { setup, threads, plant, hours, cache, census, rounds: 0 }
    }

    /// Lets threads work, and checks all that they saw.
    ///
    /// # Errors
    ///
    /// What was wrong.
    pub fn round(&mut self, seed: u64) -> Result<Tally, Failure> {
        self.rounds += 1;
        let campaign = &*self;
        let before = self.cache.stats();
        let clock = Clock::default();
        let recorder = |thread: usize| campaign.recorder(&clock, thread);
        let mut own = recorder(self.threads);
        own.take_over();
        let start = Barrier::new(self.threads);
        let recorded: Vec<Recorder<'_>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads)
                .map(|thread| {
                    let mut recorder = recorder(thread);
                    recorder.plant(self.plant);
                    let start = &start;
                    scope.spawn(move || {
                        let seed = seed.wrapping_mul(1_000_003) + thread as u64;
                        jitter::seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                        start.wait();
                        campaign.work(recorder, thread, SmallRng::seed_from_u64(seed))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        own.take_stock();
        let stats = self.cache.stats() - before;
        let events = self.check(recorded.into_iter().chain([own]), &stats)?;
        self.at_rest(&stats)?;
        Ok(Tally { events, stats })
    }

    fn recorder<'a>(&'a self, clock: &'a Clock, thread: usize) -> Recorder<'a> {
        let first_value = self.rounds << 40 | (thread as u64) << 32;
        let (keys, tags) = (self.setup.keys, self.setup.tags());
        Recorder::new(&self.cache, &self.census, clock, &self.hours, keys, tags, first_value)
    }

    fn work<'a>(
        &self,
        mut recorder: Recorder<'a>,
        thread: usize,
        mut rng: SmallRng,
    ) -> Recorder<'a> {
        let most = self.setup.operations() / self.threads;
        while recorder.events.len() < most {
            if self.setup.stalls && thread == 0 {
                let few: Vec<_> = (0..8).map(|_| self.pick(&mut rng)).collect();
                recorder.pinned(&few, |recorder| {
                    let until = recorder.events.len() + most / 4;
                    while recorder.events.len() < until {
                        self.step(recorder, thread, &mut rng);
                    }
                });
            } else {
                self.step(&mut recorder, thread, &mut rng);
            }
        }
        recorder
    }

    fn step(&self, recorder: &mut Recorder<'_>, thread: usize, rng: &mut SmallRng) {
        let key = self.pick(rng);
        if self.setup.span.is_some() && rng.random_range(0..8) == 0 {
            return Self::step_in_time(recorder, thread, key, rng);
        }
        if rng.random_range(0..6) == 0 {
            return Self::step_computing(recorder, key, rng);
        }
        match rng.random_range(0..1_000) {
            0..120 => recorder.get(key),
            120..160 => recorder.load(key, rng.random_range(0..3)),
            160..200 => {
                let by = [ByHand::IfAbsent, ByHand::InAnyCase, ByHand::InVain];
                let (by, turns) = (by[rng.random_range(0..3)], rng.random_range(0..3));
                recorder.load_by_hand(key, by, turns);
            }
            200..260 => recorder.look(key, false),
            260..300 => recorder.look(key, true),
            300..330 => recorder.contains(key),
            330..480 => recorder.insert(key),
            480..600 => recorder.insert_tagged(key),
            600..730 => recorder.add(key),
            730..860 => recorder.remove(key),
            860..940 => recorder.invalidate(key),
            940..955 => recorder.get_many(&self.pick_some(rng)),
            955..970 => recorder.insert_many(&self.pick_some(rng)),
            970..990 => recorder.pinned(&self.pick_some(rng), |recorder| recorder.insert(key)),
            990..993 => recorder.maintain(),
            993..995 => recorder.invalidate_tag(key),
            995 => recorder.cull(Keys::Rest { by: 3, rest: key % 3 }),
            996 => recorder.drain(rng.random_range(1..40)),
            997 if thread == 1 => recorder.clear(),
            997..999 if thread == 0 && self.setup.growth == Growth::WhenTold => self.grow(),
            _ if self.setup.keys < 50 => recorder.iterate(),
            _ => recorder.get(key),
        }
    }

    /// One of the operations that read a key and write it.
    fn step_computing(recorder: &mut Recorder<'_>, key: u32, rng: &mut SmallRng) {
        let turns = rng.random_range(0_u32..6).saturating_sub(3);
        match rng.random_range(0..16) {
            0..5 => recorder.compute(key, Does::Put, turns),
            5..7 => recorder.compute(key, Does::Change, turns),
            7 => recorder.compute(key, Does::Remove, turns),
            8 => recorder.compute(key, Does::Look, turns),
            9..12 => recorder.replace(key),
            _ => recorder.swap(key, turns),
        }
    }

    fn grow(&self) {
        let capacity = (2 * self.cache.limits().max_capacity()).min(GROWN);
        self.cache.set_max_capacity(capacity).expect("memory");
    }

    /// One of the operations that are about time.
    fn step_in_time(recorder: &mut Recorder<'_>, thread: usize, key: u32, rng: &mut SmallRng) {
        match rng.random_range(0..8) {
            0..2 => recorder.touch(key, rng.random_range(0..10)),
            2..4 => recorder.touch(key, rng.random_range(0..200)),
            4 => recorder.insert_for(key, rng.random_range(0..100)),
            5 => recorder.maintain(),
            _ if thread == 0 => recorder.advance(rng.random_range(0..4)),
            _ => recorder.get(key),
        }
    }

    /// Half of all operations are on three keys, so that threads meet.
    fn pick(&self, rng: &mut SmallRng) -> u32 {
        let keys = if rng.random() { self.setup.keys } else { 3 };
        rng.random_range(0..keys)
    }

    fn pick_some(&self, rng: &mut SmallRng) -> Vec<u32> {
        (0..rng.random_range(1..6)).map(|_| self.pick(rng)).collect()
    }

    /// Asks of every answer whether it was possible; the number of them.
    fn check<'a>(
        &self,
        recorded: impl Iterator<Item = Recorder<'a>>,
        stats: &CacheStats,
    ) -> Result<u64, Failure> {
        let mut by_key = vec![Vec::new(); self.setup.keys as usize];
        for recorder in recorded {
            for (number, event) in recorder.events {
                by_key[number as usize].push(event);
            }
            for (number, events) in (0..).zip(&mut by_key) {
                events.extend(recorder.together.iter().map(|event| event.event_of(number)));
            }
        }
        let mut unexplained = 0;
        for (number, events) in by_key.iter_mut().enumerate() {
            let verdict = history::check(events, self.setup.rules).map_err(|violation| {
                events.retain(|event| violation.concerns(event));
                events.sort_unstable_by_key(|event| event.begin);
                Failure::Impossible(number as u32, violation, events.clone())
            })?;
            unexplained += verdict.unexplained_refusals;
        }
        if unexplained > stats.rejections {
            return Err(Failure::Other(format!(
                "{unexplained} adds were refused when nothing was there, {} for want of room",
                stats.rejections
            )));
        }
        Ok(by_key.iter().map(|events| events.len() as u64).sum())
    }

    /// What must hold when no other thread uses the cache.
    fn at_rest(&self, stats: &CacheStats) -> Result<(), Failure> {
        let fail = |what: String| Err(Failure::Other(what));
        if self.setup.rules != Rules::Evicting && stats.evictions + stats.rejections > 0 {
            return fail(format!("evictions or rejections where there is room for all: {stats:?}"));
        }
        let total = self.sum_up()?;
        let capacity = self.cache.limits().max_capacity();
        if total.entries > capacity {
            return fail(format!("{} entries exceed {capacity}", total.entries));
        }
        #[cfg(larder_internals)]
        self.cache.validate();
        // After a stall more waits than one pass gets back from the collector. What had expired
        // when the threads ended is taken out now, so the entries have to be counted anew.
        let (mut alive, mut entries) = (0, 0);
        for _ in 0..1_000 {
            self.cache.run_pending_tasks();
            (alive, entries) = (self.census.alive(), self.sum_up()?.entries);
            if alive == 2 * entries as i64 {
                break;
            }
        }
        if alive != 2 * entries as i64 {
            return fail(format!("{alive} keys and values live, of {entries} entries"));
        }
        #[cfg(larder_internals)]
        self.cache.validate();
        Ok(())
    }

    /// The statistics, which have to add up.
    fn sum_up(&self) -> Result<CacheStats, Failure> {
        let total = self.cache.stats();
        if total.inserts - total.departures() == total.entries {
            Ok(total)
        } else {
            Err(Failure::Other(format!("statistics do not add up: {total:?}")))
        }
    }

    /// Drops the cache, and with it everything that was ever in it.
    ///
    /// # Errors
    ///
    /// If something was dropped too seldom or too often.
    pub fn end(self) -> Result<(), Failure> {
        drop(self.cache);
        match self.census.alive() {
            0 => Ok(()),
            alive => Err(Failure::Other(format!("{alive} keys and values outlive their cache"))),
        }
    }
}
