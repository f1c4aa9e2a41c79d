//! A listener that does not return. Alone in its file, hence in its process: another test's thread
//! that is interrupted while it is pinned would keep nodes back, too.

mod common;

use common::{PATIENCE, validate};
use larder::Cache;
use std::{
    sync::{Mutex, mpsc},
    thread,
};

#[test]
fn a_listener_that_blocks_stops_nobody_else() {
    let (entered, is_in) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    let may_leave = Mutex::new(may_leave);
    let cache = Cache::builder()
        .max_capacity(100)
        .eviction_listener(move |&key, _: &u64, _| {
            if key == u64::MAX {
                entered.send(()).unwrap();
                may_leave.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            }
        })
        .build();
    thread::scope(|scope| {
        let slow = cache.clone();
        scope.spawn(move || {
            slow.insert(u64::MAX, 0);
            slow.invalidate(&u64::MAX);
        });
        is_in.recv_timeout(PATIENCE).unwrap();
        // Far more than there is memory for, were the blocked thread pinned.
        for i in 0..100_000 {
            cache.insert(i, i);
        }
        let rejections = cache.stats().rejections;
        // Before anything is asserted, or the scope would wait for ever.
        leave.send(()).unwrap();
        assert_eq!(rejections, 0);
    });
    validate(&cache);
}
