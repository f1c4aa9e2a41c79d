//! What clients say.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is to be invalidated: the body of `POST invalidate/`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Invalidate {
    /// A key.
    Key(InvalidateKey),
    /// Keys that begin alike.
    Prefix(InvalidatePrefix),
    /// What has a tag.
    Tag(InvalidateTag),
    /// The HTTP responses of a path.
    Path(InvalidatePath),
    /// The HTTP responses of a user.
    User(InvalidateUser),
    /// The HTTP responses of a rule.
    Rule(InvalidateRule),
}

/// A key is to be invalidated.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvalidateKey {
    /// The cache; all of them, if it is absent.
    #[schema(nullable = false, min_length = 1, max_length = 64, example = "url")]
    pub cache: Option<String>,
    /// The key, in the words of `GET keys/`.
    #[schema(max_length = 4096)]
    pub key: String,
    /// Whether to count only.
    #[serde(default)]
    pub dry_run: bool,
}

/// Keys that begin alike are to be invalidated.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvalidatePrefix {
    /// The cache; all of them, if it is absent.
    #[schema(nullable = false, min_length = 1, max_length = 64, example = "url")]
    pub cache: Option<String>,
    /// What they begin with, in the words of `GET keys/`.
    #[schema(min_length = 1, max_length = 4096)]
    pub prefix: String,
    /// Whether to count only.
    #[serde(default)]
    pub dry_run: bool,
}

/// Entries and HTTP responses with a tag are to be invalidated.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvalidateTag {
    /// The cache; all of them, and HTTP responses, if it is absent.
    #[schema(nullable = false, min_length = 1, max_length = 64, example = "url")]
    pub cache: Option<String>,
    /// The tag, a text.
    #[schema(min_length = 1, max_length = 4096)]
    pub tag: String,
    /// Whether to count only.
    #[serde(default)]
    pub dry_run: bool,
}

/// The HTTP responses of a path are to be invalidated.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvalidatePath {
    /// The path, without a query.
    #[schema(min_length = 1, max_length = 4096)]
    pub path: String,
    /// Whether to count only.
    #[serde(default)]
    pub dry_run: bool,
}

/// The HTTP responses of a user are to be invalidated.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvalidateUser {
    /// The user's identifier.
    #[schema(min_length = 1, max_length = 4096)]
    pub user: String,
    /// Whether to count only.
    #[serde(default)]
    pub dry_run: bool,
}

/// The HTTP responses of a rule are to be invalidated.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvalidateRule {
    /// The rule's name.
    #[schema(min_length = 1, max_length = 4096)]
    pub rule: String,
    /// Whether to count only.
    #[serde(default)]
    pub dry_run: bool,
}

/// New settings of a cache: the body of `PUT config/`. What is absent stays as it is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Configure {
    /// The cache.
    #[schema(min_length = 1, max_length = 64, example = "url")]
    pub cache: String,
    /// The most that it may hold, in its unit. 0 switches a cache off that counts entries.
    #[serde(default)]
    #[schema(nullable = false, maximum = 1125899906842624_u64)]
    pub capacity: Option<u64>,
    /// How long an entry lives for which nothing else is said; `null` without end.
    #[serde(default)]
    #[schema(minimum = 0.001, maximum = 315360000)]
    pub ttl_seconds: Option<f64>,
}
