//! The caching reverse proxy of the examples, between scripted origins and clients, byte by byte.

#[path = "../../examples/proxy/arguments.rs"]
mod arguments;
#[path = "../../examples/proxy/body.rs"]
mod body;
#[path = "../../examples/proxy/caching.rs"]
mod caching;
#[path = "../../examples/proxy/edge.rs"]
mod edge;
#[path = "../../examples/proxy/forward.rs"]
mod forward;
#[cfg(all(unix, feature = "config"))]
#[path = "../../examples/proxy/hangup.rs"]
mod hangup;
#[path = "../../examples/proxy/interim.rs"]
mod interim;
#[path = "../../examples/proxy/server.rs"]
mod server;
#[path = "../../examples/proxy/ticks.rs"]
mod ticks;
#[path = "../../examples/proxy/upstream.rs"]
mod upstream;
#[path = "../../examples/proxy/workers.rs"]
mod workers;

mod failing;
mod forwarding;
#[cfg(all(unix, feature = "config"))]
mod reloading;
mod serving;
mod setting;
mod tunnels;
