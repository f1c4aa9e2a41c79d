//! Programs that must not compile. (Those with pins are in `pinned.rs`, for readers of its page.)
//!
//! A cache of values that are not `Send` stays in its thread:
//!
//! ```compile_fail,E0277
//! let cache = larder::Cache::new(10);
//! cache.insert(1, std::rc::Rc::new(1));
//! std::thread::spawn(move || cache.get(&1));
//! ```
//!
//! so does one of keys that are not:
//!
//! ```compile_fail,E0277
//! let cache = larder::Cache::new(10);
//! cache.insert(std::rc::Rc::new(1), 1);
//! std::thread::spawn(move || cache.get(&1));
//! ```
//!
//! and one of values that are `Send` and not `Sync`, since two threads may look at one value:
//!
//! ```compile_fail,E0277
//! let cache = larder::Cache::new(10);
//! cache.insert(1, std::cell::Cell::new(1));
//! std::thread::scope(|scope| {
//!     scope.spawn(|| cache.get_ref(&1, |one| one.set(2)));
//! });
//! ```
//!
//! The same with what is both, to show that it is not something else that fails:
//!
//! ```
//! let cache = larder::Cache::new(10);
//! cache.insert(std::sync::Arc::new(1), std::sync::Mutex::new(1));
//! std::thread::scope(|scope| {
//!     scope.spawn(|| cache.get_ref(&1, |one| *one.lock().unwrap() = 2));
//! });
//! std::thread::spawn(move || cache.contains_key(&1)).join().unwrap();
//! ```
//!
//! What `get_ref` shows does not leave it:
//!
//! ```compile_fail
//! let cache = larder::Cache::new(10);
//! cache.insert(1, String::from("one"));
//! let one: Option<&str> = cache.get_ref(&1, |one| one.as_str());
//! ```
//!
//! Values may borrow what lives longer than the cache:
//!
//! ```
//! let text = String::from("one two");
//! let cache = larder::Cache::new(10);
//! text.split(' ').for_each(|word| cache.insert(word, word.len()));
//! assert_eq!(cache.get("two"), Some(3));
//! ```
//!
//! and not what lives shorter, since values are dropped with the cache:
//!
//! ```compile_fail,E0597
//! let cache = larder::Cache::new(10);
//! {
//!     let text = String::from("one");
//!     cache.insert(1, text.as_str());
//! }
//! cache.get(&1);
//! ```
//!
//! Lookups take only what is equivalent to the key:
//!
//! ```compile_fail,E0277
//! let cache: larder::Cache<String, u32> = larder::Cache::new(10);
//! cache.get(&1);
//! ```
