//! Models of the lock-free protocols of `larder`; see `tests/`.
