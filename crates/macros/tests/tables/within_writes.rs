//! Reads and writes within a write.

use super::*;

mod within {
    use super::*;

    pub(crate) static ROW: AtomicU64 = AtomicU64::new(0);

    #[cache_query(reads("within"))]
    pub(crate) fn row() -> u64 {
        ROW.load(SeqCst)
    }

    #[cache_query(reads("within:{id}"))]
    pub(crate) async fn part(id: u8) -> u64 {
        let _ = id;
        ROW.load(SeqCst)
    }

    #[cache_query(reads("elsewhere"))]
    pub(crate) fn other() -> u64 {
        ROW.load(SeqCst)
    }

    /// Reads before and after it has written.
    #[cache_query(writes("within"))]
    pub(crate) fn write(number: u64) -> [u64; 4] {
        let before = row();
        ROW.store(number, SeqCst);
        let reads = [before, row(), futures::executor::block_on(part(1)), other()];
        // What is not committed is not kept.
        std::thread::scope(|scope| {
            let elsewhere = scope.spawn(row::peek);
            assert!(elsewhere.join().unwrap().is_none_or(|kept| kept == before));
        });
        reads
    }

    #[cache_query(writes("within:{id}"))]
    pub(crate) async fn write_part(id: u8, number: u64) -> [u64; 5] {
        let before = part(id).await;
        ROW.store(number, SeqCst);
        tokio::task::yield_now().await;
        [before, part(id).await, part(id + 1).await, row(), part::refresh(id).await]
    }
}

#[tokio::test]
async fn reads_within_a_write_see_what_it_has_written() {
    use within::{ROW, other, part, row, write, write_part};
    assert_eq!((row(), part(1).await, part(2).await, other()), (0, 0, 0, 0));
    assert_eq!(write(1), [0, 1, 1, 0]);
    assert_eq!((row(), part(1).await, part(2).await, other()), (1, 1, 1, 0));
    // The other part of the table is another one (or, by chance, has the tag of the first).
    let others = write_part(1, 2).await;
    assert_eq!([others[0], others[1], others[3], others[4]], [1, 2, 2, 2]);
    assert!([1, 2].contains(&others[2]));
    assert_eq!((row(), part(1).await), (2, 2));

    // Two futures share a task: the one that does not write is not within the write.
    ROW.store(3, SeqCst);
    let reads = async {
        tokio::task::yield_now().await;
        row()
    };
    let (read, written) = futures::join!(reads, write_part(1, 4));
    assert_eq!((written[3], read), (4, 2));
    assert_eq!(row(), 4);
}

mod nested {
    use super::*;

    pub(crate) static COMMITTED: AtomicU64 = AtomicU64::new(0);

    #[cache_query(reads("nested_rows"))]
    pub(crate) fn row() -> u64 {
        COMMITTED.load(SeqCst)
    }

    /// Part of a transaction: nothing is committed when it returns.
    #[cache_query(writes("nested_rows"))]
    pub(crate) fn write_row() -> Option<()> {
        None
    }

    /// Commits, when others have read in between.
    #[cache_query(writes("nested_logs"))]
    pub(crate) fn transaction(number: u64) -> u64 {
        write_row();
        std::thread::scope(|scope| {
            scope.spawn(row);
        });
        COMMITTED.store(number, SeqCst);
        row()
    }

    #[cache_query(writes("nested_logs"))]
    pub(crate) async fn transaction_async(number: u64) -> u64 {
        async { write_row() }.await;
        tokio::task::spawn(async { row() }).await.unwrap();
        COMMITTED.store(number, SeqCst);
        row()
    }

    /// Writes what no attribute says, and reports it.
    #[cache_query(writes("nested_logs"))]
    pub(crate) fn reports(number: u64) -> u64 {
        manager::invalidate_table("nested_rows");
        std::thread::scope(|scope| {
            scope.spawn(row);
        });
        COMMITTED.store(number, SeqCst);
        row()
    }

    #[cache_query(reads("nested_logs"))]
    pub(crate) fn logs() -> u64 {
        COMMITTED.load(SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_within_a_write_counts_again_when_the_outer_one_ends() {
    use nested::{logs, reports, row, transaction, transaction_async};
    assert_eq!((row(), logs()), (0, 0));
    assert_eq!((transaction(1), row(), logs()), (1, 1, 1));
    assert_eq!((transaction_async(2).await, row(), logs()), (2, 2, 2));
    assert_eq!((reports(3), row(), logs()), (3, 3, 3));
}

#[test]
fn a_read_within_a_write_that_panics_leaves_nothing_behind() {
    use many_writes::{row, write};
    assert_eq!(row(), 0);
    let read = AtomicU64::new(0);
    let write = AssertUnwindSafe(|| write(&read));
    assert!(catch_unwind(write).is_err());
    assert_eq!(read.load(SeqCst), 1);
    // No longer within.
    assert_eq!((row(), row(), row::stats().hits), (1, 1, 1));
}

mod many_writes {
    use super::*;

    pub(crate) static ROW: AtomicU64 = AtomicU64::new(0);

    #[cache_query(reads("panicking"))]
    pub(crate) fn row() -> u64 {
        ROW.load(SeqCst)
    }

    #[cache_query(writes("panicking"))]
    pub(crate) fn write(read: &AtomicU64) {
        ROW.fetch_add(1, SeqCst);
        read.store(row(), SeqCst);
        panic!("after the read");
    }

    #[cache_query(reads("bulk:{id}"))]
    pub(crate) fn bulk_row(id: u32) -> u64 {
        u64::from(id)
    }

    #[cache_query(writes("bulk:{id}"))]
    pub(crate) fn write_bulk_row(id: u32) {
        let _ = id;
    }

    #[cache_query(writes("imports"))]
    pub(crate) fn import(rows: u32) -> Result<(), String> {
        (0..rows).for_each(write_bulk_row);
        (0..rows).for_each(|id| {
            std::thread::scope(|scope| {
                if id % 1_000 == 0 {
                    scope.spawn(move || bulk_row(id));
                }
            });
        });
        Ok(())
    }
}

#[test]
fn so_do_ever_so_many_writes_within_a_write() {
    use many_writes::{bulk_row, import};
    import(3_000).unwrap();
    for id in (0..3_000).step_by(1_000) {
        assert_eq!(bulk_row::peek(id), None, "{id}");
    }
}
