//! The management API: what a manager's caches do, and what is done with them, over HTTP.
//!
//! [`Admin`] makes an axum router to nest into that of a service. Nothing of it is there unless a program asks for it, and
//! it is not built without a [token](AdminBuilder::token).
//!
//! ```
//! use axum::Router;
//! use larder::manager::CacheManager;
//! use larder_http::admin::{Admin, Scope};
//!
//! let manager = CacheManager::new();
//! let admin = Admin::builder(&manager)
//!     .token("0a1b2c", Scope::Read)
//!     .token("3d4e5f", Scope::Admin)
//!     .build()?;
//! let app: Router = Router::new().nest("/api/cache", admin.router());
//! # drop(app);
//! # Ok::<(), larder_http::admin::AdminError>(())
//! ```
//!
//! | endpoint | scope | what it answers, see [`model`] |
//! |---|---|---|
//! | `GET stats/` | read | [`Stats`](model::Stats) |
//! | `GET health/` | read | [`Health`](model::Health); 503 if it is critical |
//! | `GET performance/` | read | [`Performance`](model::Performance) |
//! | `GET functions/` | read | a list of [`Function`](model::Function) |
//! | `GET rules/` | read | a list of [`Rule`](model::Rule) |
//!
//! Each is there with and without the slash at its end. Errors are problems as RFC 9457 has them.

mod auth;
mod builder;
mod clock;
pub mod model;
mod problem;
mod read;
mod router;

pub use auth::Scope;
pub use builder::{Admin, AdminBuilder, AdminError};
