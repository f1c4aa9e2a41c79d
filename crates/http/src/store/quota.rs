//! Which responses of a rule are stored, where there may be only so many.
//!
//! Each of them has a seat. Where all are taken, a new response gets the seat of one that nobody
//! has asked for since the hand of the clock was there (*second chance*): so keys that are asked
//! for stay, those of which somebody invents one after the other only take each other's seats, and
//! a new key that becomes popular gets in. The caches of the manager have better policies, but for
//! all rules together; this one knows the rule's own responses, and costs nothing but a flag where
//! a stored response is given out.
//!
//! Seats of responses that have left the cache meanwhile are free when the hand comes to them. So
//! there may be fewer responses than allowed, but not more.

use super::Stored;
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

/// The responses of a rule that may have only so many.
#[derive(Debug, Default)]
pub(crate) struct Quota {
    seats: Vec<Seat>,
    by_key: HashMap<Arc<[u8]>, usize>,
    /// Who is looked at first when a seat is needed.
    hand: usize,
}

/// A key's, and what was stored for it last.
#[derive(Debug)]
struct Seat {
    key: Arc<[u8]>,
    stored: Weak<Stored>,
}

impl Quota {
    /// Gives a response one of `most` seats; returns the keys that have lost theirs. O(1) on
    /// average: each seat that is passed over has been asked for.
    pub(crate) fn admit(
        &mut self,
        key: &[u8],
        stored: &Arc<Stored>,
        most: usize,
    ) -> Vec<Arc<[u8]>> {
        let mut lost = Vec::new();
        if let Some(&at) = self.by_key.get(key) {
            self.seats[at].stored = Arc::downgrade(stored);
            return lost;
        }
        // More than one if the rule allows fewer than before.
        while self.seats.len() >= most.max(1) {
            lost.push(self.take_seat().key);
        }
        let key: Arc<[u8]> = key.into();
        let seat = Seat { key: Arc::clone(&key), stored: Arc::downgrade(stored) };
        // Behind the hand: it is looked at after all others.
        self.by_key.insert(key, self.seats.len());
        self.seats.push(seat);
        let (last, hand) = (self.seats.len() - 1, self.hand);
        self.swap(hand, last);
        self.hand = (self.hand + 1) % self.seats.len();
        lost
    }

    fn take_seat(&mut self) -> Seat {
        self.hand %= self.seats.len();
        // Whoever is asked for again and again while this goes on has had two chances.
        for _ in 0..2 * self.seats.len() {
            let used = self.seats[self.hand].stored.upgrade().is_some_and(|it| it.take_used());
            if !used {
                break;
            }
            self.hand = (self.hand + 1) % self.seats.len();
        }
        let last = self.seats.len() - 1;
        self.swap(self.hand, last);
        let seat = self.seats.pop().expect("there is one at the hand");
        self.by_key.remove(&seat.key);
        seat
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.seats.swap(one, other);
        for at in [one, other] {
            *self.by_key.get_mut(&self.seats[at].key).expect("each seat has its key") = at;
        }
    }
}
