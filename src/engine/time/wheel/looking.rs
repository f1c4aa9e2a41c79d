//! An advance of the wheel in tests and models.

use super::Visit;
use crate::engine::{
    index::word::NodeId,
    time::deadlines::{Block, Deadlines, Look},
};

/// What an advance does in tests and models.
pub(crate) struct Looking<'a, F> {
    pub(crate) deadlines: &'a Deadlines,
    pub(crate) nodes: NodeId,
    pub(crate) now: u64,
    pub(crate) due: F,
}

impl<F: FnMut(NodeId, u64)> Visit for Looking<'_, F> {
    fn approach(&mut self, block: Block) {
        self.deadlines.prefetch_block(block);
    }

    fn look(&mut self, block: Block) -> Look {
        self.deadlines.look(block, self.nodes, self.now)
    }

    fn finish(&mut self, look: Look) -> u64 {
        self.deadlines.expire(look, self.now, &mut self.due)
    }
}
