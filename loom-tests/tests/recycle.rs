//! When a node may be used again: `src/engine/reclaim/recycle.rs`.
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
        let cache: TinyCache = Tiny { capacity: 1, sets: 2, nodes: 2, batch: 1 }.cache(Placed);
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
        Self::with(RecyclerDoor::new(count, batch, drops), count)
    }

    fn with(recycler: RecyclerDoor, count: u32) -> Self {
        Self { recycler, cells: (0..count).map(|_| UnsafeCell::new(0)).collect() }
    }

    /// Everything that can be had when nobody else has anything.
    fn drain(&self) -> Vec<u32> {
        self.recycler.seal_all();
        collect();
        std::iter::from_fn(|| self.alloc()).collect()
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
        self.recycler.drop_one(|node| self.touch(node));
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

/// A thread retires two nodes, which make a batch, and then two more, while another seals what
/// there is: every node comes back, and only once. (The queue of retired nodes turns meanwhile.)
#[test]
fn retired_nodes_are_taken_once() {
    let setup = || {
        let nodes = Nodes::new(6, 2, false);
        let owned: Vec<_> = (0..6).map(|_| nodes.alloc().expect("fresh")).collect();
        assert_eq!(owned, [1, 2, 3, 4, 5, 6]);
        nodes
    };
    let retire = |nodes: &Nodes| (1..=5).for_each(|node| nodes.recycler.retire(node));
    model(2, setup, [retire, |nodes| nodes.recycler.seal_all()], |nodes, _| {
        let mut back = nodes.drain();
        back.sort_unstable();
        assert_eq!(back, [1, 2, 3, 4, 5]);
    });
}

/// Who seals another thread's retired nodes sees their numbers.
#[test]
fn who_takes_retired_nodes_sees_them() {
    let setup = || {
        let nodes = Nodes::new(2, 2, false);
        assert_eq!((nodes.alloc(), nodes.alloc()), (Some(1), Some(2)));
        nodes
    };
    model(
        3,
        setup,
        [|nodes: &Nodes| nodes.recycler.retire(2), |nodes| nodes.recycler.seal_all()],
        |nodes, _| assert_eq!(nodes.drain(), [2]),
    );
}

/// Threads with thread caches: one takes over a magazine, the other finds the rest.
#[test]
fn a_thread_cache_is_refilled_once() {
    let setup = || {
        let nodes = Nodes::with(RecyclerDoor::thread_caches(3, 2), 3);
        let owned: Vec<_> = (0..3).map(|_| nodes.alloc().expect("fresh")).collect();
        owned.into_iter().for_each(|node| nodes.recycler.retire(node));
        nodes.recycler.seal_all();
        collect();
        nodes
    };
    let take_two = |nodes: &Nodes| [nodes.alloc(), nodes.alloc()];
    model(2, setup, [take_two, take_two], |_, owned| {
        let mut owned: Vec<_> = owned.into_iter().flatten().flatten().collect();
        owned.sort_unstable();
        // One node may lie in the thread cache of a thread that does not need it.
        assert!(matches!(owned[..], [1, 2, 3] | [1, 2] | [1, 3] | [2, 3]), "{owned:?}");
    });
}

/// Values in every state that a retired node can be in. One thread writes once more, which drops
/// what is dead, and then drops the cache, while another lets the collector work. In the end every
/// value has been dropped, and loom reports one that is dropped twice.
#[test]
fn drop_against_a_pending_batch() {
    type Values = TinyCache<(Track<u32>, Arc<()>)>;
    let setup = || {
        let tiny = Tiny { capacity: 2, sets: 2, nodes: 10, batch: 2 };
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
