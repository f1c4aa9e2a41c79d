//! One line for each change: who, what, how many entries. Never a key, a path or a user, which may
//! be secret.

use crate::admin::auth::Identity;
use tracing::info;

/// A change of a cache; of all, and of HTTP responses, if none is named.
pub(super) fn changed(who: &Identity, what: &str, cache: Option<&str>, entries: Option<u64>) {
    info!(
        target: "larder::audit",
        who = &*who.name,
        what,
        cache,
        entries,
        "cache changed by the management API"
    );
}
