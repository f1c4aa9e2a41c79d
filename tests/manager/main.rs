//! The manager: what an application may rely on.
#![cfg(feature = "manager")]

mod applying;
mod computing;
mod guards;
mod keys;
mod loading;
mod names;
mod namespaces;
mod operations;
mod places;
mod types;

use larder::{
    Maintenance, ManualClock,
    manager::{CacheManager, CacheSettings, ManagedCache},
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A manager whose time stands still, with nobody in the background.
fn manager(clock: &ManualClock) -> CacheManager {
    CacheManager::builder().clock(clock).maintenance(Maintenance::Manual).build()
}

/// A cache of its own.
fn cache(settings: CacheSettings) -> (ManagedCache, ManualClock) {
    let clock = ManualClock::new();
    (manager(&clock).create("mine", settings).unwrap(), clock)
}
