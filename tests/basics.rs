//! What a cache does, seen by one thread.

use larder::Cache;

#[test]
fn what_is_inserted_is_found_until_it_is_removed() {
    let cache = Cache::new(100);
    assert_eq!(cache.get(&1), None);
    cache.insert(1, "one");
    cache.insert(2, "two");
    assert_eq!((cache.get(&1), cache.get(&2), cache.get(&3)), (Some("one"), Some("two"), None));
    cache.insert(1, "uno");
    assert_eq!(cache.get(&1), Some("uno"));
    assert_eq!(cache.entry_count(), 2);
    assert_eq!(cache.remove(&1), Some("uno"));
    assert_eq!(cache.remove(&1), None);
    assert_eq!((cache.get(&1), cache.entry_count()), (None, 1));
}

#[test]
fn exactly_the_capacity_fits() {
    for capacity in [1, 2, 3, 7, 100, 5_000, 100_000] {
        let cache = Cache::new(capacity);
        for key in 0..capacity {
            cache.insert(key, key);
            assert!(cache.contains_key(&key), "capacity {capacity}, key {key}");
        }
        let present = (0..capacity).filter(|key| cache.contains_key(key)).count() as u64;
        println!("{capacity}: {present}");
        assert_eq!(present, cache.entry_count());
    }
}
#[test]
fn churn() {
    let cache = Cache::new(1000);
    let mut rejected = 0;
    for i in 0..1_000_000u64 {
        let k = i.wrapping_mul(0x9E3779B97F4A7C15) >> 50;
        if cache.get(&k).is_none() {
            cache.insert(k, i);
        }
        if i % 7 == 0 {
            cache.remove(&(k ^ 5));
        }
    }
    rejected += cache.stats().rejections;
    println!("{:?} {rejected}", cache.stats());
}
