//! What the stamps are made of. The models of `loom-tests` put loom's in its place.

pub(crate) use std::sync::{
    RwLock,
    atomic::{AtomicU64, Ordering},
};
