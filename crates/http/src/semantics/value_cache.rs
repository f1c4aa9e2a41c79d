//! Values that answers have again and again: written once, and kept for good.
//!
//! The age of a stored response and the report of a hit depend on a number of seconds alone. A
//! value of such a field is made when it is first asked for, and its text is never freed. A copy of
//! it neither allocates nor counts references, which threads that answer with the same response
//! would contend for.

use super::cache_status::decimal;
use http::HeaderValue;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Values for fewer seconds than this are kept: up to 68 minutes.
const SECONDS: usize = CHUNKS * CHUNK;
const CHUNKS: usize = 64;
/// How many values get their room at once.
const CHUNK: usize = 64;
/// For so many caches' names the values are kept. Others write them each time.
const MOST_NAMES: usize = 16;

/// Values of one field.
pub(super) struct ValueCache {
    /// What comes before the number.
    prefix: &'static [u8],
    chunks: [OnceLock<Box<[OnceLock<HeaderValue>; CHUNK]>>; CHUNKS],
}

impl ValueCache {
    pub(super) const fn new(prefix: &'static [u8]) -> Self {
        Self { prefix, chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    /// Returns the values that begin with `prefix`, unless those of too many others are kept
    /// already.
    pub(super) fn of(prefix: &[u8]) -> Option<&'static Self> {
        static ALL: Mutex<Vec<&'static ValueCache>> = Mutex::new(Vec::new());
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cache) = all.iter().find(|cache| cache.prefix == prefix) {
            return Some(cache);
        }
        if all.len() == MOST_NAMES {
            return None;
        }
        let cache: &'static Self = Box::leak(Box::new(Self::new(Box::leak(prefix.into()))));
        all.push(cache);
        Some(cache)
    }

    /// Returns the value for a number of seconds, if it is one of those that are kept.
    pub(super) fn get(&self, seconds: u64) -> Option<HeaderValue> {
        let at = usize::try_from(seconds).ok().filter(|at| *at < SECONDS)?;
        let chunk =
            self.chunks[at / CHUNK].get_or_init(|| Box::new([const { OnceLock::new() }; CHUNK]));
        Some(chunk[at % CHUNK].get_or_init(|| self.make(seconds)).clone())
    }

    #[cold]
    fn make(&self, seconds: u64) -> HeaderValue {
        let (digits, from) = decimal(seconds);
        let text = [self.prefix, &digits[from..]].concat();
        let text = String::from_utf8(text).expect("prefixes are ASCII");
        HeaderValue::from_static(text.leak())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_its_own_number_each_time() {
        let cache = ValueCache::new(b"x=");
        for seconds in (0..SECONDS as u64).chain(0..SECONDS as u64) {
            assert_eq!(cache.get(seconds).unwrap(), format!("x={seconds}"));
        }
        assert_eq!(cache.get(SECONDS as u64), None);
        assert_eq!(cache.get(u64::MAX), None);
    }

    #[test]
    fn a_prefix_has_one_table_and_a_program_few() {
        let one = ValueCache::of(b"prefix 1; ").unwrap();
        assert!(std::ptr::eq(one, ValueCache::of(b"prefix 1; ").unwrap()));
        let made =
            (0..2 * MOST_NAMES).filter_map(|n| ValueCache::of(format!("prefix n{n}; ").as_bytes()));
        assert!(made.count() < MOST_NAMES);
        assert!(std::ptr::eq(one, ValueCache::of(b"prefix 1; ").unwrap()));
    }
}
