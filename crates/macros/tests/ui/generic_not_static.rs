use larder::cache_result;
use std::{fmt::Debug, hash::Hash};

#[cache_result]
fn print<T: Debug + Hash + Eq + Clone>(value: T) -> String
where
    T: Send + Sync,
{
    format!("{value:?}")
}

fn main() {}
