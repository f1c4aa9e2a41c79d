//! Rules at work: each with its cache and its counters.

use crate::{
    rules::{Compiled, Rules},
    store::{Entry, Meter, StampSlot, Stamps, Stored, Subject},
};
use larder::manager::{CacheManager, KeyedView, UnknownCache, ViewGuard};
use std::sync::Arc;

/// The rules that are in force.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) rules: Rules,
    /// In the order of [`Rules::all`].
    pub(crate) states: Box<[Arc<RuleState>]>,
}

/// A rule at work.
#[derive(Debug)]
pub(crate) struct RuleState {
    pub(crate) rule: Arc<Compiled>,
    pub(crate) view: KeyedView<Vec<u8>, Entry>,
    pub(crate) meter: Arc<Meter>,
    /// Where invalidations of the rule are.
    pub(crate) slot: StampSlot,
}

impl RuleState {
    /// Stores a response under the key of which this is the guard; takes out what has to make room
    /// for it in the rule.
    pub(crate) fn keep(&self, key: &[u8], guard: ViewGuard<Entry>, stored: Arc<Stored>) {
        if let Some(most) = self.rule.max_entries
            && !stored.is_error()
        {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            let lost = self.meter.quota().admit(key, &stored, most);
            lost.iter().for_each(|key| self.take_out(key));
        }
        let time = stored.keep();
        guard.insert_with_ttl(Entry::Response(stored), time);
    }

    fn take_out(&self, key: &[u8]) {
        if let Some(Entry::Response(_)) = self.view.peek(key) {
            self.view.invalidate(key);
        }
    }
}

impl Table {
    /// Rules that have the names of earlier ones go on with their counters.
    pub(crate) fn new(
        manager: &CacheManager,
        namespace: &str,
        stamps: &Stamps,
        rules: Rules,
        previous: Option<&Self>,
    ) -> Result<Self, UnknownCache> {
        let known = |name: &str| {
            let states = previous.into_iter().flat_map(|it| &it.states);
            states.clone().find(|it| it.rule.name == name).map(|it| Arc::clone(&it.meter))
        };
        let states = rules.all().iter().map(|rule| {
            let cache = manager.get_cache(rule.cache.name())?;
            let view =
                cache.view::<Entry>().with_namespace(namespace).with_heap_size(Entry::heap).keyed();
            #[cfg(feature = "admin")]
            view.name_keys(|key: &Vec<u8>| crate::key::words(key));
            let meter = known(&rule.name).unwrap_or_default();
            let slot = stamps.slot(Subject::Rule(&rule.name));
            Ok(Arc::new(RuleState { rule: Arc::clone(rule), view, meter, slot }))
        });
        let states = states.collect::<Result<_, _>>()?;
        Ok(Self { rules, states })
    }
}
