//! Groups of responses that are invalidated together (RFC 9875).

use http::{HeaderMap, HeaderName, Method};

use super::is_unsafe;
use crate::semantics::syntax::structured::{Bare, lines, list};

/// How many groups of one response count. RFC 9875 demands at least 32.
const MOST_GROUPS: usize = 128;
/// How long the name of a group may be. RFC 9875 demands at least 32 characters.
const LONGEST_NAME: usize = 256;

const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");

/// Returns the groups of a response, each once.
///
/// A field that is not a list of strings counts for nothing. Names are compared as they are, and
/// only within one origin.
pub(crate) fn groups_of(headers: &HeaderMap) -> Vec<String> {
    read(headers, &CACHE_GROUPS)
}

/// Returns the groups that a response to a request with this method invalidates, each once. Safe
/// methods invalidate nothing.
pub(crate) fn invalidated_groups(method: &Method, headers: &HeaderMap) -> Vec<String> {
    if is_unsafe(method) { read(headers, &CACHE_GROUP_INVALIDATION) } else { Vec::new() }
}

fn read(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let Some(value) = lines(headers, name) else { return Vec::new() };
    let Some(members) = list(&value) else { return Vec::new() };
    let mut groups = Vec::new();
    for member in members {
        let Bare::String(group) = member else { return Vec::new() };
        let counts = group.len() <= LONGEST_NAME && groups.len() < MOST_GROUPS;
        if counts && !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}
