//! Keys, never values.

use super::Json;
use crate::admin::{
    builder::State,
    change::{aside, cache},
    input, model,
    problem::Problem,
};
use ::axum::extract::{RawQuery, State as Of};
use larder::manager::{KeyInfo, KeyQuery, ManagedCache};
use std::sync::Arc;

/// How many keys are listed, if nothing is said, and at most.
const LIMIT: usize = 100;
const MOST: u64 = 1_000;

/// `GET keys/?cache=url&prefix=&limit=100`
pub(crate) async fn keys(
    Of(state): Of<Arc<State>>,
    RawQuery(query): RawQuery,
) -> Result<Json<model::Keys>, Problem> {
    let mut fields = input::query(query.as_deref());
    let name = fields.required("cache");
    let prefix = fields.text("prefix", true).unwrap_or_default();
    let limit = fields.integer("limit", 1, MOST).map_or(LIMIT, |it| it as usize);
    fields.finish()?;
    let cache = cache(&state, &name.unwrap_or_default())?;
    aside(move || Json(list(&state, &cache, KeyQuery::new(limit).prefix(prefix)))).await
}

/// The keys of a cache, of which the words are shown unless they are secret.
pub(crate) fn list(state: &State, cache: &ManagedCache, query: KeyQuery) -> model::Keys {
    let query = if state.hidden.contains(cache.name()) { query.hashed() } else { query };
    let list = cache.list_keys(&query);
    model::Keys {
        cache: cache.name().to_owned(),
        keys: list.keys.into_iter().map(key).collect(),
        truncated: list.truncated,
    }
}

fn key(info: KeyInfo) -> model::Key {
    model::Key {
        key: info.key,
        key_type: info.key_type,
        namespace: info.namespace,
        uses: info.uses,
        age_seconds: info.age.map(|it| it.as_secs_f64()),
        expires_in_seconds: info.ttl.map(|it| it.as_secs_f64()),
        weight: info.weight,
    }
}
