//! The management API, asked as clients ask it.

mod authentication;
mod changing;
mod client;
mod events;
mod keys;
mod mistakes;
mod numbers;
mod reading;
