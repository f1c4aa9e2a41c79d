//! How the caches have done lately.

use super::Json;
use crate::admin::{builder::State, model};
use ::axum::extract::State as Of;
use larder::manager::{Window, Windows};
use std::sync::Arc;

pub(crate) async fn performance(Of(state): Of<Arc<State>>) -> Json<model::Performance> {
    let performance = state.manager.performance();
    let window = |seconds, of: fn(&Windows) -> &Window| model::Window {
        window_seconds: seconds,
        total: counts(of(&performance.overall)),
        caches: performance
            .caches
            .iter()
            .map(|cache| model::CacheWindow {
                name: cache.name.clone(),
                counts: counts(of(&cache.windows)),
            })
            .collect(),
    };
    let windows = vec![
        window(60, |it| &it.last_minute),
        window(300, |it| &it.last_5_minutes),
        window(900, |it| &it.last_15_minutes),
    ];
    Json(model::Performance { windows })
}

fn counts(window: &Window) -> model::WindowCounts {
    let over = window.over.as_secs_f64();
    model::WindowCounts {
        over_seconds: over,
        gets: window.lookups,
        hit_ratio: window.hit_ratio,
        gets_per_second: if over > 0.0 { window.lookups as f64 / over } else { 0.0 },
        operations_per_second: window.operations_per_second,
        loads: window.loads,
        load_failures: window.load_failures,
        load_seconds: window.load_times.map(|it| model::Percentiles {
            p50: it.p50.as_secs_f64(),
            p95: it.p95.as_secs_f64(),
            p99: it.p99.as_secs_f64(),
        }),
        loads_avoided: window.loads_avoided,
        saved_seconds: window.time_saved.as_secs_f64(),
    }
}
