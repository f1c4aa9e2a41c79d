//! What there is for axum beyond a tower layer.

mod extract;
mod handler;
pub(crate) mod view;

pub use extract::MissingCacheLayer;
