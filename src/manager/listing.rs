//! The keys of a cache, in words: for people who look at it, and name what is to go.

use super::{
    key::StoredKey,
    managed::ManagedCache,
    namespace::Space,
    view::{KeyedView, Tag},
    words,
};
use std::{
    any::{Any, TypeId},
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    fmt::{self, Write},
    hash::{BuildHasher, Hash, RandomState},
    ops::ControlFlow,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

/// So many entries are looked at for a list of keys.
const LOOKED_AT: usize = 100_000;
/// So many keys are listed.
const LISTED: usize = 1_000;

/// What is known of an entry beside its value: part of a [`KeyList`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// The key in words, or `type#hash` if it has none.
    pub key: String,
    /// The key's type, without modules.
    pub key_type: String,
    /// The namespace that it is in; empty if views name none.
    pub namespace: String,
    /// How often it was used since the eviction policy last looked at it: 0 to 3, where 3 means "or
    /// more".
    pub uses: u32,
    /// How long ago it was written; `None` if unknown.
    pub age: Option<Duration>,
    /// How long it has yet to live if it is not used. `None`: no limit.
    pub ttl: Option<Duration>,
    /// What it takes of the cache's capacity.
    pub weight: u64,
}

/// Keys of a cache; comes from [`ManagedCache::list_keys`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyList {
    /// The keys, those first that the eviction policy thinks most of.
    pub keys: Vec<KeyInfo>,
    /// Whether there are, or may be, more of them.
    pub truncated: bool,
}

/// Which keys are listed, and how: see [`ManagedCache::list_keys`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct KeyQuery {
    prefix: String,
    limit: usize,
    hashed: bool,
}

impl KeyQuery {
    /// Asks for the first `limit` keys, 1,000 at most.
    pub fn new(limit: usize) -> Self {
        Self { prefix: String::new(), limit: limit.min(LISTED), hashed: false }
    }

    /// Asks for those only whose words begin so.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Asks for `type#hash` in place of words, for keys that are secret.
    pub fn hashed(self) -> Self {
        Self { hashed: true, ..self }
    }
}

/// Which keys are meant, by their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMatch<'a> {
    /// Those that have these words, or this `type#hash`.
    Exact(&'a str),
    /// Those whose words begin so.
    Prefix(&'a str),
}

type Namer = Arc<dyn Fn(&dyn Any, &mut String) + Send + Sync>;

/// What keys of unusual types are in words, by the types of key and value.
#[derive(Default)]
pub(super) struct Namers(RwLock<HashMap<TypeId, Namer>>);

impl Namers {
    fn all(&self) -> HashMap<TypeId, Namer> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Namers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namers").field("types", &self.all().len()).finish_non_exhaustive()
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> KeyedView<K, V> {
    /// Says what keys of this type, of values of this type, are in words, in all namespaces of the
    /// cache: for [`list_keys`](ManagedCache::list_keys). Texts, integers and tuples of two or
    /// three of them have words anyway.
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
        let namers = &self.cache().namers().0;
        let mut namers = namers.write().unwrap_or_else(PoisonError::into_inner);
        let before = namers.insert(StoredKey::types_of::<K, V>(), Arc::new(namer));
        drop(namers);
        drop(before);
    }
}

/// Says what keys are.
struct Writer {
    namers: HashMap<TypeId, Namer>,
    hashes: &'static RandomState,
    /// Name of each namespace and where it is now, by its number.
    spaces: HashMap<u32, (String, Space)>,
    hashed: bool,
}

impl Writer {
    fn new(cache: &ManagedCache, hashed: bool) -> Self {
        // Not those by which the cache finds keys: those are secret.
        static HASHES: OnceLock<RandomState> = OnceLock::new();
        let spaces = cache.namespaces().into_iter();
        Self {
            namers: cache.namers().all(),
            hashes: HASHES.get_or_init(RandomState::new),
            spaces: spaces
                .map(|it| (it.space().id(), (it.name().to_owned(), it.space())))
                .collect(),
            hashed,
        }
    }

    /// Writes a key's words in the place of what is in `out`.
    fn write(&self, key: &StoredKey, out: &mut String) {
        out.clear();
        if !self.hashed {
            if let Some(namer) = self.namers.get(&key.types()) {
                return namer(key.given(), out);
            }
            if words::write(key.given(), out) {
                return;
            }
        }
        self.write_hash(key, out);
    }

    fn write_hash(&self, key: &StoredKey, out: &mut String) {
        out.clear();
        let (of, hash) = (words::short_type(key.type_name()), self.hashes.hash_one(key));
        // To a text it cannot fail.
        let _ = write!(out, "{of}#{hash:016x}");
    }

    /// The namespace of a key; `None` if it is of another version than the namespace's.
    fn namespace(&self, key: &StoredKey) -> Option<&str> {
        let space = key.space();
        self.spaces.get(&space.id()).filter(|it| it.1 == space).map(|it| &*it.0)
    }

    fn matches(&self, key: &StoredKey, wanted: KeyMatch<'_>, out: &mut String) -> bool {
        self.write(key, out);
        match wanted {
            KeyMatch::Prefix(prefix) => out.starts_with(prefix),
            KeyMatch::Exact(words) if *out == words => true,
            KeyMatch::Exact(words) => {
                // Only then the hash is worth its while.
                words.contains('#') && {
                    self.write_hash(key, out);
                    *out == words
                }
            }
        }
    }
}

/// What is there, by its words and tags.
impl ManagedCache {
    /// Lists keys, those first that the eviction policy thinks most of; never values. Does not
    /// count as use. Entries of other versions of their [namespace](super::Namespace) are left out.
    ///
    /// Looks at 100,000 entries at most: in a larger cache it lists the best of these. O(capacity).
    ///
    /// ```
    /// use larder::manager::{CacheKind, CacheManager, KeyQuery};
    ///
    /// let manager = CacheManager::new();
    /// let users = manager.view::<String>(CacheKind::User);
    /// users.insert("user:1", "Ada".to_owned());
    /// users.insert("user:2", "Bob".to_owned());
    /// users.insert(&3_u64, "Eve".to_owned());
    /// users.get("user:2");
    /// let list = manager.cache(CacheKind::User).list_keys(&KeyQuery::new(10).prefix("user:"));
    /// let keys: Vec<_> = list.keys.iter().map(|it| &*it.key).collect();
    /// assert_eq!(keys, ["user:2", "user:1"]);
    /// assert_eq!((list.keys[0].uses, list.keys[0].key_type.as_str()), (1, "String"));
    /// ```
    #[must_use]
    pub fn list_keys(&self, query: &KeyQuery) -> KeyList {
        let KeyQuery { prefix, limit, hashed } = query;
        let writer = Writer::new(self, *hashed);
        let (mut looked_at, mut truncated, mut out) = (0, false, String::new());
        // The least of those that are kept is on top.
        let mut kept = BinaryHeap::new();
        self.entries().engine().try_rank_all(|rank, entry| {
            if looked_at == LOOKED_AT {
                truncated = true;
                return ControlFlow::Break(());
            }
            looked_at += 1;
            if writer.namespace(&entry.key).is_none() {
                return ControlFlow::Continue(());
            }
            if !prefix.is_empty() {
                writer.write(&entry.key, &mut out);
                if !out.starts_with(prefix) {
                    return ControlFlow::Continue(());
                }
            }
            // Of two that are as good, the one that came first.
            let place = Reverse((rank, Reverse(looked_at)));
            kept.push(Placed { place, key: entry.key.clone() });
            if kept.len() > *limit {
                kept.pop();
                truncated = true;
            }
            ControlFlow::Continue(())
        });
        let kept = kept.into_sorted_vec();
        let keys = kept.into_iter().filter_map(|it| self.info(&writer, &it.key)).collect();
        KeyList { keys, truncated }
    }

    /// `None` if it is gone by now.
    fn info(&self, writer: &Writer, key: &StoredKey) -> Option<KeyInfo> {
        let metadata = self.entries().metadata(key)?;
        let mut words = String::new();
        writer.write(key, &mut words);
        Some(KeyInfo {
            key: words,
            key_type: words::short_type(key.type_name()),
            namespace: writer.namespace(key)?.to_owned(),
            uses: metadata.uses,
            age: metadata.age,
            ttl: metadata.ttl,
            weight: metadata.weight,
        })
    }

    /// Counts the keys that are meant, in all versions of their namespaces. O(capacity).
    ///
    /// ```
    /// use larder::manager::{CacheKind, CacheManager, KeyMatch};
    ///
    /// let manager = CacheManager::new();
    /// let cache = manager.cache(CacheKind::General);
    /// cache.view::<u32>().insert("a:1", 1);
    /// cache.view::<u32>().insert("a:2", 2);
    /// assert_eq!(cache.count_keys(KeyMatch::Prefix("a:")), 2);
    /// assert_eq!(cache.count_keys(KeyMatch::Exact("a:")), 0);
    /// ```
    #[must_use]
    pub fn count_keys(&self, wanted: KeyMatch<'_>) -> u64 {
        let (writer, mut out) = (Writer::new(self, false), String::new());
        self.count_entries(|key, _| writer.matches(key, wanted, &mut out))
    }

    /// Invalidates the keys that are meant, in all versions of their namespaces, of those that are
    /// there when the call begins, and returns how many they were. What is being loaded then is not
    /// stored. O(capacity).
    ///
    /// ```
    /// use larder::manager::{CacheKind, CacheManager, KeyMatch};
    ///
    /// let manager = CacheManager::new();
    /// let view = manager.view::<u32>(CacheKind::General);
    /// view.insert("a:1", 1);
    /// view.insert(&7_u64, 2);
    /// assert_eq!(view.cache().invalidate_keys(KeyMatch::Exact("7")), 1);
    /// assert_eq!((view.get("a:1"), view.get(&7_u64)), (Some(1), None));
    /// ```
    pub fn invalidate_keys(&self, wanted: KeyMatch<'_>) -> u64 {
        let (writer, mut out) = (Writer::new(self, false), String::new());
        let doomed = |key: &StoredKey, _: &_| writer.matches(key, wanted, &mut out);
        self.entries().engine().invalidate_where(doomed)
    }

    /// Counts the entries that have a tag; another tag may have the same place, which happens once
    /// in 65,535 times. O(capacity).
    ///
    /// ```
    /// use larder::manager::{CacheKind, CacheManager};
    ///
    /// let manager = CacheManager::new();
    /// let view = manager.view::<u32>(CacheKind::General);
    /// view.clone().with_tags(["news"])?.insert("a", 1);
    /// view.insert("b", 2);
    /// assert_eq!(view.cache().count_tag("news"), 1);
    /// # Ok::<(), larder::TooManyTags>(())
    /// ```
    #[must_use]
    pub fn count_tag<T: Hash + ?Sized>(&self, tag: &T) -> u64 {
        let place = self.entries().place(&Tag::new(tag));
        self.entries().engine().count_tagged(place)
    }
}

/// A key and its place in the list.
struct Placed<P> {
    place: P,
    key: StoredKey,
}

impl<P: Ord> Ord for Placed<P> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

impl<P: Ord> PartialOrd for Placed<P> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<P: Ord> PartialEq for Placed<P> {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl<P: Ord> Eq for Placed<P> {}
