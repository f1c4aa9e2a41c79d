//! Tables and their parts: a write makes stale what reads the whole table, and what reads its
//! parts.

mod counting;
mod within_writes;

use larder::{cache_query, manager};
use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    task::Poll,
};

// Each test has tables of its own, since tests run at the same time.

/// Repeats a scenario with other names if it finds an entry stale that should have stayed. A cache
/// knows a tag by 16 bits, so that happens by chance, to about one of ten thousand pairs. It does
/// not happen to five in a row.
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

    /// Returns which of the table's readers have their result: the whole, the parts `1` and `2`,
    /// the posts of both, and two of these posts.
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
