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
#[path = "../../examples/proxy/interim.rs"]
mod interim;
#[path = "../../examples/proxy/server.rs"]
mod server;
#[path = "../../examples/proxy/upstream.rs"]
mod upstream;

mod failing;
mod forwarding;
mod setting;
mod tunnels;
