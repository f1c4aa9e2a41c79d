//! When a node may be used again: `src/engine/recycle.rs`.
#![cfg(larder_loom)]

use larder::doors::{RecyclerDoor, Tiny, collect};
use larder_loom_tests::{Placed, TinyCache, key, model};
use loom::{alloc::Track, cell::UnsafeCell};
use std::sync::{Arc, Mutex};

const A: u32 = key(0, 1);

/// Two nodes and batches of one: the writer's third value needs the first one's node, if the
/// collector gives it back in time. (If not, the writer yields to the reader before it gives up.)
#[test]
fn get_against_replace_and_reuse() {
    let setup = || {
        let cache: TinyCache = Tiny { capacity: 1, buckets: 2, nodes: 2, batch: 1 }.cache(Placed);
        cache.insert(A, 0);
        cache
    };
    let write = |cache: &TinyCache| {
        for value in 1..=3 {
            cache.insert(A, value);
        }
        None
    };
    model(2, setup, [|cache| cache.get(&A), write], |cache, _| {
        cache.validate();
        assert!(matches!(cache.get(&A), None | Some(3)));
    });
}

/// Node numbers with what they stand for: loom reports it if two threads have one at a time, or if
/// one does not see what the other did with it.
struct Nodes {
    recycler: RecyclerDoor,
    cells: Vec<UnsafeCell<u32>>,
}

impl Nodes {
    fn new(count: u32, batch: u32, drops: bool) -> Self {
        let recycler = RecyclerDoor::new(count, batch, drops);
        Self { recycler, cells: (0..count).map(|_| UnsafeCell::new(0)).collect() }
    }

    fn touch(&self, node: u32) {
        // SAFETY: loom checks the claim that only the owner of a node touches it.
        self.cells[node as usize - 1].with_mut(|cell| unsafe { *cell += 1 });
    }

    fn alloc(&self) -> Option<u32> {
        let node = self.recycler.alloc()?;
        self.touch(node);
        Some(node)
    }

    fn drop_dead(&self) {
        if let Some(node) = self.recycler.take_dead() {
            self.touch(node);
            self.recycler.free(node);
        }
    }
}

/// One thread drops what a dead node holds and makes it free, the other takes it.
#[test]
fn a_node_changes_hands() {
    let setup = || {
        let nodes = Nodes::new(1, 1, true);
        let node = nodes.alloc().expect("fresh");
        nodes.recycler.retire(node);
        collect();
        nodes
    };
    let drop_dead = |nodes: &Nodes| {
        nodes.drop_dead();
        None
    };
    model(3, setup, [drop_dead, Nodes::alloc], |nodes, [_, got]| {
        assert!(got.is_none() || nodes.alloc().is_none(), "one node, two owners");
    });
}

/// Two threads take from the free list while one gives back what it took.
#[test]
fn no_node_has_two_owners() {
    let setup = || {
        let nodes = Nodes::new(2, 1, false);
        for node in [nodes.alloc(), nodes.alloc()] {
            nodes.recycler.retire(node.expect("fresh"));
        }
        collect();
        nodes
    };
    let take_two_give_one = |nodes: &Nodes| {
        let (first, second) = (nodes.alloc(), nodes.alloc());
        if let Some(first) = first {
            nodes.recycler.retire(first);
        }
        second
    };
    model(2, setup, [Nodes::alloc, take_two_give_one], |nodes, kept| {
        let mut owned: Vec<_> = kept.into_iter().flatten().collect();
        collect();
        owned.extend(std::iter::from_fn(|| nodes.alloc()));
        owned.sort_unstable();
        assert_eq!(owned, [1, 2]);
    });
}

/// Values in every state that a retired node can be in. One thread writes once more, which drops what
/// is dead, and then drops the cache, while another lets the collector work. In the
/// end every value has been dropped, and loom reports one that is dropped twice.
#[test]
fn drop_against_a_pending_batch() {
    type Values = TinyCache<(Track<u32>, Arc<()>)>;
    let setup = || {
        let tiny = Tiny { capacity: 2, buckets: 2, nodes: 10, batch: 2 };
        let (cache, other): (Values, TinyCache) = (tiny.cache(Placed), tiny.cache(Placed));
        let alive = Arc::new(());
        // Three batches, which cannot be handed back yet.
        let pinned = other.pin();
        for value in 0..7 {
            cache.insert(A, (Track::new(value), alive.clone()));
        }
        drop(pinned);
        (Mutex::new(Some(cache)), other, alive)
    };
    model(
        2,
        setup,
        [
            |(cache, _, alive)| {
                let cache = cache.lock().expect("no panic").take().expect("taken once");
                // In no batch: the value that this one replaces.
                cache.insert(A, (Track::new(7), alive.clone()));
            },
            |_| collect(),
        ],
        |(_, _, alive), _| assert_eq!(Arc::strong_count(alive), 1, "values left alive"),
    );
}
