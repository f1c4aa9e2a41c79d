//! Invalidating entries together: all of them, those with a tag, or those that a closure picks.

use crate::{
    Cache, TooManyTags,
    engine::{
        invalidate::tags::{TAGS_MAX, TagSlot, Tags},
        ops::insert::{EntryOptions, IfPresent},
        storage::nodes::Entry,
        time::options::TimeOptions,
    },
};
use std::{
    hash::{BuildHasher, Hash},
    time::Duration,
};

impl<K, V, S> Cache<K, V, S> {
    /// Invalidates every entry that is there when the call begins; those inserted meanwhile may or
    /// may not stay. O(1), whatever the number of entries: the first call of a cache's life sets 24
    /// bytes per entry aside for it.
    ///
    /// From then on no lookup returns the old values, and what is being loaded at this moment is
    /// not stored. The old values are dropped and reported to the listener later: a few by each
    /// write, all by [`run_pending_tasks`](Cache::run_pending_tasks), or by the maintenance thread
    /// if the cache has one for its times. Until then a hit costs one more cache line, and
    /// [`entry_count`](Cache::entry_count) is O(capacity).
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert_many([(1, 'a'), (2, 'b')]);
    /// cache.invalidate_all();
    /// assert_eq!((cache.get(&1), cache.entry_count()), (None, 0));
    /// ```
    pub fn invalidate_all(&self) {
        self.engine().invalidate_all();
    }

    /// Invalidates those of the entries that are there when the call begins for which `predicate`
    /// holds; returns how many they were. O(capacity). They are reported to the listener before the
    /// call returns, and dropped unless another thread is looking at them.
    ///
    /// Entries that are inserted or replaced meanwhile may or may not be asked about. What is being
    /// loaded at this moment is not stored, whatever it is. `predicate` runs while this thread is
    /// pinned: see [`get_ref`](Cache::get_ref).
    ///
    /// ```
    /// let cache = larder::Cache::new(100);
    /// cache.insert_many((0..20).map(|key| (key, key * key)));
    /// assert_eq!(cache.invalidate_entries_if(|_, square| *square >= 100), 10);
    /// assert_eq!((cache.get(&9), cache.get(&10)), (Some(81), None));
    /// ```
    ///
    /// # Panics
    ///
    /// If `predicate` does: what it was asked about before is invalidated.
    pub fn invalidate_entries_if(&self, predicate: impl FnMut(&K, &V) -> bool) -> u64 {
        self.engine().invalidate_where(predicate)
    }
}

impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    /// Sets the value of a key, as [`insert`](Cache::insert), for an entry that goes when one of
    /// its tags is [invalidated](Cache::invalidate_tag). O(1); the first call of a cache's life
    /// sets 24 bytes per entry aside, and half a mebibyte.
    ///
    /// Tags are anything that hashes. They are of the entry, not of the key: the next insert brings
    /// its own or has none, and so does any other write, [`incr`](Cache::incr) and its kin
    /// included. Only a [refresh](crate::CacheBuilder::refresh_after) keeps them.
    ///
    /// ```
    /// let cache = larder::Cache::new(100);
    /// cache.insert_tagged("/", "home", ["user 7", "news"])?;
    /// cache.insert_tagged("/news", "news", ["news"])?;
    /// cache.insert_tagged("/me", "profile", ["user 7"])?;
    /// cache.invalidate_tag("news");
    /// assert_eq!(cache.get("/"), None);
    /// assert_eq!(cache.get("/news"), None);
    /// assert_eq!(cache.get("/me"), Some("profile"));
    /// # Ok::<(), larder::TooManyTags>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there are more than eight tags: then nothing has happened.
    ///
    /// ```
    /// let cache = larder::Cache::new(100);
    /// let refused = cache.insert_tagged(1, "one", 0..10).unwrap_err();
    /// assert_eq!(refused.to_string(), "tags: 10 are too many for one entry; allowed are 0 to 8");
    /// ```
    pub fn insert_tagged(
        &self,
        key: K,
        value: V,
        tags: impl IntoIterator<Item = impl Hash>,
    ) -> Result<(), TooManyTags> {
        self.insert_with_options(key, value, TimeOptions::BY_RULE, self.tags(tags)?);
        Ok(())
    }

    /// [`insert_tagged`](Cache::insert_tagged) for an entry that lives for `duration`, as
    /// [`insert_with_ttl`](Cache::insert_with_ttl). O(1).
    ///
    /// ```
    /// use std::time::Duration;
    /// let cache = larder::Cache::new(100);
    /// let minute = Duration::from_secs(60);
    /// cache.insert_tagged_with_ttl("token", 1234, [7], minute)?;
    /// assert!(cache.ttl("token").unwrap() > Duration::from_secs(59));
    /// cache.invalidate_tag(&7);
    /// assert_eq!(cache.get("token"), None);
    /// # Ok::<(), larder::TooManyTags>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`insert_tagged`](Cache::insert_tagged).
    pub fn insert_tagged_with_ttl(
        &self,
        key: K,
        value: V,
        tags: impl IntoIterator<Item = impl Hash>,
        duration: Duration,
    ) -> Result<(), TooManyTags>
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        let tags = self.tags(tags)?;
        self.start_maintenance();
        self.insert_with_options(key, value, TimeOptions::exactly(duration), tags);
        Ok(())
    }

    /// Invalidates the entries with this tag that are there when the call begins; those inserted
    /// meanwhile may or may not stay. O(1), whatever their number.
    ///
    /// What holds of [`invalidate_all`](Cache::invalidate_all) holds here. The cache knows tags by
    /// 16 bits of their hashes: with some thousands of tags in use, two of them may come to be one.
    /// Then the entries of both go. That costs a few misses more, and no lookup returns a value
    /// that is too old.
    ///
    /// ```
    /// let cache = larder::Cache::new(100);
    /// cache.insert_tagged(1, "one", ["odd"])?;
    /// cache.insert_tagged(2, "two", ["even", "prime"])?;
    /// cache.invalidate_tag("odd");
    /// assert_eq!((cache.get(&1), cache.get(&2)), (None, Some("two")));
    /// # Ok::<(), larder::TooManyTags>(())
    /// ```
    pub fn invalidate_tag<T: Hash + ?Sized>(&self, tag: &T) {
        self.engine().invalidate_tags([self.tag_slot(tag)]);
    }

    pub(crate) fn tag_slot<T: Hash + ?Sized>(&self, tag: &T) -> TagSlot {
        TagSlot::of_hash(self.hash(tag))
    }

    pub(crate) fn tags(
        &self,
        tags: impl IntoIterator<Item = impl Hash>,
    ) -> Result<Tags, TooManyTags> {
        let mut tags = tags.into_iter().map(|tag| self.tag_slot(&tag));
        let allowed = Tags::new(tags.by_ref().take(TAGS_MAX));
        match tags.count() {
            0 => Ok(allowed),
            more => Err(TooManyTags { tags: TAGS_MAX + more, max: TAGS_MAX }),
        }
    }

    fn insert_with_options(&self, key: K, value: V, time: TimeOptions, tags: Tags) {
        let hash = self.hash(&key);
        let (entry, options) = (Entry { key, value }, EntryOptions { time, tags });
        self.engine().insert_on(hash, entry, IfPresent::Replace, &options);
    }
}
