//! Companions give way to whatever else has their name.

use larder::{cache_method_result, cache_query, cache_result};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

mod models {
    pub(crate) mod tags {
        pub(crate) fn count() -> u32 {
            3
        }
    }

    #[derive(Clone, Debug, PartialEq)]
    #[allow(non_camel_case_types)]
    pub(crate) struct author {
        pub(crate) id: u32,
    }
}

/// Beside a function of that name.
mod posts {
    pub(crate) fn titles() -> Vec<String> {
        vec!["first".to_owned()]
    }
}

#[cache_result]
fn posts() -> Vec<String> {
    posts::titles()
}

use models::{author, tags};

#[cache_result]
fn tags() -> u32 {
    tags::count()
}

#[cache_query(reads("companions_authors"))]
async fn author(id: u32) -> author {
    author { id }
}

#[cache_query(writes("companions_authors"))]
fn set_author(id: u32) {
    let _ = id;
}

/// And one whose companions have a name of their own.
mod pages {
    pub(crate) const SIZE: usize = 10;
}

/// A page.
#[cache_result(companions = page_cache)]
fn pages(number: usize) -> usize {
    number * pages::SIZE
}

#[cache_result]
fn plain(n: u8) -> u8 {
    n
}

mod elsewhere {
    use super::*;

    #[test]
    fn they_come_with_all_that_is_imported() {
        assert_eq!((plain(1), plain::peek(1), plain::invalidate(1)), (1, Some(1), true));
    }

    #[test]
    fn companions_are_imported_with_their_function() {
        assert_eq!((pages(7), page_cache::peek(7)), (70, Some(70)));
        assert!(page_cache::invalidate(7) && page_cache::stats().misses >= 1);
        use super::inner::{word, word_cache};
        assert_eq!((word("a"), word::peek("a")), (1, Some(1)));
        assert_eq!((super::inner::words("a b"), word_cache::peek("a b")), (2, Some(2)));
    }
}

mod inner {
    use super::cache_result;

    #[cache_result]
    pub(super) fn word(text: &str) -> usize {
        text.len()
    }

    #[cache_result(companions = word_cache)]
    pub(crate) fn words(text: &str) -> usize {
        words_of(text)
    }

    #[cache_result]
    pub(self) fn private(n: u8) -> u8 {
        n
    }

    #[test]
    fn private_ones_have_them() {
        assert_eq!((private(1), private::peek(1)), (1, Some(1)));
    }

    fn words_of(text: &str) -> usize {
        text.split(' ').count()
    }
}

static RUNS: AtomicU32 = AtomicU32::new(0);

#[cache_result(companions = false)]
fn alone(n: u32) -> u32 {
    RUNS.fetch_add(n, Relaxed) + n
}

/// Is called as its method's companion would be.
struct Blog(u32);

impl Blog {
    #[cache_method_result(self_key = self.0, companions = headline)]
    fn title(&self, post: u32) -> String {
        format!("{}/{post}", self.0)
    }

    fn title_invalidate(&self) -> &'static str {
        "mine"
    }

    #[cache_method_result(companions = motto_cache)]
    async fn motto(language: &str) -> String {
        language.to_owned()
    }

    fn motto_peek() {}
}

#[test]
fn a_module_or_an_import_or_a_type_may_have_the_name_of_a_cached_function() {
    assert_eq!((posts(), posts()), (posts::titles(), vec!["first".to_owned()]));
    assert_eq!((tags(), tags::count()), (3, 3));
    let one = futures::executor::block_on(author(1));
    assert_eq!(one, author { id: 1 });
    set_author(1);
    let functions = larder::manager::functions();
    let posts = functions.iter().find(|it| it.name == "companions::posts").unwrap();
    assert_eq!((posts.stats.hits, posts.stats.misses), (1, 1));
}

#[test]
fn companions_go_by_the_name_that_is_said() {
    assert_eq!((pages(2), pages(2)), (20, 20));
    assert_eq!((page_cache::peek(2), page_cache::uncached(3)), (Some(20), 30));
    assert!(page_cache::invalidate(2));
    let blog = Blog(7);
    assert_eq!((blog.title(1), blog.headline_peek(1).unwrap()), ("7/1".into(), "7/1".into()));
    assert!(blog.headline_invalidate(1));
    assert_eq!((blog.title_invalidate(), Blog::headline_stats().misses), ("mine", 1));
    Blog::motto_peek();
    assert_eq!(futures::executor::block_on(Blog::motto("en")), "en");
    assert_eq!(Blog::motto_cache_peek("en").as_deref(), Some("en"));
}

#[test]
fn a_function_may_have_none() {
    assert_eq!((alone(5), alone(5), RUNS.load(Relaxed)), (5, 5, 5));
    assert_eq!(larder::manager::invalidate_function("companions::alone"), 1);
    assert_eq!((alone(5), RUNS.load(Relaxed)), (10, 10));
}

#[test]
fn a_function_within_a_function_has_its_own() {
    mod shelf {
        pub(super) const LENGTH: u32 = 9;
    }

    #[cache_result]
    fn shelf(n: u32) -> u32 {
        n * shelf::LENGTH
    }

    #[cache_result]
    fn posts(n: u32) -> u32 {
        n + 1
    }

    assert_eq!((shelf(1), posts(1)), (9, 2));
    assert_eq!((posts::peek(1), posts::stats().misses), (Some(2), 1));
    {
        #[cache_result]
        fn posts(n: u32) -> u32 {
            n + 2
        }

        assert_eq!((posts(1), posts::peek(1)), (3, Some(3)));
    }
    assert_eq!(posts::peek(1), Some(2));
}
