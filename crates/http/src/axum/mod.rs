//! What there is for axum beyond a tower layer.

pub(crate) mod view;
