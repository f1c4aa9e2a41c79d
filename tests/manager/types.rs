//! What the types can be used for.

use larder::manager::{
    ApplyError, CacheKind, CacheManager, CacheManagerBuilder, CacheMemory, CacheSettings,
    ManagedCache, ManagerError, Namespace, UnknownCache, View,
};
use static_assertions::assert_impl_all;
use std::{cell::Cell, error::Error, fmt::Debug, panic::UnwindSafe};

assert_impl_all!(CacheManager: Send, Sync, Clone, Debug, Default, UnwindSafe);
assert_impl_all!(CacheManagerBuilder: Send, Sync, Clone, Debug);
assert_impl_all!(ManagedCache: Send, Sync, Clone, Debug, UnwindSafe);
assert_impl_all!(View<String>: Send, Sync, Clone, Debug, UnwindSafe);
// Whatever the type says, a view has no value of it.
assert_impl_all!(View<Cell<u8>>: Send, Sync);
assert_impl_all!(Namespace: Send, Sync, Clone, Debug);
assert_impl_all!(CacheSettings: Send, Sync, Clone, Debug, PartialEq);
assert_impl_all!(CacheKind: Send, Sync, Copy, Debug, Ord);
assert_impl_all!(CacheMemory: Send, Sync, Copy, Debug);
assert_impl_all!(ManagerError: Error, Send, Sync);
assert_impl_all!(ApplyError: Error, Send, Sync);
assert_impl_all!(UnknownCache: Error, Send, Sync);

#[test]
fn debug_says_names_and_numbers_and_no_entries() {
    let manager = CacheManager::new();
    let view = manager.view::<&str>(CacheKind::User).with_namespace("pages");
    view.set("key", "secret");
    let cache = manager.cache(CacheKind::User);
    assert_eq!(format!("{cache:?}"), "ManagedCache { name: \"user\", entries: 1, .. }");
    assert_eq!(
        format!("{view:?}"),
        "View { cache: \"user\", namespace: \"pages\", values: \"&str\", .. }"
    );
    assert!(!format!("{manager:?}").contains("secret"));
}

#[test]
fn futures_of_loads_can_be_sent() {
    fn sent<T: Send>(value: T) -> T {
        value
    }
    let view = CacheManager::new().view::<u32>(CacheKind::User);
    let future = sent(view.get_with_async("a", async { 1 }));
    assert_eq!(futures::executor::block_on(future), 1);
}
