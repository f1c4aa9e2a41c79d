//! Traces that stand in for real ones: what services are seen to do, drawn from a seed.
//!
//! No policy was tuned to them. Each is one pattern that papers on cache traces describe:
//! popularity by Zipf's law that moves on and many keys that are used once (Breslau et al., INFOCOM
//! 1999; Yang et al., OSDI 2020), scans and loops (Jiang and Zhang, SIGMETRICS 2002), a database's
//! buffer pool (Megiddo and Modha, FAST 2003), and visits that come to an end.

use std::ops::Range;

use rand::RngExt;
use rand::rngs::SmallRng;
use rand_distr::{Distribution, Zipf};

use super::Trace;
use crate::load::workload;

/// Accesses of each trace.
const ACCESSES: usize = 100_000;

/// The beginning of their names.
pub(super) const PREFIX: &str = "generated_";

/// One pattern.
struct Pattern {
    name: &'static str,
    /// For the reader of the table.
    what: &'static str,
    draw: fn(&mut Draw),
}

const PATTERNS: [Pattern; 6] = [
    Pattern {
        name: "pages",
        what: "Zipf 0.9 over 30,000 pages, of which new ones take the places of old ones",
        draw: pages,
    },
    Pattern {
        name: "files",
        what: "Zipf 0.8 over 20,000 files, and one access in three to a file that is used once",
        draw: files,
    },
    Pattern {
        name: "scans",
        what: "Zipf 0.99 over 20,000 keys; every 15,000 accesses a scan of 5,000 keys used once",
        draw: scans,
    },
    Pattern {
        name: "loop",
        what: "a batch over the same 4,000 keys in a loop, beside Zipf 0.9 over 10,000 others",
        draw: looping,
    },
    Pattern {
        name: "database",
        what: "pages of a database: index and rows by Zipf 1.0, ranges, appends, now and then a report",
        draw: database,
    },
    Pattern {
        name: "visits",
        what: "600 visits at a time, each of some 60 accesses to 10 objects of its own, beside common ones",
        draw: visits,
    },
];

/// All of them, `accesses` long.
pub(super) fn all(seed: u64, accesses: usize) -> Vec<Trace> {
    let trace = |(number, pattern): (usize, &Pattern)| {
        let rng = workload::rng(seed, number);
        let mut draw = Draw { rng, accesses, drawn: Vec::with_capacity(accesses) };
        (pattern.draw)(&mut draw);
        draw.drawn.truncate(accesses);
        Trace::new(format!("{PREFIX}{}", pattern.name), draw.drawn.into_iter())
    };
    PATTERNS.iter().enumerate().map(trace).collect()
}

/// The default length.
pub(super) fn whole(seed: u64) -> Vec<Trace> {
    all(seed, ACCESSES)
}

/// What the trace of that name is, if it is one of these.
pub(crate) fn what(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix(PREFIX)?;
    PATTERNS.iter().find(|pattern| pattern.name == name).map(|pattern| pattern.what)
}

/// A trace that is being drawn.
struct Draw {
    rng: SmallRng,
    accesses: usize,
    drawn: Vec<u32>,
}

impl Draw {
    fn is_complete(&self) -> bool {
        self.drawn.len() >= self.accesses
    }

    fn access(&mut self, key: u32) {
        self.drawn.push(key);
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    fn between(&mut self, range: Range<usize>) -> usize {
        self.rng.random_range(range)
    }

    /// Yes in `percent` of a hundred cases.
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A rank, 0 the most frequent.
    fn rank(&mut self, law: &Zipf<f64>) -> usize {
        law.sample(&mut self.rng) as usize - 1
    }
}

fn zipf(keys: usize, exponent: f64) -> Zipf<f64> {
    Zipf::new(keys as f64, exponent).expect("valid parameters")
}

/// Keys that were never used before, from far above those of the other kinds.
fn fresh() -> impl Iterator<Item = u32> {
    1 << 24..
}

fn pages(draw: &mut Draw) {
    const PAGES: usize = 30_000;
    let law = zipf(PAGES, 0.9);
    let mut ranking: Vec<u32> = (0..PAGES as u32).collect();
    let mut published = fresh();
    while !draw.is_complete() {
        let at = draw.drawn.len();
        // Most are hardly noticed. Now and then one is: near the top as often as near the end, by
        // orders of magnitude.
        let place = match (at.is_multiple_of(1_000), at.is_multiple_of(20)) {
            (true, _) => Some((PAGES as f64).powf(draw.rng.random::<f64>()) as usize - 1),
            (_, true) => Some(draw.below(PAGES)),
            _ => None,
        };
        if let Some(place) = place {
            ranking[place] = published.next().expect("there are enough numbers");
        }
        let rank = draw.rank(&law);
        draw.access(ranking[rank]);
    }
}

fn files(draw: &mut Draw) {
    let law = zipf(20_000, 0.8);
    let mut once = fresh();
    while !draw.is_complete() {
        let key = match draw.below(3) == 0 {
            true => once.next().expect("there are enough numbers"),
            false => draw.rank(&law) as u32,
        };
        draw.access(key);
    }
}

fn scans(draw: &mut Draw) {
    let law = zipf(20_000, 0.99);
    let mut once = fresh();
    while !draw.is_complete() {
        for _ in 0..15_000 {
            let rank = draw.rank(&law);
            draw.access(rank as u32);
        }
        // A scan does not have the machine for itself.
        for key in once.by_ref().take(5_000) {
            draw.access(key);
            if draw.chance(25) {
                let rank = draw.rank(&law);
                draw.access(rank as u32);
            }
        }
    }
}

fn looping(draw: &mut Draw) {
    const BATCH: u32 = 4_000;
    let law = zipf(10_000, 0.9);
    for key in (0..BATCH).cycle() {
        if draw.is_complete() {
            return;
        }
        draw.access(key);
        if draw.chance(50) {
            let rank = draw.rank(&law);
            draw.access(BATCH + rank as u32);
        }
    }
}

fn database(draw: &mut Draw) {
    const INNER: usize = 200;
    const LEAVES: usize = 10_000;
    const ROWS: usize = 40_000;
    const ROOT: u32 = 0;
    let inner = |leaf: usize| 1 + (leaf * INNER / LEAVES) as u32;
    let leaf_page = |leaf: usize| (1 + INNER + leaf % LEAVES) as u32;
    let row_page = |row: usize| (1 + INNER + LEAVES + row % ROWS) as u32;
    let law = zipf(LEAVES, 1.0);
    // What is used much is not side by side.
    let scattered = |rank: usize, of: usize| rank * 7_919 % of;
    let mut appended = fresh();
    let mut newest = appended.next();
    let mut report_at = 20_000;
    while !draw.is_complete() {
        if draw.drawn.len() >= report_at {
            let begin = draw.below(ROWS);
            (0..5_000).for_each(|row| draw.access(row_page(begin + row)));
            report_at += 25_000;
        }
        let leaf = scattered(draw.rank(&law), LEAVES);
        draw.access(ROOT);
        draw.access(inner(leaf));
        draw.access(leaf_page(leaf));
        match draw.below(100) {
            // A row, sometimes to be written at once.
            0..70 => {
                let row = leaf * (ROWS / LEAVES) + draw.below(2);
                draw.access(row_page(row));
                if draw.chance(30) {
                    draw.access(row_page(row));
                }
            }
            70..85 => {
                let length = draw.between(4..40);
                (1..length).for_each(|next| draw.access(leaf_page(leaf + next)));
            }
            // Some forty rows to a page, the last of which are read again.
            _ => {
                if draw.below(40) == 0 {
                    newest = appended.next();
                }
                let back = draw.below(4) as u32;
                draw.access(newest.expect("there are enough numbers") - back);
            }
        }
    }
}

fn visits(draw: &mut Draw) {
    const VISITS: usize = 600;
    const OBJECTS: u32 = 10;
    const COMMON: u32 = 500;
    let law = zipf(COMMON as usize, 0.9);
    let mut began = (1..).map(|visit| COMMON + visit * OBJECTS);
    let mut visit = || began.next().expect("there are enough numbers");
    let mut at_present: Vec<u32> = (0..VISITS).map(|_| visit()).collect();
    while !draw.is_complete() {
        if draw.chance(20) {
            let rank = draw.rank(&law);
            draw.access(rank as u32);
            continue;
        }
        let place = draw.below(VISITS);
        let object = draw.below(OBJECTS as usize) as u32;
        draw.access(at_present[place] + object);
        if draw.below(60) == 0 {
            at_present[place] = visit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::lru;

    const SHORT: usize = 40_000;

    #[test]
    fn a_seed_is_a_trace_and_another_seed_another() {
        let accesses = |seed| all(seed, 1_000).into_iter().map(|trace| trace.accesses);
        assert!(accesses(1).eq(accesses(1)));
        for (one, other) in accesses(1).zip(accesses(2)) {
            assert_eq!((one.len(), other.len()), (1_000, 1_000));
            assert_ne!(one, other);
        }
    }

    #[test]
    fn each_says_what_it_is() {
        for trace in all(1, 10) {
            assert!(what(&trace.name).is_some(), "{}", trace.name);
        }
        assert_eq!(what("arc_OLTP"), None);
    }

    /// How often LRU with that many entries hits, in percent.
    fn lru_of(trace: &Trace, capacity: usize) -> u64 {
        100 * lru::hits(&trace.accesses, trace.keys, capacity) / trace.accesses.len() as u64
    }

    /// That each is the pattern that it says it is.
    #[test]
    fn patterns_have_their_marks() {
        let traces = all(1, SHORT);
        let [pages, files, scans, looping, database, visits] = &traces[..] else {
            panic!("{} patterns", traces.len())
        };
        let once = |trace: &Trace| {
            let mut uses = vec![0; trace.keys];
            trace.accesses.iter().for_each(|&key| uses[key as usize] += 1);
            uses.iter().filter(|&&uses| uses == 1).count()
        };
        assert!(once(files) > SHORT / 3 - 1_000, "a third of the accesses are to files used once");
        assert!(once(scans) >= 9_000, "two scans of 5,000, the second cut short");
        // What is popular in the first tenth is less so in the last.
        let top = |part: &[u32]| {
            let mut uses = vec![0; pages.keys];
            part.iter().for_each(|&key| uses[key as usize] += 1);
            let mut keys: Vec<usize> = (0..pages.keys).collect();
            keys.sort_by_key(|&key| std::cmp::Reverse(uses[key]));
            keys.truncate(20);
            keys
        };
        let (first, last) = (top(&pages.accesses[..4_000]), top(&pages.accesses[36_000..]));
        let stayed = first.iter().filter(|key| last.contains(key)).count();
        assert!((1..18).contains(&stayed), "{stayed} of 20 stayed popular");
        // A loop evicts each key just before it comes again.
        let (fits, does_not) = (lru_of(looping, 10_000), lru_of(looping, 4_000));
        assert!(fits > does_not + 40, "{fits} %, {does_not} %");
        // The root and the inner pages of the index are always in use.
        let hot = lru_of(database, 200);
        assert!(hot > 25, "{hot} %");
        let (fits, does_not) = (lru_of(visits, 10_000), lru_of(visits, 1_000));
        assert!(fits > does_not + 30, "{fits} %, {does_not} %");
    }
}
