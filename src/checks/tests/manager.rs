//! Keys of any type hash and compare as they are stored as when they are asked for.

use crate::manager::{CacheManager, CacheSettings};

#[test]
fn what_is_stored_hashes_as_what_was_asked_for() {
    let cache = CacheManager::new().create("mine", CacheSettings::new(10_000)).unwrap();
    let view = cache.view::<u32>();
    for key in 0..200_u32 {
        view.set(&key, key);
        view.set(&u128::from(key), key);
        view.set(&(key as u8, u64::from(key), key as i16), key);
        view.set(key.to_string().as_str(), key);
        view.set(&vec![u64::from(key); key as usize % 5][..], key);
        view.set(&(Some(key), [key; 3], 'x', ()), key);
        view.clone().with_namespace("other").set(&u64::from(key), key);
        cache.view::<String>().get_with(&u64::from(key), || key.to_string());
        view.incr(&key, 1);
    }
    // Looks each key up by the hash of what is stored.
    cache.entries().validate();
    // One that is inserted as it is stored takes the place of itself.
    let before = cache.entry_count();
    for (key, value) in cache.entries() {
        cache.entries().insert(key, value);
    }
    assert_eq!(cache.entry_count(), before);
    cache.entries().validate();
}
