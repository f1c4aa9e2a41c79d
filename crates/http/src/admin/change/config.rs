//! Settings that change at run time.

use super::{aside, audit, cache};
use crate::admin::{
    auth::Identity,
    builder::State,
    input::{self, Fields},
    model::{self, FieldError},
    problem::Problem,
    read::{Json, unit},
};
use ::axum::{
    Extension,
    extract::{Request, State as Of},
};
use http::StatusCode;
use larder::manager::{ApplyError, CacheSettings, ExpiryMode, ManagedCache, SettingsError};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

/// The longest time to live: ten years, as that of the manager's settings.
const LONGEST: f64 = 315_360_000.0;

/// `PUT config/`
pub(crate) async fn configure(
    Of(state): Of<Arc<State>>,
    Extension(who): Extension<Identity>,
    request: Request,
) -> Result<Json<model::Settings>, Problem> {
    let wanted = ConfigRequest::of(input::object(request).await?)?;
    let cache = cache(&state, &wanted.cache)?;
    // A smaller capacity, or a shorter time, is a look at all entries.
    aside(move || wanted.apply(&state, &cache, &who)).await?.map(Json)
}

struct ConfigRequest {
    cache: String,
    capacity: Option<u64>,
    /// Absent, none, or so long.
    ttl: Option<Option<Duration>>,
}

impl ConfigRequest {
    fn of(mut fields: Fields) -> Result<Self, Problem> {
        let cache = fields.required("cache");
        let capacity = fields.integer("capacity", 0, 1 << 50);
        let ttl = fields.number("ttl_seconds", 0.001, LONGEST);
        fields.finish()?;
        let ttl = ttl.map(|it| it.map(Duration::from_secs_f64));
        Ok(Self { cache: cache.unwrap_or_default(), capacity, ttl })
    }

    fn apply(
        self,
        state: &State,
        cache: &ManagedCache,
        who: &Identity,
    ) -> Result<model::Settings, Problem> {
        // Two requests that change different settings at once must not undo each other's change.
        let _one_at_a_time = state.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut settings = cache.settings();
        if let Some(capacity) = self.capacity {
            settings = match settings.max_bytes {
                Some(_) => settings.max_bytes(capacity),
                None => settings.max_entries(capacity),
            };
        }
        if let Some(ttl) = self.ttl {
            settings.time_to_live = ttl;
        }
        let before = cache.entry_count();
        cache.apply(&settings).map_err(problem)?;
        let gone = before.saturating_sub(cache.entry_count());
        audit::changed(who, "config", Some(cache.name()), Some(gone));
        Ok(shown(cache, &cache.settings()))
    }
}

fn shown(cache: &ManagedCache, settings: &CacheSettings) -> model::Settings {
    model::Settings {
        cache: cache.name().to_owned(),
        capacity: settings.max_bytes.unwrap_or(settings.max_entries),
        unit: unit(settings.max_bytes),
        ttl_seconds: settings.time_to_live.map(|it| it.as_secs_f64()),
        expiry: match settings.expiry {
            ExpiryMode::AfterWrite => model::Expiry::AfterWrite,
            ExpiryMode::AfterAccess => model::Expiry::AfterAccess,
        },
    }
}

fn problem(error: ApplyError) -> Problem {
    match error {
        ApplyError::Settings(SettingsError { field, value, allowed, .. }) => {
            let field = match field {
                "max_entries" | "max_bytes" => "capacity",
                "time_to_live" => "ttl_seconds",
                other => other,
            };
            let (field, allowed) = (field.to_owned(), allowed.to_owned());
            let error = FieldError { field, value, allowed };
            // It depends on the cache: one that counts entries takes less than one that counts
            // bytes.
            Problem::of_fields(StatusCode::CONFLICT, vec![error])
        }
        other => Problem::new(StatusCode::CONFLICT, other.to_string()),
    }
}
