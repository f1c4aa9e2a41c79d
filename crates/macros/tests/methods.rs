//! `cache_method_result`: what of `self` is part of the key.

use larder::cache_method_result;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

struct Blog {
    id: u32,
    runs: AtomicU32,
}

impl Blog {
    fn new(id: u32) -> Self {
        Self { id, runs: AtomicU32::new(0) }
    }

    /// A post.
    #[cache_method_result(self_key = self.id)]
    pub(crate) fn post(&self, number: u32) -> String {
        self.runs.fetch_add(1, Relaxed);
        format!("{}/{number}", self.id)
    }

    #[cache_method_result(key = "{self.id}:{title}", ttl = "1m")]
    async fn find(
        &self,
        title: &str,
        _hint: Option<u32>,
    ) -> Result<usize, Box<dyn std::error::Error>> {
        self.runs.fetch_add(1, Relaxed);
        if title.is_empty() { Err("no title".into()) } else { Ok(title.len()) }
    }

    #[cache_method_result(key = |number| (self.id % 2, *number))]
    fn parity(self: &Arc<Self>, number: u32) -> u32 {
        self.id % 2 + number
    }

    fn name(&self) -> String {
        format!("blog {}", self.id)
    }

    #[cache_method_result(self_key = self.name())]
    fn about(&self, topic: &str) -> String {
        self.runs.fetch_add(1, Relaxed);
        format!("{topic} of {}", self.name())
    }

    #[cache_method_result(self_key = (self.id, self.name()))]
    async fn both(&self) -> String {
        self.name()
    }

    #[cache_method_result(skip(self))]
    fn limit(&self) -> u32 {
        self.runs.fetch_add(1, Relaxed)
    }

    #[cache_method_result]
    fn greeting(name: &str) -> String {
        format!("Hello {name}")
    }
}

#[test]
fn the_key_has_the_part_of_self_that_is_said() {
    let (one, other) = (Blog::new(1), Blog::new(2));
    assert_eq!(
        (one.post(7), one.post(7), other.post(7)),
        ("1/7".into(), "1/7".into(), "2/7".into())
    );
    assert_eq!((one.runs.load(Relaxed), other.runs.load(Relaxed)), (1, 1));
    // Not who it is, but what it is.
    assert_eq!(Blog::new(1).post_peek(7), Some("1/7".into()));
    assert!(one.post_invalidate(7) && one.post_peek(7).is_none());
    assert_eq!(one.post_refresh(8), one.post_uncached(8));
    Blog::post_invalidate_all();
    assert_eq!(other.post_peek(7), None);
    assert_eq!(Blog::post_stats().loads, 3);
}

#[tokio::test]
async fn the_part_of_self_may_be_made_for_the_key() {
    let blog = Blog::new(4);
    assert_eq!(
        (blog.about("x"), Blog::new(4).about("x")),
        ("x of blog 4".into(), "x of blog 4".into())
    );
    assert_eq!((blog.runs.load(Relaxed), Blog::about_stats().hits), (1, 1));
    assert!(Blog::new(4).about_invalidate("x") && blog.about_peek("x").is_none());
    assert_eq!((blog.both().await, blog.both_peek()), ("blog 4".into(), Some("blog 4".into())));
}

#[tokio::test]
async fn methods_may_be_async_and_fail() {
    let blog = Blog::new(3);
    assert_eq!(blog.find("abc", None).await.unwrap(), 3);
    assert_eq!(blog.find("abc", Some(1)).await.unwrap(), 3);
    assert!(blog.find("", None).await.is_err() && blog.find("", None).await.is_err());
    assert_eq!(blog.runs.load(Relaxed), 3);
    assert_eq!(blog.find_peek("abc").unwrap().unwrap(), 3);
}

#[test]
fn self_may_be_of_another_type_and_may_be_left_out() {
    let blog = Arc::new(Blog::new(5));
    assert_eq!((blog.parity(1), Arc::new(Blog::new(7)).parity(1)), (2, 2));
    assert_eq!(Blog::parity_stats().hits, 1);
    assert_eq!((blog.limit(), Blog::new(6).limit()), (0, 0));
    assert!(Blog::limit_invalidate());
    assert_eq!(
        (Blog::greeting("Ada"), Blog::greeting("Ada")),
        ("Hello Ada".into(), "Hello Ada".into())
    );
}

struct Of<T>(T);

trait Named {
    fn name() -> &'static str;
}

impl Named for u8 {
    fn name() -> &'static str {
        "u8"
    }
}

impl Named for u16 {
    fn name() -> &'static str {
        "u16"
    }
}

impl<T: Named + 'static> Of<T> {
    #[cache_method_result(skip(self))]
    fn name(&self) -> &'static str {
        T::name()
    }
}

#[test]
fn the_type_is_part_of_the_key() {
    assert_eq!((Of(1_u8).name(), Of(1_u16).name(), Of(2_u8).name()), ("u8", "u16", "u8"));
    assert_eq!(Of::<u8>::name_stats().hits, 1);
    assert_eq!((Of(1_u8).0, Of(1_u16).0), (1, 1));
    let functions = larder::manager::functions();
    assert!(
        functions.iter().any(|function| function.name.ends_with("Of<u8>::name")),
        "{functions:?}"
    );
}

struct Borrowing<'a>(&'a str);

impl Borrowing<'_> {
    #[cache_method_result(self_key = *self.0, skip(Self))]
    fn length(&self) -> usize {
        self.0.len()
    }
}

#[test]
fn a_type_that_borrows_is_left_out() {
    let text = String::from("four");
    assert_eq!((Borrowing(&text).length(), Borrowing("four").length()), (4, 4));
    assert_eq!(Borrowing::length_stats().hits, 1);
}
