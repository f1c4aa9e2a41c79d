//! Values that tell: who wrote them, that they are alive, and how many there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::Tags;

/// Counts the values of one run that are alive.
#[derive(Clone, Debug, Default)]
pub struct Census(Arc<AtomicI64>);

impl Census {
    /// A new value, written by `writer` for `key` as its write number `sequence`.
    pub fn value(&self, key: u8, writer: u8, sequence: u32) -> Value {
        self.make(Written {
            key,
            writer,
            sequence,
            weight: 1,
            dies: u64::MAX,
            tags: Tags::default(),
        })
    }

    fn make(&self, written: Written) -> Value {
        self.0.fetch_add(1, Ordering::Relaxed);
        Value { written: Box::new(written), census: self.clone() }
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
    weight: u32,
    dies: u64,
    tags: Tags,
}

/// A value that knows its origin. What it knows lies in an allocation of its own, so that
/// AddressSanitizer sees one that is read after, or freed twice, and LeakSanitizer one that is
/// lost.
#[derive(Debug)]
pub struct Value {
    written: Box<Written>,
    census: Census,
}

impl Value {
    /// The same, but it weighs that much.
    pub fn weighing(mut self, weight: u32) -> Self {
        self.written.weight = weight;
        self
    }

    /// The same, but it must not be found from this time on.
    pub fn dying(mut self, dies: u64) -> Self {
        self.written.dies = dies;
        self
    }

    /// The same, but it is inserted with these tags.
    pub fn tagged(mut self, tags: Tags) -> Self {
        self.written.tags = tags;
        self
    }

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

    /// What it weighs; 1 if nobody said otherwise.
    pub fn weight(&self) -> u32 {
        self.written.weight
    }

    /// What it was inserted with; no tags, if nobody said otherwise.
    pub fn tags(&self) -> Tags {
        self.written.tags
    }

    /// From when on it must not be found, in milliseconds; never, if nobody said otherwise.
    pub fn dies(&self) -> u64 {
        self.written.dies
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        self.census.make(*self.written)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.census.0.fetch_sub(1, Ordering::Relaxed);
    }
}
