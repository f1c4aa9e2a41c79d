//! The rules for HTTP responses.

use super::{Json, ratio};
use crate::{
    admin::{builder::State, model},
    stats::RuleStats,
};
use ::axum::extract::State as Of;
use std::{collections::BTreeMap, sync::Arc};

pub(crate) async fn rules(Of(state): Of<Arc<State>>) -> Json<Vec<model::Rule>> {
    Json(state.layers.iter().flat_map(|it| it.stats()).map(rule).collect())
}

fn rule(stats: RuleStats) -> model::Rule {
    let counts = |reasons: Vec<(&'static str, u64)>| -> BTreeMap<_, _> {
        reasons.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect()
    };
    let RuleStats { hits, stale, stale_if_error, misses, collapsed, revalidated, .. } = stats;
    model::Rule {
        rule: stats.rule,
        hits,
        stale,
        stale_if_error,
        misses,
        collapsed,
        revalidated,
        hit_ratio: ratio(hits + stale + stale_if_error + collapsed, misses + revalidated),
        bypassed: counts(stats.bypassed),
        unstored: counts(stats.unstored),
        entries: stats.entries,
        bytes: stats.bytes,
    }
}
