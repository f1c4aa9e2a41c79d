//! What functions return, kept: the run-time half of the attributes.
//!
//! [`cache_result`](crate::cache_result), [`cache_method_result`](crate::cache_method_result) and
//! [`cache_query`](crate::cache_query) are in the package `larder-macros`, and so is `cache_view`,
//! which the package `larder-http` exports; the guide is `docs/memoize.md` of the repository. Here
//! is what they have to do when the program runs, and what it knows of its functions: [`functions`]
//! lists them.
//!
//! # Keys
//!
//! Each function has a namespace of its own, in the cache that it says; the key is a tuple of its
//! arguments, of their own types, compared by their own `Eq`. Nothing is printed and nothing is
//! digested, so no two functions and no two lists of arguments share a key, however alike they
//! look. Looking one up borrows the arguments; it is made owned when it is missed.
//!
//! Where a short name for a key is wanted, in a log or as the key of another store, each function
//! has a [`Digest`] of it.
#![forbid(unsafe_code)]

mod digest;
mod function;
mod key;
mod load;
mod rows;
mod shape;
mod tables;
mod writes;

pub use digest::{Digest, DigestKey};
pub use function::{FunctionInfo, FunctionStats, functions, invalidate_function};
pub use writes::invalidate_table;

/// What the attributes' expansions call. No part of the public API: it changes with them.
#[doc(hidden)]
pub mod rt {
    pub use super::{
        digest::{Digest, DigestKey, digest},
        function::{Declared, Function, FunctionStats, Registered},
        key::{Argument, Arguments, Given, GivenOption, OtherArgument, check, of, owned},
        load::{
            Looked, Turn, always, future_of, invalidate, invalidate_all, look_up, peek, refresh,
        },
        rows::{look_up_rows, refresh_rows},
        shape::{
            Formed, OtherForm, OtherResult, OtherValue, Returned, Whole, check_kept, keep_err,
            keep_none, on_ok, stale_if_error,
        },
        tables::Table,
        writes::Write,
    };
    pub use inventory;
}
