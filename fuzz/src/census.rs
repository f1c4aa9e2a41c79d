//! Values that tell: who wrote them, that they are alive, and how many there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Counts the values of one run that are alive.
#[derive(Clone, Debug, Default)]
pub struct Census(Arc<AtomicI64>);

impl Census {
    /// A new value, written by `writer` for `key` as its write number `sequence`.
    pub fn value(&self, key: u8, writer: u8, sequence: u32) -> Value {
        self.0.fetch_add(1, Ordering::Relaxed);
        Value { written: Box::new(Written { key, writer, sequence }), census: self.clone() }
    }

    /// How many values are alive. Exact when no other thread makes or drops any.
    pub fn alive(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    key: u8,
    writer: u8,
    sequence: u32,
}

/// A value that knows its origin. What it knows lies in an allocation of its own, so that
/// AddressSanitizer sees one that is read after, or freed twice, and LeakSanitizer one that is lost.
#[derive(Debug)]
pub struct Value {
    written: Box<Written>,
    census: Census,
}

impl Value {
    /// The key it was written for.
    pub fn key(&self) -> u8 {
        self.written.key
    }

    /// The thread that wrote it.
    pub fn writer(&self) -> u8 {
        self.written.writer
    }

    /// The how manieth write of that thread it was.
    pub fn sequence(&self) -> u32 {
        self.written.sequence
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        self.census.value(self.key(), self.writer(), self.sequence())
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.census.0.fetch_sub(1, Ordering::Relaxed);
    }
}
