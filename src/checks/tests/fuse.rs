//! Keys and values whose methods panic at the n-th call, and that are counted.

use crate::Cache;
use equivalent::Equivalent;
use std::{
    cell::Cell,
    hash::{BuildHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What the cache calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Hash,
    Eq,
    CloneKey,
    CloneValue,
    DropKey,
    DropValue,
}

impl Call {
    pub(super) const ALL: [Call; 6] =
        [Call::Hash, Call::Eq, Call::CloneKey, Call::CloneValue, Call::DropKey, Call::DropValue];
}

thread_local! {
    /// Which call panics, after how many that do not. None: none will.
    static FUSE: Cell<Option<(Call, u32)>> = const { Cell::new(None) };
}

fn called(call: Call) {
    if let Some((which, left)) = FUSE.get()
        && which == call
    {
        FUSE.set(left.checked_sub(1).map(|left| (which, left)));
        if left == 0 {
            // Not `panic!`, which would print thousands of messages.
            resume_unwind(Box::new("the fuse has blown"));
        }
    }
}

/// Runs `f` with `call` panicking after `spared` calls; whether it did.
pub(super) fn with_fuse(call: Call, spared: u32, f: impl FnOnce()) -> bool {
    FUSE.set(Some((call, spared)));
    let outcome = catch_unwind(AssertUnwindSafe(f));
    let blown = FUSE.take().is_none();
    assert_eq!(outcome.is_err(), blown, "a panic comes out, and only the one that was planted");
    blown
}

/// Counts keys and values that live.
#[derive(Clone, Debug, Default)]
pub(super) struct Population(Arc<AtomicU64>);

impl Population {
    pub(super) fn key(&self, id: u64) -> Key {
        Key(self.person(id))
    }

    pub(super) fn value(&self, id: u64) -> Value {
        Value(self.person(id))
    }

    pub(super) fn entry(&self, id: u64) -> (Key, Value) {
        (self.key(id), self.value(id))
    }

    fn person(&self, id: u64) -> Person {
        self.0.fetch_add(1, Ordering::Relaxed);
        Person { id: Box::new(id), population: self.clone() }
    }

    pub(super) fn alive(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Its number is on the heap, so that Miri and sanitizers see a second drop.
#[derive(Debug)]
struct Person {
    id: Box<u64>,
    population: Population,
}

impl Person {
    fn copy(&self) -> Self {
        self.population.person(*self.id)
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.population.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
pub(super) struct Key(Person);

#[derive(Debug)]
pub(super) struct Value(Person);

impl Key {
    pub(super) fn id(&self) -> u64 {
        *self.0.id
    }
}

impl Value {
    pub(super) fn id(&self) -> u64 {
        *self.0.id
    }
}

/// A key to look up with; not counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id(pub(super) u64);

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        called(Call::Hash);
        state.write_u64(self.0);
    }
}

impl Equivalent<Key> for Id {
    fn equivalent(&self, key: &Key) -> bool {
        called(Call::Eq);
        self.0 == key.id()
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Id(self.id()).hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        called(Call::Eq);
        self.id() == other.id()
    }
}

impl Eq for Key {}

impl Clone for Key {
    fn clone(&self) -> Self {
        called(Call::CloneKey);
        Key(self.0.copy())
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        called(Call::CloneValue);
        Value(self.0.copy())
    }
}

// What panics still drops its `Person`, as any other type drops its fields.
impl Drop for Key {
    fn drop(&mut self) {
        called(Call::DropKey);
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        called(Call::DropValue);
    }
}

/// Hashes numbers well, or all alike: then every lookup compares keys.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hashing {
    Spread,
    Colliding,
}

#[derive(Debug)]
pub(super) struct NumberHasher(Hashing, u64);

impl BuildHasher for Hashing {
    type Hasher = NumberHasher;

    fn build_hasher(&self) -> NumberHasher {
        NumberHasher(*self, 0)
    }
}

impl Hasher for NumberHasher {
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are numbers");
    }

    fn write_u64(&mut self, number: u64) {
        self.1 = number;
    }

    fn finish(&self) -> u64 {
        match self.0 {
            Hashing::Spread => (self.1 + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93),
            Hashing::Colliding => 0,
        }
    }
}

pub(super) type FuseCache = Cache<Key, Value, Hashing>;
