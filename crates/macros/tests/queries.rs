//! `cache_query`: what is read, and what writes make stale. A write that has returned is seen by
//! every read that begins afterwards.

use larder::cache_query;
use std::{
    future::poll_fn,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    task::Poll,
};

/// A table of numbers that only grow.
struct Table {
    rows: [AtomicU64; 8],
}

impl Table {
    const fn new() -> Self {
        Self { rows: [const { AtomicU64::new(0) }; 8] }
    }
}

static URLS: Table = Table::new();
static CLICKS: Table = Table::new();

#[cache_query(reads("urls"), cache = "url")]
fn url(row: usize) -> u64 {
    URLS.rows[row].load(SeqCst)
}

#[cache_query(reads("urls", "clicks"), cache = "analytics", ttl = "1m")]
fn both(row: usize) -> (u64, u64) {
    (URLS.rows[row].load(SeqCst), CLICKS.rows[row].load(SeqCst))
}

#[cache_query(reads("clicks:{row}"))]
async fn click(row: usize) -> Result<u64, std::io::Error> {
    Ok(CLICKS.rows[row].load(SeqCst))
}

/// Writes, if it is a number.
#[cache_query(writes("urls"), on = "ok")]
fn set_url(row: usize, text: &str) -> Result<(), std::num::ParseIntError> {
    let number = text.parse()?;
    URLS.rows[row].store(number, SeqCst);
    Ok(())
}

#[cache_query(writes("clicks:{row}"))]
async fn add_click(row: usize) -> u64 {
    CLICKS.rows[row].fetch_add(1, SeqCst) + 1
}

static FORMS: Table = Table::new();

#[cache_query(reads("forms"))]
fn form(row: usize) -> u64 {
    FORMS.rows[row].load(SeqCst)
}

/// A form, as a handler takes it apart, and what that answers.
#[cache_query(writes("forms"), on = "ok")]
fn post_form(
    (row, number): (usize, u64),
    _: &str,
) -> Result<impl std::fmt::Display, impl std::fmt::Debug> {
    let written = number > 0;
    if written {
        FORMS.rows[row].store(number, SeqCst);
    }
    written.then_some(number).ok_or("no number")
}

#[cache_query(writes("forms"))]
async fn put_form(row: usize) -> impl Iterator<Item = u64> {
    FORMS.rows[row].store(9, SeqCst);
    0..9
}

struct Repository;

impl Repository {
    #[cache_query(reads("urls"), skip(self))]
    fn sum(&self) -> u64 {
        URLS.rows.iter().map(|row| row.load(SeqCst)).sum()
    }

    #[cache_query(writes("urls"), on = "ok")]
    fn clear(&mut self, row: usize) -> Option<()> {
        URLS.rows[row].swap(0, SeqCst).checked_sub(1).map(drop)
    }
}

#[test]
fn a_write_makes_stale_what_reads_its_table_wherever_it_is_kept() {
    assert_eq!((url(0), both(0), Repository.sum()), (0, (0, 0), 0));
    set_url(0, "5").unwrap();
    assert_eq!((url::peek(0), both::peek(0)), (None, None));
    assert_eq!((url(0), both(0), Repository.sum()), (5, (5, 0), 5));
    // One that failed has not happened.
    assert!(set_url(0, "x").is_err());
    assert_eq!((url::peek(0), both::peek(0)), (Some(5), Some((5, 0))));
    assert_eq!((Repository.clear(1), url::peek(0)), (None, Some(5)));
    assert_eq!((Repository.clear(0), url::peek(0), Repository.sum()), (Some(()), None, 0));
}

#[tokio::test]
async fn writes_take_arguments_apart_and_return_types_without_names() {
    assert_eq!(form(7), 0);
    assert!(post_form((7, 0), "").is_err() && form::peek(7) == Some(0));
    assert_eq!(post_form((7, 3), "").unwrap().to_string(), "3");
    assert_eq!((form::peek(7), form(7)), (None, 3));
    // Whether that is a success nobody knows, so it is one.
    assert_eq!((put_form(7).await.count(), form::peek(7)), (9, None));
}

#[tokio::test]
async fn tables_have_parts() {
    let parts = [3, 4, 5, 6].map(async |row| click(row).await.unwrap());
    assert_eq!(futures::future::join_all(parts).await, [0; 4]);
    assert_eq!(click(2).await.unwrap(), 0);
    assert_eq!(add_click(2).await, 1);
    // Two tags may be taken for the same, but not so many.
    assert!((3..7).any(|row| click::peek(row).is_some()));
    assert_eq!((click(2).await.unwrap(), click::peek(2).unwrap().unwrap()), (1, 1));
}

static DROPPED: AtomicU32 = AtomicU32::new(0);

#[cache_query(reads("dropped"))]
fn dropped() -> u32 {
    DROPPED.load(SeqCst)
}

/// Has written when it is polled, and never returns.
#[cache_query(writes("dropped"))]
async fn write_and_hang() -> u32 {
    DROPPED.fetch_add(1, SeqCst);
    poll_fn(|_| Poll::Pending).await
}

#[cache_query(writes("dropped"))]
fn write_and_panic() {
    DROPPED.fetch_add(1, SeqCst);
    panic!("after the write");
}

#[tokio::test]
async fn a_write_that_is_left_early_counts_as_one() {
    assert_eq!(dropped(), 0);
    let mut write = Box::pin(write_and_hang());
    assert!(futures::poll!(&mut write).is_pending());
    assert_eq!(dropped(), 0);
    drop(write);
    assert_eq!(dropped(), 1);
    assert!(std::panic::catch_unwind(write_and_panic).is_err());
    assert_eq!(dropped(), 2);
}

static ROW: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicBool = AtomicBool::new(true);
static HAS_READ: AtomicBool = AtomicBool::new(false);

/// Reads, and takes its time to return what it has read.
#[cache_query(reads("held"))]
fn held() -> u64 {
    let row = ROW.load(SeqCst);
    HAS_READ.store(true, SeqCst);
    while HELD.load(SeqCst) {
        std::thread::yield_now();
    }
    row
}

#[cache_query(writes("held"))]
fn set_held(row: u64) {
    ROW.store(row, SeqCst);
}

/// The race that leaves old rows in caches: a query reads, a write writes and invalidates, and the
/// query stores what it has read.
#[test]
fn a_query_in_flight_does_not_bring_old_rows_back() {
    std::thread::scope(|scope| {
        let old = scope.spawn(held);
        while !HAS_READ.load(SeqCst) {
            std::thread::yield_now();
        }
        set_held(1);
        // A later read does not join the load that began before the write, either.
        let new = scope.spawn(held);
        while held::stats().misses < 2 {
            std::thread::yield_now();
        }
        HELD.store(false, SeqCst);
        assert_eq!((old.join().unwrap(), new.join().unwrap()), (0, 1));
    });
    assert_eq!(held(), 1);
}

static WRITTEN: AtomicU64 = AtomicU64::new(0);

#[cache_query(reads("written"))]
fn written() -> u64 {
    WRITTEN.load(SeqCst)
}

#[cache_query(writes("written"))]
fn write_slowly(number: u64) {
    // A query that comes while the write is under way, and is kept.
    assert_eq!((written(), written()), (number - 1, number - 1));
    WRITTEN.store(number, SeqCst);
}

#[test]
fn what_was_read_during_a_write_is_stale_after_it() {
    for number in 1..3 {
        write_slowly(number);
        assert_eq!(written(), number);
    }
}

static STRESSED: Table = Table::new();
/// What writes to each row have returned.
static CONFIRMED: Table = Table::new();

#[cache_query(reads("stressed"), cache = "session")]
fn read_row(row: usize) -> u64 {
    let number = STRESSED.rows[row].load(SeqCst);
    // Time for a write to come between.
    std::thread::yield_now();
    number
}

#[cache_query(reads("stressed"), cache = "session")]
async fn read_row_async(row: usize) -> u64 {
    let number = STRESSED.rows[row].load(SeqCst);
    let mut polled = false;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    number
}

#[cache_query(writes("stressed"))]
fn write_row(row: usize) -> Result<u64, ()> {
    // Time for a read to come before the row is written, and after.
    std::thread::yield_now();
    let number = STRESSED.rows[row].fetch_add(1, SeqCst) + 1;
    std::thread::yield_now();
    Ok(number)
}

/// The history that is checked: each row's versions only grow, so a read may return none that is
/// less than what a write had returned before the read began, nor than what an earlier read of the
/// same thread has returned.
#[test]
fn no_read_is_older_than_a_write_that_has_returned() {
    const WRITES: u64 = 1_500;
    let over = AtomicBool::new(false);
    let reads = Mutex::new(0_u64);
    let read = |thread: usize, own: &mut [[u64; 2]; 8]| {
        for (row, own) in own.iter_mut().enumerate() {
            let is_async = (thread + row) % 2;
            let confirmed = CONFIRMED.rows[row].load(SeqCst);
            let number = match is_async {
                1 => futures::executor::block_on(read_row_async(row)),
                _ => read_row(row),
            };
            assert!(number >= confirmed, "row {row}: {number} after {confirmed} was confirmed");
            assert!(number >= own[is_async], "row {row}: {number} after {}", own[is_async]);
            own[is_async] = number;
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (over, reads, read) = (&over, &reads, &read);
            scope.spawn(move || {
                let mut own = [[0; 2]; 8];
                let mut rounds = 0;
                while !over.load(SeqCst) {
                    read(thread, &mut own);
                    rounds += 8;
                }
                *reads.lock().unwrap() += rounds;
            });
        }
        for write in 0..WRITES {
            let row = (write * 5 % 8) as usize;
            let number = write_row(row).unwrap();
            CONFIRMED.rows[row].fetch_max(number, SeqCst);
            if write % 16 == 0 {
                std::thread::yield_now();
            }
        }
        over.store(true, SeqCst);
    });
    for row in 0..8 {
        assert_eq!(read_row(row), STRESSED.rows[row].load(SeqCst));
    }
    assert!(*reads.lock().unwrap() > 0);
}
