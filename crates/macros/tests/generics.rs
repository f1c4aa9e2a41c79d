//! Type parameters: part of the key where the key is the arguments, and no part of one that is
//! said.

use larder::{cache_method_result, cache_query, cache_result};
use std::{any::TypeId, borrow::Cow, fmt::Display, hash::Hash};

#[cache_result(key = |text| text.as_ref().len())]
fn length<T: AsRef<str>>(text: T) -> usize {
    text.as_ref().len()
}

#[cache_result(key = "{text:?}:{n}")]
async fn later<T>(text: T, n: u32) -> String
where
    T: std::fmt::Debug,
{
    format!("{text:?} {n}")
}

#[cache_result(key = |texts| texts.len(), companions = false)]
fn count<'a, T: AsRef<str> + 'a, const N: usize>(texts: [&'a T; N]) -> usize {
    texts.len()
}

#[cache_query(reads("generics"), key = |text| text.to_string())]
fn query(text: impl Display) -> String {
    text.to_string()
}

#[cache_result(key = "{id}")]
fn with<R, F>(id: u32, run: F) -> R
where
    F: FnOnce() -> R,
    R: Clone + Send + Sync + 'static,
{
    let _ = id;
    run()
}

struct Shop;

impl Shop {
    #[cache_method_result(key = |text| text.as_ref().to_owned())]
    fn find<T: AsRef<str>>(&self, text: T) -> Option<usize> {
        text.as_ref().find('a')
    }
}

trait Named {
    const NAME: &'static str;
}

#[derive(Clone, Copy)]
struct User(u32);
struct Post;

impl Named for User {
    const NAME: &'static str = "user";
}

impl Named for Post {
    const NAME: &'static str = "post";
}

/// No argument says which it is.
#[cache_result(key = "{id}")]
fn title<T: Named + 'static>(id: u32) -> String {
    format!("{} {id}", T::NAME)
}

/// Its arguments are the key.
#[cache_result]
fn debug<T: Hash + Eq + Clone + Send + Sync + std::fmt::Debug + 'static>(value: T) -> String {
    format!("{value:?} of {}", std::any::type_name::<T>())
}

/// The argument's type makes the parameter live for ever.
#[cache_result]
fn forever<T: Hash + Eq + Clone + Send + Sync + std::fmt::Debug>(value: &'static T) -> String {
    format!("{value:?}")
}

/// What the key says may be a type.
#[cache_result(key = |value| (TypeId::of::<T>(), value.0.to_owned()))]
fn name<T: Named + 'static>(value: (&str, Option<T>)) -> String {
    format!("{} {}", T::NAME, value.0)
}

#[test]
fn arguments_may_be_short_lived_where_the_key_is_said() {
    let text = String::from("abc");
    assert_eq!((length(text.as_str()), length(text.as_str())), (3, 3));
    // The key says it all: a `String` of that length has the same one.
    assert_eq!((length(text.clone()), length(Cow::Borrowed(&*text))), (3, 3));
    assert_eq!((length::stats().hits, length::stats().misses), (3, 1));
    assert_eq!((length::peek(&text), length::invalidate(text.as_str())), (Some(3), true));
    assert_eq!((count([&text, &text]), count([&text.as_str()])), (2, 1));
    assert_eq!((query(text.as_str()), query(&text)), (text.clone(), text.clone()));
    assert_eq!(query::stats().hits, 1);
    assert_eq!((Shop.find(text.as_str()), Shop.find(&text)), (Some(0), Some(0)));
    assert_eq!(Shop::find_stats().hits, 1);
    let later = |text| futures::executor::block_on(later(text, 1));
    assert_eq!(
        (later(text.as_str()), later(text.as_str())),
        ("\"abc\" 1".into(), "\"abc\" 1".into())
    );
}

#[test]
fn what_is_returned_keeps_types_apart() {
    let text = String::from("abc");
    assert_eq!((with(1, || text.len()), with(1, || text.clone())), (3, text.clone()));
    assert_eq!((with(1, || 0_usize), with(1, String::new)), (3, text));
}

#[test]
fn what_no_argument_tells_is_part_of_the_key() {
    assert_eq!((title::<User>(7), title::<Post>(7)), ("user 7".to_owned(), "post 7".to_owned()));
    assert_eq!(title::peek::<User>(7).as_deref(), Some("user 7"));
    assert_ne!(debug(7_u8), debug(7_u16));
    assert_eq!((forever(&7), forever(&7), forever::stats().hits), ("7".into(), "7".into(), 1));
    assert_eq!(
        (name::<User>(("a", None)), name::<Post>(("a", None))),
        ("user a".into(), "post a".into())
    );
    let _ = User(1).0;
}
