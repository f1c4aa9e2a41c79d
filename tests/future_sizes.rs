//! The future of a load holds its loader once: what loaders that load further keys take grows by a
//! constant with each level.

mod common;

use common::validate;
use futures::{FutureExt, executor::block_on};
#[cfg(feature = "manager")]
use larder::manager::{CacheKind, CacheManager, View};
use larder::{Cache, ops::compute::Op};
use std::{
    convert::Infallible,
    future::{Future, ready},
    time::Duration,
};

/// The most bytes that a level may add to the future of its loader.
const PER_LEVEL: usize = 400;

static KEYS: [u32; 5] = [0, 1, 2, 3, 4];

/// A future that keeps `N` bytes across an await.
async fn large<const N: usize>() -> u32 {
    let state = [7_u8; N];
    ready(()).await;
    u32::from(state[N / 2])
}

/// Asserts that each level adds no more than [`PER_LEVEL`] to the one within it, whatever the size
/// of that, and that the outermost future yields the innermost value. `$load` makes the future of a
/// level from what it loads from, a key, and the level within.
macro_rules! assert_constant_per_level {
    ($from:expr, $load:expr) => {
        assert_constant_per_level!($from, $load, 1);
        assert_constant_per_level!($from, $load, 1_000);
        assert_constant_per_level!($from, $load, 10_000);
    };
    ($from:expr, $load:expr, $size:literal) => {{
        let mut sizes = Vec::new();
        let future = large::<$size>();
        sizes.push(size_of_val(&future));
        let future = $load($from, &KEYS[1], future);
        sizes.push(size_of_val(&future));
        let future = $load($from, &KEYS[2], future);
        sizes.push(size_of_val(&future));
        let future = $load($from, &KEYS[3], future);
        sizes.push(size_of_val(&future));
        let future = $load($from, &KEYS[4], future);
        sizes.push(size_of_val(&future));
        for pair in sizes.windows(2) {
            assert!(pair[1] <= pair[0] + PER_LEVEL, "{}: {sizes:?}", stringify!($load));
        }
        let value = block_on(future);
        assert_eq!(value, 7, "{}", stringify!($load));
        $from.empty();
    }};
}

type Numbers = Cache<u32, u32>;

trait Empty {
    fn empty(&self);
}

impl Empty for Numbers {
    fn empty(&self) {
        self.invalidate_all();
    }
}

#[cfg(feature = "manager")]
impl Empty for View<u32> {
    fn empty(&self) {
        self.clear();
    }
}

trait Loader: Future<Output = u32> {}

impl<F: Future<Output = u32>> Loader for F {}

/// Loads through each method of a cache.
mod caches {
    use super::*;

    pub(super) fn get<'c>(
        cache: &'c Numbers,
        key: &u32,
        init: impl Loader + 'c,
    ) -> impl Loader + 'c {
        cache.get_with_async(*key, init)
    }

    pub(super) fn by_ref<'c>(
        cache: &'c Numbers,
        key: &'c u32,
        init: impl Loader + 'c,
    ) -> impl Loader + 'c {
        cache.get_with_by_ref_async(key, init)
    }

    pub(super) fn fallible<'c>(
        cache: &'c Numbers,
        key: &u32,
        init: impl Loader + 'c,
    ) -> impl Loader + 'c {
        cache.try_get_with_async(*key, init.map(Ok::<_, Infallible>)).map(Result::unwrap)
    }

    pub(super) fn fallible_by_ref<'c>(
        cache: &'c Numbers,
        key: &'c u32,
        init: impl Loader + 'c,
    ) -> impl Loader + 'c {
        cache.try_get_with_by_ref_async(key, init.map(Ok::<_, Infallible>)).map(Result::unwrap)
    }

    pub(super) fn optional<'c>(
        cache: &'c Numbers,
        key: &u32,
        init: impl Loader + 'c,
    ) -> impl Loader + 'c {
        cache.optionally_get_with_async(*key, init.map(Some)).map(Option::unwrap)
    }

    pub(super) fn optional_by_ref<'c>(
        cache: &'c Numbers,
        key: &'c u32,
        init: impl Loader + 'c,
    ) -> impl Loader + 'c {
        cache.optionally_get_with_by_ref_async(key, init.map(Some)).map(Option::unwrap)
    }
}

/// Loads through each method of an entry.
mod entries {
    use super::*;

    pub(super) fn insert<'c>(
        cache: &'c Numbers,
        key: &u32,
        init: impl Loader + 'c,
    ) -> impl Loader + 'c {
        cache.entry(*key).or_insert_with_async(init).map(|entry| entry.into_value())
    }

    pub(super) fn insert_by_ref<'c>(
        cache: &'c Numbers,
        key: &'c u32,
        init: impl Loader + 'c,
    ) -> impl Loader + 'c {
        cache.entry_by_ref(key).or_insert_with_async(init).map(|entry| entry.into_value())
    }

    pub(super) fn fallible<'c>(
        cache: &'c Numbers,
        key: &u32,
        init: impl Loader + 'c,
    ) -> impl Loader + 'c {
        let init = init.map(Ok::<_, Infallible>);
        cache.entry(*key).or_try_insert_with_async(init).map(|entry| entry.unwrap().into_value())
    }

    pub(super) fn optional<'c>(
        cache: &'c Numbers,
        key: &u32,
        init: impl Loader + 'c,
    ) -> impl Loader + 'c {
        let init = init.map(Some);
        cache
            .entry(*key)
            .or_optionally_insert_with_async(init)
            .map(|entry| entry.unwrap().into_value())
    }
}

/// Loads through each method of a view.
#[cfg(feature = "manager")]
mod views {
    use super::*;

    pub(super) fn get<'v>(
        view: &'v View<u32>,
        key: &'v u32,
        init: impl Loader + 'v,
    ) -> impl Loader + 'v {
        view.get_with_async(key, init)
    }

    pub(super) fn fallible<'v>(
        view: &'v View<u32>,
        key: &'v u32,
        init: impl Loader + 'v,
    ) -> impl Loader + 'v {
        view.try_get_with_async(key, init.map(Ok::<_, Infallible>)).map(Result::unwrap)
    }

    pub(super) fn optional<'v>(
        view: &'v View<u32>,
        key: &'v u32,
        init: impl Loader + 'v,
    ) -> impl Loader + 'v {
        view.optionally_get_with_async(key, init.map(Some)).map(Option::unwrap)
    }
}

#[test]
fn loads_of_a_cache() {
    let cache = Cache::new(100);
    assert_constant_per_level!(&cache, caches::get);
    assert_constant_per_level!(&cache, caches::by_ref);
    assert_constant_per_level!(&cache, caches::fallible);
    assert_constant_per_level!(&cache, caches::fallible_by_ref);
    assert_constant_per_level!(&cache, caches::optional);
    assert_constant_per_level!(&cache, caches::optional_by_ref);
    validate(&cache);
}

#[test]
fn loads_of_a_cache_that_refreshes() {
    let cache = Cache::builder()
        .max_capacity(100)
        .time_to_live(Duration::from_secs(600))
        .early_refresh(1.0)
        .refresh_after(Duration::from_secs(60), |_: &u32| None)
        .build();
    assert_constant_per_level!(&cache, caches::get);
    assert_constant_per_level!(&cache, caches::fallible);
    validate(&cache);
}

#[test]
fn loads_of_an_entry() {
    let cache = Cache::new(100);
    assert_constant_per_level!(&cache, entries::insert);
    assert_constant_per_level!(&cache, entries::insert_by_ref);
    assert_constant_per_level!(&cache, entries::fallible);
    assert_constant_per_level!(&cache, entries::optional);
    validate(&cache);
}

#[cfg(feature = "manager")]
#[test]
fn loads_of_a_view() {
    let view = CacheManager::new().view(CacheKind::General);

    assert_constant_per_level!(&view, views::get);
    assert_constant_per_level!(&view, views::fallible);
    assert_constant_per_level!(&view, views::optional);
}

#[test]
fn loads_written_as_blocks() {
    let cache = Numbers::new(100);
    let one = || cache.get_with_async(1, async { large::<1_000>().await });
    let two = || {
        cache.get_with_async(2, async {
            cache.get_with_async(1, async { large::<1_000>().await }).await
        })
    };
    let three = || {
        cache.get_with_async(3, async {
            cache
                .get_with_async(2, async {
                    cache.get_with_async(1, async { large::<1_000>().await }).await
                })
                .await
        })
    };
    let sizes = [size_of_val(&one()), size_of_val(&two()), size_of_val(&three())];
    assert!(sizes[0] < 1_000 + PER_LEVEL, "{sizes:?}");
    assert!(sizes.windows(2).all(|pair| pair[1] <= pair[0] + PER_LEVEL), "{sizes:?}");
    assert_eq!(block_on(three()), 7);
    validate(&cache);
}

#[test]
fn a_batch_and_computations() {
    let cache = Numbers::new(100);
    let batch = cache.get_many_with_async([1, 2], async |keys: &[u32]| {
        let value = large::<1_000>().await;
        keys.iter().map(|key| (*key, value)).collect::<Vec<_>>()
    });
    let batch_size = size_of_val(&batch);
    assert!(batch_size < 1_000 + 2 * PER_LEVEL, "{batch_size}");
    assert_eq!(block_on(batch), [Some(7), Some(7)]);
    let upsert = cache.entry(1).and_upsert_with_async(async |_| large::<1_000>().await);
    let upsert_size = size_of_val(&upsert);
    assert!(upsert_size < 1_000 + PER_LEVEL, "{upsert_size}");
    assert_eq!(block_on(upsert).into_value(), 7);
    let compute = async |_| {
        large::<1_000>().await;
        Op::<u32>::Nop
    };
    let compute_size = size_of_val(&cache.entry(1).and_compute_with_async(compute));
    assert!(compute_size < 1_000 + PER_LEVEL, "{compute_size}");
    validate(&cache);
}
