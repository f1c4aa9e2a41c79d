//! The maintenance thread; to come.

pub(crate) fn time_has_jumped() {}
pub(crate) fn wake_for_reader() {}
