//! The types of keys that a view takes: any, or one.

use super::View;
use crate::manager::{Key, entries::key::StoredKey};
use std::{any::Any, borrow::Borrow, fmt, hash::Hash, marker::PhantomData, sync::Arc};

/// The values of one type under keys of one type: a [`View`] that takes no other keys. Comes from
/// [`View::keyed`].
///
/// In a [`View`], `7_u32` and `7_u64` are two keys, and a lookup with the wrong one finds nothing.
/// With a keyed view such a lookup does not compile, and an integer literal gets the type of the
/// keys. A borrowed form of the key is accepted, as by the standard library's maps: `str` for
/// `String`.
///
/// ```
/// use larder::manager::{CacheKind, CacheManager, KeyedView};
///
/// let manager = CacheManager::new();
/// let users: KeyedView<u64, String> = manager.view(CacheKind::User).keyed();
/// users.insert(&7, "Ada".to_owned());
/// assert!(users.contains_key(&7) && users.invalidate(&7));
///
/// let targets: KeyedView<String, u32> = manager.view(CacheKind::Url).keyed();
/// targets.insert("b3", 1);
/// assert_eq!(targets.get("b3"), Some(1));
/// ```
///
/// ```compile_fail,E0277
/// # use larder::manager::{CacheKind, CacheManager, KeyedView};
/// # let manager = CacheManager::new();
/// let users: KeyedView<u64, String> = manager.view(CacheKind::User).keyed();
/// let id: i32 = 7;
/// users.invalidate(&id);
/// ```
pub type KeyedView<K, V> = View<V, Only<K>>;

/// The keys of a [`View`] that takes keys of any type.
pub struct AnyKey(());

/// The keys of a [`KeyedView`], which takes keys of type `K`.
pub struct Only<K>(PhantomData<fn(K) -> K>);

impl fmt::Debug for AnyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyKey")
    }
}

impl<K> fmt::Debug for Only<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Only<{}>", std::any::type_name::<K>())
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> KeyedView<K, V> {
    /// Sets how keys of this type, for values of this type, are written as text, in all namespaces
    /// of the cache: for [`list_keys`](crate::manager::ManagedCache::list_keys). Strings, integers
    /// and tuples of two or three of them need no name.
    ///
    /// ```
    /// use larder::manager::{CacheManager, CacheKind, KeyQuery};
    ///
    /// #[derive(Clone, PartialEq, Eq, Hash)]
    /// struct Page { site: u32, path: String }
    ///
    /// let manager = CacheManager::new();
    /// let pages = manager.view::<String>(CacheKind::General).keyed::<Page>();
    /// pages.name_keys(|page| format!("{}:{}", page.site, page.path));
    /// pages.insert(&Page { site: 1, path: "/".to_owned() }, "welcome".to_owned());
    /// let list = manager.cache(CacheKind::General).list_keys(&KeyQuery::new(10));
    /// assert_eq!(list.keys[0].key, "1:/");
    /// ```
    pub fn name_keys(&self, name: impl Fn(&K) -> String + Send + Sync + 'static) {
        let namer = move |key: &dyn Any, out: &mut String| {
            if let Some(key) = key.downcast_ref::<K>() {
                out.push_str(&name(key));
            }
        };
        self.cache().namers().insert(StoredKey::types_of::<K, V>(), Arc::new(namer));
    }
}

mod sealed {
    pub trait Sealed<T> {}
}

/// A key that a view with keys `T` can look up: any [`Key`] for [`AnyKey`]; a key that finds a `K`
/// for [`Only<K>`].
pub trait KeyOf<T>: Key + sealed::Sealed<T> {}

impl<Q: Key + ?Sized> sealed::Sealed<AnyKey> for Q {}
impl<Q: Key + ?Sized> KeyOf<AnyKey> for Q {}

impl<K: Borrow<Q>, Q: Key<Stored = K> + ?Sized> sealed::Sealed<Only<K>> for Q {}
impl<K: Borrow<Q>, Q: Key<Stored = K> + ?Sized> KeyOf<Only<K>> for Q {}
