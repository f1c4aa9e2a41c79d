//! What keys a view takes: of any type, or of one.

use super::View;
use crate::manager::Key;
use std::{borrow::Borrow, fmt, marker::PhantomData};

/// The values of one type under keys of one type: a [`View`] that takes no other keys. Comes from
/// [`View::keyed`].
///
/// In a [`View`], `7_u32` and `7_u64` are two keys, and a lookup with the wrong one finds nothing.
/// Here it does not compile, and a number without a suffix is of the type of the keys. A borrowed
/// form of the key will do, as with the standard library's maps: `str` for `String`.
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

mod sealed {
    pub trait Sealed<T> {}
}

/// What a view of which the keys are `T` can be asked with: any [`Key`] if that is [`AnyKey`]; what
/// finds a `K` if it is [`Only<K>`].
pub trait KeyOf<T>: Key + sealed::Sealed<T> {}

impl<Q: Key + ?Sized> sealed::Sealed<AnyKey> for Q {}
impl<Q: Key + ?Sized> KeyOf<AnyKey> for Q {}

impl<K: Borrow<Q>, Q: Key<Stored = K> + ?Sized> sealed::Sealed<Only<K>> for Q {}
impl<K: Borrow<Q>, Q: Key<Stored = K> + ?Sized> KeyOf<Only<K>> for Q {}
