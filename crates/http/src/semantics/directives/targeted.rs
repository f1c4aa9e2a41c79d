//! Cache directives for some caches only: targeted fields such as `CDN-Cache-Control` (RFC 9213).

use http::{HeaderMap, HeaderName};

use super::response::{ResponseDirectives, add_listed};
use crate::semantics::syntax::{
    seconds::MOST_SECONDS,
    structured::{Bare, dictionary, lines},
};

impl ResponseDirectives {
    /// Reads the first of the targeted fields that is valid and not empty.
    ///
    /// If there is one, `Cache-Control` and `Expires` do not count for this cache. A field is valid
    /// if it is a dictionary whose members have the types that their directives want.
    pub(crate) fn targeted(headers: &HeaderMap, names: &[HeaderName]) -> Option<Self> {
        names.iter().find_map(|name| {
            let value = lines(headers, name)?;
            let members = dictionary(&value)?;
            if members.is_empty() {
                return None;
            }
            let mut found = Self::default();
            for (key, value) in members {
                found.add_member(key, value)?;
            }
            Some(found)
        })
    }

    /// Returns `None` if the value has another type than the directive's.
    fn add_member(&mut self, key: &str, value: Bare<'_>) -> Option<()> {
        match key {
            "max-age" => self.max_age = Some(seconds(&value)?),
            "s-maxage" => self.s_maxage = Some(seconds(&value)?),
            "stale-while-revalidate" => self.stale_while_revalidate = Some(seconds(&value)?),
            "stale-if-error" => self.stale_if_error = Some(seconds(&value)?),
            "no-store" => self.no_store = flag(&value)?,
            "public" => self.public = flag(&value)?,
            "must-revalidate" => self.must_revalidate = flag(&value)?,
            "proxy-revalidate" => self.proxy_revalidate = flag(&value)?,
            "must-understand" => self.must_understand = flag(&value)?,
            "immutable" => self.immutable = flag(&value)?,
            "no-transform" => self.no_transform = flag(&value)?,
            "no-cache" => self.no_cache = whole_or_fields(&mut self.no_cache_fields, &value)?,
            "private" => self.private = whole_or_fields(&mut self.private_fields, &value)?,
            // RFC 9111 5.2.3: what a cache does not know it ignores.
            _ => {}
        }
        Some(())
    }
}

/// Reads a number of seconds. One below 0 is in the past.
fn seconds(value: &Bare<'_>) -> Option<u64> {
    match *value {
        Bare::Integer(number) => Some(u64::try_from(number).unwrap_or(0).min(MOST_SECONDS)),
        _ => None,
    }
}

fn flag(value: &Bare<'_>) -> Option<bool> {
    match *value {
        Bare::Boolean(flag) => Some(flag),
        _ => None,
    }
}

/// Reads a directive that is about the whole response (`Some(true)`) or about the fields it lists.
fn whole_or_fields(fields: &mut Vec<HeaderName>, value: &Bare<'_>) -> Option<bool> {
    match value {
        Bare::Boolean(flag) => Some(*flag),
        Bare::String(list) => Some(!add_listed(fields, list.as_bytes())),
        Bare::Token(name) => Some(!add_listed(fields, name.as_bytes())),
        Bare::Integer(_) | Bare::Other => None,
    }
}
