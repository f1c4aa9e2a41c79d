//! Bytes that are written once, most of them on the stack.

use std::hash::{Hash, Hasher};

/// How many bytes need no allocation.
const INLINE: usize = 216;

/// Bytes on the stack, or, if they are many, on the heap.
///
/// Each request writes one and moves it a few times: it is small, and writing to its end is all
/// that it can do.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    inline: [u8; INLINE],
    length: usize,
    /// All of them, if there are more than there is room for on the stack.
    heap: Vec<u8>,
}

impl Default for Buffer {
    fn default() -> Self {
        Self { inline: [0; INLINE], length: 0, heap: Vec::new() }
    }
}

impl Buffer {
    pub(super) fn as_slice(&self) -> &[u8] {
        if self.spilled() { &self.heap } else { &self.inline[..self.length] }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn spilled(&self) -> bool {
        self.length > INLINE
    }

    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    #[inline]
    pub(super) fn extend_from_slice(&mut self, bytes: &[u8]) {
        let length = self.length + bytes.len();
        match self.inline.get_mut(self.length..length) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.spill(bytes),
        }
        self.length = length;
    }

    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        if !self.spilled() {
            self.heap.clear();
            self.heap.extend_from_slice(&self.inline[..self.length]);
        }
        self.heap.extend_from_slice(bytes);
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Buffer {}

impl Hash for Buffer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_wherever_they_are() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        for piece in [1, 7, INLINE - 1, INLINE, INLINE + 1, 500] {
            let mut buffer = Buffer::default();
            // What was there before leaves nothing behind.
            for all in [&bytes[..], &bytes[..INLINE], &bytes[..INLINE + 1], &bytes[..3], &[]] {
                buffer.clear();
                all.chunks(piece).for_each(|piece| buffer.extend_from_slice(piece));
                assert_eq!(buffer.as_slice(), all, "{piece}");
                assert_eq!((buffer.len(), buffer.spilled()), (all.len(), all.len() > INLINE));
            }
        }
    }
}
