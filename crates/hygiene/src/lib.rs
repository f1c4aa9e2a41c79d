//! Functions under every attribute, in a crate that has `larder` and `larder-http` by other names
//! only, takes no warnings, has no prelude, forbids unsafe code, and calls things of its own by
//! names that the expansions might use.
#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unused, nonstandard_style, rust_2018_idioms, future_incompatible)]
#![deny(clippy::all, clippy::pedantic)]
// Of the functions here themselves, which do next to nothing.
#![allow(clippy::needless_pass_by_value, clippy::unused_async)]

/// Would be taken for the crate, if somebody meant that.
pub mod larder {}
/// Would be taken for the other one.
pub mod larder_http {}
/// Would be taken for the standard library's.
pub mod std {}
/// Likewise.
pub mod core {}

/// Not that one.
#[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
pub struct Option;
/// Not that one either.
#[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
pub struct Result;

use ::core::{
    clone::Clone,
    cmp::Eq,
    convert::From,
    hash::Hash,
    marker::{Send, Sync},
};

/// Twice.
#[must_use]
#[::pantry::cache_result(crate = ::pantry, ttl = "1m", tags("n:{n}"))]
pub fn twice(n: u32) -> u32 {
    n * 2
}

/// Thrice, in a task.
#[::pantry::cache_result(crate = ::pantry, detached, when = |n| *n > 0)]
pub async fn thrice(n: u32) -> u32 {
    n * 3
}

/// A value and its kind.
#[::pantry::cache_result(crate = ::pantry, key = "{one:?}:{other}")]
pub fn generic<T, const N: usize>(one: T, other: &str) -> [usize; N]
where
    T: ::core::fmt::Debug + Hash + Eq + Clone + Send + Sync + 'static,
{
    let _ = one;
    [other.len(); N]
}

/// A function whose arguments are named as unluckily as can be.
///
/// # Errors
///
/// If there is no text.
#[::pantry::cache_result(crate = ::pantry, stale_if_error = "1m", when = |value| *value > 0)]
pub async fn unlucky(
    function: u32,
    key: &str,
    shape: u8,
    turn: bool,
) -> ::core::result::Result<u32, ::std::string::String> {
    if key.is_empty() {
        return ::core::result::Result::Err(::std::string::String::new());
    }
    ::core::result::Result::Ok(
        function + <u32 as From<u8>>::from(shape) + <u32 as From<bool>>::from(turn),
    )
}

/// Has methods.
#[derive(::core::fmt::Debug)]
pub struct Shop {
    /// Its number.
    pub id: u32,
}

impl Shop {
    /// A price.
    #[must_use]
    #[::pantry::cache_method_result(crate = ::pantry, self_key = self.id)]
    pub fn price(&self, item: u32) -> u32 {
        self.id + item
    }

    /// Sets one.
    #[::pantry::cache_query(crate = ::pantry, writes("prices"))]
    pub fn set_price(&mut self, id: u32) {
        self.id = id;
    }
}

/// Sells.
pub trait Sale {
    /// What it costs.
    fn discount(&self, item: u32) -> u32;
    /// What it is called.
    fn label(&self, item: u32) -> ::std::string::String;
    /// What it was.
    fn earlier(&self, item: u32) -> u32;
    /// Sets what it is to be.
    fn set(&mut self, id: u32);
    /// Another price.
    ///
    /// # Errors
    ///
    /// If it is no lower one.
    fn lower(&mut self, id: u32) -> ::core::result::Result<(), ::std::string::String>;
    /// In a while.
    fn later(
        &self,
        item: u32,
    ) -> impl ::core::future::Future<Output = ::core::result::Result<u32, ::std::string::String>>;
}

impl Sale for Shop {
    #[::pantry::cache_method_result(crate = ::pantry, self_key = self.id, companions = false)]
    fn discount(&self, mut item: u32) -> u32 {
        item += self.id;
        item / 2
    }

    #[::pantry::cache_method_result(crate = ::pantry, skip(self), companions = false)]
    fn label(&self, item: u32) -> ::std::string::String {
        ::std::format!("item {item}")
    }

    #[::pantry::cache_query(crate = ::pantry, reads("prices"), self_key = self.id, companions = false)]
    fn earlier(&self, item: u32) -> u32 {
        item
    }

    #[::pantry::cache_query(crate = ::pantry, writes("prices:{id}"), companions = false)]
    fn set(&mut self, id: u32) {
        self.id = id;
    }

    #[::pantry::cache_query(crate = ::pantry, writes("prices"), on = "ok", companions = false)]
    fn lower(&mut self, id: u32) -> ::core::result::Result<(), ::std::string::String> {
        if id > self.id {
            return ::core::result::Result::Err(::std::string::String::new());
        }
        self.id = id;
        ::core::result::Result::Ok(())
    }

    #[::pantry::cache_method_result(crate = ::pantry, skip(self), companions = false)]
    async fn later(&self, item: u32) -> ::core::result::Result<u32, ::std::string::String> {
        ::core::result::Result::Ok(item)
    }
}

/// Reads.
#[must_use]
#[::pantry::cache_query(crate = ::pantry, reads("prices"))]
pub fn prices() -> u32 {
    7
}

/// None.
#[must_use]
#[::pantry::cache_result(crate = ::pantry, companions = false)]
pub fn one_expression(n: u32) -> u32 {
    n + 1
}

/// None either.
#[::pantry::cache_result(crate = ::pantry, companions = false)]
pub async fn one_expression_later(n: u32) -> u32 {
    n + 1
}

/// In a block of its own.
#[must_use]
#[::pantry::cache_result(crate = ::pantry, companions = false)]
pub fn a_block(n: u32) -> u32 {
    if n == 0 {
        1
    } else {
        n
    }
}

mod stock {
    pub(crate) const SIZE: u32 = 3;
}

/// Beside a module that others do not see.
#[must_use]
#[::pantry::cache_result(crate = ::pantry)]
pub fn stock(n: u32) -> u32 {
    n * stock::SIZE
}

/// Beside a module that others see.
#[must_use]
#[::pantry::cache_result(crate = ::pantry, companions = larder_cache)]
pub(crate) fn larder(n: u32) -> u32 {
    n
}

/// Answers, and counts.
#[::pantry_door::cache_view(crate = ::pantry_door, key = "{id}", skip(headers), companions = false)]
pub async fn counting(headers: ::pantry_http::HeaderMap, id: u32) -> ::std::string::String {
    ::std::format!("{id} {}", headers.len())
}

/// Answers.
#[::pantry_door::cache_view(crate = ::pantry_door)]
pub async fn home(page: u32) -> ::std::string::String {
    ::std::format!("page {page}")
}

#[allow(dead_code)]
#[::pantry::cache_result(crate = ::pantry)]
fn never_used(n: u32) -> u32 {
    n
}

/// In macros, too.
macro_rules! made {
    ($name:ident, $argument:ident) => {
        /// Made by a macro.
        #[must_use]
        #[::pantry::cache_result(crate = ::pantry, tags("made:{n}"), key = |n, $argument| (*n, *$argument))]
        pub fn $name(n: u8, $argument: u8) -> u8 {
            n + $argument
        }
    };
}

made!(made, other);

#[cfg(test)]
mod tests {
    use super::{
        a_block, counting, generic, home, larder, larder_cache, made, one_expression,
        one_expression_later, prices, stock, twice, unlucky, Sale, Shop,
    };
    use ::core::{assert, assert_eq, prelude::v1::test};

    #[test]
    fn all_of_it_works() {
        assert_eq!((twice(2), twice(2), twice::stats().hits), (4, 4, 1));
        assert_eq!(generic::<_, 2>(1_u8, "abc"), [3, 3]);
        assert_eq!(generic::peek::<_, 2>(1_u8, "abc"), ::core::option::Option::Some([3, 3]));
        let answer = ::futures::executor::block_on(unlucky(1, "k", 2, true));
        assert_eq!(answer, ::core::result::Result::Ok(4));
        let mut shop = Shop { id: 1 };
        assert_eq!((shop.price(2), prices()), (3, 7));
        shop.set_price(2);
        assert_eq!((shop.price(2), prices::peek()), (4, ::core::option::Option::None));
        assert_eq!((made(1, 2), made::peek(1, 2)), (3, ::core::option::Option::Some(3)));
        assert!(::futures::executor::block_on(home(1)).status().is_success());
        assert_eq!((shop.discount(4), shop.discount(4), shop.lower(1).is_ok()), (3, 3, true));
        assert_eq!((shop.label(1).len(), shop.earlier(1)), (6, 1));
        shop.set(3);
        assert_eq!((one_expression(1), a_block(0), stock(2), larder(7)), (2, 1, 6, 7));
        assert_eq!(larder_cache::peek(7), ::core::option::Option::Some(7));
        assert_eq!(::futures::executor::block_on(one_expression_later(1)), 2);
        let answer = counting(::pantry_http::HeaderMap::new(), 1);
        assert!(::futures::executor::block_on(answer).status().is_success());
        assert_eq!(::futures::executor::block_on(shop.later(5)), ::core::result::Result::Ok(5));
    }
}
