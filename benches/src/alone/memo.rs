//! `memo`: what a hit of a cached function costs beside the same `get_with` written by hand, on a
//! view of the same cache, and on a cache of its own type.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use larder::Cache;
use larder::manager::{self, CacheKind, View};
use serde::Serialize;

use crate::output::stats::median;
use crate::output::table::Table;

/// Keys, all of them there.
const KEYS: usize = 500;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) ops: usize,
}

/// Medians over the rounds: nanoseconds per hit.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    what: &'static str,
    attribute: f64,
    view: f64,
    cache: f64,
    /// The median of the rounds' ratios of attribute and view.
    ratio: f64,
}

#[larder::cache_result(cache = "session")]
fn number(key: u64) -> u64 {
    key + 1
}

#[larder::cache_result(cache = "session")]
fn text(key: &str) -> Arc<str> {
    Arc::from(key)
}

#[larder::cache_result(cache = "session")]
fn pair(key: &str, page: u32) -> Result<Arc<str>, std::fmt::Error> {
    if page > KEYS as u32 { Err(std::fmt::Error) } else { Ok(Arc::from(key)) }
}

pub(crate) fn run(plan: Plan) -> Vec<Row> {
    let numbers: Vec<u64> = (0..KEYS as u64).collect();
    let texts: Vec<String> = (0..KEYS).map(|key| format!("https://example.com/{key}")).collect();
    let pairs: Vec<(String, u32)> = texts.iter().cloned().zip(0..).collect();

    let of_numbers: View<u64> = manager::global().view(CacheKind::Session);
    let own_numbers: Cache<u64, u64> = Cache::new(2_000);
    let of_texts: View<Arc<str>> = manager::global().view(CacheKind::Session);
    let own_texts: Cache<String, Arc<str>> = Cache::new(2_000);
    let own_pairs: Cache<(String, u32), Arc<str>> = Cache::new(2_000);
    let of_pairs = of_texts.clone().with_namespace("pairs");

    vec![
        compare(
            plan,
            "fn(u64) -> u64",
            &numbers,
            |key| number(*key),
            |key| of_numbers.get_with(key, || key + 1),
            |key| own_numbers.get_with(*key, || key + 1),
        ),
        compare(
            plan,
            "fn(&str) -> Arc<str>",
            &texts,
            |key| text(key),
            |key| of_texts.get_with(key.as_str(), || Arc::from(key.as_str())),
            |key| own_texts.get_with_by_ref(key.as_str(), || Arc::from(key.as_str())),
        ),
        compare(
            plan,
            "fn(&str, u32) -> Result<Arc<str>, _>",
            &pairs,
            |(key, page)| pair(key, *page).ok(),
            |pair| Some(of_pairs.get_with(pair, || Arc::from(pair.0.as_str()))),
            |pair| Some(own_pairs.get_with_by_ref(pair, || Arc::from(pair.0.as_str()))),
        ),
    ]
}

/// The three by turns, so that all of them meet the same noise.
fn compare<K, V>(
    plan: Plan,
    what: &'static str,
    keys: &[K],
    attribute: impl Fn(&K) -> V,
    view: impl Fn(&K) -> V,
    cache: impl Fn(&K) -> V,
) -> Row {
    let (mut by_attribute, mut by_view, mut by_cache) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=plan.rounds {
        by_attribute.push(time(plan.ops, keys, &attribute));
        by_view.push(time(plan.ops, keys, &view));
        by_cache.push(time(plan.ops, keys, &cache));
    }
    // The first round has filled the caches.
    let ratios: Vec<_> = by_attribute.iter().zip(&by_view).skip(1).map(|(a, v)| a / v).collect();
    let of = |times: &[f64]| median(&times[1..]);
    Row {
        what,
        attribute: of(&by_attribute),
        view: of(&by_view),
        cache: of(&by_cache),
        ratio: median(&ratios),
    }
}

fn time<K, V>(ops: usize, keys: &[K], get: impl Fn(&K) -> V) -> f64 {
    let started = Instant::now();
    let mut done = 0;
    while done < ops {
        for key in keys {
            black_box(get(black_box(key)));
        }
        done += keys.len();
    }
    started.elapsed().as_nanos() as f64 / done as f64
}

pub(crate) fn table(rows: &[Row]) -> Table {
    let head = ["hit of", "attribute", "view's get_with", "cache's get_with", "attribute / view"];
    let mut table = Table::new("Nanoseconds per hit", head.map(str::to_owned).to_vec());
    for row in rows {
        table.row(vec![
            row.what.to_owned(),
            format!("{:.1}", row.attribute),
            format!("{:.1}", row.view),
            format!("{:.1}", row.cache),
            format!("{:.2}", row.ratio),
        ]);
    }
    table.note("view: of the manager's cache that the function uses, too; cache: of its own key and value types");
    table
}
