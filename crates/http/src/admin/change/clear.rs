//! Caches are emptied.

use super::{audit, cache};
use crate::admin::{auth::Identity, builder::State, model, problem::Problem, read::Json};
use ::axum::{
    Extension,
    extract::{Path, State as Of},
};
use larder::manager::ManagedCache;
use std::sync::Arc;

/// `POST clear/`
pub(crate) async fn clear_all(
    Of(state): Of<Arc<State>>,
    Extension(who): Extension<Identity>,
) -> Json<model::Cleared> {
    let cleared = state.manager.caches().iter().map(|cache| clear(cache, &who)).collect();
    Json(model::Cleared { cleared })
}

/// `POST clear/{type}/`
pub(crate) async fn clear_one(
    Of(state): Of<Arc<State>>,
    Extension(who): Extension<Identity>,
    Path(name): Path<String>,
) -> Result<Json<model::Cleared>, Problem> {
    let cleared = vec![clear(&cache(&state, &name)?, &who)];
    Ok(Json(model::Cleared { cleared }))
}

fn clear(cache: &ManagedCache, who: &Identity) -> model::ClearedCache {
    let entries = cache.entry_count();
    cache.clear();
    audit::changed(who, "clear", Some(cache.name()), Some(entries));
    model::ClearedCache { cache: cache.name().to_owned(), entries }
}
