//! One rule, as the application says it.

use crate::key::Query;
use http::Method;
use larder::manager::CacheKind;
use std::{collections::BTreeMap, fmt, time::Duration};

/// Which of a manager's caches a rule's responses are in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheRef {
    /// The cache of a kind.
    Kind(CacheKind),
    /// A cache of the application's own, by its name.
    Named(String),
}

impl CacheRef {
    /// Returns the cache's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Kind(kind) => kind.name(),
            Self::Named(name) => name,
        }
    }
}

impl From<CacheKind> for CacheRef {
    fn from(kind: CacheKind) -> Self {
        Self::Kind(kind)
    }
}

/// The cache of a kind if it is the name of one, otherwise a named one.
impl From<&str> for CacheRef {
    fn from(name: &str) -> Self {
        name.parse().map_or_else(|_| Self::Named(name.to_owned()), Self::Kind)
    }
}

impl fmt::Display for CacheRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whom a rule's responses are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Audience {
    /// A user's are for this user, others are for all who have no credentials.
    #[default]
    Unsaid,
    /// For single users alone.
    Users,
    /// For everybody, with credentials or without.
    Everybody,
    /// Everybody, but who has credentials only gets what says that it may be shared nevertheless.
    AsResponsesSay,
}

/// Which cookies make a request one with credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum SessionCookies {
    /// All but those in the key.
    #[default]
    Any,
    Named(Vec<String>),
}

/// What is cached of some paths, for how long, for whom, and what changes make of it.
///
/// Nothing that is said is looked at before the rules are [built](super::RulesBuilder::build),
/// which tells all mistakes at once. What is said of responses holds for GET and HEAD; what is said
/// of invalidation, for methods that change something.
///
/// ```
/// use larder_http::{Query, Rule, Rules};
/// use larder::manager::CacheKind;
/// use std::time::Duration;
///
/// let articles = Rule::new("/articles/{id}")
///     .cache(CacheKind::General)
///     .ttl(Duration::from_secs(60))
///     .status_ttl(404, Duration::from_secs(5))
///     .query(Query::only(["lang"]))
///     .tags(["article:{id}"])
///     .invalidates(["article:{id}", "articles"]);
/// let rules = Rules::builder().rule(articles).build()?;
/// # Ok::<(), larder_http::RulesError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Rule {
    pub(crate) name: Option<String>,
    pub(crate) path: String,
    pub(crate) enabled: bool,
    pub(super) built_in: bool,
    pub(crate) methods: Option<Vec<String>>,
    pub(crate) cache: CacheRef,
    pub(crate) ttl: Option<Duration>,
    pub(crate) override_ttl: bool,
    pub(crate) status_ttls: BTreeMap<u16, Duration>,
    pub(crate) heuristics: bool,
    pub(crate) targeted: Vec<String>,
    pub(crate) stale_while_revalidate: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) ignore_client_directives: bool,
    pub(crate) downstream: Option<String>,
    pub(crate) audience: Audience,
    pub(crate) both_audiences: bool,
    pub(crate) session_cookies: SessionCookies,
    pub(crate) strip_set_cookie: bool,
    pub(crate) query: Query,
    pub(crate) vary_headers: Vec<String>,
    pub(crate) vary_cookies: Vec<String>,
    pub(crate) trusted_headers: Vec<String>,
    pub(crate) normalize_paths: bool,
    pub(crate) tags: Vec<String>,
    pub(crate) invalidates: Vec<String>,
    pub(crate) invalidates_paths: Vec<String>,
    pub(crate) max_body: u64,
    pub(crate) compress_above: Option<u64>,
    pub(crate) max_entries: Option<u64>,
    pub(crate) max_error_entries: u64,
    pub(crate) max_variants: u32,
    pub(crate) coalesce_wait: Duration,
}

fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Vec<String> {
    texts.into_iter().map(Into::into).collect()
}

impl Rule {
    /// A rule for the paths of a pattern, in the syntax of axum: `/articles/{id}` has a parameter,
    /// which is one segment or a part of it, `/files/{*rest}` takes whatever comes after. `{{` and
    /// `}}` are braces that stand for themselves.
    ///
    /// A path is compared as the router sees it, encoded as it came.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            name: None,
            path: path.into(),
            enabled: true,
            built_in: false,
            methods: None,
            cache: CacheRef::Kind(CacheKind::General),
            ttl: None,
            override_ttl: false,
            status_ttls: BTreeMap::new(),
            heuristics: false,
            targeted: vec!["cdn-cache-control".to_owned()],
            stale_while_revalidate: None,
            stale_if_error: None,
            ignore_client_directives: false,
            downstream: None,
            audience: Audience::Unsaid,
            both_audiences: false,
            session_cookies: SessionCookies::Any,
            strip_set_cookie: false,
            query: Query::All,
            vary_headers: Vec::new(),
            vary_cookies: Vec::new(),
            trusted_headers: Vec::new(),
            normalize_paths: false,
            tags: Vec::new(),
            invalidates: Vec::new(),
            invalidates_paths: Vec::new(),
            max_body: 1 << 20,
            compress_above: None,
            max_entries: None,
            max_error_entries: 500,
            max_variants: 16,
            coalesce_wait: Duration::from_secs(5),
        }
    }

    /// Gives the rule a name, for configuration, metrics and invalidation. Without, it is the
    /// methods, if the rule has some, and the path.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Restricts the rule to these methods. GET includes HEAD. Without, it is for all.
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = Some(methods.into_iter().map(|it| it.as_str().to_owned()).collect());
        self
    }

    /// Sets the cache that responses are in; the general one if nothing is said.
    pub fn cache(mut self, cache: impl Into<CacheRef>) -> Self {
        self.cache = cache.into();
        self
    }

    /// Sets how long a response is fresh that does not say so itself: 1 s to 3650 days, in whole
    /// seconds (what is less is left out). It holds for statuses 200, 203, 204, 300, 301 and 308.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets whether the rule's times to live count more than what responses say of their freshness.
    /// What they say of being stored at all (`no-store`, `private`) counts still.
    pub fn override_ttl(mut self, overrides: bool) -> Self {
        self.override_ttl = overrides;
        self
    }

    /// Sets how long responses with this status are fresh that do not say so themselves: those of
    /// which [`ttl`](Self::ttl) does not speak, such as 302 or 404, and any other. 200 to 599, but
    /// for 206 and 304.
    pub fn status_ttl(mut self, status: u16, ttl: Duration) -> Self {
        self.status_ttls.insert(status, ttl);
        self
    }

    /// Sets whether responses are fresh for a tenth of the time that they have not been changed
    /// (RFC 9111, 4.2.2), if neither they nor the rule say more. Off if nothing is said.
    pub fn heuristics(mut self, heuristics: bool) -> Self {
        self.heuristics = heuristics;
        self
    }

    /// Sets which fields of a response are asked before Cache-Control (RFC 9213), the first of them
    /// that is there; CDN-Cache-Control if nothing is said.
    pub fn targeted_fields<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.targeted = texts(names);
        self
    }

    /// Sets for how long a stale response is given out while a new one is fetched (RFC 5861), if
    /// the response does not say so.
    pub fn stale_while_revalidate(mut self, grace: Duration) -> Self {
        self.stale_while_revalidate = Some(grace);
        self
    }

    /// Sets for how long a stale response is given out if the handler fails (RFC 5861), if the
    /// response does not say so.
    pub fn stale_if_error(mut self, grace: Duration) -> Self {
        self.stale_if_error = Some(grace);
        self
    }

    /// Sets whether `Cache-Control` of requests is ignored, so that no client makes the handler
    /// work by it.
    pub fn ignore_client_directives(mut self, ignore: bool) -> Self {
        self.ignore_client_directives = ignore;
        self
    }

    /// Sets the `Cache-Control` that clients see in the place of the handler's.
    pub fn downstream(mut self, cache_control: impl Into<String>) -> Self {
        self.downstream = Some(cache_control.into());
        self
    }

    /// Says that responses are a single user's: they are stored per [`User`](crate::User), and
    /// requests without one go past the cache.
    ///
    /// Without this, and without [`shared`](Self::shared), a request with a user has responses of
    /// its own, one with credentials and without a user goes past the cache, and all others share
    /// theirs.
    pub fn per_user(mut self) -> Self {
        self.both_audiences |= self.audience == Audience::Everybody;
        self.audience = Audience::Users;
        self
    }

    /// Says that responses are the same for everybody, whatever credentials and cookies a request
    /// has.
    pub fn shared(mut self) -> Self {
        self.both_audiences |= self.audience == Audience::Users;
        self.audience = Audience::Everybody;
        self
    }

    /// Says that responses themselves tell for whom they are, as HTTP has it for shared caches (RFC
    /// 9111, 3.5): one to a request with credentials is shared if it says `public`,
    /// `must-revalidate` or `s-maxage`. Cookies are no credentials then. For reverse proxies, whose
    /// origins know that.
    pub fn as_responses_say(mut self) -> Self {
        self.both_audiences |= self.audience == Audience::Users;
        self.audience = Audience::AsResponsesSay;
        self
    }

    /// Sets which cookies are credentials. If nothing is said, all are but those that the key
    /// [has](Self::vary_cookies).
    pub fn session_cookies<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.session_cookies = SessionCookies::Named(texts(names));
        self
    }

    /// Sets whether responses that set cookies are stored without these. If not, they are not
    /// stored.
    pub fn strip_set_cookie(mut self, strip: bool) -> Self {
        self.strip_set_cookie = strip;
        self
    }

    /// Sets which part of the query is part of the key; all of it if nothing is said.
    pub fn query(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    /// Adds fields of requests to the key, beside those that responses name in `Vary`.
    pub fn vary_headers<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.vary_headers.extend(texts(names));
        self
    }

    /// Adds cookies to the key.
    pub fn vary_cookies<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.vary_cookies.extend(texts(names));
        self
    }

    /// Names fields such as X-Forwarded-Proto that the server's own proxy sets, whatever a client
    /// sends. They become a part of the key. Requests with such a field that is not trusted go past
    /// the cache, since anybody can send one, and the handler may believe it.
    pub fn trusted_headers<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.trusted_headers.extend(texts(names));
        self
    }

    /// Says whether the service decodes a path before it looks at it, so that `/%61` and `/a` are
    /// the same, and `/%2f` and `/%2F`. Then they share their responses. Otherwise requests with
    /// any spelling but the shortest go past the cache: the router of axum takes them for different
    /// paths. So do, always, those with `.` or `..` in the place of a segment.
    pub fn normalize_paths(mut self, normalize: bool) -> Self {
        self.normalize_paths = normalize;
        self
    }

    /// Adds tags to the responses, by which they can be invalidated: templates over the path's
    /// parameters and `{user}`, such as `article:{id}`. A tag with `{user}` is left out where there
    /// is no user.
    pub fn tags<T: Into<String>>(mut self, templates: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(texts(templates));
        self
    }

    /// Adds tags that a successful POST, PUT, PATCH, DELETE or other unsafe method invalidates.
    pub fn invalidates<T: Into<String>>(mut self, templates: impl IntoIterator<Item = T>) -> Self {
        self.invalidates.extend(texts(templates));
        self
    }

    /// Adds paths that such a method invalidates, beside the request's own: `/articles/{id}`.
    pub fn invalidates_paths<T: Into<String>>(
        mut self,
        templates: impl IntoIterator<Item = T>,
    ) -> Self {
        self.invalidates_paths.extend(texts(templates));
        self
    }

    /// Sets the longest body that is stored, in bytes; 1 MiB if nothing is said. Longer ones pass.
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.max_body = bytes;
        self
    }

    /// Has bodies of more than this many bytes compressed in memory (LZ4), if that makes them
    /// smaller by an eighth at least, and if the handler has not encoded them. Off if nothing is
    /// said.
    ///
    /// The compressed body is what counts where a cache is bound by bytes. Clients get the body as
    /// the handler has sent it, with the same headers, in blocks of 64 KiB that are decompressed as
    /// they are read. Bodies of more than 256 KiB are compressed in a thread that the runtime has
    /// for such work, and are stored when that is done.
    ///
    /// ```
    /// use larder_http::{Rule, Rules};
    ///
    /// let rules = Rules::builder().rule(Rule::new("/reports/{id}").compress_above(2048)).build()?;
    /// # Ok::<(), larder_http::RulesError>(())
    /// ```
    #[cfg(feature = "compression")]
    #[cfg_attr(docsrs, doc(cfg(feature = "compression")))]
    pub fn compress_above(mut self, bytes: u64) -> Self {
        self.compress_above = Some(bytes);
        self
    }

    /// Sets how many responses of the rule are stored at most, errors not counted; as many as the
    /// cache takes if nothing is said.
    ///
    /// Where that many are stored, a new one takes the place of one that nobody has asked for
    /// lately (second chance): who invents keys displaces what nobody asks for, and what is asked
    /// for stays. Counted are responses that were stored while the rule had a limit.
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.max_entries = Some(entries);
        self
    }

    /// Sets how many of them may be errors (statuses 400 to 599) at most; 500 if nothing is said.
    pub fn max_error_entries(mut self, entries: u64) -> Self {
        self.max_error_entries = entries;
        self
    }

    /// Sets how many responses are stored for one key that differ in what `Vary` names: 1 to 1000;
    /// 16 if nothing is said.
    pub fn max_variants(mut self, variants: u32) -> Self {
        self.max_variants = variants;
        self
    }

    /// Sets for how long a request waits for another one that fetches the same, before it asks the
    /// handler itself: up to 1 hour; 5 s if nothing is said.
    pub fn coalesce_wait(mut self, wait: Duration) -> Self {
        self.coalesce_wait = wait;
        self
    }

    /// The name that it has, or else is given.
    pub(crate) fn name_or_path(&self) -> String {
        match (&self.name, &self.methods) {
            (Some(name), _) => name.clone(),
            (None, None) => self.path.clone(),
            (None, Some(methods)) => format!("{} {}", methods.join(","), self.path),
        }
    }
}
