//! One program for `moka::future` and for `larder::future`, which differ by their imports.

mod with_moka {
    use moka::{
        Entry, Expiry,
        future::{Cache, CacheBuilder},
        notification::RemovalCause,
        ops::compute::{CompResult, Op},
    };

    include!("program.rs");
}

mod with_larder {
    use larder::{
        Entry, Expiry, RemovalCause,
        future::{Cache, CacheBuilder},
        ops::compute::{CompResult, Op},
    };

    include!("program.rs");
}
