//! Versions: the same as long as nobody writes the key, and never again.

use std::collections::HashMap;

use larder::{CasError, Version};

use super::model::Terms;
use super::{KEYS, Run};

/// The versions that were seen.
#[derive(Default)]
pub(super) struct Versions {
    /// Which value each is of.
    values: HashMap<Version, u32>,
    /// The last of each key, and its value.
    last: HashMap<u8, (Version, u32)>,
}

impl Versions {
    fn saw(&mut self, key: u8, version: Version, number: u32) {
        let of = *self.values.entry(version).or_insert(number);
        assert_eq!(of, number, "two writes of one version");
        if let Some((before, of)) = self.last.insert(key, (version, number)) {
            assert!(of != number || before == version, "two versions of one write");
        }
    }
}

impl Run {
    /// Of as many keys as it takes to meet a node again that another write has had.
    pub(super) fn get_versions(&mut self, from: u8) {
        (0..16).for_each(|step| self.get_versioned((from + step) % KEYS));
    }

    fn get_versioned(&mut self, key: u8) {
        let found = self.cache.get_versioned(&key);
        self.saw(key, found.as_ref().map(|(value, _)| value), true);
        if let Some((value, version)) = found {
            self.versions.saw(key, version, value.sequence());
        }
    }

    /// `compare_and_swap` with the version that the key had when it was last asked for, or with
    /// that of another key.
    pub(super) fn swap(&mut self, key: u8, much: u8) {
        let of = if much.is_multiple_of(8) { much / 8 } else { key };
        let Some(&(version, seen)) = self.versions.last.get(&of) else {
            return self.get_versioned(of % KEYS);
        };
        let value = self.value(key, u32::from(much % 8));
        let (number, weight) = (value.sequence(), value.weight());
        let answer = self.cache.compare_and_swap(&key, version, value);
        if answer == Err(CasError::Absent) {
            self.computed(key, None, number);
        } else {
            self.noted(key, true);
        }
        let is_same = self.latest.get(&key) == Some(&seen);
        match answer {
            Ok(version) => {
                assert!(is_same, "swapped what was not the value seen");
                self.supersede(key);
                self.register(key, number, weight, Terms::default());
                self.hear();
                if self.latest.get(&key) == Some(&number) {
                    self.versions.saw(key, version, number);
                }
            }
            Err(CasError::Changed) => assert!(!is_same, "the value seen is there"),
            Err(_) => {}
        }
    }
}
