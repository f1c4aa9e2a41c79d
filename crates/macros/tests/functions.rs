//! `cache_result`: what is kept, under which key, for how long.

use larder::cache_result;
use std::{
    hash::Hash,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// A function that counts its runs: `runs()`.
macro_rules! counter {
    ($name:ident) => {
        static $name: AtomicU32 = AtomicU32::new(0);
    };
}

counter!(ADDED);

/// Adds.
#[cache_result]
#[must_use]
fn add(one: u32, other: u32) -> u32 {
    ADDED.fetch_add(1, Relaxed);
    one + other
}

#[test]
fn a_function_runs_once_per_list_of_arguments() {
    assert_eq!((add(1, 2), add(1, 2), add(2, 1)), (3, 3, 3));
    assert_eq!(ADDED.load(Relaxed), 2);
    let stats = add::stats();
    assert_eq!((stats.hits, stats.misses, stats.loads, stats.load_failures), (1, 2, 2, 0));
    assert_eq!((add::peek(1, 2), add::peek(3, 4)), (Some(3), None));
    assert!(add::invalidate(1, 2) && !add::invalidate(1, 2));
    assert_eq!((add(1, 2), add(2, 1), ADDED.load(Relaxed)), (3, 3, 3));
    assert_eq!((add::refresh(1, 2), ADDED.load(Relaxed)), (3, 4));
    assert_eq!((add::uncached(1, 2), ADDED.load(Relaxed)), (3, 5));
    add::invalidate_all();
    assert_eq!((add::peek(1, 2), add::peek(2, 1)), (None, None));
}

counter!(JOINED);

#[cache_result]
fn join(one: &str, other: &str, rest: &[u8], last: Option<&str>, number: &u64) -> String {
    JOINED.fetch_add(1, Relaxed);
    format!("{one}-{other}-{rest:?}-{last:?}-{number}")
}

#[test]
fn borrowed_arguments_are_keys() {
    let one = String::from("a:b");
    let first = join(&one, "c", &[1, 2], Some("x"), &7);
    drop(one);
    assert_eq!(join("a:b", "c", &[1, 2], Some("x"), &7), first);
    assert_ne!(join("a", "b:c", &[1, 2], Some("x"), &7), first);
    assert_ne!(join("a:b", "c", &[1, 2], None, &7), first);
    assert_eq!(JOINED.load(Relaxed), 3);
    assert_eq!(join::peek("a:b", "c", &[1, 2], Some("x"), &7), Some(first));
}

type Answer<T> = Result<T, std::num::ParseIntError>;
counter!(PARSED);

#[cache_result]
fn parse(text: &str) -> Answer<u32> {
    PARSED.fetch_add(1, Relaxed);
    text.parse()
}

#[cache_result]
fn first(text: &str) -> Option<char> {
    PARSED.fetch_add(1, Relaxed);
    text.chars().next()
}

#[test]
fn errors_and_nothing_are_not_kept_by_whatever_name() {
    assert_eq!((parse("7"), parse("7")), (Ok(7), Ok(7)));
    assert!(parse("x").is_err() && parse("x").is_err());
    assert_eq!(PARSED.load(Relaxed), 3);
    assert_eq!(
        (first("ab"), first("ab"), first(""), first("")),
        (Some('a'), Some('a'), None, None)
    );
    assert_eq!(PARSED.load(Relaxed), 6);
    assert_eq!(parse::stats().load_failures, 2);
    assert_eq!(first::stats().load_failures, 0);
}

struct Odd;

trait Count {
    const ONE: u32;
}

impl Count for Odd {
    const ONE: u32 = 1;
}

impl Count for u8 {
    const ONE: u32 = 2;
}

#[cache_result]
fn count<T: Count + 'static>() -> u32 {
    T::ONE
}

#[cache_result]
fn show<T>(value: T, times: usize) -> Vec<String>
where
    T: std::fmt::Debug + Hash + Eq + Clone + Send + Sync + 'static,
{
    vec![format!("{value:?}"); times]
}

#[cache_result]
fn sized<const N: usize>(start: u8) -> [u8; N] {
    [start; N]
}

#[test]
fn types_are_part_of_the_key() {
    assert_eq!((count::<Odd>(), count::<u8>()), (1, 2));
    assert_eq!(show(1_u8, 1), show(1_u16, 1));
    assert_eq!(show::stats().misses, 2);
    assert_eq!((sized::<1>(7).len(), sized::<2>(7).len()), (1, 2));
    assert_eq!(show::peek("x".to_owned(), 2), None);
}

struct Link {
    r#type: u8,
}

#[cache_result(key = "{type}:{link.type}", tags("type:{type}"))]
fn typed(r#type: u8, link: &Link, r#ref: u8) -> u8 {
    r#type + link.r#type + r#ref
}

#[test]
fn keywords_are_names_in_templates_as_they_are_in_formats() {
    assert_eq!((typed(1, &Link { r#type: 2 }, 3), typed(1, &Link { r#type: 2 }, 4)), (6, 6));
    assert_eq!(typed::peek(1, &Link { r#type: 3 }), None);
}

struct Db(u32);

#[cache_result(skip(db))]
fn user(db: &mut Db, id: u32) -> u32 {
    db.0 += 1;
    id
}

#[cache_result(key = |ids| ids.iter().copied().max())]
fn largest(ids: impl AsRef<[u32]> + IntoIterator<Item = u32> + Keyed) -> u32 {
    ids.into_iter().max().unwrap_or(0)
}

trait Keyed {
    fn iter(&self) -> std::slice::Iter<'_, u32>;
}

impl Keyed for Vec<u32> {
    fn iter(&self) -> std::slice::Iter<'_, u32> {
        self.as_slice().iter()
    }
}

#[cache_result(key = "{page}:{name:?}", tags("page:{page}"))]
fn render(page: u32, name: &std::path::Path, noise: f64) -> String {
    format!("{page}{name:?}{noise}")
}

#[test]
fn keys_can_be_said() {
    let mut db = Db(0);
    assert_eq!((user(&mut db, 1), user(&mut db, 1), user(&mut db, 2)), (1, 1, 2));
    assert_eq!((db.0, user::peek(1), user::invalidate(2)), (2, Some(1), true));
    assert_eq!((largest(vec![1, 2]), largest(vec![2, 0])), (2, 2));
    assert_eq!(largest::stats().hits, 1);
    let path = std::path::Path::new("x");
    assert_eq!(render(1, path, 0.5), render(1, path, 0.7));
    assert_eq!(render::peek(1, path), Some("1\"x\"0.5".to_owned()));
}

counter!(FETCHED);

#[cache_result(skip(fetch))]
async fn fetched<F, R>(id: u32, fetch: F) -> u32
where
    F: FnOnce(u32) -> R,
    R: Future<Output = u32>,
{
    FETCHED.fetch_add(1, Relaxed);
    fetch(id).await
}

#[cache_result(skip(items))]
fn total<T: Into<u64>>(id: u32, items: impl IntoIterator<Item = T>) -> u64 {
    FETCHED.fetch_add(1, Relaxed);
    items.into_iter().map(Into::into).sum::<u64>() + u64::from(id)
}

#[cache_result(skip(taken))]
fn taken_by<T: Count + 'static, F: Fn(T) -> u32>(id: u32, taken: F) -> u32 {
    let _ = taken;
    id + T::ONE
}

#[tokio::test]
async fn what_follows_from_skipped_arguments_is_no_part_of_the_key() {
    // Each closure has a type of its own, and so has its future.
    let factor = String::from("2");
    assert_eq!(fetched(3, |id| async move { id * 2 }).await, 6);
    assert_eq!(
        fetched(3, |id| {
            let factor = &factor;
            async move { id * factor.parse::<u32>().unwrap() }
        })
        .await,
        6
    );
    assert_eq!((FETCHED.load(Relaxed), fetched::peek(3)), (1, Some(6)));
    assert_eq!((total(1, [1_u8, 2]), total(1, [1_u16, 2])), (4, 4));
    assert_eq!((FETCHED.load(Relaxed), total::peek(1)), (2, Some(4)));
    // What is given to a closure does not follow from it.
    assert_eq!((taken_by(1, |_: Odd| 1), taken_by(1, |_: u8| 1)), (2, 3));
}

#[test]
fn functions_can_be_local_and_recursive() {
    #[cache_result]
    fn fibonacci(n: u64) -> u64 {
        struct Local;
        let _ = Local;
        if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
    }
    assert_eq!(fibonacci(80), 23_416_728_348_467_685);
    assert_eq!(fibonacci::stats().loads, 81);
}

#[cache_result(cache = "user", ttl = "1h", when = |names| !names.is_empty())]
async fn names(prefix: String) -> Vec<String> {
    tokio::task::yield_now().await;
    if prefix.is_empty() { Vec::new() } else { vec![prefix] }
}

#[tokio::test(flavor = "multi_thread")]
async fn futures_are_cached_and_can_be_sent() {
    let one = tokio::spawn(names("a".to_owned())).await.unwrap();
    assert_eq!(one, names("a".to_owned()).await);
    assert!(names(String::new()).await.is_empty() && names(String::new()).await.is_empty());
    let stats = names::stats();
    assert_eq!((stats.hits, stats.misses, stats.loads), (1, 3, 3));
    assert_eq!(names::refresh("a".to_owned()).await, one);
    assert_eq!(names::peek("a".to_owned()), Some(one));
}
