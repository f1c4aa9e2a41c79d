//! Who a request comes from, as an authentication layer has verified it.

use std::{fmt, sync::Arc};

/// The verified identity of whoever sends a request.
///
/// An authentication layer puts it into the request's extensions, after it has verified whatever
/// the request presents. The cache takes it from there and never from a header, so that nobody
/// becomes somebody else by sending one. Responses to requests that have a `User` are stored for
/// this user alone, unless the rule says that they are [for everybody](crate::Rule::shared).
///
/// The identity is compared byte by byte. It should be the stable identifier of an account (a
/// number, a UUID), not a session or a token, which change more often.
///
/// ```
/// use larder_http::User;
///
/// fn authenticate<B>(mut request: http::Request<B>) -> http::Request<B> {
///     // After the session or the token has been verified.
///     request.extensions_mut().insert(User::new("4711"));
///     request
/// }
///
/// let request = authenticate(http::Request::new(()));
/// assert_eq!(request.extensions().get::<User>().unwrap().id(), "4711");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct User(Arc<str>);

impl User {
    /// Makes the identity that `id` stands for. A clone costs a reference count.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// Returns what the identity was made from.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("User").field(&self.id()).finish()
    }
}
