//! The names of Django's low-level cache API, as aliases.

use super::{KeyOf, View};
use std::time::Duration;

/// # The names of Django
///
/// The names of Django's low-level cache API, for programs that are ported from it. They are
/// aliases, except `get_or` and `delete_many`, which have no other name, and `get_or_set`, which
/// takes a value where `get_with` takes a function.
///
/// | Django | alias | method |
/// |---|---|---|
/// | `get(key)` | | [`get`] |
/// | `get(key, default)` | | [`get_or`] |
/// | `get_many(keys)` | | [`get_many`] |
/// | `has_key(key)`, `key in cache` | [`has_key`] | [`contains_key`] |
/// | `set(key, value)` | [`set`] | [`insert`] |
/// | `set(key, value, timeout)` | [`set_with_ttl`] | [`insert_with_ttl`] |
/// | `set_many(data)` | [`set_many`] | [`insert_many`] |
/// | `add(key, value)` | | [`add`] |
/// | `get_or_set(key, value)` | [`get_or_set`] | [`get_with`] |
/// | `delete(key)` | [`delete`] | [`invalidate`]; [`remove`] returns the value |
/// | `delete_many(keys)` | | [`delete_many`] |
/// | `clear()` | [`clear`] | [`invalidate_all`] |
/// | `touch(key)` | | [`touch`] |
/// | `touch(key, timeout)` | | [`set_ttl`] |
/// | `incr(key)`, `decr(key)` | | [`incr`], [`decr`] |
/// | `incr_version(key)`, `decr_version(key)` | | [`incr_version`], [`decr_version`] |
/// | `version=2` | | [`with_version(2)`](View::with_version) |
///
/// [`get`]: View::get
/// [`get_or`]: View::get_or
/// [`get_many`]: View::get_many
/// [`has_key`]: View::has_key
/// [`contains_key`]: View::contains_key
/// [`set`]: View::set
/// [`insert`]: View::insert
/// [`set_with_ttl`]: View::set_with_ttl
/// [`insert_with_ttl`]: View::insert_with_ttl
/// [`set_many`]: View::set_many
/// [`insert_many`]: View::insert_many
/// [`add`]: View::add
/// [`get_or_set`]: View::get_or_set
/// [`get_with`]: View::get_with
/// [`delete`]: View::delete
/// [`invalidate`]: View::invalidate
/// [`remove`]: View::remove
/// [`delete_many`]: View::delete_many
/// [`clear`]: View::clear
/// [`invalidate_all`]: View::invalidate_all
/// [`touch`]: View::touch
/// [`set_ttl`]: View::set_ttl
/// [`incr`]: View::incr
/// [`decr`]: View::decr
/// [`incr_version`]: View::incr_version
/// [`decr_version`]: View::decr_version
impl<V: Clone + Send + Sync + 'static, T> View<V, T> {
    /// Returns the value of a key, or `default` if the key is absent. Nothing is stored. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let counts = CacheManager::new().view::<u32>(CacheKind::General);
    /// assert_eq!((counts.get_or("clicks", 0), counts.contains_key("clicks")), (0, false));
    /// ```
    #[inline]
    pub fn get_or<Q: KeyOf<T> + ?Sized>(&self, key: &Q, default: V) -> V {
        self.get(key).unwrap_or(default)
    }

    /// Returns the value of a key; if the key is absent, stores `value` and returns it. If several
    /// threads do so at once, all get the same value. [`get_with`](View::get_with) is for values
    /// that take time to compute. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let themes = CacheManager::new().view::<&str>(CacheKind::User);
    /// assert_eq!(themes.get_or_set(&7, "light"), "light");
    /// assert_eq!(themes.get_or_set(&7, "dark"), "light");
    /// ```
    pub fn get_or_set<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V) -> V {
        self.get_with(key, || value)
    }

    /// Alias of [`contains_key`](View::contains_key).
    pub fn has_key<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> bool {
        self.contains_key(key)
    }

    /// Alias of [`insert`](View::insert).
    pub fn set<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V) {
        self.insert(key, value);
    }

    /// Alias of [`insert_with_ttl`](View::insert_with_ttl).
    pub fn set_with_ttl<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V, duration: Duration) {
        self.insert_with_ttl(key, value, duration);
    }

    /// Alias of [`insert_many`](View::insert_many).
    pub fn set_many<'q, Q: KeyOf<T> + ?Sized + 'q>(
        &self,
        entries: impl IntoIterator<Item = (&'q Q, V)>,
    ) {
        self.insert_many(entries);
    }

    /// Alias of [`invalidate`](View::invalidate).
    pub fn delete<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> bool {
        self.invalidate(key)
    }

    /// Removes several keys, one after the other; returns how many of them were present. O(keys).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.insert_many([(&1, "Ada"), (&2, "Grace")]);
    /// assert_eq!(users.delete_many(&[1, 2, 3]), 2);
    /// ```
    pub fn delete_many<'q, Q: KeyOf<T> + ?Sized + 'q>(
        &self,
        keys: impl IntoIterator<Item = &'q Q>,
    ) -> usize {
        keys.into_iter().filter(|key| self.invalidate(*key)).count()
    }

    /// Alias of [`invalidate_all`](View::invalidate_all).
    pub fn clear(&self) {
        self.invalidate_all();
    }
}
