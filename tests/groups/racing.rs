//! Threads that insert, look up and invalidate at once, and a check of what each has seen.

use super::*;

/// When something happened, by a clock that all threads share.
#[derive(Clone, Copy, Debug)]
struct During {
    from: u64,
    to: u64,
}

/// What is invalidated: everything, or a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    All,
    Tag(u64),
}

#[derive(Default)]
struct Log {
    /// By value, which no two inserts share: when, and with which tag.
    inserts: Vec<(u64, During, u64)>,
    invalidations: Vec<(Group, During)>,
    hits: Vec<(u64, During)>,
    /// Lookups by a key's only writer that did not find the value it wrote last.
    misses: Vec<(u64, During)>,
}

const THREADS: u64 = 4;
const KEYS: u64 = 40;
const TAGS: u64 = 5;
const ROUNDS: u64 = if cfg!(miri) { 200 } else { 20_000 };

/// Writes its own keys, reads all, and invalidates.
fn racer(cache: &Cache<u64, u64>, clock: &AtomicU64, own: u64) -> Log {
    let mut log = Log::default();
    let mut rng = own + 1;
    // What this thread wrote last, and whether it is known to be gone.
    let mut written: HashMap<u64, (u64, bool)> = HashMap::new();
    let timed = |f: &mut dyn FnMut()| {
        let from = clock.fetch_add(1, SeqCst);
        f();
        During { from, to: clock.fetch_add(1, SeqCst) }
    };
    for round in 0..ROUNDS {
        rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let dice = rng >> 33;
        let key = dice / 256 % KEYS * THREADS + own;
        match dice % 256 {
            0..90 => {
                let (value, tag) = (round * THREADS + own, dice / 65_536 % TAGS);
                let during = timed(&mut || cache.insert_tagged(key, value, [tag]).unwrap());
                log.inserts.push((value, during, tag));
                written.insert(key, (value, false));
            }
            90..94 => {
                let tag = dice / 65_536 % TAGS;
                let during = timed(&mut || cache.invalidate_tag(&tag));
                log.invalidations.push((Group::Tag(tag), during));
            }
            94..96 => {
                let during = timed(&mut || cache.invalidate_all());
                log.invalidations.push((Group::All, during));
            }
            96..100 => cache.run_pending_tasks(),
            100..180 => {
                let mut found = None;
                let other = key - own + dice / 65_536 % THREADS;
                let during = timed(&mut || found = cache.get(&other));
                log.hits.extend(found.map(|value| (value, during)));
            }
            _ => {
                let mut found = None;
                let during = timed(&mut || found = cache.get(&key));
                let Some((value, gone)) = written.get_mut(&key) else { continue };
                match found {
                    Some(found) => {
                        assert_eq!(found, *value, "another value than the last");
                        assert!(!*gone, "value {value} came back");
                        log.hits.push((found, during));
                    }
                    None => {
                        *gone = true;
                        log.misses.push((*value, during));
                    }
                }
            }
        }
    }
    log
}

#[test]
fn nothing_comes_back_and_nothing_is_lost() {
    let _alone = alone();
    let told: Arc<Mutex<HashMap<u64, u64>>> = Arc::default();
    let notes = told.clone();
    let cache = builder(2_000)
        .eviction_listener(move |_, &value, cause| {
            assert_ne!(cause, RemovalCause::Size);
            *notes.lock().unwrap().entry(value).or_default() += 1;
        })
        .build();
    let clock = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let mut log = Log::default();
    thread::scope(|scope| {
        let racers: Vec<_> = (0..THREADS)
            .map(|own| {
                let (cache, clock) = (&cache, &clock);
                scope.spawn(move || racer(cache, clock, own))
            })
            .collect();
        let sweeper = scope.spawn(|| {
            while !over.load(SeqCst) {
                cache.run_pending_tasks();
                thread::yield_now();
            }
        });
        for racer in racers {
            let mut own = racer.join().expect("no panic");
            log.inserts.append(&mut own.inserts);
            log.invalidations.append(&mut own.invalidations);
            log.hits.append(&mut own.hits);
            log.misses.append(&mut own.misses);
        }
        over.store(true, SeqCst);
        sweeper.join().expect("no panic");
    });
    check(&log);

    cache.run_pending_tasks();
    validate(&cache);
    let told = told.lock().unwrap();
    assert!(told.values().all(|&times| times == 1), "told twice");
    let there = cache.iter().count();
    assert!(cache.iter().all(|(_, value)| !told.contains_key(&value)));
    assert_eq!((there + told.len(), cache.entry_count()), (log.inserts.len(), there as u64));
    assert_eq!(cache.stats().listener_panics, 0);
}

fn check(log: &Log) {
    let inserts: HashMap<u64, (During, u64)> =
        log.inserts.iter().map(|&(value, during, tag)| (value, (during, tag))).collect();
    let meant = |tag: u64| {
        log.invalidations
            .iter()
            .filter(move |(group, _)| matches!(*group, Group::All) || *group == Group::Tag(tag))
            .map(|&(_, during)| during)
    };
    let by_tag: Vec<Vec<During>> = (0..TAGS).map(|tag| meant(tag).collect()).collect();
    for (value, hit) in &log.hits {
        let (insert, tag) = inserts[value];
        let too_late = by_tag[tag as usize].iter().find(|i| insert.to < i.from && i.to < hit.from);
        assert!(too_late.is_none(), "{value}, {insert:?}, {too_late:?}, found {hit:?}");
    }
    for (value, miss) in &log.misses {
        let (insert, tag) = inserts[value];
        let why = by_tag[tag as usize].iter().any(|i| insert.from < i.to && i.from < miss.to);
        assert!(why, "{value}, {insert:?}, missed {miss:?} for no reason");
    }
    assert!(log.hits.len() > 100 && log.misses.len() > 10, "a race that says little");
}
