//! Loading what is there, but old.

use super::{Question, Wanted};
use crate::{
    Cache,
    engine::{
        load::refresh::{Begun, Need, Refresh},
        singleflight::flight::Outcome,
    },
};
use equivalent::Equivalent;
use std::{
    hash::{BuildHasher, Hash},
    time::Duration,
};

/// What a loading lookup finds.
pub(crate) enum Lookup<'c, K, V> {
    Absent,
    Found(V),
    /// A value that the caller is to load anew.
    Old(V, Refresh<'c, K, V>),
}

impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
{
    /// [`get`](Cache::get), for those who know how to load.
    #[inline(always)]
    pub(crate) fn lookup<W: Wanted<K>>(&self, key: &W) -> Lookup<'_, K, V> {
        if self.engine().refreshes() {
            return self.lookup_aged(key);
        }
        self.get(key.borrowed()).map_or(Lookup::Absent, Lookup::Found)
    }

    #[inline(never)]
    fn lookup_aged<W: Wanted<K>>(&self, key: &W) -> Lookup<'_, K, V> {
        let hash = self.hash(key.borrowed());
        let eq = |other: &K| key.borrowed().equivalent(other);
        let found = self.engine().get_aged(hash, eq, |entry| entry.value.clone());
        let Some((value, need)) = found else { return Lookup::Absent };
        let Need::Refresh(node) = need else { return Lookup::Found(value) };
        match self.engine().refresh(hash, &eq, &|| key.to_key(), node) {
            Begun::NotHere => Lookup::Found(value),
            Begun::Here(refresh) => Lookup::Old(value, refresh),
        }
    }
}

/// The answer of who has loaded anew what was there: the old value if there is no new one.
pub(super) fn refreshed<A: Question<V>, K: Hash + Eq, V: Clone>(
    key: impl Wanted<K>,
    old: V,
    refresh: Refresh<'_, K, V>,
    outcome: Outcome<V>,
    took: Duration,
) -> A::Answer {
    match refresh.conclude(|| key.into_key(), outcome, took) {
        Outcome::Value(value) => A::found(value),
        Outcome::Nothing | Outcome::Error(_) => A::found(old),
    }
}
