//! Some of what is there is made stale.

use super::{aside, audit, cache};
use crate::{
    Invalidator, User,
    admin::{
        auth::Identity,
        builder::State,
        input::{self, Fields},
        model,
        problem::Problem,
        read::Json,
    },
    key::place,
    store::Subject,
};
use ::axum::{
    Extension,
    extract::{Request, State as Of},
};
use http::StatusCode;
use larder::manager::{KeyMatch, ManagedCache};
use std::sync::Arc;

/// What may be named: one of these.
const TARGETS: [&str; 6] = ["key", "prefix", "tag", "path", "user", "rule"];

/// `POST invalidate/`
pub(crate) async fn invalidate(
    Of(state): Of<Arc<State>>,
    Extension(who): Extension<Identity>,
    request: Request,
) -> Result<Json<model::Invalidated>, Problem> {
    let wanted = InvalidateRequest::of(input::object(request).await?)?;
    let scope = wanted.scope(&state)?;
    aside(move || Json(wanted.carry_out(&scope, &who))).await
}

struct InvalidateRequest {
    /// One of [`TARGETS`].
    target: &'static str,
    text: String,
    cache: Option<String>,
    dry_run: bool,
}

/// Where it is looked for.
struct Scope {
    caches: Vec<ManagedCache>,
    responses: Vec<Invalidator>,
}

impl InvalidateRequest {
    fn of(mut fields: Fields) -> Result<Self, Problem> {
        let named: Vec<_> = TARGETS.into_iter().filter(|name| fields.has(name)).collect();
        let target = match named[..] {
            [target] => target,
            _ => {
                let value = if named.is_empty() { "none".to_owned() } else { named.join(", ") };
                let allowed = format!("exactly one of {}", TARGETS.join(", "));
                fields.wrong("key", &value, allowed);
                TARGETS[0]
            }
        };
        let text =
            TARGETS.map(|name| fields.text(name, name == "key")).into_iter().flatten().next();
        let is_of_caches = matches!(target, "key" | "prefix" | "tag");
        let cache = fields.text("cache", false);
        if let Some(cache) = &cache
            && !is_of_caches
        {
            fields.wrong("cache", &cache.clone(), format!("nothing, beside `{target}`"));
        }
        let dry_run = fields.flag("dry_run").unwrap_or_default();
        fields.finish()?;
        Ok(Self { target, text: text.unwrap_or_default(), cache, dry_run })
    }

    fn scope(&self, state: &State) -> Result<Scope, Problem> {
        let is_of_caches = matches!(self.target, "key" | "prefix" | "tag");
        let caches = match &self.cache {
            Some(name) => vec![cache(state, name)?],
            None if is_of_caches => state.manager.caches(),
            None => Vec::new(),
        };
        let is_of_responses = self.cache.is_none() && !matches!(self.target, "key" | "prefix");
        let layers = if is_of_responses { &state.layers[..] } else { &[] };
        if !is_of_caches && layers.is_empty() {
            let detail = format!("{}: no layer of HTTP responses belongs to this API", self.target);
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        let responses: Vec<_> = layers.iter().map(|it| it.invalidator()).collect();
        if self.target == "rule" {
            let mut rules = layers.iter().flat_map(|it| it.stats());
            if !rules.any(|it| it.rule == self.text) {
                let name: String = self.text.chars().take(100).collect();
                let detail =
                    format!("there is no rule {name:?}; `GET rules/` lists those that there are");
                return Err(Problem::new(StatusCode::NOT_FOUND, detail));
            }
        }
        Ok(Scope { caches, responses })
    }

    fn carry_out(&self, scope: &Scope, who: &Identity) -> model::Invalidated {
        let of_caches: u64 = scope.caches.iter().map(|it| self.of_cache(it)).sum();
        let of_responses: u64 = scope.responses.iter().map(|it| self.of_responses(it)).sum();
        let matched = Some(of_caches + of_responses);
        if !self.dry_run {
            let what = format!("invalidate {}", self.target);
            audit::changed(who, &what, self.cache.as_deref(), matched);
        }
        model::Invalidated { matched, dry_run: self.dry_run }
    }

    fn of_cache(&self, cache: &ManagedCache) -> u64 {
        let keys = match self.target {
            "key" => KeyMatch::Exact(&self.text),
            "prefix" => KeyMatch::Prefix(&self.text),
            _ => {
                let count = cache.count_tag(self.text.as_str());
                if !self.dry_run {
                    cache.invalidate_tag(self.text.as_str());
                }
                return count;
            }
        };
        if self.dry_run { cache.count_keys(keys) } else { cache.invalidate_keys(keys) }
    }

    fn of_responses(&self, responses: &Invalidator) -> u64 {
        let path = place(&self.text);
        let subject = match self.target {
            "tag" => Subject::Tag(self.text.as_bytes()),
            "path" => Subject::Path(path.as_bytes()),
            "user" => Subject::User(self.text.as_bytes()),
            _ => Subject::Rule(&self.text),
        };
        let count = responses.count(subject);
        if self.dry_run {
            return count;
        }
        match self.target {
            "tag" => responses.tag(&self.text),
            "path" => responses.path(&self.text),
            "user" => responses.user(&User::new(&*self.text)),
            _ => _ = responses.rule(&self.text),
        }
        count
    }
}
