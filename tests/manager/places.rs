//! What the caches of a manager set aside, before and after they are full.

use larder::manager::CacheManager;

/// Bytes of structures, all caches together, by the entries that they may hold; and of values by
/// those that they do hold.
fn bytes_per_place(manager: &CacheManager) -> (f64, f64) {
    let (mut structures, mut places, mut values, mut entries) = (0, 0, 0, 0);
    for cache in manager.caches() {
        let memory = cache.memory();
        let (name, capacity) = (cache.name(), cache.capacity());
        println!("{name}: {} B of structures for {capacity} entries", memory.structures);
        structures += memory.structures;
        values += memory.values;
        places += capacity;
        entries += cache.entry_count();
    }
    (structures as f64 / places as f64, values as f64 / entries as f64)
}

#[test]
fn a_place_takes_little_whether_there_is_an_entry_or_not() {
    let manager = CacheManager::new();
    let (empty, _) = bytes_per_place(&manager);
    for cache in manager.caches() {
        let view = cache.view::<u64>().keyed::<u64>();
        (0..2 * cache.capacity()).for_each(|key| view.insert(&key, key));
    }
    let (full, values) = bytes_per_place(&manager);
    println!("per place: {empty:.1} B empty, {full:.1} B full; {values:.1} B per value of 8 bytes");
    assert!(empty < 100.0, "{empty:.1} B for each place of an empty manager");
    assert!(full < 106.0, "{full:.1} B for each place of a full manager");
    assert!(values < 90.0, "{values:.1} B for a key and a value of 8 bytes each");
}
