//! What the fuzz targets share: small caches, values that are counted, hashes that collide.

mod census;
mod hash;
mod setup;

pub use census::{Census, Value};
pub use hash::{Clash, ClashHasher};
pub use setup::{Cache, Key, Setup, settle};
