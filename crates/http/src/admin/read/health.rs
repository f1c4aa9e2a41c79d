//! Whether the caches are well.

use super::Json;
use crate::admin::{builder::State, model};
use ::axum::{extract::State as Of, response::IntoResponse};
use http::StatusCode;
use larder::manager::{Finding, HealthReason, HealthStatus};
use std::sync::Arc;

pub(crate) async fn health(Of(state): Of<Arc<State>>) -> impl IntoResponse {
    let health = state.manager.health();
    let of_process = health.findings.iter().map(|finding| reason(None, finding));
    let of_caches = health
        .caches
        .iter()
        .flat_map(|cache| cache.findings.iter().map(|finding| reason(Some(&cache.name), finding)));
    let caches = health
        .caches
        .iter()
        .map(|it| model::CacheHealth { name: it.name.clone(), status: status(it.status) });
    let code = match health.status {
        HealthStatus::Critical => StatusCode::SERVICE_UNAVAILABLE,
        HealthStatus::Ok | HealthStatus::Degraded => StatusCode::OK,
    };
    let body = model::Health {
        status: status(health.status),
        reasons: of_process.chain(of_caches).collect(),
        caches: caches.collect(),
    };
    (code, Json(body))
}

fn status(status: HealthStatus) -> model::HealthStatus {
    match status {
        HealthStatus::Ok => model::HealthStatus::Healthy,
        HealthStatus::Degraded => model::HealthStatus::Degraded,
        HealthStatus::Critical => model::HealthStatus::Critical,
    }
}

fn reason(cache: Option<&str>, finding: &Finding) -> model::HealthReason {
    let (what, value, bound) = match finding.reason {
        HealthReason::HitRatio { ratio, floor, .. } => {
            (model::HealthSubject::HitRatio, ratio, floor)
        }
        HealthReason::Evictions { turnover, ceiling, .. } => {
            (model::HealthSubject::Evictions, turnover, ceiling)
        }
        HealthReason::Memory { utilization, ceiling } => {
            (model::HealthSubject::Memory, utilization.share(), ceiling)
        }
        HealthReason::MaintenanceLate { late, ceiling } => {
            (model::HealthSubject::MaintenanceLate, late.as_secs_f64(), ceiling.as_secs_f64())
        }
        _ => (model::HealthSubject::Other, 0.0, 0.0),
    };
    let (cache, detail) = (cache.map(str::to_owned), finding.reason.to_string());
    model::HealthReason { cache, status: status(finding.status), what, value, bound, detail }
}
