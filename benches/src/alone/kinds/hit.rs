//! What a hit through a view costs beside one in a cache of exactly the right types.

use std::hint::black_box;
use std::time::{Duration, Instant};

use larder::Cache;
use larder::manager::{CacheManager, CacheSettings};
use serde::Serialize;

use crate::output::table::Table;

const KEYS: u64 = 1_000;
const TTL: Duration = Duration::from_secs(600);

/// Nanoseconds per `get_with` that finds its key: the least of all rounds, since whatever disturbs
/// only adds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Hit {
    keys: &'static str,
    typed: f64,
    view: f64,
}

pub(super) fn run(rounds: usize) -> Vec<Hit> {
    if rounds == 0 {
        return Vec::new();
    }
    let settings = CacheSettings::new(2 * KEYS).time_to_live(TTL);
    let cache = CacheManager::new().create("hits", settings).expect("the settings are valid");
    let rounds = rounds * 100;

    let typed: Cache<u64, u64> = Cache::builder().max_capacity(2 * KEYS).time_to_live(TTL).build();
    let view = cache.view::<u64>();
    (0..KEYS).for_each(|key| _ = (typed.get_with(key, || key), view.get_with(&key, || key)));
    let numbers = Hit {
        keys: "u64",
        typed: fastest(rounds, || {
            (0..KEYS).for_each(|key| _ = black_box(typed.get_with(black_box(key), || 0)))
        }),
        view: fastest(rounds, || {
            (0..KEYS).for_each(|key| _ = black_box(view.get_with(black_box(&key), || 0)))
        }),
    };

    cache.clear();
    let names: Vec<_> = (0..KEYS).map(|key| format!("user:{key:08}:profile")).collect();
    let typed: Cache<String, u64> =
        Cache::builder().max_capacity(2 * KEYS).time_to_live(TTL).build();
    for name in &names {
        typed.get_with_by_ref(name.as_str(), || 0);
        view.get_with(name.as_str(), || 0);
    }
    let strings = Hit {
        keys: "str",
        typed: fastest(rounds, || {
            for name in &names {
                black_box(typed.get_with_by_ref(black_box(name.as_str()), || 0));
            }
        }),
        view: fastest(rounds, || {
            for name in &names {
                black_box(view.get_with(black_box(name.as_str()), || 0));
            }
        }),
    };
    vec![numbers, strings]
}

fn fastest(rounds: usize, mut walk: impl FnMut()) -> f64 {
    let times = (0..rounds).map(|_| {
        let started = Instant::now();
        walk();
        started.elapsed().as_nanos() as f64 / KEYS as f64
    });
    times.fold(f64::INFINITY, f64::min)
}

pub(super) fn table(hits: &[Hit]) -> Table {
    let head = ["keys", "typed cache ns", "view ns", "ratio"];
    let title = "A hit of get_with through a view, beside a cache of exactly the right types";
    let mut table = Table::new(title, head.map(str::to_owned).to_vec());
    for Hit { keys, typed, view } in hits {
        let ratio = format!("{:.2}", view / typed);
        table.row(vec![(*keys).to_owned(), format!("{typed:.1}"), format!("{view:.1}"), ratio]);
    }
    table
}
