//! Nobody to tell: without the feature `metrics`.

use super::Seen;

#[derive(Debug, Default)]
pub(in super::super) struct Meters;

impl Meters {
    pub(in super::super) fn publish(&mut self, _: &[Seen]) {}
}
