//! HTTP response caching as a tower layer, on the caches of a larder manager.
#![forbid(unsafe_code)]
