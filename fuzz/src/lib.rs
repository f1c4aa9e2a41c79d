//! What the fuzz targets share: small caches, values that are counted, hashes that collide; the
//! checks of header fields; and a service behind the layer of `larder-http`, beside a model.

mod census;
mod hash;
pub mod http;
mod rules;
pub mod service;
mod setup;
mod tags;
pub mod timed;
pub mod two_threads;

pub use census::{Census, Value};
pub use hash::{Clash, ClashHasher};
pub use rules::{Life, NEVER, Rules, Told};
pub use setup::{Cache, CacheBuilder, Key, Setup, settle};
pub use tags::Tags;
