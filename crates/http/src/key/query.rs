//! Which part of a query is part of the key.

use super::{KeyBuffer, decoded};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Which part of the query is part of the key.
///
/// A query is taken apart as axum's `Query` does it (the crate `serde_urlencoded`): parameters are
/// separated by `&` and by nothing else, a name ends with the first `=`, and `+` is a space. Some
/// other services also separate by `;`. So what a key would leave out stays in it if there is a `;`
/// in it: no parameter can hide in another one.
///
/// ```
/// use larder_http::{Query, Rule};
///
/// let list = Rule::new("/articles/").query(Query::only(["page", "sort"]));
/// let landing = Rule::new("/").query(Query::ignore(["utm_source", "utm_medium"]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Query {
    /// All of it, as it stands there.
    #[default]
    All,
    /// These parameters alone. Parameters of different names may come in any order, those of the
    /// same name may not.
    Only(Vec<String>),
    /// All but these parameters. Parameters of different names may come in any order, those of the
    /// same name may not.
    Ignore(Vec<String>),
    /// Nothing: whatever the query, the response is the same.
    None,
}

impl Query {
    /// These parameters alone.
    pub fn only<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Only(names.into_iter().map(Into::into).collect())
    }

    /// All but these parameters. With none, the key has all of them, in any order.
    pub fn ignore<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Ignore(names.into_iter().map(Into::into).collect())
    }

    /// Adds what counts to a key. How it was made is in the shape's number.
    pub(super) fn write(&self, query: Option<&str>, key: &mut KeyBuffer) {
        match self {
            // `/a?` and `/a` are different texts, and some handler may see it.
            Self::All => {
                key.length(usize::from(query.is_some()));
                key.part(query.unwrap_or_default().as_bytes());
            }
            Self::Only(names) => write_pairs(query, key, |name| names.iter().any(|it| it == name)),
            Self::Ignore(names) => {
                write_pairs(query, key, |name| names.iter().all(|it| it != name));
            }
            Self::None => {}
        }
    }
}

fn write_pairs(query: Option<&str>, key: &mut KeyBuffer, counts: impl Fn(&str) -> bool) {
    let mut pairs: SmallVec<[Pair<'_>; 8]> = SmallVec::new();
    for piece in query.unwrap_or_default().split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let name = form_decoded(name);
        if counts(&String::from_utf8_lossy(&name)) {
            pairs.push(Pair::Parameter(name, form_decoded(value)));
        } else if piece.contains(';') {
            pairs.push(Pair::Doubtful(piece));
        }
    }
    // Stable: what has the same name stays in its order.
    pairs.sort_by(|one, other| one.name().cmp(&other.name()));
    key.length(pairs.len());
    for pair in &pairs {
        match pair {
            Pair::Doubtful(piece) => {
                key.length(0);
                key.part(piece.as_bytes());
            }
            Pair::Parameter(name, value) => {
                key.length(1);
                key.part(name);
                key.part(value);
            }
        }
    }
}

enum Pair<'a> {
    /// Not to be in the key, if `;` separates nothing; as it stands there.
    Doubtful(&'a str),
    Parameter(Cow<'a, [u8]>, Cow<'a, [u8]>),
}

impl Pair<'_> {
    fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Doubtful(_) => None,
            Self::Parameter(name, _) => Some(name),
        }
    }
}

/// As in `application/x-www-form-urlencoded`.
fn form_decoded(text: &str) -> Cow<'_, [u8]> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(decoded(&spaced).into_owned());
    }
    decoded(text)
}
