//! A lock-free concurrent cache.
