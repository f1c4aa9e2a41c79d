//! Exact LRU, the policy that everything is compared with.

/// No key.
const NIL: u32 = u32::MAX;

/// Keys in order of use, as a list through two arrays that are indexed by key.
struct Lru {
    newer: Vec<u32>,
    older: Vec<u32>,
    present: Vec<bool>,
    newest: u32,
    oldest: u32,
    len: usize,
}

impl Lru {
    fn new(keys: usize) -> Self {
        Self {
            newer: vec![NIL; keys],
            older: vec![NIL; keys],
            present: vec![false; keys],
            newest: NIL,
            oldest: NIL,
            len: 0,
        }
    }

    fn push_newest(&mut self, key: u32) {
        self.newer[key as usize] = NIL;
        self.older[key as usize] = self.newest;
        match self.newest {
            NIL => self.oldest = key,
            newest => self.newer[newest as usize] = key,
        }
        self.newest = key;
        self.present[key as usize] = true;
        self.len += 1;
    }

    fn unlink(&mut self, key: u32) {
        let (newer, older) = (self.newer[key as usize], self.older[key as usize]);
        match newer {
            NIL => self.newest = older,
            newer => self.older[newer as usize] = older,
        }
        match older {
            NIL => self.oldest = newer,
            older => self.newer[older as usize] = newer,
        }
        self.present[key as usize] = false;
        self.len -= 1;
    }
}

/// The hits of LRU with `capacity` entries; `accesses` are below `keys`.
pub(crate) fn hits(accesses: &[u32], keys: usize, capacity: usize) -> u64 {
    let mut lru = Lru::new(keys);
    let mut hits = 0;
    for &key in accesses {
        if lru.present[key as usize] {
            hits += 1;
            lru.unlink(key);
        } else if lru.len == capacity {
            lru.unlink(lru.oldest);
        }
        lru.push_newest(key);
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::workload::{Dist, draw, rng};

    /// The same with a vector in order of use.
    fn naive(accesses: &[u32], capacity: usize) -> u64 {
        let mut order: Vec<u32> = Vec::new();
        let mut hits = 0;
        for key in accesses {
            if let Some(at) = order.iter().position(|present| present == key) {
                hits += 1;
                order.remove(at);
            } else if order.len() == capacity {
                order.remove(0);
            }
            order.push(*key);
        }
        hits
    }

    #[test]
    fn agrees_with_a_naive_model() {
        for seed in 0..20 {
            for dist in [Dist::Zipf, Dist::Uniform] {
                let accesses = draw(dist, 40, 2_000, &mut rng(seed, 0));
                for capacity in [1, 2, 7, 20, 39, 40, 100] {
                    assert_eq!(hits(&accesses, 40, capacity), naive(&accesses, capacity));
                }
            }
        }
    }

    #[test]
    fn a_loop_larger_than_the_cache_never_hits() {
        let accesses: Vec<u32> = (0..11).cycle().take(1_000).collect();
        assert_eq!(hits(&accesses, 11, 10), 0);
        assert_eq!(hits(&accesses, 11, 11), 1_000 - 11);
    }
}
