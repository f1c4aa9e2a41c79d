//! `companions = false`: methods where a trait is implemented.

use larder::{cache_method_result, cache_query, manager};
use std::{
    convert::Infallible,
    hash::Hash,
    num::ParseIntError,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

trait Repository {
    type Error;

    fn title(&self, id: u32) -> String;
    fn number(&self, text: &str) -> Result<u32, ParseIntError>;
    async fn length(&self, text: &str, times: u32) -> Result<usize, ParseIntError>;
    fn shared<T: Copy + Eq + Hash + Into<u64> + Send + Sync + 'static>(id: T) -> u64;
    fn owned(self, id: u32) -> u32;
    fn rows(&self) -> Result<u32, Self::Error>;
    fn add(&self, by: u32) -> Result<(), Self::Error>;
    async fn add_later(&self, by: u32) -> Result<(), ParseIntError>;
}

#[derive(Default)]
struct Db<const N: u32> {
    runs: AtomicU32,
    rows: AtomicU32,
}

impl<const N: u32> Repository for &Db<N> {
    type Error = Infallible;

    #[cache_method_result(self_key = N, skip(Self), companions = false)]
    fn title(&self, mut id: u32) -> String {
        self.runs.fetch_add(1, Relaxed);
        id += 1;
        if id == 1 {
            return "the first".to_owned();
        }
        format!("{N}/{id}")
    }

    #[cache_method_result(skip(self, Self), companions = false, name = "numbers")]
    fn number(&self, text: &str) -> Result<u32, ParseIntError> {
        self.runs.fetch_add(1, Relaxed);
        let number: u32 = text.parse()?;
        Ok(number)
    }

    #[cache_method_result(skip(self, Self), companions = false, tags("{text}"))]
    async fn length(&self, text: &str, mut times: u32) -> Result<usize, ParseIntError> {
        self.runs.fetch_add(1, Relaxed);
        times += text.parse::<u32>()?;
        Ok(times as usize)
    }

    #[cache_method_result(skip(Self), companions = false)]
    fn shared<T: Copy + Eq + Hash + Into<u64> + Send + Sync + 'static>(id: T) -> u64 {
        let id: u64 = id.into();
        id + u64::from(N)
    }

    #[cache_method_result(skip(self, Self), companions = false)]
    fn owned(self, id: u32) -> u32 {
        self.runs.fetch_add(1, Relaxed);
        id
    }

    #[cache_query(reads("trait_rows"), skip(self, Self), companions = false)]
    fn rows(&self) -> Result<u32, Self::Error> {
        self.runs.fetch_add(1, Relaxed);
        Ok(self.rows.load(Relaxed))
    }

    #[cache_query(writes("trait_rows"), companions = false)]
    fn add(&self, by: u32) -> Result<(), Self::Error> {
        if by == 0 {
            return Ok(());
        }
        self.rows.fetch_add(by, Relaxed);
        Ok(())
    }

    #[cache_query(writes("trait_rows"), companions = false)]
    async fn add_later(&self, by: u32) -> Result<(), ParseIntError> {
        let by: u32 = by.to_string().parse()?;
        self.rows.fetch_add(by, Relaxed);
        Ok(())
    }
}

#[test]
fn methods_of_traits_run_once_per_key() {
    let db = &Db::<5>::default();
    for _ in 0..2 {
        assert_eq!((db.title(0), db.title(7)), ("the first".into(), "5/8".into()));
        assert_eq!(db.number("12"), Ok(12));
        assert_eq!(db.owned(3), 3);
    }
    assert_eq!(db.runs.load(Relaxed), 4);
    assert!(db.number("x").is_err() && db.number("x").is_err());
    assert_eq!(db.runs.load(Relaxed), 6, "errors are not kept");
    assert_eq!((<&Db<5>>::shared(1_u8), <&Db<5>>::shared(1_u16)), (6, 6));

    // Another key.
    let other = &Db::<6>::default();
    assert_eq!((other.title(7), other.runs.load(Relaxed)), ("6/8".into(), 1));
}

#[test]
fn futures_of_traits_do_too_and_know_their_tags() {
    futures::executor::block_on(async {
        let db = &Db::<1>::default();
        assert_eq!((db.length("4", 2).await, db.length("4", 2).await), (Ok(6), Ok(6)));
        assert!(db.length("x", 2).await.is_err());
        assert_eq!(db.runs.load(Relaxed), 2);
        manager::get_cache("general").unwrap().invalidate_tag("4");
        assert_eq!((db.length("4", 2).await, db.runs.load(Relaxed)), (Ok(6), 3));
    });
}

#[test]
fn writes_of_traits_make_reads_stale() {
    let db = &Db::<2>::default();
    assert_eq!((db.rows(), db.rows()), (Ok(0), Ok(0)));
    db.add(3).unwrap();
    assert_eq!((db.rows(), db.runs.load(Relaxed)), (Ok(3), 2));
    futures::executor::block_on(db.add_later(4)).unwrap();
    assert_eq!((db.rows(), db.runs.load(Relaxed)), (Ok(7), 3));
}

#[test]
fn functions_without_companions_are_listed_and_cleared_by_name() {
    let db = &Db::<3>::default();
    assert_eq!((db.number("77"), db.runs.load(Relaxed)), (Ok(77), 1));
    let named = |function: &&manager::FunctionInfo| function.name == "numbers";
    assert!(manager::functions().iter().find(named).unwrap().stats.misses >= 1);
    assert_eq!(manager::invalidate_function("numbers"), 1);
    assert_eq!((db.number("77"), db.runs.load(Relaxed)), (Ok(77), 2));
    assert_eq!(manager::invalidate_function("no such function"), 0);
}
