//! Tests that look inside: they end in [`Cache::validate`](crate::Cache::validate).

#[cfg(doctest)]
mod compile_fail;
#[cfg(doctest)]
#[doc = include_str!("../../../docs/from-moka.md")]
mod from_moka {}
#[cfg(all(
    doctest,
    feature = "config",
    feature = "metrics",
    feature = "serde",
    feature = "sysinfo",
    feature = "tracing"
))]
#[doc = include_str!("../../../docs/manager.md")]
mod manager_guide {}
#[cfg(doctest)]
#[doc = include_str!("../../../docs/operation.md")]
mod operation {}
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
