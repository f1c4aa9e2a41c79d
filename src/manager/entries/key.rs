//! Keys of any type in one cache.
//!
//! An entry's key consists of the namespace and its version, the type of the value, and the user's
//! key. It is behind a pointer, because the user's key may be of any type and to keep entries small
//! in the cache. A lookup allocates nothing: it hashes and compares the user's key in place.

use super::{hashing::type_bits, namespace::Space};
use crate::{engine::ops::insert::EntryOptions, loading::Wanted, sync::Arc};
use equivalent::Equivalent;
use std::{
    any::{Any, TypeId, type_name},
    borrow::Borrow,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
};

/// A key that a [`View`](crate::manager::View) can look up.
///
/// Implemented for everything that is [`ToOwned`]: a `str` finds a `String`, a `[u8]` finds a
/// `Vec<u8>`; numbers, tuples, and your own types that are `Hash + Eq + Clone` find themselves.
///
/// Implement it for your own borrowed forms, for example to look up a key of several parts without
/// making them owned. A borrowed form must hash like its [`Stored`](Key::Stored) form.
///
/// ```
/// use larder::manager::{CacheKind, CacheManager, Key};
///
/// #[derive(Hash)]
/// struct Page<'a>(&'a str, u32);
///
/// impl Key for Page<'_> {
///     type Stored = (String, u32);
///
///     fn matches(&self, stored: &(String, u32)) -> bool {
///         self.0 == stored.0 && self.1 == stored.1
///     }
///
///     fn to_stored(&self) -> (String, u32) {
///         (self.0.to_owned(), self.1)
///     }
/// }
///
/// let pages = CacheManager::new().view::<String>(CacheKind::General);
/// pages.insert(&("news".to_owned(), 2_u32), "the second page".to_owned());
/// assert_eq!(pages.get(&Page("news", 2)).as_deref(), Some("the second page"));
/// assert_eq!(pages.get(&Page("news", 3)), None);
/// ```
pub trait Key: Hash {
    /// The owned form, which the cache stores.
    type Stored: Hash + Eq + Send + Sync + 'static;

    /// Returns whether this key finds an entry with the stored key `stored`.
    fn matches(&self, stored: &Self::Stored) -> bool;

    /// Returns the form that the cache stores.
    fn to_stored(&self) -> Self::Stored;
}

impl<Q> Key for Q
where
    Q: ToOwned + Hash + Eq + ?Sized,
    Q::Owned: Hash + Eq + Send + Sync + 'static,
{
    type Stored = Q::Owned;

    #[inline]
    fn matches(&self, stored: &Q::Owned) -> bool {
        self == stored.borrow()
    }

    fn to_stored(&self) -> Q::Owned {
        self.to_owned()
    }
}

/// A key for a value of type `V`. Its own type tells the types of key and value in one comparison.
struct Typed<K, V> {
    space: Space,
    key: K,
    value: PhantomData<fn() -> V>,
}

/// A [`Typed`] of any types.
trait Erased: Any + Send + Sync {
    fn same(&self, other: &dyn Any) -> bool;
    fn hash_into(&self, state: &mut dyn Hasher);
    fn space(&self) -> Space;
    /// Returns the user's key.
    fn given(&self) -> &dyn Any;
    fn type_name(&self) -> &'static str;
}

impl<K: Hash + Eq + Send + Sync + 'static, V: 'static> Erased for Typed<K, V> {
    fn same(&self, other: &dyn Any) -> bool {
        let other = other.downcast_ref::<Self>();
        other.is_some_and(|other| self.space == other.space && self.key == other.key)
    }

    fn hash_into(&self, mut state: &mut dyn Hasher) {
        hash_place::<V, _>(self.space, &mut state);
        self.key.hash(&mut state);
    }

    fn space(&self) -> Space {
        self.space
    }

    fn given(&self) -> &dyn Any {
        &self.key
    }

    fn type_name(&self) -> &'static str {
        type_name::<K>()
    }
}

/// Writes the place of a key, for [`PlaceHasher`](super::hashing::PlaceHasher).
#[inline]
fn hash_place<V: 'static, H: Hasher>(space: Space, state: &mut H) {
    state.write_u64(space.word() ^ type_bits(TypeId::of::<V>()));
}

#[derive(Clone)]
pub(crate) struct StoredKey(Arc<dyn Erased>);

impl StoredKey {
    pub(crate) fn space(&self) -> Space {
        (*self.0).space()
    }

    /// Returns the user's key.
    pub(crate) fn given(&self) -> &dyn Any {
        (*self.0).given()
    }

    pub(crate) fn type_name(&self) -> &'static str {
        (*self.0).type_name()
    }

    /// Returns an id of the types of key and value.
    pub(crate) fn types(&self) -> TypeId {
        let key: &dyn Any = &*self.0;
        key.type_id()
    }

    /// Returns what [`types`](Self::types) returns for keys and values of these types.
    pub(crate) fn types_of<K: 'static, V: 'static>() -> TypeId {
        TypeId::of::<Typed<K, V>>()
    }
}

impl PartialEq for StoredKey {
    fn eq(&self, other: &Self) -> bool {
        let other: &dyn Any = &*other.0;
        (*self.0).same(other)
    }
}

impl Eq for StoredKey {}

/// Hashes like the [`Query`] for the key, whose writes reach the hasher without a pointer between.
impl Hash for StoredKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (*self.0).hash_into(state);
    }
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey").field("space", &self.0.space()).finish_non_exhaustive()
    }
}

/// A borrowed key that asks for a value of type `V`.
pub(crate) struct Query<'q, Q: ?Sized, V> {
    space: Space,
    key: &'q Q,
    value: PhantomData<fn() -> V>,
}

impl<Q: ?Sized, V> Clone for Query<'_, Q, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q: ?Sized, V> Copy for Query<'_, Q, V> {}

impl<'q, Q: Key + ?Sized, V: 'static> Query<'q, Q, V> {
    #[inline(always)]
    pub(crate) fn new(space: Space, key: &'q Q) -> Self {
        Self { space, key, value: PhantomData }
    }

    pub(crate) fn to_stored(self) -> StoredKey {
        let (space, key) = (self.space, self.key.to_stored());
        StoredKey(Arc::new(Typed::<_, V> { space, key, value: PhantomData }))
    }

    /// Returns the bytes that the stored form takes, with the heap of keys given as `str` or slice.
    pub(crate) fn bytes(self) -> usize {
        let is_unsized = size_of::<&Q>() > size_of::<usize>();
        let elsewhere = if is_unsized { size_of_val(self.key) } else { 0 };
        size_of::<Q::Stored>() + elsewhere
    }
}

impl<Q: Key + ?Sized, V: 'static> Hash for Query<'_, Q, V> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_place::<V, _>(self.space, state);
        self.key.hash(state);
    }
}

impl<Q: Key + ?Sized, V: 'static> Equivalent<StoredKey> for Query<'_, Q, V> {
    #[inline]
    fn equivalent(&self, stored: &StoredKey) -> bool {
        let stored: &dyn Any = &*stored.0;
        stored
            .downcast_ref::<Typed<Q::Stored, V>>()
            .is_some_and(|stored| self.space == stored.space && self.key.matches(&stored.key))
    }
}

/// A key whose value is to be loaded, and the options of the entry.
pub(crate) struct LoadRequest<'v, 'q, Q: ?Sized, V> {
    pub(crate) query: Query<'q, Q, V>,
    pub(crate) options: &'v EntryOptions,
}

impl<'q, Q: Key + ?Sized, V: 'static> Wanted<StoredKey> for LoadRequest<'_, 'q, Q, V> {
    type Borrowed = Query<'q, Q, V>;

    fn borrowed(&self) -> &Query<'q, Q, V> {
        &self.query
    }

    fn to_key(&self) -> StoredKey {
        self.query.to_stored()
    }

    fn into_key(self) -> StoredKey {
        self.query.to_stored()
    }

    fn options(&self) -> EntryOptions {
        *self.options
    }
}
