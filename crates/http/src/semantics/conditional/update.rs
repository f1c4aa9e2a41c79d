//! What a 304 or a response to HEAD says of a stored response (RFC 9111 3.2, 4.3.4, 4.3.5).

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{EntityTag, Validators};
use crate::semantics::{fields, syntax::trim};

/// What a 304 to a validation made of a stored response.
#[derive(Debug)]
pub(crate) enum Freshened {
    /// It is valid, and these are its fields now.
    Updated(HeaderMap),
    /// The 304 is about another response than the one that was asked for. It may not be used for an
    /// update (RFC 9111 4.3.4): ask again without conditions.
    Other,
}

/// Updates the fields of a stored response with those of a 304.
///
/// The result still has to be judged, with the times of this exchange. Fields that describe the
/// stored bytes stay as they are, cookies are for the client that asked, and `Age` is the 304's. An
/// entity tag that the cache has made is left out: it is to be made again, unless the 304 has one.
pub(crate) fn freshen(
    stored: &HeaderMap,
    validators: &Validators,
    from_304: &HeaderMap,
) -> Freshened {
    if !is_about(validators, from_304) {
        return Freshened::Other;
    }
    Freshened::Updated(merged(of_origin(stored, validators), from_304))
}

/// What a response to HEAD says of a stored response to GET.
#[derive(Debug)]
pub(crate) enum HeadEffect {
    /// Nothing.
    None,
    /// It is valid, and these are its fields now.
    Updated(HeaderMap),
    /// It is no longer what GET would get: it counts as stale.
    Outdated,
}

/// Decides what a response to HEAD, which went to the origin, says of a stored response to GET.
///
/// If it has the same status, validators and length, its fields are those that GET would get, but
/// for an entity tag that the cache has made: it is to be made again. Another status outdates the
/// stored response only if it says that the resource is another one or gone: a server may know GET
/// and not HEAD.
pub(crate) fn head_effect(
    stored: &HeaderMap,
    validators: &Validators,
    stored_status: StatusCode,
    stored_length: u64,
    status: StatusCode,
    head: &HeaderMap,
) -> HeadEffect {
    if status != stored_status {
        let outdates = [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::GONE];
        return if outdates.contains(&status) { HeadEffect::Outdated } else { HeadEffect::None };
    }
    let same = |name: HeaderName, stored: Option<&HeaderValue>| {
        head.get(name).is_none_or(|received| stored == Some(received))
    };
    let same_validators = same(header::ETAG, validators.etag_of_origin())
        && same(header::LAST_MODIFIED, validators.last_modified.as_ref());
    let same_length = head.get(header::CONTENT_LENGTH).is_none_or(|length| {
        let length = std::str::from_utf8(trim(length.as_bytes()));
        length.is_ok_and(|length| length.parse() == Ok(stored_length))
    });
    if same_validators && same_length {
        HeadEffect::Updated(merged(of_origin(stored, validators), head))
    } else {
        HeadEffect::Outdated
    }
}

/// Returns whether a 304 is about the response with these validators: the only one that was asked
/// for.
pub(crate) fn is_about(validators: &Validators, from_304: &HeaderMap) -> bool {
    if let (Some(stored), Some(received)) =
        (validators.etag_of_origin(), from_304.get(header::ETAG))
    {
        return match (EntityTag::parse(stored.as_bytes()), EntityTag::parse(received.as_bytes())) {
            (Some(stored), Some(received)) if received.weak => received.equivalent(&stored),
            (Some(stored), Some(received)) => received.same_bytes(&stored),
            // Not as they should be, but the origin may compare them all the same.
            _ => stored == received,
        };
    }
    match (&validators.last_modified, from_304.get(header::LAST_MODIFIED)) {
        (Some(stored), Some(received)) => stored == received,
        _ => true,
    }
}

/// Returns the stored fields without what the cache has made of its own.
fn of_origin(stored: &HeaderMap, validators: &Validators) -> HeaderMap {
    let mut fields = stored.clone();
    if validators.etag_is_ours {
        fields.remove(header::ETAG);
    }
    fields
}

fn merged(mut fields: HeaderMap, update: &HeaderMap) -> HeaderMap {
    fields.remove(header::AGE);
    for name in update.keys().filter(|name| is_updated(name, update)) {
        fields.remove(name);
        for value in update.get_all(name) {
            fields.append(name.clone(), value.clone());
        }
    }
    fields
}

/// Returns whether an update replaces a field: RFC 9111 3.2.
fn is_updated(name: &HeaderName, update: &HeaderMap) -> bool {
    let stays = [
        "content-digest",
        "content-encoding",
        "content-length",
        "content-md5",
        "content-range",
        "repr-digest",
        "set-cookie",
        "set-cookie2",
    ];
    !stays.contains(&name.as_str()) && !fields::is_hop_by_hop(name, update)
}
