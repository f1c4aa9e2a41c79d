//! The management API, asked as clients ask it.

mod authentication;
mod client;
mod reading;
