//! The management API: what a manager's caches do, and what is done with them, over HTTP.
//!
//! [`Admin`] makes an axum router to nest into that of a service. Nothing of it is there unless a
//! program asks for it, and it is not built without a [token](AdminBuilder::token).
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
//! | `GET session/` | none | what the token that comes with it allows: a [`Session`](model::Session) |
//! | `GET dashboard/` | none | a page that shows all this, and asks for a token |
//! | `GET stats/` | read | [`Stats`](model::Stats) |
//! | `GET health/` | read | [`Health`](model::Health); 503 if it is critical |
//! | `GET performance/` | read | [`Performance`](model::Performance) |
//! | `GET functions/` | read | a list of [`Function`](model::Function) |
//! | `GET rules/` | read | a list of [`Rule`](model::Rule) |
//! | `GET keys/?cache=url&prefix=&limit=100` | read | [`Keys`](model::Keys), never values |
//! | `GET metrics/` | read | the numbers as Prometheus reads them |
//! | `GET events/` | read | an event `sample` each second, a [`Sample`](model::Sample) |
//! | `GET openapi.json` | read | all of this as OpenAPI 3.1 |
//! | `POST clear/`, `POST clear/{cache}/` | admin | [`Cleared`](model::Cleared) |
//! | `POST invalidate/` | admin | takes [`Invalidate`](model::Invalidate), answers [`Invalidated`](model::Invalidated) |
//! | `PUT config/` | admin | takes [`Configure`](model::Configure), answers [`Settings`](model::Settings) |
//!
//! Each is there with and without the slash at its end. Errors are problems as RFC 9457 has them.
//!
//! Each change leaves a line for subscribers of the crate `tracing`: target `larder::audit`, level
//! `info`, with `who` (the token's name), `what`, `cache` and `entries`. Keys, paths and users are
//! not in it, for they may be secret.

mod auth;
mod builder;
mod change;
mod clock;
mod dashboard;
mod events;
mod exposition;
mod input;
pub mod model;
mod openapi;
mod problem;
mod read;
mod router;

pub use auth::Scope;
pub use builder::{Admin, AdminBuilder, AdminError};
