//! Panics of user code in caches that come to hold more than they were built for.

mod common;

use common::{Census, Counted, validate};
use larder::{Cache, ops::compute::Op};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    cell::Cell,
    hash::{Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    thread,
};

thread_local! {
    /// One in so many calls of user code panics in this thread; 0 for none.
    static PANICS: Cell<u32> = const { Cell::new(0) };
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

fn may_panic() {
    let call = CALLS.get().wrapping_add(1);
    CALLS.set(call);
    let one_in = PANICS.get();
    if one_in > 0 && call.is_multiple_of(one_in) {
        resume_unwind(Box::new("bang"));
    }
}

#[derive(Clone, Debug)]
struct Touchy(u64);

impl Hash for Touchy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        may_panic();
        self.0 == other.0
    }
}

impl Eq for Touchy {}

#[test]
fn panics_of_user_code_lose_nothing_in_whatever_tier() {
    let census = Census::default();
    for seed in 0..6 {
        let cache: Cache<Touchy, Arc<Counted>> = Cache::builder()
            .max_capacity(100_000)
            .estimated_entries(10)
            .weigher(|_, _| {
                may_panic();
                1
            })
            .build();
        thread::scope(|scope| {
            for id in 0..3 {
                let (cache, census) = (&cache, &census);
                scope.spawn(move || {
                    let mut rng = SmallRng::seed_from_u64(seed * 8 + id);
                    PANICS.set(61 + id as u32);
                    for i in 0..5_000 {
                        let key = Touchy(rng.random_range(0..200 + i / 4));
                        let value = Arc::new(census.value(i));
                        let operation = rng.random_range(0..8);
                        let _ = catch_unwind(AssertUnwindSafe(|| match operation {
                            0..4 => cache.insert(key, value),
                            4 => drop(cache.remove(&key)),
                            5 => _ = cache.get_with(key, || value),
                            6 => _ = cache.add(key, value),
                            _ => {
                                cache.entry(key).and_compute_with(|entry| {
                                    may_panic();
                                    if entry.is_some() {
                                        Op::Remove
                                    } else {
                                        Op::Put(value.clone())
                                    }
                                });
                            }
                        }));
                    }
                    PANICS.set(0);
                });
            }
        });
        validate(&cache);
        drop(cache);
        assert_eq!(census.alive(), 0, "seed {seed}");
    }
}
