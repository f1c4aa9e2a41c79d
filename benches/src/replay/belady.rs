//! Belady's optimum: evict what is needed again last. It knows the future.

use std::collections::BinaryHeap;

/// Not used again.
const NEVER: u32 = u32::MAX;

/// For each access, the position of the next access to the same key.
pub(crate) fn next_uses(accesses: &[u32], keys: usize) -> Vec<u32> {
    assert!(accesses.len() < NEVER as usize, "positions fit 32 bits");
    let mut upcoming = vec![NEVER; keys];
    let mut next = vec![NEVER; accesses.len()];
    for (position, &key) in accesses.iter().enumerate().rev() {
        next[position] = std::mem::replace(&mut upcoming[key as usize], position as u32);
    }
    next
}

/// The hits of the optimum with `capacity` entries, in O(n log n).
///
/// `next` comes from [`next_uses`]. Every missed key is admitted, as the literature has it. A cache
/// that may also refuse a key could do a little better: by one hit in each round of a loop.
pub(crate) fn hits(accesses: &[u32], keys: usize, next: &[u32], capacity: usize) -> u64 {
    // The present keys by next use. An entry whose use has passed was superseded by the one pushed
    // at that use; it is smaller than any that is still to come and so never on top.
    let mut farthest: BinaryHeap<(u32, u32)> = BinaryHeap::with_capacity(2 * capacity.min(keys));
    let mut present = vec![false; keys];
    let mut len = 0;
    let mut hits = 0;
    for (position, &key) in accesses.iter().enumerate() {
        if present[key as usize] {
            hits += 1;
        } else {
            if len == capacity {
                let (_, victim) = farthest.pop().expect("a full cache has entries");
                present[victim as usize] = false;
                len -= 1;
            }
            present[key as usize] = true;
            len += 1;
        }
        farthest.push((next[position], key));
        // Keep the superseded ones from piling up.
        if farthest.len() > 4 * capacity + 1_024 {
            farthest.retain(|&(next, _)| next as usize > position);
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use super::*;
    use crate::load::workload::{Dist, draw, rng};

    fn optimum(accesses: &[u32], keys: usize, capacity: usize) -> u64 {
        hits(accesses, keys, &next_uses(accesses, keys), capacity)
    }

    /// Tries every victim at every miss.
    fn brute_force(accesses: &[u32], capacity: usize) -> u64 {
        type Seen = HashMap<(usize, BTreeSet<u32>), u64>;
        fn best(
            accesses: &[u32],
            at: usize,
            cache: &BTreeSet<u32>,
            size: usize,
            seen: &mut Seen,
        ) -> u64 {
            let Some(key) = accesses.get(at) else { return 0 };
            if let Some(&known) = seen.get(&(at, cache.clone())) {
                return known;
            }
            let hits = if cache.contains(key) {
                1 + best(accesses, at + 1, cache, size, seen)
            } else {
                let mut most = 0;
                let mut with = cache.clone();
                with.insert(*key);
                if with.len() <= size {
                    most = most.max(best(accesses, at + 1, &with, size, seen));
                } else {
                    for victim in cache {
                        let mut without = with.clone();
                        without.remove(victim);
                        most = most.max(best(accesses, at + 1, &without, size, seen));
                    }
                }
                most
            };
            seen.insert((at, cache.clone()), hits);
            hits
        }
        best(accesses, 0, &BTreeSet::new(), capacity, &mut Seen::new())
    }

    #[test]
    fn agrees_with_brute_force() {
        for seed in 0..60 {
            let accesses = draw(Dist::Uniform, 6, 18, &mut rng(seed, 0));
            for capacity in 1..=4 {
                let expected = brute_force(&accesses, capacity);
                assert_eq!(optimum(&accesses, 6, capacity), expected, "{accesses:?} @{capacity}");
            }
        }
    }

    #[test]
    fn compaction_of_the_heap_changes_nothing() {
        // Long enough to compact, against a search of all present keys.
        let accesses = draw(Dist::Zipf, 50, 20_000, &mut rng(3, 0));
        let next = next_uses(&accesses, 50);
        let mut present: Vec<(u32, u32)> = Vec::new();
        let mut expected = 0;
        for (position, &key) in accesses.iter().enumerate() {
            if let Some(entry) = present.iter_mut().find(|entry| entry.1 == key) {
                expected += 1;
                entry.0 = next[position];
                continue;
            }
            if present.len() == 8 {
                let victim = (0..8).max_by_key(|&i| present[i]).unwrap();
                present.swap_remove(victim);
            }
            present.push((next[position], key));
        }
        assert_eq!(hits(&accesses, 50, &next, 8), expected);
    }

    #[test]
    fn a_loop_keeps_all_but_one() {
        let accesses: Vec<u32> = (0..11).cycle().take(11 * 100).collect();
        let share = optimum(&accesses, 11, 10) as f64 / accesses.len() as f64;
        assert!((0.88..0.91).contains(&share), "{share}");
    }
}
