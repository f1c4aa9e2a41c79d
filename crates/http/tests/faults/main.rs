//! The reverse proxy between clients and an origin of which either misbehaves, over real sockets;
//! and servers whose handlers panic.
//!
//! The proxy is the one of the examples. What the origin sends is written by each test byte by
//! byte. Every fault leaves the client with what the origin gave, and the cache as it was.

#[path = "../../examples/proxy/body.rs"]
mod body;
#[path = "../../examples/proxy/edge.rs"]
mod edge;
#[path = "../../examples/proxy/forward.rs"]
mod forward;
#[path = "../../examples/proxy/interim.rs"]
mod interim;
#[path = "../../examples/proxy/upstream.rs"]
mod upstream;

mod bodies;
mod client;
mod clients;
mod heads;
mod origin;
mod panics;
mod proxy;
mod stalls;
