//! What a write counts as, by the outcome of the function that writes.

use super::*;

mod outcomes {
    use super::*;

    pub(crate) static ROW: AtomicU64 = AtomicU64::new(0);

    #[cache_query(reads("outcomes"))]
    pub(crate) fn row() -> u64 {
        ROW.load(SeqCst)
    }

    /// As `HashMap::insert` does, says what was there before.
    #[cache_query(writes("outcomes"))]
    pub(crate) fn put(number: u64) -> Option<u64> {
        let old = ROW.swap(number, SeqCst);
        (old > 0).then_some(old)
    }

    /// Commits, and fails afterwards.
    #[cache_query(writes("outcomes"))]
    pub(crate) fn commit_and_fail(number: u64) -> Result<(), std::io::Error> {
        ROW.store(number, SeqCst);
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    #[cache_query(writes("outcomes"))]
    pub(crate) async fn commit_and_fail_later(number: u64) -> Result<(), String> {
        ROW.store(number, SeqCst);
        Err("too late".to_owned())
    }

    #[cache_query(writes("outcomes"))]
    pub(crate) fn commit_and_panic(number: u64) {
        ROW.store(number, SeqCst);
        panic!("after the write");
    }

    #[cache_query(writes("outcomes"))]
    pub(crate) async fn commit_and_hang(number: u64) {
        ROW.store(number, SeqCst);
        poll_fn(|_| Poll::<()>::Pending).await;
    }
}

#[test]
fn a_write_counts_whatever_it_returns() {
    use outcomes::{
        commit_and_fail, commit_and_fail_later, commit_and_hang, commit_and_panic, put, row,
    };
    assert_eq!(row(), 0);
    assert_eq!((put(1), row()), (None, 1));
    assert_eq!((put(2), row()), (Some(1), 2));
    assert_eq!((commit_and_fail(3).is_err(), row()), (true, 3));
    let later = futures::executor::block_on(commit_and_fail_later(4));
    assert_eq!((later.is_err(), row()), (true, 4));
    assert_eq!((catch_unwind(|| commit_and_panic(5)).is_err(), row()), (true, 5));
    let mut hangs = Box::pin(commit_and_hang(6));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(hangs.as_mut().poll(&mut context).is_pending());
    assert_eq!(row(), 5);
    drop(hangs);
    assert_eq!(row(), 6);
}

mod on_ok {
    use super::*;

    pub(crate) static ROW: AtomicU64 = AtomicU64::new(0);

    #[cache_query(reads("on_ok"))]
    pub(crate) fn row() -> u64 {
        ROW.load(SeqCst)
    }

    type Outcome<T> = Result<T, &'static str>;

    #[cache_query(writes("on_ok"), on = "ok")]
    pub(crate) fn write(number: u64) -> Outcome<u64> {
        if number == 0 {
            return Err("zero");
        }
        Ok(ROW.swap(number, SeqCst))
    }

    #[cache_query(writes("on_ok"), on = "ok")]
    pub(crate) async fn replace(number: u64) -> Option<u64> {
        let old = ROW.load(SeqCst);
        (old > 0).then(|| ROW.swap(number, SeqCst))
    }

    #[cache_query(writes("on_ok"), on = "ok")]
    pub(crate) fn opaque(number: u64) -> Result<impl std::fmt::Debug, impl std::fmt::Debug> {
        if number == 0 { Err("zero") } else { Ok(ROW.swap(number, SeqCst)) }
    }

    #[cache_query(writes("on_ok"), on = "ok")]
    pub(crate) fn panics(number: u64) -> Outcome<()> {
        ROW.store(number, SeqCst);
        panic!("after the write");
    }

    pub(crate) struct Rows(pub(crate) u64);

    impl Rows {
        #[cache_query(writes("on_ok"), on = "ok")]
        pub(crate) fn push(&mut self, number: u64) -> Option<&mut u64> {
            self.0 += 1;
            (number > 0).then(|| {
                ROW.store(number, SeqCst);
                &mut self.0
            })
        }
    }
}

#[test]
fn only_what_went_well_counts_as_a_write_if_that_is_said() {
    use on_ok::{Rows, opaque, panics, replace, row, write};
    let replace = |number| futures::executor::block_on(replace(number));
    assert_eq!((row(), row::peek()), (0, Some(0)));
    assert_eq!((write(0), row::peek()), (Err("zero"), Some(0)));
    assert_eq!((replace(3), row::peek()), (None, Some(0)));
    assert_eq!((write(1), row::peek(), row()), (Ok(0), None, 1));
    assert_eq!((replace(2), row::peek(), row()), (Some(1), None, 2));
    assert_eq!((opaque(0).is_err(), row::peek()), (true, Some(2)));
    assert_eq!((opaque(3).is_ok(), row::peek(), row()), (true, None, 3));
    assert_eq!((Rows(0).push(0), row::peek()), (None, Some(3)));
    assert_eq!((Rows(0).push(4), row::peek(), row()), (Some(&mut 1), None, 4));
    assert!(catch_unwind(|| panics(5)).is_err());
    assert_eq!((row::peek(), row()), (None, 5));
}
