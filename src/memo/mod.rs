//! Memoized functions: the run-time half of the attributes.
//!
//! [`cache_result`](crate::cache_result), [`cache_method_result`](crate::cache_method_result) and
//! [`cache_query`](crate::cache_query) are in the package `larder-macros`, and so is `cache_view`,
//! which the package `larder-http` exports; the guide is `docs/memoize.md` in the repository. This
//! module has the code that their expansions call, and the list of all such functions,
//! [`functions`].
//!
//! # Keys
//!
//! Each function has a namespace of its own in the cache that its attribute names. A key is the
//! tuple of the arguments, with their own types, compared by their own `Eq`. Keys are neither
//! formatted nor digested, so different functions or different arguments never share a key. A
//! lookup borrows the arguments; they are made owned after a miss.
//!
//! Each function also has a [`Digest`] of a key: a short name for logs or other stores.
#![forbid(unsafe_code)]

mod digest;
mod function;
mod key;
mod load;
mod lookup;
mod shape;
mod tables;
mod writes;

pub use digest::{Digest, DigestKey};
pub use function::{FunctionInfo, FunctionStats, functions, invalidate_function};
pub use writes::invalidate_table;

/// What the attributes' expansions call. Not a part of the public API: it changes with them.
#[doc(hidden)]
pub mod rt {
    pub use super::{
        digest::{Digest, DigestKey, digest},
        function::{Declared, Function, FunctionStats, Registered},
        key::{Arg, Argument, Arguments, OptionArg, OtherArgument, check, of, owned},
        load::{Turn, always, future_of},
        lookup::{
            Looked, invalidate, invalidate_all, look_up, look_up_rows, peek, refresh, refresh_rows,
        },
        shape::{
            Formed, OtherForm, OtherResult, OtherValue, Returned, Whole, check_kept, keep_err,
            keep_none, on_ok, stale_if_error,
        },
        tables::Table,
        writes::Write,
    };
    pub use inventory;
}
