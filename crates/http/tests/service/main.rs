//! The layer before a service, as clients and handlers see it.

mod bodies;
mod invalidation;
mod serving;
mod sharing;
mod site;
mod stale;
mod storing;
