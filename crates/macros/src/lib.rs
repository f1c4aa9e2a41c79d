//! The attributes of [larder](https://docs.rs/larder) that keep what functions return. Use them by
//! way of larder, with its feature `macros`, and `cache_view` by way of
//! [larder-http](https://docs.rs/larder-http), with its feature `axum`; they are documented there,
//! and in larder's guide `docs/memoize.md`.

mod duration;
mod expand;
mod generics;
mod identity;
mod key;
mod options;
mod place;
mod subject;
mod suggest;
mod template;
mod types;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/memoize.md")]
mod memoize_guide {}

use options::{Kind, Options};
use proc_macro::TokenStream;
use subject::Subject;

/// Keeps what a function returns, for the next call with the same arguments.
///
/// ```
/// use larder::cache_result;
///
/// /// Takes its time.
/// #[cache_result(ttl = "5m")]
/// fn word_count(text: &str) -> usize {
///     text.split_whitespace().count()
/// }
///
/// assert_eq!(word_count("to be or not to be"), 6);
/// assert_eq!(word_count("to be or not to be"), 6);
/// assert_eq!((word_count::stats().hits, word_count::stats().misses), (1, 1));
/// ```
///
/// The function may be `async`, generic, or within another function. Of a `Result` only `Ok` is
/// kept, and of an `Option` only `Some`, by whatever name the type goes. There is one run per key
/// at a time: who comes while it is under way waits for it and shares what comes of it, an error
/// too if that is `Clone + Send + Sync`. An error that is not goes to the caller that ran the
/// function, and the next of those that wait runs it then: one after the other, until a run
/// succeeds, whose result all others share. A hit allocates nothing for its key.
///
/// What is kept has to be `Clone + Send + Sync + 'static`. Arguments have to be `Hash + Eq`, with
/// an owned form that is `Send + Sync + 'static`: `&str` is kept as `String`, `&[T]` as `Vec<T>`,
/// `&T` and `T` as `T`.
///
/// # Options
///
/// | option | what it says |
/// |---|---|
/// | `ttl = "5m"` | how long results live, at most; else as long as the cache says. Units are ms, s, m, h, d, w: `"1h 30m"` |
/// | `jitter = 0.1` | the share of that which is left to chance, from 0.0 to 1.0 |
/// | `cache = "user"` | the cache that keeps them: `"url"`, `"user"`, `"analytics"`, `"session"`, `"general"` (which it is if nothing is said), or `named("reports")` for one of your own, which has to be there when the function is first called |
/// | `key = "{id}:{page}"` | what the key is made of: arguments, their fields (`{user.id}`), or what they print as (`{id:?}`). The parts stay apart and keep their types; the text between them is for readers. Type parameters that arguments mention are no part of a key that is said |
/// | <code>key = \|id, page\| (*id, *page)</code> | the same, computed. The closure's inputs are named after arguments and are references to them |
/// | `skip(db, log)` | arguments that are no part of the key |
/// | `tags("user:{id}")` | tags, at most eight: see `ManagedCache::invalidate_tag` |
/// | `refresh = "1m"` | from that age on, one caller runs the function again while the others get the old result. If that fails, the old one stays, and it is not tried again for a second, or for that age if it is shorter |
/// | `stale_if_error = "1h"` | for so long after its time a result is given in the place of an error |
/// | <code>when = \|result\| result.is_complete()</code> | results to keep: the closure gets a reference to what would be kept |
/// | `keep_err`, `keep_none` | keeps errors and `None`, too; they have to be as other results |
/// | `single_flight = false` | callers do not wait for each other |
/// | `detached` | an async function is run by a task of the manager's spawner, to its end, whatever becomes of its callers. It takes nothing borrowed, and its future is `Send` |
/// | `version = 2` | part of the digests of its keys |
/// | `name = "users by id"` | its name in lists, instead of its path |
/// | `companions = f_cache` | another name for the companions: `f_cache::invalidate`, or of methods `f_cache_invalidate` |
/// | `companions = false` | no companions, as in `impl Trait for ..` |
/// | `crate = ::my_larder` | where larder is, if it has another name |
///
/// # Companions
///
/// Beside the function `f` there is an empty enum `f`, unless a module, a type or an import has
/// that name. Its functions are:
///
/// - `f::invalidate(..)`: removes the result for these arguments; `f::invalidate_all()`: all
///   results, in O(1). Both win over what is being loaded: that goes to those who wait for it, and
///   is not kept.
/// - `f::peek(..)`: the result for these arguments, if it is there.
/// - `f::refresh(..)`: runs the function, and keeps the result in the old one's place.
/// - `f::uncached(..)`: the function itself.
/// - `f::stats()`: hits, misses, runs, and how long these took.
/// - `f::key_digest(&secret, ..)`: a short name for the key, for logs.
///
/// `invalidate`, `peek` and `key_digest` take the arguments that the key is made of, `refresh` and
/// `uncached` all of them. All are as visible as `f`.
///
/// ```
/// use larder::cache_result;
///
/// struct Db;
///
/// #[cache_result(cache = "user", skip(db), tags("user:{id}"))]
/// async fn name_of(db: &Db, id: u64) -> Result<String, std::io::Error> {
///     Ok(format!("user {id}"))
/// }
///
/// # futures::executor::block_on(async {
/// assert_eq!(name_of(&Db, 7).await?, "user 7");
/// assert_eq!(name_of::peek(7).unwrap()?, "user 7");
/// assert!(name_of::invalidate(7));
/// assert_eq!(name_of::refresh(&Db, 7).await?, "user 7");
/// larder::manager::get_cache("user").unwrap().invalidate_tag("user:7");
/// assert!(name_of::peek(7).is_none());
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[proc_macro_attribute]
pub fn cache_result(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Result, options.into(), item.into())
}

/// [`macro@cache_result`] for methods and associated functions.
///
/// The type is part of the key. Which part of `self` is one, too, has to be said:
/// `self_key = self.id`, or with all that there is, `key = "{self.id}:{page}"`; `skip(self)` says
/// that there is none. A type that borrows cannot be part of a key: `skip(Self)` leaves it out.
///
/// In an `impl` block there is room for functions only. So the companions of `posts` are called
/// `posts_invalidate`, `posts_invalidate_all`, `posts_peek`, `posts_refresh`, `posts_uncached`,
/// `posts_stats` and `posts_key_digest`; those that need `self` for the key are methods. Where a
/// trait is implemented there is no room even for these: say `companions = false`. What was kept
/// can then be invalidated by tags and tables, and with `larder::manager::invalidate_function`.
///
/// ```
/// use larder::cache_method_result;
///
/// struct Blog {
///     id: u64,
/// }
///
/// impl Blog {
///     #[cache_method_result(self_key = self.id, ttl = "1m")]
///     fn title(&self, post: u64) -> String {
///         format!("post {post} of {}", self.id)
///     }
/// }
///
/// let blog = Blog { id: 7 };
/// assert_eq!(blog.title(1), "post 1 of 7");
/// // The key is the number, not the object.
/// assert_eq!(Blog { id: 7 }.title_peek(1).as_deref(), Some("post 1 of 7"));
/// assert!(blog.title_invalidate(1));
/// Blog::title_invalidate_all();
/// assert_eq!(Blog::title_stats().misses, 1);
/// ```
#[proc_macro_attribute]
pub fn cache_method_result(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Method, options.into(), item.into())
}

/// [`macro@cache_result`] for functions that read tables; and for those that write them.
///
/// `reads("urls", "clicks")` keeps results, with all the other options, until one of these tables
/// is written. `writes("urls")` keeps nothing: when the function returns, what was read of that
/// table is stale, in every cache, whatever the function returns. It is stale as well if the
/// function panics or its future is dropped, since it may have written. With `on = "ok"`, a
/// function that returns `Err` or `None` has written nothing. Methods are as those of
/// [`macro@cache_method_result`].
///
/// Tables have parts, `reads("urls:{id}")`, and these have parts, separated by `:`. A write of a
/// table makes stale what reads its parts; a write of a part makes stale what reads the whole, and
/// what reads its own parts. An argument is one part, whatever it contains.
///
/// A read that begins after a write has returned never gets older rows: not of what was kept, nor
/// of a query that was under way meanwhile. (As far as this process goes. For what others write
/// there is `larder::manager::invalidate_table`. A transaction has to be committed within a
/// function that `writes`.) Within the function that writes, on its thread or in its future,
/// functions that read its tables run each time, so that they see what was written, and nothing of
/// that is kept.
///
/// ```
/// use larder::cache_query;
/// use std::sync::Mutex;
///
/// static URLS: Mutex<Vec<String>> = Mutex::new(Vec::new());
///
/// #[cache_query(reads("urls"), cache = "url", ttl = "10m")]
/// fn count() -> usize {
///     URLS.lock().unwrap().len()
/// }
///
/// #[cache_query(writes("urls"), on = "ok")]
/// fn add(url: &str) -> Result<(), String> {
///     if url.is_empty() {
///         return Err("no address".to_owned());
///     }
///     URLS.lock().unwrap().push(url.to_owned());
///     Ok(())
/// }
///
/// assert_eq!(count(), 0);
/// add("https://example.com").unwrap();
/// assert_eq!(count(), 1);
/// assert!(add("").is_err() && count::peek() == Some(1));
/// ```
#[proc_macro_attribute]
pub fn cache_query(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::Query, options.into(), item.into())
}

/// [`macro@cache_result`] for handlers of axum: keeps responses, by what they extract. It is
/// exported by larder-http, with its feature `axum`, and where that has another name, the option
/// says so: `crate = ::my_larder_http`.
///
/// Arguments are extractors, and what their patterns bind is the key: of `Path(id): Path<u64>` it
/// is `id`. What no response depends on, the state above all, has to be skipped. The handler may
/// return whatever is `IntoResponse`; the function then returns a `Response`.
///
/// Responses are kept that have status 200, 203 or 204 and a body of a known length, a mebibyte at
/// most; and no `Set-Cookie`, no `Content-Range`, no `Cache-Control` of `no-store`, `no-cache`,
/// `private` or an age of 0, and, unless the key has something of the request's headers, no `Vary`.
/// All others go to their callers as they are, so that neither errors nor streams are kept.
/// Extensions of the response are kept with it.
///
/// Arguments that belong to one request (`HeaderMap`, `Request`, `Parts`, `Extension`, cookie jars,
/// by these or other names) are refused unless `key` names what of them the response depends on, as
/// in
/// <code>key = |headers, id| (headers.get("accept-language").cloned(), *id)</code>. If that is nothing at all, `skip(..)` beside
/// the key says so.
///
/// ```
/// use axum::{Router, extract::{Path, State}, routing::get};
/// use larder_http::cache_view;
///
/// #[derive(Clone)]
/// struct Db;
///
/// #[cache_view(skip(db), ttl = "1m", tags("post:{id}"))]
/// async fn post(State(db): State<Db>, Path(id): Path<u64>) -> String {
///     let Db = db;
///     format!("<h1>Post {id}</h1>")
/// }
///
/// let app: Router = Router::new().route("/posts/{id}", get(post)).with_state(Db);
/// # drop(app);
/// # futures::executor::block_on(async {
/// assert_eq!(post(State(Db), Path(7)).await.status(), 200);
/// assert!(post::peek(Path(7)).is_some());
/// # });
/// ```
#[proc_macro_attribute]
pub fn cache_view(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(Kind::View, options.into(), item.into())
}

/// If something is wrong, the item stays as it was, so that there is one error and no more.
fn attribute(
    kind: Kind,
    options: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> TokenStream {
    let expanded = Options::parse(kind, options).and_then(|mut options| {
        let subject = Subject::parse(kind, item.clone(), &mut options)?;
        expand::expand(&subject, &options)
    });
    let expanded = expanded.unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote::quote!(#item #error)
    });
    expanded.into()
}
