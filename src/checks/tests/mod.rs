//! Tests that look inside: they end in [`Cache::validate`](crate::Cache::validate).

#[cfg(doctest)]
mod compile_fail;
#[cfg(all(doctest, feature = "manager"))]
#[doc = include_str!("../../../README.md")]
mod readme {}
#[cfg(test)]
mod background;
#[cfg(test)]
mod fuse;
#[cfg(all(test, feature = "manager"))]
mod manager;
#[cfg(test)]
mod panics;
#[cfg(test)]
mod policy;
