//! The cases: each brings a handler, sends requests, and says what was wrong with the answers.

mod bodies;
mod keys;
mod storing;
mod together;

use std::future::Future;
use std::pin::Pin;

use crate::peers::Peer;
use crate::world::Found;

type Running = Pin<Box<dyn Future<Output = Found>>>;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// What a careful cache does.
    pub(crate) name: &'static str,
    pub(crate) run: fn(&'static Peer) -> Running,
}

macro_rules! cases {
    ($($name:literal: $($function:ident)::+;)*) => {
        /// All of them.
        pub(crate) const CASES: &[Case] = &[
            $(Case { name: $name, run: |peer| Box::pin($($function)::+(peer)) },)*
        ];
    };
}

cases! {
    // Without this one, the others would say nothing.
    "what may be kept is kept": storing::keeps;
    "a hit does not call the service": storing::hit_calls_nothing;
    "Set-Cookie goes to nobody else": storing::set_cookie;
    "Authorization: none gets another's": storing::authorization;
    "private is not kept": storing::private;
    "no-store is not kept": storing::no_store;
    "POST runs the handler each time": storing::post;
    "a successful POST makes the page anew": storing::invalidation;
    "after the client's 304 comes a whole 200": storing::not_modified;
    "a hit answers If-None-Match with 304": storing::conditional_hit;
    "Vary: Accept-Language": keys::vary;
    "Vary with public alone": keys::vary_public;
    "Vary: * is not kept": keys::vary_star;
    "HEAD, then GET: the body is there": keys::head_then_get;
    "another query, another answer": keys::query;
    "another host, another answer": keys::host;
    "after a Range comes the whole": keys::range;
    "parts expire as the whole does": keys::parts_expire;
    "a large body arrives whole (limit 1 KiB)": bodies::over_limit;
    "a broken body is not kept": bodies::truncated;
    "a stream arrives as it is made": bodies::stream;
    "compressed in memory, a hit is readable": bodies::compressed;
    "ten at once ask the handler once": together::coalesced;
    "a leader that goes away leaves nobody hanging": together::leader_cancelled;
    "the error type stays the service's": together::error_type;
}
