//! Tables and their parts: a write makes stale what reads the whole, and what reads its parts, whatever the function
//! that writes returns; and what holds within one.

use larder::{cache_query, manager};
use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    task::Poll,
};

// Each test has tables of its own, since tests run at the same time.

/// Repeats what says that something is stale which should have stayed, with other names. A cache knows a tag by 16 bits, so
/// that happens by chance, to one of ten thousand pairs or so; not to five in a row.
fn with_names(scenario: impl Fn(&str) -> Result<(), String>) {
    let failed: Vec<_> = (0..5).map_while(|i| scenario(&format!("names{i}")).err()).collect();
    assert!(failed.len() < 5, "{failed:?}");
}

/// Whether what is kept is what stays; too much must not be there, too little may be by chance.
fn compare<const N: usize>(what: &str, kept: [bool; N], stays: [u8; N]) -> Result<(), String> {
    for (i, (kept, stays)) in kept.into_iter().zip(stays).enumerate() {
        assert!(!kept || stays == 1, "{what}: {i} is stale, and kept");
    }
    match kept == stays.map(|stays| stays == 1) {
        true => Ok(()),
        false => Err(format!("{what}: {kept:?} instead of {stays:?}")),
    }
}

mod parts {
    use super::*;

    #[cache_query(reads("{users}"))]
    pub(crate) fn whole(users: &str) -> usize {
        users.len()
    }

    #[cache_query(reads("{users}:{id}"), cache = "user")]
    pub(crate) fn part(users: &str, id: &str) -> usize {
        users.len() + id.len()
    }

    #[cache_query(reads("{users}:{id}:posts"), cache = "session")]
    pub(crate) async fn posts(users: &str, id: &str) -> usize {
        users.len() + id.len()
    }

    #[cache_query(reads("{users}:{id}:posts:{post}"))]
    pub(crate) fn post(users: &str, id: &str, post: u32) -> usize {
        users.len() + id.len() + post as usize
    }

    /// Which of the table's readers have their result: the whole, the parts `1` and `2`, the posts of both, and two of
    /// these.
    pub(crate) fn kept(users: &str) -> [bool; 7] {
        [
            whole::peek(users).is_some(),
            part::peek(users, "1").is_some(),
            part::peek(users, "2").is_some(),
            posts::peek(users, "1").is_some(),
            posts::peek(users, "2").is_some(),
            post::peek(users, "1", 7).is_some(),
            post::peek(users, "1", 8).is_some(),
        ]
    }

    pub(crate) fn read_all(users: &str) {
        whole(users);
        for id in ["1", "2"] {
            part(users, id);
            futures::executor::block_on(posts(users, id));
        }
        post(users, "1", 7);
        post(users, "1", 8);
        assert_eq!(kept(users), [true; 7]);
    }

    #[cache_query(writes("{users}"))]
    pub(crate) fn write_whole(users: &str) {
        let _ = users;
    }

    #[cache_query(writes("{users}:{id}"))]
    pub(crate) fn write_part(users: &str, id: &str) {
        let _ = (users, id);
    }

    #[cache_query(writes("{users}:{id}:posts"))]
    pub(crate) async fn write_posts(users: &str, id: String) {
        let _ = (users, id);
    }

    #[cache_query(writes("{users}:{id}:posts:{post}"))]
    pub(crate) fn write_post(users: &str, id: &str, post: u32) {
        let _ = (users, id, post);
    }
}

#[test]
fn a_write_takes_along_what_reads_the_whole_and_what_reads_its_parts() {
    use parts::{kept, read_all, write_part, write_post, write_posts, write_whole};
    type Write = fn(&str);
    // What stays: the whole, parts 1 and 2, posts of both, posts 7 and 8 of 1.
    let cases: [(&str, Write, [u8; 7]); 9] = [
        ("the whole", write_whole, [0; 7]),
        ("a part", |users| write_part(users, "1"), [0, 0, 1, 0, 1, 0, 0]),
        ("another part", |users| write_part(users, "2"), [0, 1, 0, 1, 0, 1, 1]),
        ("a part without readers", |users| write_part(users, "3"), [0, 1, 1, 1, 1, 1, 1]),
        (
            "a part of a part",
            |users| futures::executor::block_on(write_posts(users, "1".to_owned())),
            [0, 0, 1, 0, 1, 0, 0],
        ),
        ("the smallest part", |users| write_post(users, "1", 7), [0, 0, 1, 0, 1, 0, 1]),
        ("reported, the whole", manager::invalidate_table, [0; 7]),
        (
            "reported, a part",
            |users| manager::invalidate_table(&format!("{users}:1:posts")),
            [0, 0, 1, 0, 1, 0, 0],
        ),
        // Neither a table whose name begins alike, nor one that is called like a part.
        (
            "others",
            |users| {
                manager::invalidate_table(&users[1..]);
                manager::invalidate_table(&format!("{users}1"));
                manager::invalidate_table("posts");
            },
            [1; 7],
        ),
    ];
    for (what, write, stays) in cases {
        with_names(|users| {
            read_all(users);
            write(users);
            compare(what, kept(users), stays)
        });
    }
}

mod literal {
    use super::*;

    pub(crate) static ROWS: AtomicU64 = AtomicU64::new(0);

    #[cache_query(reads("literal"))]
    pub(crate) fn count() -> u64 {
        ROWS.load(SeqCst)
    }

    #[cache_query(reads("literal:{id}"))]
    pub(crate) fn row(id: u64) -> u64 {
        ROWS.load(SeqCst) + id
    }

    #[cache_query(writes("literal"))]
    pub(crate) fn write() {
        ROWS.fetch_add(1, SeqCst);
    }

    #[cache_query(writes("literal:{id}"))]
    pub(crate) fn write_row(id: u64) {
        let _ = id;
        ROWS.fetch_add(1, SeqCst);
    }
}

#[test]
fn no_read_is_stale_after_a_write_of_the_whole_or_of_a_part() {
    use literal::{count, row, write, write_row};
    assert_eq!((count(), row(10)), (0, 10));
    write();
    assert_eq!((count(), row(10)), (1, 11));
    write_row(10);
    assert_eq!((count(), row(10)), (2, 12));
}

mod arguments {
    use super::*;

    #[cache_query(reads("{table}:{name}"))]
    pub(crate) fn by_name(table: &str, name: &str) -> usize {
        table.len() + name.len()
    }

    #[cache_query(reads("{table}:{first}:{last}"))]
    pub(crate) fn by_both(table: &str, first: &str, last: &str) -> usize {
        table.len() + first.len() + last.len()
    }

    #[cache_query(writes("{table}:{name}"))]
    pub(crate) fn write(table: &str, name: &str) {
        let _ = (table, name);
    }

    #[cache_query(reads("{table}"))]
    pub(crate) fn rows_of(table: &str) -> usize {
        table.len()
    }
}

#[test]
fn an_argument_is_one_part_whatever_colons_are_in_it() {
    use arguments::{by_both, by_name, write};
    type Write = fn(&str);
    // What stays: `a`, `a:b`, the empty name, and `a` and `b`.
    let cases: [(&str, Write, [u8; 4]); 4] = [
        ("a", |table| write(table, "a"), [0, 1, 1, 0]),
        ("a:b, whose text is that of a and b", |table| write(table, "a:b"), [1, 0, 1, 0]),
        ("nothing", |table| write(table, ""), [1, 1, 0, 1]),
        (
            // A text may mean either.
            "reported",
            |table| manager::invalidate_table(&format!("{table}:a:b")),
            [0, 0, 1, 0],
        ),
    ];
    for (what, write, stays) in cases {
        with_names(|table| {
            for name in ["a", "a:b", ""] {
                by_name(table, name);
            }
            by_both(table, "a", "b");
            write(table);
            let kept = ["a", "a:b", ""].map(|name| by_name::peek(table, name).is_some());
            let both = by_both::peek(table, "a", "b").is_some();
            compare(what, [kept[0], kept[1], kept[2], both], stays)
        });
    }
}

#[test]
fn an_argument_that_names_the_table_may_name_a_part_of_it() {
    use arguments::rows_of;
    with_names(|table| {
        let part = format!("{table}:7");
        let kept = || [table, &part].map(|table| rows_of::peek(table).is_some());
        rows_of(&part);
        rows_of(table);
        manager::invalidate_table(&format!("{table}:8"));
        compare("another part", kept(), [0, 1])?;
        rows_of(table);
        manager::invalidate_table(table);
        compare("the whole", kept(), [0, 0])
    });
}

mod many_parts {
    use super::*;

    /// Sixteen parts of two tables, and three tags: more than an entry has room for.
    #[cache_query(
        reads("deep:{a}:{b}:{c}:{d}:{e}:{f}:{g}", "deeper:{a}:{b}:{c}:{d}:{e}:{f}:{g}"),
        tags("one", "two", "three")
    )]
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn read(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8) -> u8 {
        a + b + c + d + e + f + g
    }

    #[cache_query(reads("addresses:{address}"))]
    pub(crate) fn address(address: std::net::Ipv6Addr) -> String {
        address.to_string()
    }
}

#[test]
fn parts_beyond_what_an_entry_has_room_for_count_as_the_part_above_them() {
    use many_parts::{address, read};
    let reads = || read(1, 2, 3, 4, 5, 6, 7);
    let tables = [
        "deep",
        "deep:1",
        "deep:1:2",
        "deep:1:2:3:4:5:6",
        "deep:1:2:3:4:5:6:7",
        "deep:1:2:3:4:5:6:7:8",
        "deeper",
        "deeper:1",
        "deeper:1:2:3:4:5:6:7",
    ];
    for table in tables {
        assert_eq!((reads(), read::peek(1, 2, 3, 4, 5, 6, 7)), (28, Some(28)));
        manager::invalidate_table(table);
        assert_eq!(read::peek(1, 2, 3, 4, 5, 6, 7), None, "{table}");
    }
    // What there is room for is told apart.
    with_names(|name| {
        reads();
        manager::invalidate_table(&format!("deep:{name}"));
        compare("another part", [read::peek(1, 2, 3, 4, 5, 6, 7).is_some()], [1])
    });

    let localhost = "1:2:3:4:5:6:7:8".parse().unwrap();
    address(localhost);
    manager::invalidate_table(&format!("addresses:{localhost}"));
    assert_eq!(address::peek(localhost), None);
}

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
