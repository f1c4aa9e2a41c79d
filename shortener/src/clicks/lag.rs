//! When a user's counts are to be read anew.
//!
//! If every batch of clicks made stale what is cached of its users, the lists of whoever is clicked
//! all the time would never be cached. So the first click of a user is seen at once, and after that
//! once per `lag`.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};

#[derive(Debug)]
pub(super) struct Lag {
    lag: Duration,
    /// Until when nothing is made stale.
    resting: HashMap<i64, Instant>,
    /// Those of them who have been clicked since.
    waiting: HashSet<i64>,
}

impl Lag {
    pub(super) fn new(lag: Duration) -> Self {
        Self { lag, resting: HashMap::new(), waiting: HashSet::new() }
    }

    /// Takes note of users who have been clicked, and returns those whose counts are to be read
    /// anew now.
    pub(super) fn clicked(&mut self, users: BTreeSet<i64>, now: Instant) -> Vec<i64> {
        if self.lag.is_zero() {
            return users.into_iter().collect();
        }
        self.waiting.extend(users);
        self.resting.retain(|_, until| *until > now);
        let due: Vec<_> =
            self.waiting.iter().copied().filter(|user| !self.resting.contains_key(user)).collect();
        for user in &due {
            self.waiting.remove(user);
            self.resting.insert(*user, now + self.lag);
        }
        due
    }

    /// Returns whether somebody waits whose turn comes without further clicks.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_click_counts_at_once_and_later_ones_once_per_lag() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut lag = Lag::new(10 * second);
        let none = BTreeSet::new;
        assert_eq!(lag.clicked(BTreeSet::from([7]), start), [7]);
        assert_eq!(lag.clicked(BTreeSet::from([7, 8]), start + second), [8]);
        assert!(lag.is_waiting());
        assert!(lag.clicked(none(), start + 9 * second).is_empty());
        assert_eq!(lag.clicked(none(), start + 10 * second), [7]);
        assert!(!lag.is_waiting());
        assert!(lag.clicked(none(), start + 30 * second).is_empty());
        assert!(lag.resting.is_empty());
        let mut without = Lag::new(Duration::ZERO);
        assert_eq!(without.clicked(BTreeSet::from([7]), start), [7]);
        assert_eq!(without.clicked(BTreeSet::from([7]), start), [7]);
    }
}
