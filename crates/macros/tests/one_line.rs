//! Functions whose bodies are one expression on one line, where the compiler notices braces that
//! are too many. This file takes no warnings.
#![deny(warnings, unused, clippy::all, clippy::pedantic)]
#![allow(clippy::unused_async, reason = "they do next to nothing")]
#![cfg_attr(rustfmt, rustfmt_skip)]

use larder::{cache_method_result, cache_query, cache_result};

#[cache_result(companions = false)]
fn sum(a: u32, b: u32) -> u32 { a + b }

#[cache_result(companions = false)]
async fn sum_later(a: u32, b: u32) -> u32 { a + b }

#[cache_result(companions = false)]
fn first(text: &str) -> Option<char> { text.chars().next() }

#[cache_result(companions = false, keep_none)]
fn block(n: u32) -> Option<u32> { if n == 0 { None } else { Some(n) } }

#[cache_result(companions = false, key = |n| *n)]
fn early(n: u32) -> Result<u32, u32> { if n == 0 { return Err(n) } Ok(n) }

#[cache_result]
fn with_companions(n: u32) -> u32 { n }

#[cache_query(reads("one_line"), companions = false)]
fn rows(n: u32) -> u32 { n }

#[cache_query(writes("one_line"), companions = false)]
fn write(n: u32) -> Option<u32> { n.checked_add(0) }

#[cache_query(writes("one_line"))]
async fn write_later(n: u32) -> u32 { n }

#[cache_query(writes("one_line"), on = "ok")]
fn write_if_ok(n: u32) -> Result<u8, std::num::TryFromIntError> { n.try_into() }

trait Shelf {
    fn id(&self) -> u32;
    async fn id_later(&self, n: u32) -> u32;
    fn of(n: u32) -> u32;
    fn put(&mut self, n: u32);
    async fn put_later(&self, n: u32) -> u32;
}

struct Wood(u32);

impl Shelf for Wood {
    #[cache_method_result(self_key = self.0, companions = false)]
    fn id(&self) -> u32 { self.0 }

    #[cache_method_result(self_key = self.0, companions = false)]
    async fn id_later(&self, mut n: u32) -> u32 { n += self.0; n }

    #[cache_method_result(companions = false)]
    fn of(n: u32) -> u32 { n }

    #[cache_query(writes("one_line"), companions = false)]
    fn put(&mut self, n: u32) { self.0 = n; }

    #[cache_query(writes("one_line"), companions = false)]
    async fn put_later(&self, n: u32) -> u32 { n }
}

#[test]
fn they_do_what_they_say() {
    assert_eq!((sum(1, 2), first("a"), block(0), early(0), with_companions(3)), (3, Some('a'), None, Err(0), 3));
    assert_eq!((rows(1), write(1), write_if_ok(1)), (1, Some(1), Ok(1)));
    let mut wood = Wood(1);
    assert_eq!((wood.id(), Wood::of(2)), (1, 2));
    wood.put(2);
    futures::executor::block_on(async {
        assert_eq!((sum_later(1, 2).await, write_later(1).await), (3, 1));
        assert_eq!((wood.id_later(1).await, wood.put_later(1).await), (3, 1));
    });
}
