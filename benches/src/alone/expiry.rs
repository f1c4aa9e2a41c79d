//! `expiry`: what deadlines cost, and how punctual they are. Larder alone: others have no clock
//! that a measurement could drive.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use larder::{Cache, Maintenance, ManualClock, Pending};
use rand::RngExt as _;
use serde::Serialize;

use crate::load::workload;
use crate::output::stats::median;
use crate::output::table::{Table, thousands};

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) entries: u32,
    pub(crate) rounds: usize,
    pub(crate) seed: u64,
}

/// One line of the table: medians over the rounds, nanoseconds per entry but for the longest pass.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Numbers {
    entries: u32,
    insert: f64,
    insert_with_deadline: f64,
    replace: f64,
    replace_with_deadline: f64,
    touch: f64,
    expire_at_once: f64,
    expire_in_time: f64,
    longest_step_micros: f64,
    earliest_micros: f64,
    median_late_micros: f64,
    latest_micros: f64,
}

const MINUTE: Duration = Duration::from_secs(60);
/// How far the clock is moved between two passes.
const STEP: Duration = Duration::from_millis(100);

/// One round.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    insert: f64,
    insert_with_deadline: f64,
    replace: f64,
    replace_with_deadline: f64,
    touch: f64,
    expire_at_once: f64,
    expire_in_time: f64,
    longest_step: f64,
}

pub(crate) fn run(plan: Plan) -> Numbers {
    let rounds: Vec<Round> = (0..plan.rounds).map(|round| measure(plan, round)).collect();
    let of = |field: fn(&Round) -> f64| median(&rounds.iter().map(field).collect::<Vec<_>>());
    let late = lateness();
    Numbers {
        entries: plan.entries,
        insert: of(|round| round.insert),
        insert_with_deadline: of(|round| round.insert_with_deadline),
        replace: of(|round| round.replace),
        replace_with_deadline: of(|round| round.replace_with_deadline),
        touch: of(|round| round.touch),
        expire_at_once: of(|round| round.expire_at_once),
        expire_in_time: of(|round| round.expire_in_time),
        longest_step_micros: of(|round| round.longest_step),
        earliest_micros: late.first().copied().unwrap_or_default(),
        median_late_micros: median(&late),
        latest_micros: late.last().copied().unwrap_or_default(),
    }
}

fn measure(plan: Plan, round: usize) -> Round {
    let entries = u64::from(plan.entries);
    let mut rng = workload::rng(plan.seed, round);
    let ttls: Vec<Duration> =
        (0..entries).map(|_| MINUTE.mul_f64(rng.random_range(0.01..1.0))).collect();
    let per_entry = |time: Duration| time.as_nanos() as f64 / entries as f64;
    let timed = |work: &mut dyn FnMut()| {
        let started = Instant::now();
        work();
        started.elapsed()
    };
    let capacity = entries + entries / 4;

    let plain = Cache::<u64, u64>::builder().max_capacity(capacity).build();
    let mut fill = || (0..entries).for_each(|key| plain.insert(key, key));
    let insert = per_entry(timed(&mut fill));
    let replace = per_entry(timed(&mut fill));
    drop(plain);

    let clock = ManualClock::new();
    let build = || {
        Cache::<u64, u64>::builder()
            .max_capacity(capacity)
            .time_to_live(MINUTE)
            .clock(&clock)
            // Everything happens when it is asked for, so that it can be timed.
            .maintenance(Maintenance::Manual)
            .build()
    };
    let timing = build();
    let mut fill = || (0..entries).for_each(|key| timing.insert(key, key));
    let insert_with_deadline = per_entry(timed(&mut fill));
    let replace_with_deadline = per_entry(timed(&mut fill));
    let touch = per_entry(timed(&mut || {
        // A few may have been given up for want of a place in their bucket.
        let touched = (0..entries).filter(|key| timing.set_ttl(key, MINUTE)).count() as u64;
        assert!(touched > entries - entries / 1_000, "{touched} of {entries}");
    }));
    clock.advance(MINUTE);
    let expire_at_once = per_entry(timed(&mut || timing.run_pending_tasks()));
    assert_eq!(timing.entry_count(), 0);
    drop(timing);

    let timing = build();
    for (key, ttl) in (0..).zip(&ttls) {
        timing.insert_with_ttl(key, key, *ttl);
    }
    let (mut total, mut longest) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..=MINUTE.as_millis() / STEP.as_millis() {
        clock.advance(STEP);
        // Step by step, as a thread does that has other things to do, too.
        let mut pending = Pending::More;
        while pending == Pending::More {
            let took = timed(&mut || pending = timing.run_pending_tasks_for(Duration::ZERO));
            total += took;
            longest = longest.max(took);
        }
    }
    assert_eq!(timing.entry_count(), 0);
    Round {
        insert,
        insert_with_deadline,
        replace,
        replace_with_deadline,
        touch,
        expire_at_once,
        expire_in_time: per_entry(total),
        longest_step: longest.as_nanos() as f64 / 1e3,
    }
}

/// How long after its deadline each of some entries is told to the listener by the maintenance
/// thread, in microseconds, ascending.
fn lateness() -> Vec<f64> {
    const ENTRIES: u64 = 300;
    const TTL: Duration = Duration::from_millis(100);
    let (sender, told) = mpsc::channel();
    let cache = Cache::builder()
        .max_capacity(2 * ENTRIES)
        .time_to_live(TTL)
        .eviction_listener(move |_: &u64, inserted: &Instant, _| {
            let _ = sender.send(inserted.elapsed());
        })
        .build();
    for key in 0..ENTRIES {
        cache.insert(key, Instant::now());
        std::thread::sleep(Duration::from_micros(1_100));
    }
    let mut late: Vec<f64> = (0..ENTRIES)
        .filter_map(|_| told.recv_timeout(MINUTE).ok())
        .map(|lived| (lived.as_nanos() as f64 - TTL.as_nanos() as f64) / 1e3)
        .collect();
    late.sort_by(f64::total_cmp);
    late
}

pub(crate) fn table(numbers: &Numbers) -> Table {
    let title = format!("Deadlines, {} entries of u64", thousands(numbers.entries.into()));
    let mut table = Table::new(
        title,
        vec!["".to_owned(), "ns per entry".to_owned(), "of an insert".to_owned()],
    );
    let mut row = |what: &str, nanos: f64| {
        let share = format!("{:.2}", nanos / numbers.insert);
        table.row(vec![what.to_owned(), format!("{nanos:.1}"), share]);
    };
    row("insert a new key, no deadlines", numbers.insert);
    row("the same with a time to live", numbers.insert_with_deadline);
    row("replace, no deadlines", numbers.replace);
    row("the same with a time to live", numbers.replace_with_deadline);
    row("touch", numbers.touch);
    row("expire, all due at once", numbers.expire_at_once);
    row("expire, due over a minute, a pass every 100 ms", numbers.expire_in_time);
    let late = |micros: f64| format!("{:.1} ms", micros / 1e3);
    table.note(format!("longest step of those passes: {}", late(numbers.longest_step_micros)));
    table.note(format!(
        "the listener hears of an entry {} to {} after its deadline, {} in the median",
        late(numbers.earliest_micros),
        late(numbers.latest_micros),
        late(numbers.median_late_micros),
    ));
    table
}
