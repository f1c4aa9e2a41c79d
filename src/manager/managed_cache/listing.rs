//! Listing, counting and invalidating keys by their text, for administrators.

use super::cache::ManagedCache;
use crate::manager::entries::{
    hashing::Tag,
    key::StoredKey,
    namespace::Space,
    words::{self, Namer},
};
use std::{
    any::TypeId,
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    fmt::Write,
    hash::{BuildHasher, Hash, RandomState},
    ops::ControlFlow,
    sync::OnceLock,
    time::Duration,
};

/// The maximum number of entries that are visited for a list of keys.
const VISITED_MAX: usize = 100_000;
const LISTED_MAX: usize = 1_000;

/// What is known of an entry except its value: part of a [`KeyList`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// The key as text, or `type#hash` if its type has no text form.
    pub key: String,
    /// The key's type, without module paths.
    pub key_type: String,
    /// The key's namespace; empty for views that name none.
    pub namespace: String,
    /// How often the entry was used since the eviction policy last examined it: 0 to 3, where 3
    /// means "3 or more".
    pub uses: u32,
    /// How long ago the entry was written; `None` if unknown.
    pub age: Option<Duration>,
    /// The remaining time to live if the entry is not used; `None` if it has no limit.
    pub ttl: Option<Duration>,
    /// How much of the cache's capacity the entry takes.
    pub weight: u64,
}

/// Keys of a cache; comes from [`ManagedCache::list_keys`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyList {
    /// The keys, the ones that the eviction policy values most first.
    pub keys: Vec<KeyInfo>,
    /// Whether more keys match, or may match.
    pub truncated: bool,
}

/// Selects the keys for [`ManagedCache::list_keys`], and their form.
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
        Self { prefix: String::new(), limit: limit.min(LISTED_MAX), hashed: false }
    }

    /// Asks only for keys whose text starts with `prefix`.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Asks for `type#hash` instead of the text, for keys that are secret.
    pub fn hashed(self) -> Self {
        Self { hashed: true, ..self }
    }
}

/// Selects keys by their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMatch<'a> {
    /// Keys with this text or this `type#hash`.
    Exact(&'a str),
    /// Keys whose text starts with this.
    Prefix(&'a str),
}

struct Writer {
    namers: HashMap<TypeId, Namer>,
    hashes: &'static RandomState,
    /// The name of each namespace and its current version, by its number.
    spaces: HashMap<u32, (String, Space)>,
    hashed: bool,
}

impl Writer {
    fn new(cache: &ManagedCache, hashed: bool) -> Self {
        // Not the hasher of the cache: its hashes are secret.
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

    /// Replaces the contents of `out` by the key's text.
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
        let (name, hash) = (words::short_type(key.type_name()), self.hashes.hash_one(key));
        // Writing to a `String` does not fail.
        let _ = write!(out, "{name}#{hash:016x}");
    }

    /// Returns the namespace of a key; `None` if the key belongs to another version of it.
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
                // Other words cannot be a `type#hash`.
                words.contains('#') && {
                    self.write_hash(key, out);
                    *out == words
                }
            }
        }
    }
}

/// # Keys as text
impl ManagedCache {
    /// Lists keys, the ones that the eviction policy values most first; never values. Does not
    /// count as use. Entries of other versions of their [namespace](crate::manager::Namespace) are
    /// left out.
    ///
    /// Visits at most 100,000 entries: in a larger cache it lists the most valued of these.
    /// O(capacity).
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
        let (mut visited, mut truncated, mut out) = (0, false, String::new());
        // The least valued of the kept keys is on top. Each has the number of its visit.
        let (mut kept, mut keys) = (BinaryHeap::new(), HashMap::new());
        self.entries().engine().try_rank_all(|rank, entry| {
            if visited == VISITED_MAX {
                truncated = true;
                return ControlFlow::Break(());
            }
            visited += 1;
            if writer.namespace(&entry.key).is_none() {
                return ControlFlow::Continue(());
            }
            if !prefix.is_empty() {
                writer.write(&entry.key, &mut out);
                if !out.starts_with(prefix) {
                    return ControlFlow::Continue(());
                }
            }
            // Of two keys of the same rank, the one visited first comes first.
            kept.push(Reverse((rank, Reverse(visited))));
            keys.insert(visited, entry.key.clone());
            if kept.len() > *limit {
                if let Some(Reverse((_, Reverse(least)))) = kept.pop() {
                    keys.remove(&least);
                }
                truncated = true;
            }
            ControlFlow::Continue(())
        });
        let kept = kept.into_sorted_vec().into_iter().map(|Reverse((_, Reverse(visit)))| visit);
        let keys = kept.filter_map(|visit| self.info(&writer, &keys[&visit])).collect();
        KeyList { keys, truncated }
    }

    /// Returns what is known of a key; `None` if it has been removed meanwhile.
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

    /// Counts the matching keys, in all versions of their namespaces. O(capacity).
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

    /// Invalidates the matching keys that are present when the call begins, in all versions of
    /// their namespaces, and returns their number. The results of loads that run at that moment are
    /// not stored. O(capacity).
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

    /// Counts the entries that have a tag. A different tag is counted as this one with a
    /// probability of 1 in 65,535. O(capacity).
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
        let slot = self.entries().tag_slot(&Tag::new(tag));
        self.entries().engine().count_tagged(slot)
    }
}
