//! Stands for `tracing.rs` without the feature `tracing`.

use super::LoadStatus;
use crate::manager::{Finding, HealthStatus, ManagedCache, memory::PressureEvent};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct LoadSpan;

impl LoadSpan {
    #[inline(always)]
    pub(crate) fn new(_: &ManagedCache, _: Option<&'static str>, _: Option<Duration>) -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    pub(crate) fn end(self, _: LoadStatus) {}
}

pub(crate) fn health_changed(_: Option<&str>, _: HealthStatus, _: &[Finding]) {}

pub(crate) fn pressure(_: &PressureEvent) {}

#[cfg(feature = "config")]
pub(crate) fn reloaded(_: &[String], _: &[String]) {}

#[cfg(feature = "macros")]
pub(crate) fn tables(_: &str, _: &str) {}
