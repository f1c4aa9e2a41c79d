//! Keys and values that are counted, and that show it when they are used after their end.

use crate::{die, jitter};
use equivalent::Equivalent;
use std::{
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

/// Counts keys and values that live.
///
/// With relaxed operations: counting must not order what a cache leaves unordered, or
/// ThreadSanitizer would miss it.
#[derive(Clone, Debug, Default)]
pub struct Census(Arc<AtomicI64>);

impl Census {
    /// A new key.
    pub fn key(&self, number: u32) -> Key {
        Key(self.body(number, 0))
    }

    /// A new value, for the key `number`.
    pub fn value(&self, number: u32, id: u64) -> Value {
        Value(self.body(number, id))
    }

    fn body(&self, number: u32, id: u64) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        let check = checksum(number, id);
        let body = Body { state: AtomicU64::new(ALIVE), number, id, check };
        Counted { body: Box::new(body), census: self.clone() }
    }

    /// Keys and values that live. Exact while no other thread makes or drops any.
    pub fn alive(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

const ALIVE: u64 = 0x0A11_0F17_57A9_D112;
const DEAD: u64 = 0xDEAD_DEAD_DEAD_DEAD;

fn checksum(number: u32, id: u64) -> u64 {
    (u64::from(number) << 32 ^ id).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ id.rotate_left(17)
}

/// In an allocation of its own, for AddressSanitizer to watch.
#[derive(Debug)]
struct Body {
    state: AtomicU64,
    number: u32,
    id: u64,
    check: u64,
}

#[derive(Debug)]
struct Counted {
    body: Box<Body>,
    census: Census,
}

impl Counted {
    /// The content, which has to be that of something alive.
    fn body(&self) -> &Body {
        let body = &*self.body;
        if body.state.load(Ordering::Relaxed) != ALIVE {
            die("a key or value was used after it was dropped");
        }
        if body.check != checksum(body.number, body.id) {
            die("a key or value was used that is not whole");
        }
        body
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        let body = self.body();
        self.census.body(body.number, body.id)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.body();
        self.body.state.store(DEAD, Ordering::Relaxed);
        self.census.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A key: its number.
#[derive(Clone, Debug)]
pub struct Key(Counted);

impl Key {
    /// What it is the key of.
    pub fn number(&self) -> u32 {
        self.0.body().number
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        // Keys are compared in the middle of an insert: a good moment to be interrupted.
        jitter::seldom();
        self.number() == other.number()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Number(self.number()).hash(state);
    }
}

/// A key to look up with, which costs no allocation.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Number(pub u32);

impl Equivalent<Key> for Number {
    fn equivalent(&self, key: &Key) -> bool {
        jitter::seldom();
        self.0 == key.number()
    }
}

/// A value that says which one it is.
#[derive(Clone, Debug)]
pub struct Value(Counted);

impl Value {
    /// What it was given at its making. Checks that it is alive, whole, and a value of key
    /// `number`.
    pub fn id(&self, number: u32) -> u64 {
        let body = self.0.body();
        if body.number != number {
            die(&format!("key {number} has a value of key {}", body.number));
        }
        body.id
    }
}
