//! That a hit through a view allocates nothing, whatever the key.
#![cfg(feature = "manager")]

use larder::{
    Maintenance,
    manager::{CacheKind, CacheManager},
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::Arc,
};

/// Counts what the current thread asks for.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has no count any more.
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(start, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn asked(f: impl FnOnce()) -> usize {
    let before = ASKED.get();
    f();
    ASKED.get() - before
}

#[test]
fn a_hit_allocates_nothing() {
    let manager = CacheManager::builder().maintenance(Maintenance::Manual).build();
    let view = manager.view::<Arc<str>>(CacheKind::User).with_namespace("names");
    let name: Arc<str> = Arc::from("Ada");
    let pair = ("user".to_owned(), 7_u64);
    view.set("user 7", name.clone());
    view.set(&7_u64, name.clone());
    view.set(&pair, name.clone());
    assert!(asked(|| view.set("user 8", name.clone())) > 0, "the count counts");
    let mut hits = 0;
    let allocations = asked(|| {
        for _ in 0..100 {
            hits += usize::from(view.get("user 7").is_some());
            hits += usize::from(view.get(&7_u64).is_some());
            hits += usize::from(view.get(&pair).is_some());
            hits += usize::from(view.get_ref("user 7", |name| name.len()).is_some());
            hits += view.get_with("user 7", || unreachable!()).len() / 3;
            hits += usize::from(view.has_key("user 7"));
            assert!(view.get("nobody").is_none());
        }
    });
    assert_eq!((hits, allocations), (600, 0));
}
